"""How often the store is asked: what a network between the two costs most."""

from datetime import UTC, datetime

import pytest
from redis.connection import AbstractConnection

from benchmarks import filling


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


@pytest.fixture
def used(customer):
    """A customer who has connected: connections are open, and scripts are known to the store."""
    assert "HubSpot is connected" in customer.connect().text
    return customer


def _way_back(customer):
    path = customer.agree(customer.start())
    return lambda: customer.browser.get(path)


def test_a_start_asks_the_store_once(used, trips):
    assert trips(used.start) == 1


def test_a_success_asks_the_store_seven_times(used, trips):
    assert trips(_way_back(used)) <= 7


def test_a_long_log_makes_a_success_little_longer(used, trips, store_url, clock):
    filling.fill(store_url, 500, until=datetime.fromtimestamp(clock(), UTC))
    back = _way_back(used)
    _way_back(used)()  # the scripts of the search are known now
    assert trips(back) <= 10
