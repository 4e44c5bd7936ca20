"""Whose consent it is: the page that asks, whose answer counts, and what leaves no trace."""

import logging
import re

import pytest
import redis
from harness import (
    PUBLIC_URL,
    SAME_SITE,
    Customer,
    browser_of,
    customer_of,
    profiles_file,
    query_of,
)
from oauth_clients import CALLBACK, SECRET, VERIFIER, answer_in, pkce


def form_of(page):
    action = re.search(r'<form method="post" action="([^"]+)"', page.text)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    return action[1].replace("&amp;", "&"), token[1]


def test_consent_is_asked_for_each_time(tool):
    tool.tokens()
    page = tool.ask()
    assert page.status_code == 200
    assert "wants to connect to HubSpot" in page.text


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        (None, SAME_SITE),
        ("", SAME_SITE),
        ("IjAwMDAi.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb", SAME_SITE),
        ("another", SAME_SITE),
        ("right", {"Sec-Fetch-Site": "cross-site"}),
        ("right", {"Origin": "https://evil.example"}),
    ],
    ids=["none", "empty", "made-up", "of-another-session", "from-another-site", "other-origin"],
)
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_decision_that_the_person_did_not_make_here_does_not_count(
    tool, hubspot, failures, token, headers, decision
):
    action, right = form_of(tool.ask())
    _, another = form_of(browser_of(tool.browser.application).get(action))
    sent = {"right": right, "another": another}.get(token, token)
    form = {"decision": decision} | ({} if sent is None else {"csrf_token": sent})
    response = tool.browser.post(action, data=form, headers=headers)
    assert response.status_code in (400, 403)
    assert "Location" not in response.headers
    assert not hubspot.requests
    assert not failures()


def test_without_a_decision_nobody_is_sent_to_hubspot(tool, hubspot):
    action, token = form_of(tool.ask())
    response = tool.browser.post(action, data={"csrf_token": token}, headers=SAME_SITE)
    assert answer_in(response.location)["error"] == "access_denied"
    assert not hubspot.requests


def test_what_is_changed_between_page_and_press_is_checked_again(tool):
    action, token = form_of(tool.ask())
    changed = action.replace("tool.example.com", "evil.example")
    form = {"csrf_token": token, "decision": "allow"}
    response = tool.browser.post(changed, data=form, headers=SAME_SITE)
    assert response.status_code == 400
    assert "Location" not in response.headers


def test_its_pages_cannot_be_framed_or_kept(tool):
    for page in (tool.ask(), tool.ask(redirect_uri="https://evil.example/")):
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"


def test_the_answer_of_hubspot_counts_only_in_the_browser_that_asked(tool, hubspot):
    path = tool.customer.agree(tool.to_hubspot())
    victim = Customer(browser_of(tool.browser.application), hubspot)
    asked = hubspot.token_requests
    page = victim.come_back(path)
    assert page.status_code == 400
    assert hubspot.token_requests == asked
    assert "code=" not in page.text


def test_nobody_else_sees_the_way_back(tool):
    response = tool.browser.get(tool.customer.agree(tool.to_hubspot()))
    other = browser_of(tool.browser.application).get(response.location)
    assert other.status_code == 400
    assert "Location" not in other.headers


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_every_answer_names_the_issuer_of_the_metadata(tool, decision):
    metadata = tool.browser.get("/.well-known/oauth-authorization-server").json
    assert metadata["issuer"] == PUBLIC_URL
    if decision == "allow":
        address = tool.back(tool.customer.agree(tool.to_hubspot()))
    else:
        address = tool.consent(tool.ask(), decision).location
    answer_in(address)  # compares `iss`
    assert answer_in(tool.ask(response_type="token").location)["error"]
    assert answer_in(tool.ask(scope="bogus").location)["error"]


def test_two_profiles_do_not_take_each_others_answers(make_tool, tmp_path, hubspot):
    file = profiles_file(tmp_path, workato={}, second={})
    tool = make_tool({}, {"id": "other", "name": "Other", "profile": "second"}, PROFILES_FILE=file)
    path = tool.customer.agree(tool.to_hubspot())
    asked = hubspot.token_requests
    response = tool.browser.get(path.replace("/callback/workato", "/callback/second"))
    assert "refused=altered" in response.location
    assert hubspot.token_requests == asked


@pytest.mark.parametrize("public", [False, True], ids=["confidential", "public"])
def test_nothing_secret_is_kept_logged_or_shown(
    make_tool, hubspot, store_url, staff, caplog, public
):
    caplog.set_level(logging.DEBUG)
    tool = make_tool({"secret_hash": None} if public else {})
    address = tool.to_hubspot(**pkce())
    back = tool.customer.agree(address)
    caplog.clear()  # the browser and HubSpot log what is theirs
    page = tool.browser.get(back)
    code = answer_in(tool.browser.get(page.location).location)["code"]
    tokens = tool.redeem(code, code_verifier=VERIFIER).json
    newer = tool.refresh(tokens["refresh_token"]).json
    tool.redeem(code, code_verifier=VERIFIER)
    tool.redeem(tool.code(**pkce()), code_verifier="w" * 43)
    agent = staff("agent")
    shown = [agent.get(f"/support/{path}").text for path in ("failures", "connections")]
    canaries = {SECRET, VERIFIER, code, query_of(back)["code"], *hubspot.issued}
    canaries |= {each[name] for each in (tokens, newer) for name in tokens if "token" in name}
    canaries -= {"bearer"}
    logged = [each.getMessage() for each in caplog.records if each.name != "werkzeug"]
    places = {"log": "\n".join(logged), "pages": "\n".join(shown), "store": dump_of(store_url)}
    for place, text in places.items():
        assert text
        for canary in canaries:
            assert canary not in text, f"{canary} in the {place}"


def dump_of(store_url):
    """Everything in the store, as text."""
    reads = {
        b"hash": ("HGETALL", ()),
        b"zset": ("ZRANGE", ("0", "-1")),
        b"stream": ("XRANGE", ("-", "+")),
        b"string": ("GET", ()),
        b"set": ("SMEMBERS", ()),
    }
    with redis.Redis.from_url(store_url) as raw:
        found = []
        for key in raw.keys("*"):
            command, more = reads[raw.type(key)]
            found += [str(key), str(raw.execute_command(command, key, *more))]
        return "\n".join(found)


def test_a_person_with_two_tabs_gets_two_codes(tool):
    first = tool.customer.agree(tool.to_hubspot(state="first"))
    second = tool.customer.agree(tool.to_hubspot(state="second"), account="1000103")
    answers = [answer_in(tool.back(path)) for path in (second, first)]
    assert [answer["state"] for answer in answers] == ["second", "first"]
    accounts = [tool.redeem(answer["code"]).json["hub_id"] for answer in answers]
    assert accounts == [1000103, 1000104]


def test_a_customer_of_our_own_pages_is_asked_nothing(tool, hubspot):
    page = customer_of(tool.browser.application, hubspot).connect()
    assert "HubSpot is connected" in page.text
    assert CALLBACK not in page.text
