"""What stands in requests to the proxy's endpoints: each oddity has one defined answer."""

import json
import random
import re
import string
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from harness import PUBLIC_URL, query_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oauth_clients import CALLBACK, SECRET, VERIFIER, answer_in, basic, pkce

# RFC 6749 section 5.2: what an error_description may hold.
DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
ERRORS = {
    *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
    *("unsupported_grant_type", "invalid_scope", "unsupported_token_type"),
}


def assert_is_an_oauth_error(response, error=None, status=None):
    assert response.mimetype == "application/json", response.text
    assert set(response.json) <= {"error", "error_description", "error_uri"}
    assert response.json["error"] in ({error} if error else ERRORS), response.text
    assert DESCRIPTION.fullmatch(response.json.get("error_description", "?")), response.text
    expected = status or (401 if response.json["error"] == "invalid_client" else 400)
    assert response.status_code == expected, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)


TYPES = ["token", "id_token", "code token", "token code", "CODE", "Code", "none", "c\u00f6de"]
TYPES += [
    'co"de',
    "co\\de",
    "\x00",
    "code\r\nX: y",
    "\U0001f600",
    "a" * 3000,
    "<b>",
    "%s%n",
    "code code",
]


@pytest.mark.parametrize("value", TYPES, ids=ascii)
def test_another_response_type_is_reported_to_the_client(tool, store, value):
    response = tool.ask(response_type=value)
    assert response.status_code == 302, response.text
    answer = answer_in(response.location)
    assert answer["error"] == "unsupported_response_type"
    assert DESCRIPTION.fullmatch(answer["error_description"])
    assert answer["state"] == "xyz"
    assert store.keys("*") == []


@pytest.mark.parametrize("value", [None, ""])
def test_without_response_type_the_request_is_for_a_code(tool, value):
    page = tool.ask(response_type=value)
    assert page.status_code == 200
    assert "code=" in tool.consent(page).location or "/authorize" in tool.consent(page).location


def test_the_optional_scope_of_a_client_counts_with_its_scope(tool):
    page = tool.ask(scope="oauth tickets", optional_scope="forms tickets")
    address = tool.consent(page).location
    assert "forms" in address
    assert "tickets" in address
    assert answer_in(tool.ask(scope="oauth", optional_scope="bogus").location)["error"] == (
        "invalid_scope"
    )


@pytest.mark.parametrize("scope", ["b\u00f6gus", 'a"b', "a\\b", "\x00", "<script>", "x" * 2000])
def test_unknown_scopes_of_any_spelling_are_reported_to_the_client(tool, scope):
    answer = answer_in(tool.ask(scope=scope).location)
    assert answer["error"] == "invalid_scope"
    assert DESCRIPTION.fullmatch(answer["error_description"])


@pytest.mark.parametrize("scope", ["", " ", ",", "+", "\t\n", ",, ++ "])
def test_a_scope_without_names_is_as_good_as_none(tool, scope):
    assert tool.ask(scope=scope).status_code == 200


@pytest.mark.parametrize("part", ["scope", "state"])
def test_what_does_not_fit_is_reported_to_the_client(tool, part):
    answer = answer_in(tool.ask(**{part: "tickets " * 400}).location)
    assert answer["error"] == "invalid_request"


STATES = {
    "punctuation": string.punctuation,
    "parameters": "a=b&c=d;e?f#g",
    "encoded": "%20%2525+%0d%0a",
    "blanks": "  a  b  ",
    "line-breaks": "a\r\nSet-Cookie: x=y\r\n\r\nb",
    "controls": "\x01\x1b\x7f",
    "non-ascii": "\u00e4\u20ac\U0001f600\u202e",
    "json": '{"a": ["b"], "c": null}',
    "jwt": "eyJhbGciOiJub25lIn0.e30.",
    "markup": '"><script>alert(1)</script>',
    "long": "0123456789abcdef" * 100,
    "surrogate-like": "\\ud800",
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_state_comes_back_exactly(tool, state):
    assert answer_in(tool.ask(response_type="x", state=state).location)["state"] == state
    assert answer_in(tool.ask(scope="bogus", state=state).location)["state"] == state
    page = tool.ask(state=state)
    assert "<script>alert" not in page.text
    assert answer_in(tool.consent(page, "deny").location)["state"] == state
    back = tool.back(tool.customer.agree(tool.to_hubspot(state=state)))
    assert "\n" not in back
    assert answer_in(back)["state"] == state


@pytest.mark.parametrize("state", [None, ""])
def test_without_state_none_comes_back(tool, state):
    assert "state" not in answer_in(tool.back(tool.customer.agree(tool.to_hubspot(state=state))))


LETTERS = {
    "base64": string.ascii_letters + string.digits + "-_",
    "printable": string.ascii_letters + string.punctuation,
    "encoded-thrice": "%&=+#?/ ",
    "two-bytes": "".join(map(chr, range(0xC0, 0x17F))),
    "three-bytes": "".join(map(chr, range(0x4E00, 0x9FFF))),
    "four-bytes": "".join(map(chr, range(0x1F300, 0x1F64F))),
}


@pytest.mark.parametrize("length", [400, 1000, 2000, 2600])
@pytest.mark.parametrize("letters", LETTERS.values(), ids=LETTERS)
def test_every_state_that_is_taken_fits_into_a_cookie(tool, letters, length):
    state = "".join(random.Random(length).choices(letters, k=length))
    response = tool.ask(state=state)
    if response.status_code == 302:
        assert answer_in(response.location)["error"] == "invalid_request"
        return
    response = tool.consent(response)
    assert response.status_code == 303
    # Browsers drop what is longer, and the person would be unknown here on coming back.
    assert max(map(len, response.headers.getlist("Set-Cookie"))) <= 4096
    back = tool.back(tool.customer.agree(response.location))
    assert answer_in(back)["state"] == state


CHALLENGES = {
    "plain": {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
    "no-method": {"code_challenge": VERIFIER},
    "lower-case": {**pkce(), "code_challenge_method": "s256"},
    "other-method": {**pkce(), "code_challenge_method": "S512"},
    "short": {**pkce(), "code_challenge": "c" * 42},
    "long": {**pkce(), "code_challenge": "c" * 129},
    "padded": {**pkce(), "code_challenge": pkce()["code_challenge"] + "="},
    "line-break": {**pkce(), "code_challenge": pkce()["code_challenge"] + "\n"},
    "blank": {**pkce(), "code_challenge": " " * 43},
    "method-alone": {"code_challenge_method": "S256"},
    "no-challenge": {"code_challenge": "", "code_challenge_method": "S256"},
    "plain-alone": {"code_challenge_method": "plain"},
    "non-ascii": {**pkce(), "code_challenge": "\u00e4" * 43},
}


@pytest.mark.parametrize("asked", CHALLENGES.values(), ids=CHALLENGES)
@pytest.mark.parametrize("table", [{}, {"secret_hash": None}], ids=["confidential", "public"])
def test_a_challenge_that_protects_nothing_is_refused(make_tool, store, table, asked):
    response = make_tool(table).ask(**asked)
    assert response.status_code == 302, response.text
    assert answer_in(response.location)["error"] == "invalid_request"
    assert store.keys("*") == []


@pytest.mark.parametrize("name", ["code_challenge", "code_challenge_method"])
def test_a_challenge_twice_is_refused(tool, name):
    query = tool.query(**pkce())
    again = urlencode({name: pkce("w" * 43)[name]})
    for address in (f"{query}&{again}", f"{again}&{query}"):
        response = tool.browser.get(f"/oauth/authorize?{address}")
        assert response.status_code in (302, 400)
        if response.status_code == 302:
            assert answer_in(response.location)["error"] == "invalid_request"


@pytest.mark.parametrize("table", [{"secret_hash": None}, {"pkce": "required"}], ids=str)
def test_who_has_to_send_a_challenge_is_refused_without(make_tool, table):
    answer = answer_in(make_tool(table).ask().location)
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize(
    "headers", [{"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, None]
)
def test_only_looking_uses_nothing_up(make_tool, store, headers):
    tool = make_tool({"consent": False})

    def look(path):
        method = "GET" if headers else "HEAD"
        response = tool.browser.open(path, method=method, headers=headers)
        assert response.status_code == 204
        assert "Location" not in response.headers
        assert "Set-Cookie" not in response.headers

    look("/oauth/authorize?" + tool.query())
    look("/oauth/authorize?" + tool.query(scope="bogus"))
    assert store.keys("*") == []
    callback = tool.customer.agree(tool.to_hubspot())
    look(callback)
    page = tool.browser.get(callback).location
    look(page)
    code = answer_in(tool.browser.get(page).location)["code"]
    assert tool.redeem(code).status_code == 200


GRANT = {"grant_type": "authorization_code", "code": "c", "redirect_uri": CALLBACK}
WHO = {"client_id": "tool", "client_secret": SECRET}
ENDPOINTS = {"token": {**GRANT, **WHO}, "revoke": {"token": "t", **WHO}}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_parameters_are_read_from_the_body_only(tool, endpoint):
    form = ENDPOINTS[endpoint]
    path = f"/oauth/{endpoint}"
    assert_is_an_oauth_error(tool.browser.post(f"{path}?{urlencode(form)}"), "invalid_request")
    empty = tool.browser.post(f"{path}?{urlencode(form)}", data={"x": "y"})
    assert_is_an_oauth_error(empty, "invalid_request")
    secret = urlencode({"client_secret": SECRET})
    rest = {name: value for name, value in form.items() if name != "client_secret"}
    assert_is_an_oauth_error(tool.browser.post(f"{path}?{secret}", data=rest), "invalid_client")


@pytest.mark.parametrize("language", ["en", "de", "ja"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("mimetype", "write"),
    [
        ("application/json", json.dumps),
        ("text/plain", urlencode),
        ("application/x-www-form-urlencoded+x", urlencode),
        ("", urlencode),
        ("multipart/form-data; boundary=x", lambda _: "--x--"),
    ],
)
def test_other_bodies_are_refused_in_words_of_the_rfc(tool, endpoint, mimetype, write, language):
    body = write(ENDPOINTS[endpoint])
    headers = {"Accept-Language": language}
    response = tool.browser.post(
        f"/oauth/{endpoint}", data=body, content_type=mimetype, headers=headers
    )
    assert_is_an_oauth_error(response, "invalid_request")
    assert "?" not in response.json["error_description"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_other_methods_are_refused(tool, endpoint, method):
    code = tool.code()
    query = urlencode({**GRANT, **WHO, "code": code, "token": "t"})
    response = tool.browser.open(f"/oauth/{endpoint}?{query}", method=method)
    assert response.status_code == 405
    assert response.headers["Cache-Control"] == "no-store"
    if method != "HEAD":
        assert_is_an_oauth_error(response, "invalid_request", 405)
    assert tool.redeem(code).status_code == 200


@pytest.mark.parametrize(
    ("endpoint", "name"), [(each, name) for each, form in ENDPOINTS.items() for name in form]
)
def test_a_parameter_twice_is_refused_and_uses_nothing_up(tool, endpoint, name):
    code = tool.code()
    form = {**ENDPOINTS[endpoint]} | ({"code": code} if endpoint == "token" else {})
    for second in (form[name], "other"):
        body = urlencode([*form.items(), (name, second)])
        response = tool.browser.post(
            f"/oauth/{endpoint}", data=body, content_type="application/x-www-form-urlencoded"
        )
        assert_is_an_oauth_error(response, "invalid_request")
    assert tool.redeem(code).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        "password",
        "client_credentials",
        "implicit",
        "Refresh_token",
        "\u00e4",
        '"',
        "\\",
        "\x00",
        "x" * 5000,
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
    ids=ascii,
)
def test_other_grants_are_refused(tool, value):
    assert_is_an_oauth_error(tool.request(grant_type=value), "unsupported_grant_type")


@pytest.mark.parametrize("missing", [{"code": None}, {"code": ""}, {"grant_type": None}])
def test_a_token_request_without_code_or_grant_type_is_invalid(tool, missing):
    form = {name: value for name, value in ({**GRANT, **missing}).items() if value is not None}
    assert_is_an_oauth_error(tool.request(**form), "invalid_request")


@pytest.mark.parametrize("form", [{"refresh_token": None}, {"refresh_token": ""}])
def test_a_refresh_without_token_is_invalid(tool, form):
    assert_is_an_oauth_error(tool.request(grant_type="refresh_token", **form), "invalid_request")


def test_a_body_of_megabytes_is_refused(tool):
    response = tool.redeem("c" * 100_000)
    assert_is_an_oauth_error(response, "invalid_request", 413)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/oauth/authorize"),
        ("HEAD", "/oauth/authorize"),
        ("POST", "/oauth/token"),
        ("POST", "/oauth/revoke"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ],
)
def test_without_clients_every_endpoint_is_absent(client, method, path):
    form = {"grant_type": "authorization_code", "token": "t"} if method == "POST" else None
    assert client.open(path, method=method, data=form).status_code == 404


_TEXT = st.text(max_size=40)
_ODD = st.sampled_from(
    [
        "",
        "code",
        "tool",
        CALLBACK,
        "https://evil.example",
        "S256",
        "tickets",
        SECRET,
        "\x00",
        "\u00e4",
        '"\\',
        "authorization_code",
        "refresh_token",
        "ohr.x",
        "a" * 50,
    ]
)
_VALUE = st.one_of(_ODD, _TEXT)
_NAME = st.sampled_from(
    [
        *("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge"),
        *(
            "code_challenge_method",
            "response_mode",
            "prompt",
            "request",
            "request_uri",
            "grant_type",
        ),
        *("code", "refresh_token", "token", "token_type_hint", "client_secret", "code_verifier"),
        *("client_assertion", "client_assertion_type", "resource", "nonce", ""),
    ]
)
_PARAMETERS = st.lists(st.tuples(_NAME, _VALUE), max_size=8)
_HEADER = st.one_of(
    st.just(None),
    st.binary(max_size=30).map(lambda raw: "Basic " + raw.decode("latin-1").translate(_NO_BREAKS)),
    st.tuples(_VALUE, _VALUE).map(lambda pair: basic(*pair)["Authorization"]),
    st.sampled_from(["Basic", "Bearer x", "basic Og==", "Digest username=tool", "\u00ff", " "]),
)
_NO_BREAKS = {0: None, 10: None, 13: None}
_SETTINGS = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@_SETTINGS
@given(parameters=_PARAMETERS, known=st.booleans())
def test_no_authorization_request_fails_or_leads_anywhere_else(tool, parameters, known):
    first = parse_qsl(tool.query()) if known else []
    kept = [each for each in first if each[0] not in dict(parameters)]
    response = tool.browser.get("/oauth/authorize?" + urlencode([*kept, *parameters]))
    assert response.status_code in (200, 302, 400), response.text
    if response.status_code == 302:
        assert response.location.startswith(f"{CALLBACK}?")
        answer_in(response.location)


@_SETTINGS
@given(
    endpoint=st.sampled_from(["token", "revoke"]),
    parameters=_PARAMETERS,
    known=st.booleans(),
    header=_HEADER,
)
def test_no_request_of_a_client_fails_or_gets_anything(tool, endpoint, parameters, known, header):
    kept = [
        each for each in ENDPOINTS[endpoint].items() if known and each[0] not in dict(parameters)
    ]
    response = tool.browser.post(
        f"/oauth/{endpoint}",
        data=urlencode([*kept, *parameters]),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": header} if header else None,
    )
    if endpoint == "revoke" and response.status_code == 200:
        return
    assert_is_an_oauth_error(response)


@pytest.mark.parametrize(
    "query",
    [
        "%",
        "%zz",
        "%ff=%ff",
        "client_id=%ff",
        "a=b=c&&;=",
        "=",
        "&" * 500,
        "client_id=tool&redirect_uri=%00",
    ],
)
def test_a_query_that_is_not_well_formed_is_a_page(tool, query):
    assert tool.browser.get(f"/oauth/authorize?{query}").status_code == 400


def test_what_the_request_asks_hubspot_for_is_only_what_hubspot_knows(tool):
    address = tool.to_hubspot(
        prompt="none",
        nonce="n",
        response_mode="form_post",
        hub_id="1",
        account="evil",
    )
    ours = {"client_id", "redirect_uri", "scope", "optional_scope", "state", "response_type"}
    assert query_of(address).keys() <= {*ours, "code_challenge", "code_challenge_method"}
    assert urlsplit(address).path == "/oauth/authorize"
    assert query_of(address)["redirect_uri"] == f"{PUBLIC_URL}/callback/workato"
