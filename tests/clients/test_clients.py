"""Standard client libraries connect through the helper, unmodified and over real HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from clients.registration import NAME, SCOPE, SECRET
from clients.requests_seen import TokenRequest
from harness import ENTERPRISE, FREE, PROFESSIONAL, STARTER

CONTACTS = "crm.objects.contacts.read"
GRANTED = {"oauth", CONTACTS, "tickets"}


def scope_of(tokens):
    """The names in `scope`; oauthlib makes a list of it."""
    scope = tokens["scope"]
    return set(scope if isinstance(scope, list) else scope.split())


@pytest.mark.parametrize("asks", [False, True], ids=["at-hubspot-only", "at-the-helper-too"])
def test_connects_and_gets_the_tokens(helper, library, start_client, new_person, asks):
    client, person = start_client(helper, asks=asks), new_person()
    tokens = person.connect(client)["tokens"]
    assert tokens["hub_id"] == ENTERPRISE
    assert set(tokens["scopes"]) == GRANTED
    asked = set(SCOPE.split())
    assert scope_of(tokens) == (asked if library == "requests-oauthlib" else GRANTED)
    assert tokens["access_token"]
    assert tokens["refresh_token"]
    assert tokens["expires_in"] > 0
    assert tokens["token_type"].lower() == "bearer"
    assert any(f"POST {helper.url}/oauth/authorize" in step for step in person.seen) == asks
    assert helper.failures() == []


def test_refreshes(helper, start_client, new_person):
    client, person = start_client(helper), new_person()
    tokens = person.connect(client)["tokens"]
    newer = person.ask(client, "/refresh")["tokens"]
    assert newer["access_token"] != tokens["access_token"]
    assert newer["expires_in"] > 0
    newest = person.ask(client, "/refresh")["tokens"]
    assert newest["access_token"] not in (tokens["access_token"], newer["access_token"])
    assert helper.failures() == []


def test_a_person_who_cancels_at_hubspot_comes_back_with_that(helper, start_client, new_person):
    client, person = start_client(helper), new_person(at_hubspot="deny")
    answer = person.connect(client)
    assert answer["error"] == "access_denied"
    assert person.reference in answer["error_description"]
    assert person.back_link == f"Back to {NAME}"
    (failure,) = helper.failures()
    assert (failure["cause"], failure["reference"]) == ("user_denied", person.reference)
    assert failure["client"] == NAME


def test_a_person_who_cancels_at_the_helper_comes_back_with_that(helper, start_client, new_person):
    client, person = start_client(helper, asks=True), new_person(at_helper="deny")
    answer = person.connect(client)
    assert answer["error"] == "access_denied"
    assert not any("/sandbox/" in step for step in person.seen)


@pytest.fixture
def app_with_a_scope_that_nobody_asks_for(tmp_path):
    auth = {
        "type": "oauth",
        "requiredScopes": ["oauth", CONTACTS, "tickets.foreign"],
        "optionalScopes": ["tickets"],
    }
    path = tmp_path / "app-hsmeta.json"
    path.write_text(json.dumps({"config": {"auth": auth}}))
    return str(path)


def test_scopes_that_do_not_fit_the_app_are_reported_before_hubspot_is_opened(
    start_helper, app_with_a_scope_that_nobody_asks_for, start_client, new_person
):
    helper = start_helper(HUBSPOT_APP_CONFIG=app_with_a_scope_that_nobody_asks_for)
    client, person = start_client(helper), new_person()
    answer = person.connect(client)
    assert answer["error"] == "invalid_scope"
    assert person.reference in answer["error_description"]
    assert not any("/sandbox/" in step for step in person.seen)
    (failure,) = helper.failures()
    assert failure["cause"] == "url_missing_required_scope"
    assert failure["reference"] == person.reference
    assert failure["client"] == NAME


def test_a_customer_stranded_at_hubspot_reports_it_and_gets_back_to_the_client(
    helper, start_client, new_person
):
    client, person = start_client(helper), new_person()
    helper.make_mistake("tickets-required")
    shown = person.stranded(client)
    answer = person.arrive(client, person.report(helper.url, shown))
    assert answer["error"] == "invalid_scope"
    assert person.reference in answer["error_description"]
    (failure,) = helper.failures()
    assert failure["cause"] == "url_missing_required_scope"
    assert failure["client"] == NAME


def test_a_wrong_secret_reaches_the_library_and_is_recorded_once(helper, start_client, new_person):
    client, person = start_client(helper, secret=SECRET[:-1]), new_person()
    answer = person.connect(client)
    assert answer["error"] == "invalid_client"
    (failure,) = helper.failures()
    assert failure["cause"] == "client_secret_invalid"
    assert failure["client"] == NAME
    assert failure["reference"] in answer["error_description"]


def test_five_at_once_get_their_own_tokens(helper, start_client, new_person):
    client = start_client(helper)
    accounts = (FREE, STARTER, PROFESSIONAL, ENTERPRISE, FREE)
    people = [new_person(account=account) for account in accounts]
    with ThreadPoolExecutor(len(people)) as at_once:
        ways = list(at_once.map(lambda person: person.set_out(client), people))
        answers = list(at_once.map(lambda person, way: person.arrive(client, way), people, ways))
    tokens = [answer["tokens"] for answer in answers]
    assert tuple(each["hub_id"] for each in tokens) == accounts
    assert len({each["access_token"] for each in tokens}) == len(people)


PKCE = {"code_challenge", "code_challenge_method"}
REQUEST = {"client_id", "redirect_uri", "response_type", "scope"}
CODE = {"code", "redirect_uri"}

# What the guide for developers says of each library: the parameters of its authorization request
# and how it writes a space there, then where the secret is and what else is in the two requests for
# tokens.
SENDS = {
    "authlib": (
        REQUEST | PKCE | {"state"},
        "+",
        ("Basic, raw", CODE | {"code_verifier"}),
        ("Basic, raw", {"refresh_token", "scope"}),
    ),
    "requests-oauthlib": (
        REQUEST | {"state"},
        "+",
        ("Basic, raw", CODE),
        ("client_secret in the body", {"refresh_token"}),
    ),
    "httpx-oauth": (
        REQUEST | PKCE | {"state"},
        "+",
        ("client_secret in the body", CODE | {"code_verifier"}),
        ("client_secret in the body", {"refresh_token"}),
    ),
    "simple-oauth2": (
        REQUEST | {"state"},
        "+",
        ("Basic, encoded", CODE | {"scope"}),
        ("Basic, encoded", {"refresh_token"}),
    ),
    "openid-client": (
        REQUEST | PKCE,
        "+",
        ("client_secret in the body", CODE | {"code_verifier"}),
        ("client_secret in the body", {"refresh_token"}),
    ),
    "oauth4webapi": (
        REQUEST | PKCE | {"state"},
        "+",
        ("Basic, encoded", CODE | {"code_verifier"}),
        ("Basic, encoded", {"refresh_token"}),
    ),
    "passport-oauth2": (
        REQUEST | PKCE | {"state"},
        "%20",
        ("client_secret in the body", CODE | {"code_verifier"}),
        ("client_secret in the body", {"refresh_token"}),
    ),
    "grant": (
        REQUEST | PKCE | {"state"},
        "%20",
        ("client_secret in the body", CODE | {"code_verifier"}),
        ("client_secret in the body", {"refresh_token"}),
    ),
}


def test_what_each_sends_is_what_the_guide_says(helper, library, start_client, new_person):
    client, person = start_client(helper), new_person()
    person.connect(client)
    person.ask(client, "/refresh")
    parameters, space, *token_requests = SENDS[library]
    assert helper.seen.authorization == [parameters]
    assert helper.seen.spaces == [space]
    expected = [TokenRequest(where, frozenset(names)) for where, names in token_requests]
    seen = helper.seen.token
    assert [seen["authorization_code"], seen["refresh_token"]] == expected
