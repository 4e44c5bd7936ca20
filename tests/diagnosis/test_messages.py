"""What people read at HubSpot, and what it means, in any wording and language."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_helper.diagnosis import Cause, Evidence, Stage, diagnose
from oauth_helper.diagnosis.messages import MAX_TEXT, fold, read_message, scopes_named
from oauth_helper.scopes import AppConfiguration, RequestedScopes

MISMATCH = {"url_requests_unconfigured_scope", "scope_in_wrong_parameter", "missing_oauth_scope"}
E2 = (
    "Authorization failed because there is a mismatch between the scopes in the install URL and "
    "the app's configured scopes. Please contact the app developer."
)


def causes(message, stage=Stage.AUTHORIZATION, **evidence):
    found = diagnose(Evidence(stage=stage, message=message, **evidence))
    return [str(candidate.cause) for candidate in found.candidates]


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (
            "Couldn\u2019t complete the connection\nAuthorization failed because the provided "
            "scopes are missing [crm.objects.deals.read, tickets]",
            "url_missing_required_scope",
        ),
        ("the provided scopes are insufficient", "url_missing_required_scope"),
        ("INSUFFICIENT   SCOPES were\u00a0provided.", "url_missing_required_scope"),
        (
            "Authorization failed because your account lacks access to the required scopes [content]",
            "account_lacks_feature",
        ),
        (
            "This account doesn\u2019t have access to some HubSpot features that are required",
            "account_lacks_feature",
        ),
        ("Your account doesn't have access to this scope", "account_lacks_feature"),
        ("An invalid scope name was provided.", "invalid_scope_name"),
        (
            "Authorization failed as the redirect URL 'https://a.example/cb' doesn't match the "
            "app's registered redirect URL",
            "redirect_uri_mismatch",
        ),
        (
            "The redirect_uri doesn't match the client registered redirect_uri.",
            "redirect_uri_mismatch",
        ),
        (
            "Authorization failed because this app hasn't been approved to access the required "
            "scopes [tickets]",
            "app_not_approved",
        ),
        ("the app developer has not signed the acceptable use policy.", "app_blocked"),
        ("This install link is no longer valid.", "app_blocked"),
        ("Request for Integration Permissions", "user_lacks_permission"),
        ("You don't have permission to connect this app", "user_lacks_permission"),
    ],
)
def test_english_pages(message, cause):
    assert causes(message)[0] == cause


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("指定されたスコープが不十分であるため、認証に失敗しました。", {"url_missing_required_scope"}, id="ja-E1"),
        pytest.param(
            "インストールURLのスコープとアプリで設定済みのスコープが一致しないため、認証に失敗しました。",
            MISMATCH,
            id="ja-E2",
        ),
        pytest.param("gli ambiti forniti sono insufficienti.", {"url_missing_required_scope"}, id="it-E1"),
        pytest.param(
            "Un client_id d'application invalide a été fourni.", {"client_id_invalid"}, id="fr-E6"
        ),
        pytest.param(
            "Die Autorisierung ist fehlgeschlagen, da die angegebenen Bereiche unzureichend sind.",
            {"url_missing_required_scope"},
            id="de-E1",
        ),
        pytest.param(
            "Los ámbitos de la URL de instalación no coinciden con los ámbitos configurados.",
            MISMATCH,
            id="es-E2",
        ),
        pytest.param(
            "A autorização falhou porque os escopos fornecidos são insuficientes.",
            {"url_missing_required_scope"},
            id="pt-E1",
        ),
        pytest.param("Je account heeft geen toegang tot de vereiste scopes", {"account_lacks_feature"}, id="nl-E3"),
        pytest.param("Podane zakresy są niewystarczające.", {"url_missing_required_scope"}, id="pl-E1"),
        pytest.param(
            "Weiterleitungs-URL stimmt nicht mit der registrierten überein", {"redirect_uri_mismatch"}, id="de-E5"
        ),
    ],
)  # fmt: skip
def test_other_languages(message, expected):
    assert causes(message)[0] in expected


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Engin heimild: [crm.objects.deals.read, tickets]", "url_missing_required_scope"),
        ("Slóðin 'https://a.example/cb' er ekki skráð", "redirect_uri_mismatch"),
        ("Rangt client_id", "client_id_invalid"),
    ],
)
def test_a_language_that_nobody_knows_is_read_by_its_structure(message, cause):
    assert causes(message)[0] == cause
    assert (
        "language is not known"
        in diagnose(Evidence(stage=Stage.AUTHORIZATION, message=message)).candidates[0].why
    )


@pytest.mark.parametrize(
    ("stage", "message", "cause"),
    [
        (Stage.TOKEN, '{"status":"BAD_CLIENT_SECRET","message":"x"}', "client_secret_invalid"),
        (Stage.TOKEN, "missing or unknown auth code", "code_expired_or_reused"),
        (Stage.TOKEN, "400 during the exchange", "client_secret_invalid"),
        (Stage.REFRESH, "400 Client Error (BAD_REFRESH_TOKEN)", "refresh_token_invalid"),
        (
            Stage.API,
            "The OAuth token used to make this call expired 5 hour(s) ago.",
            "token_expired",
        ),
        (Stage.API, '{"category":"MISSING_SCOPES"}', "token_lacks_scope"),
        (Stage.API, "403 on a search", "token_lacks_scope"),
        (Stage.API, "Hub 1 is unknown to this Hublet, but exists in eu1", "wrong_region"),
        (Stage.API, "HTTP 504 gateway", "hubspot_unavailable"),
    ],
)
def test_words_of_the_token_endpoint_and_the_api(stage, message, cause):
    assert causes(message, stage)[0] == cause


def test_an_ambiguous_message_names_every_possibility():
    assert set(causes(E2)) == MISMATCH


def test_the_url_decides_what_the_message_leaves_open():
    without_oauth = RequestedScopes(("crm.objects.contacts.read",))
    assert causes(E2, requested=without_oauth)[0] == "missing_oauth_scope"
    legacy = RequestedScopes(("oauth", "contacts"))
    assert causes("Insufficient scopes were provided", requested=legacy)[0] == "deprecated_scope"
    joined = RequestedScopes(("contacts,oauth",))
    assert causes("", requested=joined)[0] == "scopes_badly_encoded"


def test_the_rules_outrank_the_wording_where_url_and_app_are_known():
    app = AppConfiguration(required=("tickets",), optional=("forms",))
    requested = RequestedScopes(("oauth", "tickets", "forms"))
    found = causes("Insufficient scopes were provided", requested=requested, app=app)
    assert found[0] == "scope_in_wrong_parameter"
    assert "url_missing_required_scope" in found


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("missing [a.b.read, tickets]", ("a.b.read", "tickets")),
        ("missing ['a.b.read','a.b.read']", ("a.b.read",)),
        ("[see here]", ()),
        ("[]", ()),
        ("array[0]", ()),
        ("scopes are missing crm.x.read/write, which", ("crm.x.read", "crm.x.write")),
        (
            json.dumps({"errors": [{"context": {"requiredGranularScopes": ["crm.x.read", 7]}}]}),
            ("crm.x.read",),
        ),
        (json.dumps({"errors": [{"context": {"requiredScopes": ["tickets"]}}]}), ("tickets",)),
        (json.dumps({"errors": {"context": []}}), ()),
    ],
)
def test_the_scopes_that_a_message_names(text, scopes):
    assert scopes_named(text) == scopes


def test_the_scopes_of_a_message_are_those_of_the_diagnosis():
    message = (
        "Authorization failed because your account lacks access to the required scopes [content]"
    )
    assert diagnose(Evidence(stage=Stage.AUTHORIZATION, message=message)).scopes == ("content",)


def test_quotes_blanks_and_case_do_not_matter():
    assert fold("Couldn\u2019t\u00a0\n COMPLETE \u201cit\u201d") == 'couldn\'t complete "it"'


@given(st.text(max_size=300), st.sampled_from(Stage))
def test_any_text_is_read_without_an_exception(text, stage):
    found = diagnose(Evidence(stage=stage, message=text))
    assert found.candidates
    assert len({candidate.cause for candidate in found.candidates}) == len(found.candidates)
    assert found.cause in Cause


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "[a," * 5000,
        "'http://" + "a" * 10_000,
        "scope " * 5000,
        "a." * 10_000,
        "\u00ad" * 9000,
    ],
)
def test_no_text_takes_long(text):
    began = time.process_time()
    read_message(text, Stage.API)
    assert time.process_time() - began < 1
    assert len(fold(text)) <= 4 * MAX_TEXT
