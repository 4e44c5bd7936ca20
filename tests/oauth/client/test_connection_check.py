"""Connections that nobody uses are checked about once a day, and those that ended are marked."""

import json

import pytest
from harness import ENTERPRISE, FREE, PROFESSIONAL, customer_of, services_of

ACCOUNTS = (FREE, PROFESSIONAL, ENTERPRISE)


@pytest.fixture
def connected(app, hubspot, clock):
    """Three connections whose access tokens have expired."""
    for account in ACCOUNTS:
        customer_of(app, hubspot).connect(account=str(account))
    clock.now += 90_000
    hubspot.requests.clear()
    return services_of(app)


@pytest.fixture
def check(connected, store):
    """Lets the next check's time come."""

    def run():
        left = store.pttl("oh:checking")
        store.delete("oh:checking")
        connected.connection_check.check_next()
        return left

    return run


def refused(status, http_status=400):
    body = {"status": status, "message": "no"}
    return lambda _: (json.dumps(body), http_status, {"Content-Type": "application/json"})


def test_each_is_asked_for_once_before_any_is_asked_again(connected, check, hubspot, clock):
    for _ in range(3):
        check()
    assert hubspot.token_requests == 3
    assert {each.expires_at for each in connected.connections.newest(limit=9)} == {
        int(clock.now) + 1800
    }
    clock.now += 7200  # long before the next day
    for _ in range(3):
        check()
    assert hubspot.token_requests == 3
    clock.now += 80_000
    for _ in range(3):
        check()
    assert hubspot.token_requests == 6


def test_one_at_a_time_spread_over_a_day(connected, check, hubspot, store):
    check()
    for _ in range(5):  # other workers
        connected.connection_check.check_next()
    assert hubspot.token_requests == 1
    assert 3_500_000 < store.pttl("oh:checking") <= 3_600_000


def test_one_that_a_backend_uses_costs_no_request(connected, check, hubspot):
    for account in ACCOUNTS:
        connected.token_refresher.token(f"workato.{account}")
    hubspot.requests.clear()
    for _ in range(3):
        check()
    assert not hubspot.requests


def test_many_are_spread_over_a_day(connected, check, store):
    store.zadd("oh:connections", {f"workato.{number}": number for number in range(9997)})
    check()
    assert store.pttl("oh:checking") == pytest.approx(8640, abs=1000)
    assert connected.connections.count() == 10_000


def test_an_ended_one_is_marked_with_its_cause_and_not_asked_for_again(connected, check, hubspot):
    hubspot.instead = refused("BAD_REFRESH_TOKEN")
    for _ in range(6):
        check()
    assert hubspot.token_requests == 3
    for each in connected.connections.newest(limit=9):
        assert each.ended_cause == "refresh_token_invalid"
        assert connected.failures.get(each.ended_by).hub_id == each.hub_id


def test_it_pauses_when_hubspot_is_busy(connected, check, hubspot, store):
    hubspot.instead = refused("error", 429)
    check()
    assert store.pttl("oh:checking") == pytest.approx(600_000, abs=5000)
    assert not any(each.ended_at for each in connected.connections.newest(limit=9))


def test_those_of_proxy_clients_are_left_alone(check, hubspot, store):
    for account in ACCOUNTS:
        store.hset(f"oh:connection:workato.{account}", "client", "shop")
    for _ in range(3):
        check()
    assert not hubspot.requests


def test_without_connections_it_waits(app, store, hubspot):
    services_of(app).connection_check.check_next()
    assert store.pttl("oh:checking") > 3_500_000
    assert not hubspot.requests


def test_a_check_also_asks_for_the_domain_of_an_account(connected, check):
    for _ in ACCOUNTS:
        check()
    domains = {each.hub_id: each.hub_domain for each in connected.connections.newest(limit=9)}
    assert domains == {
        FREE: "free.example.com",
        PROFESSIONAL: "professional.example.com",
        ENTERPRISE: "enterprise.example.com",
    }
