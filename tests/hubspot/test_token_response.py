import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.hubspot.token_response import (
    MAX_MESSAGE,
    Granted,
    Introspected,
    Refused,
    Unavailable,
    read_introspection,
    read_token_response,
)

TOKENS = {"token_type": "bearer", "access_token": "CJ-access", "refresh_token": "na1-refresh"}
# The body of HubSpot's documentation (2026-09).
DOCUMENTED = {
    **TOKENS,
    "expires_in": 1800,
    "hub_id": 1234567,
    "scopes": ["oauth", "crm.objects.contacts.read"],
    "token_use": "access_token",
    "user_id": 222222,
}


def granted(expires_in=1800, scopes=None, hub_id=None, user_id=None):
    return Granted(
        SecretStr("CJ-access"), SecretStr("na1-refresh"), expires_in, scopes, hub_id, user_id
    )


NO_JSON = "the response is no JSON object"
NO_TOKEN = "the response has no token"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            DOCUMENTED,
            granted(scopes=("oauth", "crm.objects.contacts.read"), hub_id=1234567, user_id=222222),
            id="documented",
        ),
        pytest.param(TOKENS, granted(), id="without-scopes-and-hub-id"),
        pytest.param(TOKENS | {"hub_id": 7}, granted(hub_id=7), id="without-scopes"),
        pytest.param(TOKENS | {"scopes": ["oauth"]}, granted(scopes=("oauth",)), id="without-hub"),
        pytest.param(TOKENS | {"scopes": []}, granted(scopes=()), id="nothing-granted"),
        pytest.param(TOKENS | {"scopes": None}, granted(), id="scopes-are-null"),
        pytest.param(
            TOKENS | {"scopes": ["b", "a", "b", 7, None, "x y", "", "é", "z" * 201]},
            granted(scopes=("b", "a")),
            id="odd-scopes-are-left-out",
        ),
        pytest.param(
            TOKENS | {"scope": "oauth  tickets\toauth"},
            granted(scopes=("oauth", "tickets")),
            id="scope-of-the-rfc",
        ),
        pytest.param(
            TOKENS | {"scope": "oauth a\u0000b \ud800 é <b>"},
            granted(scopes=("oauth", "<b>")),
            id="odd-names-in-scope-are-left-out",
        ),
        pytest.param(
            TOKENS | {"scopes": "oauth tickets", "scope": "oauth"},
            granted(scopes=("oauth",)),
            id="scopes-as-text-are-no-list",
        ),
        pytest.param(TOKENS | {"scope": " "}, granted(), id="blank-scope"),
        pytest.param(
            TOKENS | {"scopes": ["a"], "scope": "b"},
            granted(scopes=("a",)),
            id="hubspots-first",
        ),
        pytest.param(TOKENS | {"hub_id": "7"}, granted(), id="hub-id-as-text"),
        pytest.param(TOKENS | {"hub_id": True}, granted(), id="hub-id-is-true"),
        pytest.param(TOKENS | {"hub_id": -1}, granted(), id="hub-id-negative"),
        pytest.param(TOKENS | {"hub_id": 10**15}, granted(), id="hub-id-too-large"),
        pytest.param(TOKENS | {"expires_in": 60}, granted(60), id="expires-soon"),
        pytest.param(TOKENS | {"expires_in": 0}, granted(), id="expires-at-once"),
        pytest.param(TOKENS | {"expires_in": -5}, granted(), id="expired"),
        pytest.param(TOKENS | {"expires_in": "60"}, granted(), id="expires-as-text"),
        pytest.param(TOKENS | {"expires_in": True}, granted(), id="expires-is-true"),
        pytest.param(TOKENS | {"expires_in": 86_401}, granted(), id="expires-too-late"),
        pytest.param(TOKENS | {"token_type": "Bearer"}, granted(), id="type-in-any-case"),
        pytest.param(TOKENS | {"token_type": None}, granted(), id="no-type"),
        pytest.param(
            TOKENS | {"token_type": "mac"}, Unavailable(NO_TOKEN, 200), id="another-type-of-token"
        ),
        pytest.param({"access_token": "a"}, Unavailable(NO_TOKEN, 200), id="no-refresh-token"),
        pytest.param({"refresh_token": "a"}, Unavailable(NO_TOKEN, 200), id="no-access-token"),
        pytest.param(
            TOKENS | {"access_token": ""}, Unavailable(NO_TOKEN, 200), id="empty-access-token"
        ),
        pytest.param(
            TOKENS | {"access_token": ["a"]}, Unavailable(NO_TOKEN, 200), id="token-of-wrong-type"
        ),
        pytest.param({}, Unavailable(NO_TOKEN, 200), id="empty-object"),
        pytest.param(
            {"status": "BAD_AUTH_CODE", "message": "missing or unknown auth code"},
            Refused(200, "BAD_AUTH_CODE", message="missing or unknown auth code"),
            id="older-error-with-200",
        ),
        pytest.param(
            TOKENS | {"error": "invalid_grant"},
            Refused(200, error="invalid_grant"),
            id="tokens-and-an-error",
        ),
        pytest.param([DOCUMENTED], Unavailable(NO_JSON, 200), id="list"),
        pytest.param("text", Unavailable(NO_JSON, 200), id="json-text"),
        pytest.param(None, Unavailable(NO_JSON, 200), id="null"),
        pytest.param(b"", Unavailable(NO_JSON, 200), id="empty"),
        pytest.param(b"<html>Hello</html>", Unavailable(NO_JSON, 200), id="html"),
        pytest.param(
            json.dumps(DOCUMENTED).encode()[:-9], Unavailable(NO_JSON, 200), id="truncated"
        ),
        pytest.param(b"\xff\xfe\xfd", Unavailable(NO_JSON, 200), id="not-utf-8"),
        pytest.param(b"[" * 100_000, Unavailable(NO_JSON, 200), id="deeply-nested"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", Unavailable(NO_JSON, 200), id="long-number"),
        pytest.param(
            b"\xef\xbb\xbf" + json.dumps(TOKENS).encode(), granted(), id="byte-order-mark"
        ),
    ],
)
def test_a_body_with_200(body, expected):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_token_response(200, {}, raw) == expected


@pytest.mark.parametrize(
    ("http_status", "body", "expected"),
    [
        pytest.param(
            400,
            {
                "error": "invalid_grant",
                "error_description": "refresh token is invalid",
                "status": "BAD_REFRESH_TOKEN",
                "message": "missing or invalid refresh token",
                "correlationId": "11111111-2222-3333-4444-555555555555",
            },
            Refused(
                400,
                "BAD_REFRESH_TOKEN",
                "invalid_grant",
                "missing or invalid refresh token",
                "11111111-2222-3333-4444-555555555555",
            ),
            id="since-2026",
        ),
        pytest.param(
            400,
            {"error": "invalid_grant", "error_description": "gone"},
            Refused(400, error="invalid_grant", message="gone"),
            id="rfc-alone",
        ),
        pytest.param(
            400,
            {"status": "BAD_AUTH_CODE", "message": "unknown", "correlationId": "c-1"},
            Refused(400, "BAD_AUTH_CODE", message="unknown", correlation_id="c-1"),
            id="older",
        ),
        pytest.param(
            401,
            {"status": "error", "message": "no", "category": "X"},
            Refused(401, message="no"),
            id="status-error-says-nothing",
        ),
        pytest.param(
            400,
            {"status": "<script>", "error": 7, "message": ["no"], "correlationId": {}},
            Refused(400),
            id="wrong-types",
        ),
        pytest.param(400, {}, Refused(400), id="empty-object"),
        pytest.param(403, TOKENS, Refused(403), id="tokens-with-an-error-status"),
        pytest.param(201, TOKENS, Refused(201), id="tokens-with-201"),
        pytest.param(415, {"message": "json"}, Refused(415, message="json"), id="415"),
        pytest.param(
            400,
            {"message": "m" * 5000, "error": "e" * 5000, "correlationId": "c" * 5000},
            Refused(400, "", "e" * 4000, "m" * 4000, "c" * 4000),
            id="long-texts-are-cut",
        ),
        pytest.param(
            400,
            {"message": "a\ud800b", "error": "\udfff"},
            Refused(400, error="?", message="a?b"),
            id="half-a-surrogate-pair",
        ),
        pytest.param(400, b"", Refused(400), id="empty"),
        pytest.param(404, b"<html>", Refused(404), id="html"),
        pytest.param(302, b"", Unavailable(NO_JSON, 302), id="redirect"),
    ],
)
def test_a_refusal(http_status, body, expected):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_token_response(http_status, {}, raw) == expected


@pytest.mark.parametrize(
    ("http_status", "headers", "body", "expected"),
    [
        pytest.param(
            429,
            {"Retry-After": "10"},
            {"errorType": "RATE_LIMIT", "message": "slow down", "correlationId": "c-1"},
            Unavailable("slow down", 429, 10, code_unused=True, correlation_id="c-1"),
            id="rate-limited",
        ),
        pytest.param(
            429, {}, b"", Unavailable("HTTP 429", 429, code_unused=True), id="rate-limited-silently"
        ),
        pytest.param(
            423,
            {},
            {"message": "locked"},
            Unavailable("locked", 423, code_unused=True),
            id="locked",
        ),
        pytest.param(
            477, {"Retry-After": "86400"}, b"", Unavailable("HTTP 477", 477, 86_400), id="migration"
        ),
        pytest.param(500, {}, b"<html>oops", Unavailable("HTTP 500", 500), id="html"),
        pytest.param(502, {}, b"", Unavailable("HTTP 502", 502), id="gateway"),
        pytest.param(
            503,
            {"Retry-After": " 5 "},
            {"error_description": "later"},
            Unavailable("later", 503, 5),
            id="later",
        ),
        pytest.param(504, {}, TOKENS, Unavailable("HTTP 504", 504), id="tokens-with-504"),
        pytest.param(
            500, {}, {"message": "m" * 5000}, Unavailable("m" * 4000, 500), id="long-text-is-cut"
        ),
        pytest.param(408, {}, b"", Unavailable("HTTP 408", 408), id="timeout"),
    ],
)
def test_a_failure_that_passes(http_status, headers, body, expected):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_token_response(http_status, headers, raw) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("86400", 86_400),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("9" * 30, None),
        ("١٢", None),
        ("", None),
    ],
    ids=["at-once", "a-day", "date", "negative", "fraction", "too-long", "other-digits", "empty"],
)
def test_when_to_ask_again(value, seconds):
    answer = read_token_response(503, {"Retry-After": value}, b"")
    assert answer == Unavailable("HTTP 503", 503, seconds)


def test_tokens_do_not_show():
    shown = repr(read_token_response(200, {}, json.dumps(DOCUMENTED).encode()))
    assert "CJ-access" not in shown
    assert "na1-refresh" not in shown


@pytest.mark.parametrize(
    ("http_status", "body", "expected"),
    [
        pytest.param(
            200,
            {
                "active": True,
                "hub_id": 7,
                "scopes": ["oauth", "tickets"],
                "user": "ann@example.com",
                "user_id": 1,
            },
            Introspected(active=True, scopes=("oauth", "tickets"), hub_id=7),
            id="active",
        ),
        pytest.param(200, {"active": False}, Introspected(active=False), id="unknown-token"),
        pytest.param(200, {"active": True}, Introspected(active=True), id="nothing-else"),
        pytest.param(
            200, {"active": True, "scope": "a b"}, Introspected(True, ("a", "b")), id="rfc-scope"
        ),
        pytest.param(
            200,
            {"active": True, "hub_domain": "Acme-1.example.com"},
            Introspected(active=True, hub_domain="Acme-1.example.com"),
            id="domain",
        ),
        *(
            pytest.param(
                200, {"active": True, "hub_domain": said}, Introspected(active=True), id=name
            )
            for name, said in {
                "domain-with-markup": "<b>acme.com</b>",
                "domain-with-a-line-break": "acme.com\nhello",
                "domain-in-a-sentence": "acme.com is lost, call 0800",
                "domain-without-a-dot": "acme",
                "domain-as-number": 7,
                "domain-too-long": "a." * 127 + "com",
            }.items()
        ),
        pytest.param(200, {"active": "true"}, None, id="active-as-text"),
        pytest.param(200, {"scopes": ["a"]}, None, id="active-missing"),
        pytest.param(200, [], None, id="list"),
        pytest.param(200, b"<html>", None, id="html"),
        pytest.param(404, {"active": True}, None, id="404"),
        pytest.param(500, {"active": True}, None, id="500"),
    ],
)
def test_introspection(http_status, body, expected):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_introspection(http_status, raw) == expected


# -- anything at all

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [*DOCUMENTED, "error", "error_description", "status", "message", "correlationId", "active"]
)
documents = st.dictionaries(fields, json_values) | st.dictionaries(fields, json_values).map(
    lambda more: TOKENS | more
)
bodies = (
    st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | documents.map(lambda value: json.dumps(value).encode())
)


@given(
    st.integers(100, 599) | st.sampled_from([200, 400]),
    st.dictionaries(st.just("Retry-After"), st.text()),
    bodies,
)
@example(200, {}, b'{"access_token": "\\ud800", "refresh_token": "a"}')
@example(500, {}, b'{"message": "\\ud800"}')
@settings(max_examples=300)
def test_any_answer_reads_as_one_of_the_three(http_status, headers, body):
    match read_token_response(http_status, headers, body):
        case Granted() as tokens:
            assert http_status == 200
            assert tokens.access_token.get_secret_value()
            assert tokens.refresh_token.get_secret_value()
            assert 0 < tokens.expires_in <= 86_400
            texts = [
                tokens.access_token.get_secret_value(),
                tokens.refresh_token.get_secret_value(),
            ]
            texts += tokens.scopes or ()
            assert all(isinstance(name, str) and name.isascii() for name in tokens.scopes or ())
            assert tokens.hub_id is None or type(tokens.hub_id) is int
        case Refused() as refused:
            assert refused.http_status == http_status < 500
            texts = [refused.status, refused.error, refused.message, refused.correlation_id]
            assert max(map(len, texts)) <= MAX_MESSAGE
        case Unavailable() as unavailable:
            assert unavailable.why
            assert unavailable.code_unused is (http_status in (423, 429))
            texts = [unavailable.why, unavailable.correlation_id]
            assert max(map(len, texts)) <= MAX_MESSAGE
    for text in texts:
        assert text.encode().decode() == text, "can be written down"


@given(st.integers(100, 599) | st.just(200), bodies)
@settings(max_examples=100)
def test_any_introspection_reads_or_says_nothing(http_status, body):
    told = read_introspection(http_status, body)
    assert told is None or http_status == 200
    if told is not None:
        assert type(told.active) is bool
        assert all(name.isascii() for name in told.scopes or ())
