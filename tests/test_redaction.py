import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.redaction import HIDDEN, redact
from oauth_helper.scopes import shipped_catalogue


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("told ann@example.com so", f"told {HIDDEN} so", id="e-mail"),
        pytest.param("<Ann.B+c@mail.example.co.uk>", f"<{HIDDEN}>", id="e-mail-in-brackets"),
        pytest.param("?user=ann%40example.com&x", f"?user={HIDDEN}&x", id="e-mail-in-a-url"),
        pytest.param("müller@bücher.example", HIDDEN, id="e-mail-not-ascii"),
        pytest.param(f"token {'aB3_-' * 8}.", f"token {HIDDEN}.", id="token"),
        pytest.param("na1-" + "0123abcd-" * 4, HIDDEN, id="refresh-token"),
        pytest.param("?code=abc&state=xyz", f"?code={HIDDEN}&state={HIDDEN}", id="parameters"),
        pytest.param("client_secret=s3 cret", f"client_secret={HIDDEN} cret", id="client-secret"),
        pytest.param("code_verifier=abc", f"code_verifier={HIDDEN}", id="verifier"),
        pytest.param("Access_Token=abc", f"Access_Token={HIDDEN}", id="any-case"),
        pytest.param("'refresh_token=abc'", f"'refresh_token={HIDDEN}'", id="quoted"),
    ],
)
def test_what_is_hidden(text, left):
    assert redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("missing or unknown auth code", id="message"),
        pytest.param("BAD_AUTH_CODE", id="status"),
        pytest.param("MISMATCH_REDIRECT_URI_AUTH_CODE", id="long-status"),
        pytest.param("correlationId 0f8fad5b-d9cb-469f-a165-70867728950e", id="correlation-id"),
        pytest.param("https://connect.example.com/callback/workato", id="redirect-uri"),
        pytest.param("error_code=17 encode=x", id="other-parameters"),
        pytest.param("meet @ noon, a@b", id="at-signs"),
        pytest.param("Account 1234567 (HTTP 400).", id="numbers"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_kept(text):
    assert redact(text, ["", "s3cret"]) == text


@pytest.mark.parametrize("scope", shipped_catalogue().scopes, ids=lambda scope: scope.name)
def test_scope_names_are_kept(scope):
    names = [scope.name, *scope.aliases, *scope.replaced_by]
    text = f"The app lacks [{', '.join(names)}]: scope={' '.join(names)}&optional_scope={names[0]}"
    assert redact(text) == text


@given(st.uuids())
@settings(max_examples=50)
def test_correlation_ids_are_kept(correlation_id):
    assert redact(f"id {correlation_id}") == f"id {correlation_id}"


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=80)


@given(st.lists(printable, min_size=1, max_size=4), st.text(max_size=20), st.text(max_size=20))
@settings(max_examples=200)
def test_secrets_vanish_wherever_they_stand(secrets, before, after):
    hidden = redact(before + " | ".join(secrets) + after, secrets)
    # A secret that the placeholder itself holds would be found again.
    assert not [each for each in secrets if each in hidden.replace(HIDDEN, "")]


def test_of_a_secret_that_holds_another_nothing_is_left():
    assert redact("sent abc-rest and abc", ["abc", "abc-rest"]) == f"sent {HIDDEN} and {HIDDEN}"


def test_secrets_may_come_from_an_iterator():
    assert redact("one two", iter(["one", "", "two"])) == f"{HIDDEN} {HIDDEN}"


@given(
    st.text("abcXYZ019._+-éü", min_size=1, max_size=30),
    st.lists(st.text("abcXYZ019-ü", min_size=1, max_size=20), min_size=2, max_size=4),
    st.sampled_from(["@", "%40"]),
)
@settings(max_examples=200)
def test_e_mail_addresses_vanish(local, domain, at):
    address = local + at + ".".join(domain)
    assert redact(f"from <{address}>, at noon") == f"from <{HIDDEN}>, at noon"


@given(st.text("abcdefXYZ0123456789-_", min_size=40, max_size=600))
@settings(max_examples=100)
def test_tokens_vanish(token):
    assert redact(f"got {token} back") == f"got {HIDDEN} back"


def test_a_long_hostile_text_takes_no_time():
    # Quadratic patterns would take minutes here.
    for text in ("a" * 200_000, "a@" * 100_000, "a." * 100_000, "code=" * 40_000, "%40" * 60_000):
        assert len(redact(text)) <= len(text) + len(HIDDEN) * 40_000


def test_hiding_twice_changes_nothing():
    once = redact(f"code=abc ann@example.com {uuid.UUID(int=7)} {'x' * 50}", ["abc"])
    assert redact(once, ["abc"]) == once
