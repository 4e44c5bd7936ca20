"""Refresh tokens of the proxy: whose they are, when they end, and what HubSpot's errors become."""

import json

import pytest
import urllib3
from harness import browser_of
from oauth_clients import SECRET, VERIFIER, Tool, pkce
from pydantic import SecretStr

from oauth_helper.common.encryption import Encryptor
from oauth_helper.oauth.server.refresh_tokens import RefreshToken

OTHER = {"id": "other", "name": "Other Tool"}
PUBLIC = {"secret_hash": None}


def refused(response, error="invalid_grant", status=400):
    assert (response.status_code, response.json["error"]) == (status, error), response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert 'token":' not in response.text
    return response.json.get("error_description", "")


def other_of(tool, **changes):
    return Tool(browser_of(tool.browser.application), tool.customer, **{"id": "other", **changes})


def connected(tool):
    """A refresh token of the client, public or not."""
    if tool.secret is not None:
        return tool.tokens()["refresh_token"]
    return tool.redeem(tool.code(**pkce()), code_verifier=VERIFIER).json["refresh_token"]


@pytest.mark.parametrize("table", [{}, PUBLIC], ids=["confidential", "public"])
def test_a_refresh_token_of_another_client_is_refused_and_stays_good(make_tool, failures, table):
    tool = make_tool(table, OTHER | table)
    token = connected(tool)
    thief = other_of(tool, secret=tool.secret)
    refused(thief.refresh(token))
    refused(thief.request("revoke", token=token))
    assert tool.refresh(token).status_code == 200
    assert not failures()


CHANGES = {
    "cut": lambda token: token[:-8],
    "head-cut": lambda token: token[8:],
    "other-end": lambda token: token[:-8] + "AAAAAAA=",
    "flipped": lambda token: token[:60] + ("A" if token[60] != "A" else "B") + token[61:],
    "doubled": lambda token: token + token,
    "case": lambda token: token.swapcase(),
    "other-prefix": lambda token: "ohr2." + token[4:],
    "no-prefix": lambda token: token[4:],
    "prefix-alone": lambda _: "ohr.",
    "empty-json": lambda _: "ohr.e30=",
    "non-ascii": lambda token: token + "\u00e4",
    "nul": lambda token: "\x00" + token,
    "nothing-like-it": lambda _: "x",
    "huge": lambda token: token + "A" * 50_000,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_refresh_token_that_was_changed_is_refused(tool, hubspot, change):
    token = connected(tool)
    asked = hubspot.token_requests
    refused(tool.refresh(change(token)))
    assert tool.request("revoke", token=change(token)).status_code == 200
    assert hubspot.token_requests == asked
    assert tool.refresh(token).status_code == 200


@pytest.mark.parametrize("purpose", ["attempts", "tokens", "given out", "sign-ins"])
def test_what_was_encrypted_for_another_purpose_is_no_refresh_token(tool, environ, purpose):
    encryptor = Encryptor([SecretStr(environ["SECRET_KEY"])], purpose=purpose)
    token = RefreshToken(
        client_id="tool",
        profile="workato",
        grant="2222-2222-2222",
        connection="workato.1000104.tool",
        token=SecretStr("x"),
    )
    refused(tool.refresh("ohr." + encryptor.encrypt_value(token)))


def test_hubspots_own_tokens_are_no_refresh_tokens_here(tool, hubspot):
    tokens = tool.tokens()
    for each in [tokens["access_token"], *hubspot.issued]:
        refused(tool.refresh(each))
    assert not [each for each in hubspot.issued if each in tokens["refresh_token"]]


def test_a_code_is_no_refresh_token_and_a_refresh_token_no_code(tool):
    code = tool.code()
    refused(tool.refresh(code))
    refused(tool.redeem(tool.redeem(code).json["refresh_token"]))


def test_refresh_tokens_survive_a_new_key_and_die_with_the_old_one(tool, make_tool, environ):
    token = connected(tool)
    new = "another-secret-key-0123456789-0123456789"
    both = f"{new},{environ['SECRET_KEY']}"
    tool.browser.application = make_tool(SECRET_KEY=both).browser.application
    renewed = tool.refresh(token).json["refresh_token"]
    tool.browser.application = make_tool(SECRET_KEY=new).browser.application
    refused(tool.refresh(token))
    assert tool.refresh(renewed).status_code == 200


def test_a_refresh_needs_the_secret(tool):
    token = connected(tool)
    for wrong in (None, "", "wrong"):
        refused(tool.refresh(token, client_secret=wrong), "invalid_client", 401)
    assert tool.refresh(token).status_code == 200


def test_a_confidential_client_may_use_its_refresh_token_again_and_again(tool, clock):
    token = connected(tool)
    for _ in range(3):
        assert tool.refresh(token).status_code == 200
        clock.now += 3600


def test_a_replaced_token_is_good_for_a_minute_because_answers_get_lost(make_tool, clock):
    tool = make_tool(PUBLIC)
    first = connected(tool)
    assert tool.refresh(first).status_code == 200
    clock.now += 60
    again = tool.refresh(first)
    assert again.status_code == 200
    assert tool.refresh(again.json["refresh_token"]).status_code == 200


def test_a_token_that_was_replaced_long_ago_ends_all_of_its_grant_and_nothing_else(
    make_tool, clock, hubspot
):
    tool = make_tool(PUBLIC)
    first, others = connected(tool), connected(tool)
    newest = tool.refresh(first).json["refresh_token"]
    clock.now += 61
    asked = hubspot.token_requests
    refused(tool.refresh(first))
    refused(tool.refresh(newest))
    refused(tool.refresh(first))
    assert hubspot.token_requests == asked
    assert tool.refresh(others).status_code == 200


def test_a_token_replaced_twice_ends_the_grant_even_within_the_minute(make_tool):
    tool = make_tool(PUBLIC)
    first = connected(tool)
    second = tool.refresh(first).json["refresh_token"]
    third = tool.refresh(second).json["refresh_token"]
    refused(tool.refresh(first))
    refused(tool.refresh(third))


def test_thief_and_owner_of_one_refresh_token_do_not_both_go_on(make_tool, clock):
    tool = make_tool(PUBLIC)
    stolen = connected(tool)
    thiefs, owners = (tool.refresh(stolen).json["refresh_token"] for _ in range(2))
    served = 0
    for _ in range(4):
        clock.now += 61
        for name in ("thiefs", "owners"):
            response = tool.refresh({"thiefs": thiefs, "owners": owners}[name])
            if response.status_code == 200:
                served += 1
                if name == "thiefs":
                    thiefs = response.json["refresh_token"]
                else:
                    owners = response.json["refresh_token"]
    assert served <= 2
    refused(tool.refresh(thiefs))
    refused(tool.refresh(owners))


@pytest.mark.parametrize("scope", ["automation", "bogus", "tickets bogus"])
def test_a_refresh_for_more_than_was_granted_is_refused_and_uses_nothing_up(
    make_tool, clock, scope
):
    tool = make_tool(PUBLIC)
    token = connected(tool)
    for _ in range(3):
        refused(tool.refresh(token, scope=scope), "invalid_scope")
        clock.now += 61
    assert tool.refresh(token).status_code == 200


def test_a_failed_refresh_uses_nothing_up(make_tool, clock, hubspot):
    tool = make_tool(PUBLIC)
    token = connected(tool)
    hubspot.instead = lambda _: ("{}", 500, {})
    for _ in range(2):
        refused(tool.refresh(token), "temporarily_unavailable", 503)
        clock.now += 61
    hubspot.instead = None
    assert tool.refresh(token).status_code == 200


def test_a_refresh_for_less_than_was_granted_is_served(tool):
    assert tool.refresh(connected(tool), scope="tickets").status_code == 200


def answer(status, error, http_status=400):
    return json.dumps({"status": status, "error": error, "message": "m"}), http_status, {}


HUBSPOTS = {
    "uninstalled": (answer("BAD_REFRESH_TOKEN", "invalid_grant"), 400, "invalid_grant"),
    "hub-gone": (answer("BAD_HUB", "invalid_grant"), None, None),
    "our-id": (answer("BAD_CLIENT_ID", "invalid_client"), 502, "server_error"),
    "our-secret": (answer("BAD_CLIENT_SECRET", "invalid_client", 401), 502, "server_error"),
    "error-in-200": (answer("BAD_CLIENT_SECRET", "invalid_client", 200), 502, "server_error"),
    "locked": (("{}", 477, {"Retry-After": "86400"}), 503, "temporarily_unavailable"),
    "limited": (("{}", 429, {"Retry-After": "10"}), 503, "temporarily_unavailable"),
    "down": (("<html>", 502, {}), 503, "temporarily_unavailable"),
    "html": (("<html>", 200, {}), None, None),
    "empty": (("", 200, {}), None, None),
    "no-token": (("{}", 200, {}), None, None),
    "list": (("[]", 200, {}), None, None),
    "quotes": (answer('A "quoted" \\ \u00e4', "odd"), None, None),
}


@pytest.mark.parametrize(("theirs", "status", "error"), HUBSPOTS.values(), ids=HUBSPOTS)
def test_hubspots_errors_become_the_rfcs_codes_with_a_reference(
    tool, hubspot, failures, theirs, status, error
):
    token = connected(tool)
    hubspot.instead = lambda _: theirs
    responses = [tool.refresh(token) for _ in range(2)]
    hubspot.instead = None
    (failure,) = failures()
    assert (failure["stage"], failure["client"]) == ("refresh", "Flow Tool")
    for response in responses:
        assert response.json["error"] != "invalid_client"  # the client has done nothing wrong
        assert response.status_code in ({status} if status else {400, 502, 503})
        assert response.json["error"] == (error or response.json["error"])
        assert f"Reference: {failure['reference']}" in response.json["error_description"]
        assert response.json["error_description"].isascii()
        if response.status_code == 503:
            assert 0 < int(response.headers["Retry-After"]) <= 3600
    if error != "invalid_grant":
        assert tool.refresh(token).status_code == 200


def test_an_app_that_was_uninstalled_is_said_to_be(tool, hubspot, failures):
    tokens = tool.tokens()
    urllib3.request(
        "DELETE",
        f"{hubspot.url}/appinstalls/2026-09/external-install",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    words = refused(tool.refresh(tokens["refresh_token"]))
    assert failures()[0]["reference"] in words


@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "bogus"])
@pytest.mark.parametrize("table", [{}, PUBLIC], ids=["confidential", "public"])
def test_a_revoked_token_is_worthless_however_it_was_announced(make_tool, hubspot, table, hint):
    tool = make_tool(table)
    token = connected(tool)
    for _ in range(3):
        assert tool.request("revoke", token=token, token_type_hint=hint).status_code == 200
    asked = hubspot.token_requests
    refused(tool.refresh(token))
    assert hubspot.token_requests == asked


def test_revocation_of_an_older_token_ends_the_newer_ones_too(make_tool):
    tool = make_tool(PUBLIC)
    first = connected(tool)
    second = tool.refresh(first).json["refresh_token"]
    assert tool.request("revoke", token=first).status_code == 200
    refused(tool.refresh(second))


@pytest.mark.parametrize("token", ["x", "ohr.x", "\u00e4", "\x00", "a" * 9000, "*"], ids=ascii)
def test_an_unknown_token_is_as_good_as_revoked(tool, hubspot, token):
    asked = len(hubspot.requests)
    response = tool.request("revoke", token=token)
    assert response.status_code == 200
    assert len(hubspot.requests) == asked


def test_an_access_token_of_hubspots_cannot_be_revoked_and_the_client_learns_it(tool):
    token = tool.tokens()["access_token"]
    response = tool.request("revoke", token=token, token_type_hint="access_token")
    refused(response, "unsupported_token_type")


def test_a_revocation_needs_the_secret(tool):
    token = connected(tool)
    for wrong in (None, "", "wrong", SECRET[:-1]):
        refused(tool.request("revoke", token=token, client_secret=wrong), "invalid_client", 401)
    assert tool.refresh(token).status_code == 200


def test_a_revocation_that_hubspot_did_not_confirm_is_said_to_have_failed(tool, hubspot):
    token = connected(tool)
    hubspot.instead = lambda _: ("", 500, {})
    refused(tool.request("revoke", token=token), "temporarily_unavailable", 503)
    hubspot.instead = None
    assert tool.request("revoke", token=token).status_code == 200
    refused(tool.refresh(token))
