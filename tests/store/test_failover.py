"""Primaries that die, behind Sentinels and in a Cluster, and servers that come later than we do."""

import time
from contextlib import ExitStack

import pytest
from harness import Customer, browser_of, customer_of
from stories import FAILURE, STORIES, Everything, caught_up

from benchmarks import servers

KINDS = {"Sentinel": servers.sentinel_trio, "Cluster": servers.cluster}


@pytest.fixture(params=KINDS)
def running(request, tmp_path):
    with KINDS[request.param](tmp_path / "servers") as started:
        yield started


@pytest.fixture(scope="module", params=KINDS)
def unharmed(request, tmp_path_factory):
    """Servers that stay up, for tests that share them."""
    with KINDS[request.param](tmp_path_factory.mktemp("servers")) as started:
        yield started


@pytest.fixture
def make(tmp_path):
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Everything(url, tmp_path))


def home_of(running, key):
    """The primary that holds a key."""
    if isinstance(running, servers.Sentinels):
        return running.primary()
    return running.holder_of(key)


def test_a_primary_dies_and_nothing_is_lost_or_doubled(running, make):
    parts = make(running.url)
    parts.writer.flush()
    story = STORIES["put off, then connected"]
    parts.writer.write(story[0])
    home_of(running, parts.client.keys("oh:*:attempt:*")[0]).kill()
    for note in story[1:]:
        parts.writer.write(note)
    deadline = time.monotonic() + 60
    while parts.outbox.depth() or parts.attempts.outcome(FAILURE.reference) != "connected":
        caught_up(parts)
        assert time.monotonic() < deadline, "waited in vain"
    caught_up(parts)
    found = parts.left_behind()
    (day,) = found["counted"]
    assert (day.begun, day.connected) == (1, 1)
    assert found["failures"] <= 1
    assert found["connection"] == story[2].connection


def test_rate_limits_are_counted_once_for_all(unharmed, make_app, tmp_path):
    apps = [
        make_app(REDIS_URL=unharmed.url, RATE_LIMITS="on", DATA_DIR=str(tmp_path / f"data{number}"))
        for number in range(2)
    ]
    browsers = [browser_of(app) for app in apps]
    statuses = [browsers[number % 2].get("/connect/workato").status_code for number in range(140)]
    assert statuses[:60] == [302] * 60
    assert statuses[-10:] == [429] * 10


def test_a_customer_may_meet_another_instance_at_each_step(unharmed, make_app, hubspot, tmp_path):
    first, second = (
        make_app(REDIS_URL=unharmed.url, DATA_DIR=str(tmp_path / f"data{number}"))
        for number in range(2)
    )
    at_first, at_second = browser_of(first), browser_of(second)
    at_second._cookies = at_first._cookies
    customer = Customer(at_first, hubspot)
    back = customer.agree(customer.start())
    address = at_second.get(back).location
    assert "HubSpot is connected" in at_first.get(address).text
    assert at_second.get("/readyz").json["status"] == "ready"


@pytest.mark.parametrize("kind", KINDS)
def test_servers_that_come_later_than_the_program(kind, make_app, hubspot, tmp_path):
    with KINDS[kind](tmp_path / "servers") as running:
        everyone = running.nodes if kind == "Cluster" else [*running.data, *running.sentinels]
        for each in everyone:
            each.kill()
        app = make_app(REDIS_URL=running.url)
        assert browser_of(app).get("/readyz").status_code == 503
        customer = customer_of(app, hubspot)
        back = customer.agree(customer.start())
        address = customer.browser.get(back).location
        assert customer.browser.get(address).status_code == 503
        for each in everyone:
            each.start()
        deadline = time.monotonic() + 60
        while (page := customer.browser.get(address)).status_code == 503:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)
        assert "HubSpot is connected" in customer.browser.get(page.location).text
