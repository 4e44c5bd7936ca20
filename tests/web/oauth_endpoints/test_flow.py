import html
import json
import re
import secrets
from contextlib import ExitStack
from urllib.parse import quote, quote_plus

import pytest
import urllib3
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from harness import PUBLIC_URL, SAME_SITE, query_of, services_of
from oauth_clients import (
    CALLBACK,
    SCOPE,
    VERIFIER,
    answer_in,
    basic,
    pkce,
)

from oauth_helper.common import passwords


def test_a_client_that_knows_nothing_of_hubspot_gets_tokens(tool, hubspot):
    address = tool.to_hubspot()
    asked = query_of(address)
    assert asked["scope"] == "oauth crm.objects.contacts.read"
    assert asked["optional_scope"] == "tickets"
    back = tool.back(tool.customer.agree(address))
    answer = answer_in(back)
    assert answer.keys() == {"code", "state"}
    assert answer["state"] == "xyz"
    response = tool.redeem(answer["code"])
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json
    assert body["scope"] == "oauth crm.objects.contacts.read tickets"
    assert body["scopes"] == body["scope"].split()
    assert (body["hub_id"], body["token_type"]) == (1000104, "bearer")
    again = tool.refresh(body["refresh_token"])
    assert again.status_code == 200, again.text
    assert again.json["access_token"] != body["access_token"]
    assert hubspot.token_requests == 2


@pytest.mark.parametrize(
    "scope",
    [
        "crm.objects.contacts.read tickets",
        "crm.objects.contacts.read,tickets",
        "crm.objects.contacts.read, tickets",
        "crm.objects.contacts.read+tickets",
        "tickets",
        " oauth  tickets tickets\t",
    ],
    ids=["spaces", "commas", "both", "plus", "optional-only", "blanks-and-doubles"],
)
def test_one_flat_list_of_scopes_is_split_into_hubspots_two_parameters(tool, scope):
    asked = query_of(tool.to_hubspot(scope=scope))
    assert asked["scope"] == "oauth crm.objects.contacts.read"
    assert asked["optional_scope"] == "tickets"


def test_without_scopes_the_profiles_own_are_asked_for(tool, customer):
    asked = query_of(tool.to_hubspot(scope=None))
    usual = query_of(customer.start())
    assert (asked["scope"], asked["optional_scope"]) == (usual["scope"], usual["optional_scope"])


def test_unknown_scopes_are_refused_and_named(tool, failures, hubspot):
    response = tool.ask(scope="tickets crm.objects.contact.read bogus")
    assert response.status_code == 302
    answer = answer_in(response.location)
    assert (answer["error"], answer["state"]) == ("invalid_scope", "xyz")
    (failure,) = failures()
    assert answer["error_description"] == (
        f"Unknown scopes: crm.objects.contact.read, bogus. Reference: {failure['reference']}"
    )
    assert failure["cause"] == "invalid_scope_name"
    assert failure["missing"] == ["crm.objects.contact.read", "bogus"]
    assert (failure["client"], failure["stage"]) == ("Flow Tool", "preflight")
    assert not hubspot.requests


def test_unknown_scopes_are_dropped_for_a_client_that_wants_that_and_the_answer_says_which(
    make_tool,
):
    tool = make_tool({"unknown_scopes": "drop"})
    page = tool.ask(scope="tickets bogus").text
    assert "<code>bogus</code>" in page
    tokens = tool.tokens(scope="tickets bogus")
    assert tokens["unknown_scopes"] == ["bogus"]
    assert tokens["scope"] == "oauth crm.objects.contacts.read tickets"


@pytest.mark.parametrize(
    ("response_form", "scope"),
    [("rfc", "oauth crm.objects.contacts.read tickets"), ("echo", SCOPE), ("hubspot", None)],
)
def test_scope_of_a_token_response_is_what_the_client_can_bear(make_tool, response_form, scope):
    tool = make_tool({"scope_response": response_form})
    tokens = tool.tokens()
    assert tokens.get("scope") == scope
    assert tokens["scopes"] == ["oauth", "crm.objects.contacts.read", "tickets"]
    again = tool.refresh(tokens["refresh_token"]).json
    # Libraries compare it with what they asked for, and they do not ask when they refresh.
    assert again.get("scope") == (scope if response_form == "rfc" else None)


def test_what_was_not_granted_is_not_in_the_scope(tool):
    address = tool.to_hubspot(scope="tickets automation")
    code = answer_in(tool.back(tool.customer.agree(address, account="1000101")))["code"]
    tokens = tool.redeem(code).json
    assert tokens["scope"] == "oauth crm.objects.contacts.read tickets"
    assert tokens["hub_id"] == 1000101


@pytest.mark.parametrize(
    "send",
    [
        lambda c, s: {"headers": basic(c, s)},
        lambda c, s: {"headers": basic(quote_plus(c), quote_plus(s))},
        lambda c, s: {"headers": basic(quote(c, safe=""), quote(s, safe=""))},
        lambda c, s: {"headers": basic(c, s), "data": {"client_id": c}},
        lambda c, s: {"data": {"client_id": c, "client_secret": s}},
    ],
    ids=["raw", "form-encoded", "percent-encoded", "raw-and-id-in-body", "body"],
)
def test_credentials_are_understood_as_libraries_send_them(tool, send):
    sent = send(tool.id, tool.secret)
    form = {
        "grant_type": "authorization_code",
        "code": tool.code(),
        "redirect_uri": CALLBACK,
        **sent.get("data", {}),
    }
    response = tool.browser.post("/oauth/token", data=form, headers=sent.get("headers"))
    assert response.status_code == 200, response.text


def test_a_public_client_gets_a_new_refresh_token_each_time(make_tool):
    tool = make_tool({"secret_hash": None})
    code = tool.code(**pkce())
    first = tool.redeem(code, code_verifier=VERIFIER).json["refresh_token"]
    second = tool.refresh(first).json["refresh_token"]
    assert second != first
    assert tool.refresh(second).status_code == 200


def test_our_own_client_sends_the_customer_to_hubspot_without_asking(make_tool):
    response = make_tool({"consent": False}).ask()
    assert response.status_code == 302
    assert query_of(response.location)["optional_scope"] == "tickets"


def test_the_page_that_asks_names_the_client_and_where_it_leads(tool):
    page = tool.ask()
    assert "Flow Tool wants to connect to HubSpot" in page.text
    assert '<strong class="destination">tool.example.com</strong>' in page.text
    assert "crm.objects.contacts.read" in page.text
    assert "form-action 'self' https://tool.example.com " in page.headers["Content-Security-Policy"]


def test_who_declines_on_the_page_is_led_back_at_once(tool, failures, hubspot):
    response = tool.consent(tool.ask(), "deny")
    assert response.status_code == 303
    answer = answer_in(response.location)
    assert (answer["error"], answer["state"]) == ("access_denied", "xyz")
    (failure,) = failures()
    assert answer["error_description"] == (
        "HubSpot was not connected: Declined before HubSpot (user_denied). "
        f"Reference: {failure['reference']}"
    )
    assert (failure["cause"], failure["client"]) == ("user_denied", "Flow Tool")
    assert failure["candidates"][0]["why"].startswith("The customer declined on this program's own")
    assert not hubspot.requests


def back_link(page):
    found = re.search(r'id="back-to-client" href="([^"]+)">([^<]+)<', page)
    assert found, page
    return html.unescape(found[1]), found[2]


def test_who_declines_at_hubspot_reads_our_page_and_goes_back_from_there(tool, failures):
    path = tool.customer.agree(tool.to_hubspot(), decision="deny")
    page = tool.customer.come_back(path).text
    address, text = back_link(page)
    assert text == "Back to Flow Tool"
    (failure,) = failures()
    assert answer_in(address) == {
        "error": "access_denied",
        "error_description": (
            "HubSpot was not connected: Cancelled at HubSpot (user_denied). "
            f"Reference: {failure['reference']}"
        ),
        "state": "xyz",
    }
    assert failure["client"] == "Flow Tool"
    assert failure["reference"] in page


def test_what_hubspot_would_refuse_is_stopped_with_a_way_back(make_tool, tmp_path, failures):
    file = tmp_path / "app-hsmeta.json"
    auth = {"type": "oauth", "requiredScopes": ["oauth", "crm.objects.contacts.read", "x.y"]}
    file.write_text(json.dumps({"config": {"auth": auth}}))
    tool = make_tool(HUBSPOT_APP_CONFIG=str(file))
    response = tool.consent(tool.ask())
    page = tool.browser.get(response.location).text
    (failure,) = failures()
    answer = answer_in(back_link(page)[0])
    assert answer["error"] == "invalid_scope"
    assert failure["reference"] in answer["error_description"]
    assert failure["cause"] == "url_missing_required_scope"
    assert failure["missing"] == ["x.y"]


@pytest.mark.parametrize(
    ("token_answer", "error", "cause"),
    [
        ("rfc_body:BAD_CLIENT_SECRET", "server_error", "client_secret_invalid"),
        ("500", "temporarily_unavailable", "hubspot_unavailable"),
        ("misses_required", "invalid_scope", "granted_missing_required"),
    ],
)
def test_failures_at_hubspots_token_endpoint_become_the_rfcs_codes(
    tool, failures, token_answer, error, cause
):
    path = tool.customer.agree(tool.to_hubspot(), token_answer=token_answer)
    address, _ = back_link(tool.customer.come_back(path).text)
    assert answer_in(address)["error"] == error
    (failure,) = failures()
    assert (failure["cause"], failure["client"]) == (cause, "Flow Tool")


def test_who_is_stranded_at_hubspot_tells_it_and_goes_back(tool, failures):
    address = tool.to_hubspot()
    reference = query_of(address)["state"].partition(".")[0]
    page = tool.browser.get(f"/attempts/{reference}").text
    assert answer_in(back_link(page)[0])["error"] == "access_denied"
    message = "Authorization failed because the provided scopes are missing [tickets]"
    reported = tool.browser.post(f"/attempts/{reference}/report", data={"message": message})
    assert answer_in(back_link(reported.text)[0])["error"] == "invalid_scope"
    (failure,) = failures()
    assert (failure["cause"], failure["client"]) == ("url_missing_required_scope", "Flow Tool")


def test_who_comes_again_after_hubspots_own_error_is_asked_what_it_said(make_tool, clock):
    tool = make_tool({"consent": False})
    reference = query_of(tool.to_hubspot())["state"].partition(".")[0]
    assert tool.ask().status_code == 302  # another tab
    clock.now += 45
    page = tool.ask()
    assert page.status_code == 200
    assert "Did HubSpot show you an error?" in page.text
    assert f"/attempts/{reference}" in page.text
    assert "optional_scope" in query_of(tool.consent(page).location)


def test_a_client_that_never_comes_back_from_hubspot_is_missed(tool, clock, failures):
    tool.to_hubspot()
    clock.now += 901
    services_of(tool.browser.application).expiry.record_expired()
    (failure,) = failures()
    assert (failure["cause"], failure["client"]) == ("never_returned", "Flow Tool")


def test_a_client_that_does_not_come_for_its_tokens_is_missed(tool, clock, failures):
    tool.code()
    assert not failures()
    clock.now += 121
    services_of(tool.browser.application).expiry.record_expired()
    (failure,) = failures()
    assert failure["cause"] == "code_expired_or_reused"
    assert failure["candidates"][0]["why"].startswith("HubSpot's answer came back and was passed")
    assert "Flow Tool" in failure["fix"][0]["steps"][0]


def test_a_connection_through_a_client_resolves_what_failed_before(tool, failures):
    path = tool.customer.agree(tool.to_hubspot(), decision="deny")
    tool.customer.come_back(path)
    code = tool.code()
    assert failures()[0]["status"] == "open"  # the client does not have its tokens yet
    assert tool.redeem(code).status_code == 200
    assert failures()[0]["status"] == "resolved"


def test_start_again_asks_for_the_very_same(tool):
    path = tool.customer.agree(tool.to_hubspot(**pkce()), decision="deny")
    page = tool.customer.come_back(path).text
    again = html.unescape(re.search(r'href="(/oauth/authorize\?[^"]+)"', page)[1])
    address = tool.consent(tool.browser.get(again)).location
    answer = answer_in(tool.back(tool.customer.agree(address)))
    assert answer["state"] == "xyz"
    assert tool.redeem(answer["code"], code_verifier=VERIFIER).status_code == 200


def test_the_code_leaves_the_browser_once(tool):
    path = tool.customer.agree(tool.to_hubspot())
    page = tool.browser.get(path).location
    assert tool.browser.get(page).status_code == 303
    again = tool.browser.get(page)
    assert again.status_code == 200
    assert "You came from Flow Tool" in again.text
    assert "code=" not in again.text


def test_five_attempts_of_a_client_with_a_long_state_fit_into_a_header(tool):
    for number in range(7):
        tool.to_hubspot(state=f"{number}" + secrets.token_urlsafe(1500)[:2000])
    sent = tool.browser.get("/").request.headers["Cookie"]
    assert len(sent) < 8000
    assert "attempt_" in sent


def test_an_account_that_uninstalled_the_app_is_said_to_have(tool, hubspot, failures):
    tokens = tool.tokens()
    urllib3.request(
        "DELETE",
        f"{hubspot.url}/appinstalls/2026-09/external-install",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    responses = [tool.refresh(tokens["refresh_token"]) for _ in range(3)]
    assert {response.status_code for response in responses} == {400}
    (failure,) = failures()
    assert (failure["cause"], failure["stage"]) == ("refresh_token_invalid", "refresh")
    assert (failure["client"], failure["hub_id"]) == ("Flow Tool", tokens["hub_id"])
    for response in responses:
        assert response.json["error"] == "invalid_grant"
        assert failure["reference"] in response.json["error_description"]


@pytest.mark.parametrize(
    ("settings", "status", "error", "cause"),
    [
        (
            {"HUBSPOT_API_URL": "http://127.0.0.1:9"},
            503,
            "temporarily_unavailable",
            "hubspot_unavailable",
        ),
        ({"HUBSPOT_CLIENT_SECRET": "another"}, 502, "server_error", "client_secret_invalid"),
    ],
    ids=["down", "our-own-secret-is-wrong"],
)
def test_a_refresh_that_fails_for_other_reasons_is_not_blamed_on_the_client(
    tool, make_tool, failures, settings, status, error, cause
):
    tokens = tool.tokens()
    tool.browser.application = make_tool(**settings).browser.application
    response = tool.refresh(tokens["refresh_token"])
    assert (response.status_code, response.json["error"]) == (status, error)
    (failure,) = failures()
    assert (failure["cause"], failure["stage"]) == (cause, "refresh")
    assert failure["reference"] in response.json["error_description"]


def test_revocation_ends_the_refresh_token_and_the_record(tool, store):
    tokens = tool.tokens()
    assert store.zcard("oh:connections") == 1
    response = tool.request("revoke", token=tokens["refresh_token"])
    assert response.status_code == 200
    assert store.zcard("oh:connections") == 0
    refused = tool.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json["error"]) == (400, "invalid_grant")


def test_the_metadata_are_what_the_rfc_wants_and_lead_to_endpoints_that_are_there(tool):
    response = tool.browser.get("/.well-known/oauth-authorization-server")
    document = AuthorizationServerMetadata(response.json)
    document.validate()
    assert document["issuer"] == PUBLIC_URL
    assert "tickets" in document["scopes_supported"]
    for name in ("authorization", "token", "revocation"):
        path = document[f"{name}_endpoint"].removeprefix(PUBLIC_URL)
        assert tool.browser.options(path).status_code == 200


def test_without_clients_there_is_no_proxy(client):
    for path in ("/oauth/authorize", "/.well-known/oauth-authorization-server"):
        assert client.get(path).status_code == 404
    for path in ("/oauth/token", "/oauth/revoke"):
        assert client.post(path, data={"grant_type": "x"}).status_code == 404


def test_a_client_that_is_taken_out_meanwhile_gets_nothing(tool, make_tool):
    path = tool.customer.agree(tool.to_hubspot())
    tool.browser.application = make_tool({"id": "other"}).browser.application
    page = tool.customer.come_back(path)
    assert page.status_code == 200
    assert "code=" not in page.text


def test_a_client_that_asks_for_nothing_known_gets_what_the_app_requires_only(make_tool):
    asked = query_of(make_tool({"unknown_scopes": "drop"}).to_hubspot(scope="bogus"))
    assert asked["scope"] == "oauth crm.objects.contacts.read"
    assert "optional_scope" not in asked


@pytest.mark.parametrize(
    ("redirect_uri", "allowed"),
    [
        ("https://tool.example.com:8443/cb?x=1", "https://tool.example.com:8443"),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1:4711"),
        ("http://[::1]:4711/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_the_form_may_end_where_the_answer_goes_and_nowhere_else(make_tool, redirect_uri, allowed):
    tool = make_tool({"redirect_uris": [redirect_uri]})
    policy = tool.ask().headers["Content-Security-Policy"]
    (form_action,) = re.findall("form-action ([^;]*)", policy)
    assert form_action.split()[:2] == ["'self'", allowed]
    assert f"'self' {allowed} " not in tool.browser.get("/").headers["Content-Security-Policy"]


def test_guesses_at_a_secret_are_limited_and_others_are_not(make_tool):
    tool = make_tool(RATE_LIMITS="on")
    token = tool.tokens()["refresh_token"]
    statuses = [tool.refresh(token, client_secret="wrong").status_code for _ in range(125)]
    assert statuses == [401] * 120 + [429] * 5
    assert tool.refresh(token, client_secret="wrong").json["error"] == "temporarily_unavailable"


def test_a_flood_of_wrong_secrets_is_turned_away_and_a_checked_client_is_served(make_tool):
    tool = make_tool()
    token = tool.tokens()["refresh_token"]
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(passwords._places)
        refused = tool.refresh(token, client_secret="wrong")
        assert refused.status_code == 503
        assert refused.json["error"] == "temporarily_unavailable"
        assert refused.headers["Retry-After"] == "2"
        assert tool.refresh(token).status_code == 200
    assert tool.refresh(token, client_secret="wrong").status_code == 401


@pytest.mark.parametrize("method", [None, "plain", "s256", "S512"])
def test_another_method_of_pkce_or_none_is_refused(tool, method):
    response = tool.ask(**{**pkce(), "code_challenge_method": method})
    assert answer_in(response.location)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "name",
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "x"],
)
def test_a_request_that_names_something_twice_leads_nowhere(tool, name):
    twice = f"&{name}=again&{name}=token"
    response = tool.browser.get(f"/oauth/authorize?{tool.query(**{name: None})}{twice}")
    assert response.status_code == 400
    assert "Location" not in response.headers


def test_staff_see_whose_connection_it_is_and_can_end_it(tool, staff):
    token = tool.tokens()["refresh_token"]
    agent = staff("agent")
    assert "through tool<" in agent.get("/support/connections").text  # nobody registers it there
    agent.application = tool.browser.application
    page = agent.get("/support/connections").text
    assert "through Flow Tool<" in page
    action = re.search(r'action="(/support/connections/[^"]+/revoke)"', page)[1]
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    agent.post(action, data={"csrf_token": csrf}, headers=SAME_SITE)
    assert tool.refresh(token).json["error"] == "invalid_grant"


def test_a_mistake_with_a_good_code_is_recorded_with_all_that_is_known(tool, failures):
    code = tool.code()
    for _ in range(3):
        assert tool.redeem(code, client_secret="wrong").status_code == 401
    (failure,) = failures()
    assert (failure["cause"], failure["client"]) == ("client_secret_invalid", "Flow Tool")
    assert failure["hub_id"] == 1000104
    assert failure["granted"] == ["oauth", "crm.objects.contacts.read", "tickets"]
    assert failure["requested"]["optional_scope"] == ["tickets"]
    assert tool.redeem(code).status_code == 200
    assert failures()[0]["status"] == "resolved"
