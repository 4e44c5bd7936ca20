"""The page of a connected account names it by its domain, which HubSpot is asked for afterwards."""

import json

import pytest
from harness import ENTERPRISE, services_of

DOMAIN = "enterprise.example.com"


@pytest.fixture
def services(app):
    return services_of(app)


@pytest.fixture
def ask(customer, hubspot):
    """Connects, and returns what asks for the account as the page does."""
    path = customer.connect().request.path
    hubspot.requests.clear()
    return lambda browser=customer.browser: browser.get(f"{path}/account")


@pytest.fixture
def stored(services):
    return lambda: services.connections.get(f"workato.{ENTERPRISE}").hub_domain


def introspections(hubspot):
    return sum(path.endswith("/introspect") for path in hubspot.requests)


def test_hubspot_is_asked_once_and_staff_read_it_too(ask, hubspot, stored, staff):
    assert stored() == ""
    for _ in range(2):
        assert ask().json == {"domain": DOMAIN}
    assert introspections(hubspot) == 1
    assert stored() == DOMAIN
    assert DOMAIN in staff("agent").get("/support/connections").text


def test_the_page_itself_waits_for_nothing(customer, hubspot):
    page = customer.connect()
    assert introspections(hubspot) == 0
    assert f'data-account="{page.request.path}/account">{ENTERPRISE}</span>' in page.text


def test_a_domain_stays_when_the_account_connects_again(ask, customer, stored):
    ask()
    customer.connect()
    assert stored() == DOMAIN


@pytest.mark.parametrize(
    "answer",
    [
        ({"active": True, "hub_id": ENTERPRISE + 1, "hub_domain": DOMAIN}, 200),
        ({"active": True, "hub_domain": DOMAIN}, 200),
        ({"active": True, "hub_id": ENTERPRISE, "hub_domain": "<script>"}, 200),
        ({"active": False}, 200),
        ({"status": "error"}, 500),
    ],
    ids=["other-account", "no-account", "no-domain", "inactive", "error"],
)
def test_what_hubspot_may_say_instead_leaves_the_number(ask, hubspot, stored, answer):
    body, status = answer
    hubspot.instead = lambda _: (json.dumps(body), status, {"Content-Type": "application/json"})
    assert ask().json == {"domain": None}
    assert stored() == ""


def test_after_another_connection_of_the_account(ask, new_customer, hubspot):
    new_customer().connect()
    hubspot.requests.clear()
    assert ask().json == {"domain": None}
    assert introspections(hubspot) == 0


def test_no_other_browser_is_told(ask, new_customer, hubspot):
    assert ask(new_customer().browser).status_code == 404
    assert introspections(hubspot) == 0


def test_once_the_connection_is_forgotten(ask, services):
    services.connections.forget(services.connections.get(f"workato.{ENTERPRISE}"))
    assert ask().json == {"domain": None}
