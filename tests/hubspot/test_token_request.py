from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.hubspot.app_credentials import AppCredentials
from oauth_helper.hubspot.client import code_form, token_form

CALLBACK = "https://connect.example.com/callback/workato"


def app_with(client_id, secret):
    return AppCredentials(
        client_id=client_id, client_secret=SecretStr(secret), redirect_uri=CALLBACK
    )


@pytest.mark.parametrize(
    ("code_verifier", "form"),
    [
        pytest.param(
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "grant_type=authorization_code"
            "&redirect_uri=https%3A%2F%2Fconnect.example.com%2Fcallback%2Fworkato"
            "&client_id=aaaa-bbbb&client_secret=s%2B+%26%3D&code=c%2F1"
            "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            id="pkce",
        ),
        pytest.param(
            None,
            "grant_type=authorization_code"
            "&redirect_uri=https%3A%2F%2Fconnect.example.com%2Fcallback%2Fworkato"
            "&client_id=aaaa-bbbb&client_secret=s%2B+%26%3D&code=c%2F1",
            id="no-pkce",
        ),
    ],
)
def test_the_form_that_exchanges_a_code(code_verifier, form):
    assert code_form(app_with("aaaa-bbbb", "s+ &="), "c/1", code_verifier) == form


def test_the_form_that_introspects_or_revokes():
    assert token_form(app_with("aaaa-bbbb", "s+ &="), SecretStr("na1-x/y"), "refresh_token") == (
        "client_id=aaaa-bbbb&client_secret=s%2B+%26%3D&token=na1-x%2Fy"
        "&token_type_hint=refresh_token"
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(client_id=texts, secret=texts, code=texts, verifier=texts)
@settings(max_examples=100)
def test_nothing_in_a_value_becomes_a_parameter(client_id, secret, code, verifier):
    form = code_form(app_with(client_id, secret), code, verifier)
    assert parse_qs(form, strict_parsing=True) == {
        "grant_type": ["authorization_code"],
        "redirect_uri": [CALLBACK],
        "client_id": [client_id],
        "client_secret": [secret],
        "code": [code],
        "code_verifier": [verifier],
    }
    form = token_form(app_with(client_id, secret), SecretStr(code), verifier)
    assert parse_qs(form, strict_parsing=True) == {
        "client_id": [client_id],
        "client_secret": [secret],
        "token": [code],
        "token_type_hint": [verifier],
    }
