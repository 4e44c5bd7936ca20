"""How often the store is asked: what a network between the two costs most."""

from datetime import UTC, datetime

import pytest
from harness import API_TOKEN, SAME_SITE, customer_of, query_of
from redis.connection import AbstractConnection

from benchmarks import filling
from oauth_helper.common.references import reference_in_state


@pytest.fixture
def trips(monkeypatch):
    """Runs something; how often that sent something to the store. A pipeline sends once."""
    sent = []
    before = AbstractConnection.send_packed_command

    def send(self, *arguments, **options):
        sent.append(arguments)
        return before(self, *arguments, **options)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", send)

    def count(action):
        sent.clear()
        action()
        return len(sent)

    return count


@pytest.fixture(params=["off", "on"])
def limited(request):
    """How many round trips the rate limits cost a callback. A start is counted with its attempt."""
    return request.param == "on"


@pytest.fixture
def used(make_app, hubspot, limited):
    """A customer who has connected: connections are open, and scripts are known to the store."""
    customer = customer_of(make_app(RATE_LIMITS="on" if limited else "off"), hubspot)
    assert "HubSpot is connected" in customer.connect().text
    return customer


def _way_back(customer, **choices):
    path = customer.agree(customer.start(), **choices)
    return lambda: customer.browser.get(path)


def test_a_start_asks_the_store_once(used, trips):
    assert trips(used.start) == 1


def test_a_success_claims_and_writes(used, trips, limited):
    assert trips(_way_back(used)) == 2 + limited


def test_a_long_log_makes_a_success_no_longer(used, trips, limited, store_url, clock):
    filling.fill(store_url, 500, until=datetime.fromtimestamp(clock(), UTC))
    assert trips(_way_back(used)) == 2 + limited


def test_a_failure_claims_and_writes(used, trips, limited):
    _way_back(used, decision="deny")()  # makes the day and the script known
    assert trips(_way_back(used, decision="deny")) == 2 + limited


def test_a_report_reads_the_history_and_writes(used, trips, limited):
    def report():
        reference = reference_in_state(query_of(used.start())["state"])
        path = f"/attempts/{reference}/report"
        return lambda: used.browser.post(path, data={"message": "x"}, headers=SAME_SITE)

    report()()
    assert trips(report()) == 3 + limited


def test_a_link_is_looked_up_at_the_start_and_on_the_way_back(used, trips, limited):
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    link = {"profile": "workato", "customer": "c-1", "customer_name": "Blue Door Ltd"}
    made = used.browser.post("/api/v1/connect-links", json=link, headers=headers)
    query = query_of(made.json["url"])
    assert trips(lambda: used.start(**query)) == 2
    path = used.agree(used.start(**query))
    # The connection's customer is read too: an earlier one no longer has it.
    assert trips(lambda: used.browser.get(path)) == 4 + limited
