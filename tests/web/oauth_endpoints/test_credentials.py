"""Who a client is, at the token and the revocation endpoint (RFC 6749 sections 2.3 and 3.2.1)."""

import base64

import pytest
from oauth_clients import CALLBACK, SECRET, SECRET_HASH, VERIFIER, basic, pkce
from werkzeug.security import generate_password_hash


def hash_of(secret):
    return generate_password_hash(secret, "pbkdf2:sha256:100")


PUBLIC = {
    "id": "public",
    "name": "Public Tool",
    "redirect_uris": [CALLBACK],
    "secret_hash": None,
}
OTHER = {"id": "other", "name": "Other Tool"}


@pytest.fixture
def tool(make_tool):
    return make_tool({}, OTHER, PUBLIC)


def raw(text):
    encoded = base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
    return {"headers": {"Authorization": f"Basic {encoded}"}}


def header(value):
    return {"headers": {"Authorization": value}}


def body(client_id=None, secret=None):
    sent = {"client_id": client_id, "client_secret": secret}
    return {"data": {name: value for name, value in sent.items() if value is not None}}


UNSET = {
    "nothing": {},
    "no-secret": body("tool"),
    "empty-secret": body("tool", ""),
    "wrong": body("tool", "wrong"),
    "case": body("tool", SECRET.upper()),
    "cut": body("tool", SECRET[:-1]),
    "longer": body("tool", SECRET + "x"),
    "blank": body("tool", SECRET + " "),
    "nul": body("tool", "\x00" + SECRET),
    "line-break": body("tool", SECRET + "\n"),
    "the-hash": body("tool", SECRET_HASH),
    "long": body("tool", "x" * 1001),
    "very-long": body("tool", "x" * 50_000),
    "non-ascii": body("tool", "p\u00e4ssw\u00f6rd"),
    "unknown": body("nobody", SECRET),
    "id-in-other-case": body("TOOL", SECRET),
    "id-with-blank": body("tool ", SECRET),
    "id-is-a-pattern": body("*", SECRET),
    "secret-alone": body(None, SECRET),
    "public-with-secret": body("public", SECRET),
    "basic-wrong": {"headers": basic("tool", "wrong")},
    "basic-empty": {"headers": basic("tool", "")},
    "basic-nobody": {"headers": basic("", "")},
    "basic-other-id": {"headers": basic("nobody", SECRET)},
    "basic-without-colon": raw("tool"),
    "basic-long": raw("tool:" + "x" * 5000),
    "basic-encoded-twice": {"headers": basic("tool", "canary%2525")},
    "basic-not-utf-8": raw(b"tool:\xff\xfe"),
    "basic-public-with-secret": {"headers": basic("public", SECRET)},
    "basic-alone": header("Basic"),
    "basic-blank": header("Basic "),
    "basic-no-base64": header("Basic tool:secret"),
    "basic-odd-base64": header("Basic dG9vbA"),
    "basic-url-safe": header("Basic dG9v_-A="),
    "basic-inner-blank": header("Basic dG9v bDp4"),
    "basic-non-ascii": header("Basic \u00e4\u00f6"),
    "bearer": header(f"Bearer {SECRET}"),
    "digest": header('Digest username="tool"'),
    "unknown-scheme": header("X"),
    "bearer-beside-good-body": header("Bearer x") | body("tool", SECRET),
    "basic-wrong-beside-good-id": {"headers": basic("tool", "wrong")} | body("tool"),
}


@pytest.mark.parametrize("endpoint", ["token", "revoke"])
@pytest.mark.parametrize("sent", UNSET.values(), ids=UNSET)
def test_who_cannot_prove_who_it_is_gets_nothing(tool, store, failures, endpoint, sent):
    form = {"grant_type": "authorization_code", "code": "c", "token": "t", **sent.get("data", {})}
    response = tool.browser.post(f"/oauth/{endpoint}", data=form, headers=sent.get("headers"))
    assert response.status_code == 401, response.text
    assert response.json["error"] == "invalid_client"
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert response.headers["Cache-Control"] == "no-store"
    assert not failures()
    assert store.keys("oh:failure*") == []


BOTH = {
    "both": {"headers": basic("tool", SECRET)} | body("tool", SECRET),
    "both-and-one-wrong": {"headers": basic("tool", SECRET)} | body("tool", "wrong"),
    "both-and-header-wrong": {"headers": basic("tool", "wrong")} | body("tool", SECRET),
    "other-id-in-body": {"headers": basic("tool", SECRET)} | body("other"),
    "public-id-in-body": {"headers": basic("tool", SECRET)} | body("public"),
    "unknown-id-in-body": {"headers": basic("tool", SECRET)} | body("nobody"),
    "secret-in-body": {"headers": basic("tool", SECRET)} | body(None, SECRET),
}


@pytest.mark.parametrize("sent", BOTH.values(), ids=BOTH)
def test_credentials_in_two_places_are_refused(tool, sent):
    code = tool.code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    response = tool.browser.post("/oauth/token", data=form | sent["data"], headers=sent["headers"])
    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert tool.redeem(code).status_code == 200


@pytest.mark.parametrize("sent", UNSET.values(), ids=UNSET)
def test_a_code_is_not_used_up_by_who_cannot_prove_who_it_is(tool, sent):
    code = tool.code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    form |= sent.get("data", {})
    response = tool.browser.post("/oauth/token", data=form, headers=sent.get("headers"))
    assert response.status_code == 401
    assert "access_token" not in response.text
    assert tool.redeem(code).status_code == 200


def test_a_wrong_secret_is_recorded_once_beside_a_good_code_and_resolved_after_that(tool, failures):
    code = tool.code()
    words = set()
    for _ in range(5):
        response = tool.redeem(code, client_secret="wrong")
        assert (response.status_code, response.json["error"]) == (401, "invalid_client")
        words.add(response.json["error_description"])
    (failure,) = failures()
    assert [failure["reference"] in each for each in words] == [True]
    assert (failure["client"], failure["stage"]) == ("Flow Tool", "token")
    assert tool.redeem(code).status_code == 200
    assert failures()[0]["status"] == "resolved"


def test_a_wrong_secret_beside_what_is_no_good_code_is_not_recorded(tool, failures):
    used = tool.code()
    assert tool.redeem(used).status_code == 200
    for code in (used, "x" * 48, "", "*"):
        assert tool.redeem(code, client_secret="wrong").status_code == 401
    refresh = tool.tokens()["refresh_token"]
    assert tool.refresh(refresh, client_secret="wrong").status_code == 401
    assert not failures()


def test_a_wrong_secret_of_another_client_beside_a_good_code_is_not_recorded(tool, failures):
    code = tool.code()
    assert tool.redeem(code, client_id="other", client_secret="wrong").status_code == 401
    assert not failures()


def test_libraries_that_try_one_way_after_the_other_get_on(tool, failures):
    """Go's try the header first, raw, then the body: of the one that failed nothing is left."""
    code = tool.code()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    first = tool.browser.post("/oauth/token", data=form, headers=basic("tool", "mis-encoded"))
    assert first.status_code == 401
    assert tool.redeem(code).status_code == 200
    assert [each["status"] for each in failures()] == ["resolved"]


def test_nobody_takes_a_public_client_for_a_confidential_one(tool):
    tool.id, tool.secret = "public", None
    assert tool.ask().status_code == 302  # without PKCE it does not even begin
    code = tool.code(**pkce())
    assert tool.redeem(code, code_verifier=VERIFIER, client_id="tool").status_code == 401
    assert tool.redeem(code, code_verifier=VERIFIER, client_secret="x").status_code == 401
    assert tool.redeem(code, code_verifier=VERIFIER).status_code == 200


@pytest.mark.parametrize(
    "secret", ["%", "+", "a:b", "%2B", "a%3Ab c", "\u00fc\u20ac\U0001f600", " x ", "a&b=c"]
)
def test_secrets_of_all_sorts_are_understood_raw_and_in_the_body(make_tool, secret):
    tool = make_tool({"secret_hash": hash_of(secret)})
    tool.secret = secret
    assert tool.redeem(tool.code()).status_code == 200
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    for header in (basic("tool", secret),):
        sent = {**form, "code": tool.code()}
        response = tool.browser.post("/oauth/token", data=sent, headers=header)
        assert response.status_code == 200, response.text
        wrong = tool.browser.post("/oauth/token", data=sent, headers=basic("tool", secret + "x"))
        assert wrong.status_code == 401


def test_a_secret_that_was_right_once_is_asked_for_each_time(tool):
    assert tool.redeem(tool.code()).status_code == 200
    for wrong in ("", "wrong", SECRET[:-1]):
        assert tool.redeem(tool.code(), client_secret=wrong).status_code == 401


def test_what_opens_one_client_opens_no_other(make_tool):
    other = OTHER | {"secret_hash": hash_of("another secret")}
    tool = make_tool({}, other)
    code = tool.code()
    assert tool.redeem(code, client_id="other").status_code == 401
    assert tool.redeem(code, client_secret="another secret").status_code == 401
    assert tool.redeem(code).status_code == 200
