"""Codes of the proxy: one client, one use, one redirect URI, one verifier, and a short time."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from harness import Customer, browser_of, caught_up, services_of
from oauth_clients import CALLBACK, VERIFIER, Tool, answer_in, pkce
from relays import Relay

from oauth_helper.failures.query import FailureQuery

OTHER = {"id": "other", "name": "Other Tool"}


def refused(response, error="invalid_grant"):
    """The description of an error, which is as the RFC wants it."""
    assert response.status_code == (401 if error == "invalid_client" else 400), response.text
    assert response.json["error"] == error, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert "access_token" not in response.text
    return response.json["error_description"]


def other_of(tool, **changes):
    return Tool(browser_of(tool.browser.application), tool.customer, **{"id": "other", **changes})


def test_a_code_that_comes_twice_ends_what_it_gave_and_is_recorded_once(tool, failures):
    code = tool.code()
    tokens = tool.redeem(code).json
    words = {refused(tool.redeem(code)) for _ in range(5)}
    (failure,) = failures()
    assert failure["cause"] == "code_expired_or_reused"
    assert failure["client"] == "Flow Tool"
    said = "The code has already been used, so its grant is revoked."
    assert words == {f"{said} Reference: {failure['reference']}"}
    refused(tool.refresh(tokens["refresh_token"]))


def test_a_second_use_ends_nothing_of_other_connections(tool):
    one, two = tool.code(), tool.code()
    tool.redeem(one)
    kept = tool.redeem(two).json
    refused(tool.redeem(one))
    assert tool.refresh(kept["refresh_token"]).status_code == 200


def test_a_used_code_is_of_no_use_to_another_client_and_ends_nothing(make_tool, failures):
    tool = make_tool({}, OTHER)
    code = tool.code()
    tokens = tool.redeem(code).json
    refused(other_of(tool).redeem(code))
    assert tool.refresh(tokens["refresh_token"]).status_code == 200
    assert not failures()


def test_of_twenty_at_once_one_is_served(make_tool, hubspot):
    tool = make_tool(THREADS="64")
    code = tool.code()
    asked = hubspot.token_requests

    def redeem(_):
        each = Tool(browser_of(tool.browser.application), tool.customer)
        return each.redeem(code)

    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(redeem, range(20)))
    # A request waits for none that is under way, and what comes after that one is a second use.
    statuses = [each.status_code for each in responses]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 503}
    assert all("access_token" not in each.text for each in responses if each.status_code != 200)
    assert hubspot.token_requests == asked


@pytest.mark.parametrize("replies", range(8))
def test_a_retry_after_the_store_failed_anywhere_gets_what_the_code_stands_for(
    make_tool, store, store_url, replies
):
    with Relay(store_url) as relay:
        tool = make_tool({"secret_hash": None}, REDIS_URL=relay.url)
        code = tool.code(**pkce())
        services = services_of(tool.browser.application)
        relay.cut_after(replies)
        response = tool.redeem(code, code_verifier=VERIFIER)
        assert response.status_code in (200, 503), response.text
        relay.cut()
        relay.restore()
        caught_up(tool.browser.application)
        if response.status_code == 503:
            for key in store.keys("oh:*redeeming"):
                store.pexpire(key, 0)  # what the store does by itself two seconds later
            response = tool.redeem(code, code_verifier=VERIFIER)
        assert response.status_code == 200, response.text
        (connection,) = services.connections.newest(limit=9)
        assert connection.client == "tool"
        assert not services.failures.page(FailureQuery(), limit=9).failures
        for _ in range(2):
            response = tool.refresh(response.json["refresh_token"])
            assert response.status_code == 200, response.text


def test_a_code_that_is_being_redeemed_is_given_to_nobody_else(tool, store):
    code = tool.code()
    store.set(f"oh:{{{hashlib.sha256(code.encode()).hexdigest()}}}:redeeming", "1", px=1900)
    busy = tool.redeem(code)
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "2")
    assert busy.json["error"] == "temporarily_unavailable"


def test_tokens_never_live_longer_than_hubspot_said_however_clocks_differ(tool, clock):
    code = tool.code()
    clock.now -= 3600
    assert tool.redeem(code).json["expires_in"] == 1800


def test_a_code_lives_for_less_than_two_minutes_and_is_gone_after_that(tool, store, failures):
    code = tool.code()
    key = f"oh:{{{hashlib.sha256(code.encode()).hexdigest()}}}:code"
    assert 0 < store.ttl(key) <= 100
    store.pexpire(key, 0)  # what the store does by itself when that time is over
    refused(tool.redeem(code))
    assert not failures()


@pytest.mark.parametrize(
    "change",
    [
        lambda code: code[:-1],
        lambda code: code + "a",
        lambda code: code.swapcase(),
        lambda code: code + "\n",
        lambda code: " " + code,
        lambda code: code + "\x00",
        lambda _: "x" * 48,
        lambda _: "*",
        lambda _: "\u00e4",
        lambda _: "0" * 60_000,
    ],
    ids=[
        "cut",
        "longer",
        "case",
        "line-break",
        "blank",
        "nul",
        "other",
        "star",
        "non-ascii",
        "huge",
    ],
)
def test_only_the_code_itself_will_do(tool, change):
    code = tool.code()
    refused(tool.redeem(change(code)))
    assert tool.redeem(code).status_code == 200


def test_two_codes_are_never_alike_and_hold_enough_chance(tool):
    codes = {tool.code() for _ in range(5)}
    assert len(codes) == 5
    assert min(map(len, codes)) >= 43  # 256 bits of base64; RFC 6749 section 10.10 wants 160


def test_a_code_of_another_client_is_refused_recorded_and_not_used_up(make_tool, failures):
    tool = make_tool({}, OTHER)
    code = tool.code()
    words = refused(other_of(tool).redeem(code))
    (failure,) = failures()
    said = "The code was issued to another client."
    assert words == f"{said} Reference: {failure['reference']}"
    assert (failure["client"], failure["stage"]) == ("Flow Tool", "token")
    assert tool.redeem(code).status_code == 200
    assert failures()[0]["status"] == "resolved"


def test_a_code_of_a_public_client_is_refused_to_another_public_client(make_tool):
    tool = make_tool({"secret_hash": None}, OTHER | {"secret_hash": None})
    code = tool.code(**pkce())
    refused(other_of(tool, secret=None).redeem(code, code_verifier=VERIFIER))
    assert tool.redeem(code, code_verifier=VERIFIER).status_code == 200


REDIRECT_URIS = {
    "other": "https://evil.example/callback",
    "missing": None,
    "empty": "",
    "slash": f"{CALLBACK}/",
    "query": f"{CALLBACK}?x=1",
    "case": CALLBACK.upper(),
    "encoded": CALLBACK.replace("c", "%63"),
    "blank": f"{CALLBACK} ",
    "also-registered": f"{CALLBACK}/b",
}


@pytest.mark.parametrize("given", REDIRECT_URIS.values(), ids=REDIRECT_URIS)
def test_another_redirect_uri_than_before_is_refused_and_recorded_once(make_tool, failures, given):
    tool = make_tool({"redirect_uris": [CALLBACK, f"{CALLBACK}/b"]})
    code = tool.code()
    for _ in range(3):
        words = refused(tool.redeem(code, redirect_uri=given))
    (failure,) = failures()
    assert failure["reference"] in words
    assert failure["cause"] == "redirect_uri_mismatch"
    assert tool.redeem(code).status_code == 200
    assert failures()[0]["status"] == "resolved"


@pytest.mark.parametrize("given", ["https://evil.example/", f"{CALLBACK}/", f"{CALLBACK}/b"])
def test_a_redirect_uri_that_was_not_named_before_has_to_be_the_registered_one(tool, given):
    code = tool.code(redirect_uri=None)
    refused(tool.redeem(code, redirect_uri=given))
    assert tool.redeem(code).status_code == 200


def test_who_named_no_redirect_uri_before_need_not_name_it(tool):
    assert tool.redeem(tool.code(redirect_uri=None), redirect_uri=None).status_code == 200


VERIFIERS = {
    "missing": None,
    "empty": "",
    "wrong": "w" * 43,
    "short": VERIFIER[:42],
    "long": VERIFIER * 3,
    "line-break": VERIFIER + "\n",
    "blank": VERIFIER + " ",
    "case": VERIFIER.upper(),
    "the-challenge": create_s256_code_challenge(VERIFIER),
    "non-ascii": "\u00e4" * 50,
    "nul": VERIFIER + "\x00",
}


@pytest.mark.parametrize("given", VERIFIERS.values(), ids=VERIFIERS)
@pytest.mark.parametrize("table", [{}, {"secret_hash": None}], ids=["confidential", "public"])
def test_without_the_verifier_a_code_is_worthless(make_tool, failures, table, given):
    tool = make_tool(table)
    code = tool.code(**pkce())
    for _ in range(2):
        response = tool.redeem(code, code_verifier=given)
        assert response.json["error"] in ("invalid_grant", "invalid_request")
        words = refused(response, response.json["error"])
    (failure,) = failures()
    assert failure["reference"] in words
    assert tool.redeem(code, code_verifier=VERIFIER).status_code == 200
    assert failures()[0]["status"] == "resolved"


def test_a_wrong_verifier_is_an_invalid_grant(tool):
    refused(tool.redeem(tool.code(**pkce()), code_verifier="w" * 43), "invalid_grant")


def test_a_challenge_that_was_taken_out_on_the_way_is_noticed(tool, failures):
    """RFC 9700 section 4.8: PKCE downgrade."""
    code = tool.code()
    words = refused(tool.redeem(code, code_verifier=VERIFIER), "invalid_request")
    (failure,) = failures()
    assert failure["reference"] in words


def test_a_code_that_was_put_into_another_persons_browser_is_noticed(tool, hubspot):
    """RFC 9700 section 4.5: code injection; the client's next request has another challenge."""
    stolen = tool.code(**pkce())
    victim = Tool(browser_of(tool.browser.application), tool.customer)
    victim.customer = Customer(victim.browser, hubspot)
    victim.to_hubspot(**pkce("w" * 43))
    refused(victim.redeem(stolen, code_verifier="w" * 43))


def test_our_code_is_none_of_hubspots_and_hubspots_none_of_ours(tool, hubspot):
    callback = tool.customer.agree(tool.to_hubspot())
    theirs = callback.split("code=")[1].split("&")[0]
    ours = answer_in(tool.back(callback))["code"]
    assert ours not in hubspot.issued
    assert theirs != ours
    refused(tool.redeem(theirs))


def test_codes_survive_a_new_key_and_die_with_the_old_one(tool, make_tool, environ):
    code, other = tool.code(), tool.code()
    old = environ["SECRET_KEY"]
    new = "another-secret-key-0123456789-0123456789"
    tool.browser.application = make_tool(SECRET_KEY=f"{new},{old}").browser.application
    assert tool.redeem(code).status_code == 200
    tool.browser.application = make_tool(SECRET_KEY=new).browser.application
    refused(tool.redeem(other))
