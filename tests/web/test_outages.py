"""Customers get on while the store is away or HubSpot is slow, and nothing of it is lost."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from harness import Customer, browser_of, caught_up, customer_of, services_of
from relays import Relay
from stopwatch import Stopwatch
from stories import CONNECTED

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.store.attempts import CLAIM_TIMEOUT

REFERENCE = r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}"


@pytest.fixture
def relay(store_url):
    with Relay(store_url) as between:
        yield between


@pytest.fixture
def app(make_app, relay):
    return make_app(REDIS_URL=relay.url)


def failures(app):
    return services_of(app).failures.page(FailureQuery(), limit=10).failures


def begun(app, profile="workato"):
    (tally,) = services_of(app).counters.attempts(*[_today(app)] * 2)
    assert tally.profile == profile
    return tally


def _today(app):
    return datetime.fromtimestamp(services_of(app).clock(), UTC).date()


def test_a_start_without_the_store_is_counted_later(app, customer, relay):
    relay.cut()
    address = customer.start()
    assert services_of(app).outbox.depth() == 1
    relay.restore()
    assert caught_up(app) == 1
    assert begun(app).begun == 1
    assert "Connected" in customer.come_back(customer.agree(address)).text
    assert begun(app).connected == 1


def test_a_response_waits_for_the_store_and_goes_on_by_itself(
    app, customer, relay, hubspot, caplog
):
    back = customer.agree(customer.start())
    relay.cut()
    first = customer.browser.get(back)
    assert first.status_code == 303
    assert "code" not in first.location
    page = customer.browser.get(first.location)
    assert page.status_code == 503
    assert page.headers["Refresh"] == page.headers["Retry-After"] == "5"
    assert "t store your connection safely" in page.text
    assert "tries again every 5 seconds" in page.text
    assert customer.browser.get(first.location).status_code == 503
    assert hubspot.token_requests == 0
    relay.restore()
    caught_up(app)
    # Staff see that a customer was held up, for as long as it has not ended well.
    (failure,) = failures(app)
    assert failure.status == "open"
    assert "its store stopped" in failure.candidates[0].why
    logged = [each for each in caplog.messages if each.startswith("deferred:")]
    assert logged == [f"deferred: {failure.reference} workato callback"]
    done = customer.browser.get(first.location)
    assert done.status_code == 303
    assert "Connected" in customer.browser.get(done.location).text
    assert hubspot.token_requests == 1
    (failure,) = failures(app)
    assert failure.status == "resolved"
    assert [event.what for event in failure.history] == ["connected"]
    assert begun(app).connected == 1


def test_one_page_that_is_only_looked_at_uses_no_code_up(app, customer, relay, hubspot):
    back = customer.agree(customer.start())
    relay.cut()
    address = customer.browser.get(back).location
    relay.restore()
    caught_up(app)
    assert customer.browser.head(address).status_code == 204
    ahead = customer.browser.get(address, headers={"Sec-Purpose": "prefetch"})
    assert ahead.status_code == 204
    assert hubspot.token_requests == 0
    assert customer.browser.get(address).status_code == 303


def test_two_tabs_that_wait_use_the_code_once(app, customer, relay, hubspot):
    back = customer.agree(customer.start())
    relay.cut()
    address = customer.browser.get(back).location
    second = Customer(browser_of(app), hubspot)
    second.browser._cookies = dict(customer.browser._cookies)
    relay.restore()
    caught_up(app)
    assert customer.browser.get(address).status_code == 303
    other = second.browser.get(address)
    assert other.status_code == 200
    assert "Connected" in other.text
    assert hubspot.token_requests == 1


def test_a_code_that_expired_while_it_waited_is_reported_with_its_age(
    app, customer, relay, hubspot, clock
):
    back = customer.agree(customer.start())
    relay.cut()
    address = customer.browser.get(back).location
    relay.restore()
    caught_up(app)
    clock.now += 3000
    hubspot.instead = lambda path: (
        ('{"status": "BAD_AUTH_CODE", "message": "expired"}', 400, {})
        if path.endswith("/token")
        else None
    )
    page = customer.browser.get(customer.browser.get(address).location)
    assert "Start again" in page.text
    (failure,) = failures(app)
    assert failure.cause == "code_expired_or_reused"
    assert "3000 s old" in failure.candidates[0].why


def test_a_denial_is_shown_without_the_store_and_recorded_later(app, customer, relay):
    response = customer.decide(customer.start(), decision="deny")
    back = response.headers["Location"].partition(".com")[2]
    relay.cut()
    page = customer.come_back(back)
    assert page.status_code == 200
    assert "You cancelled" in page.text
    customer.browser.get(back)
    relay.restore()
    caught_up(app)
    (failure,) = failures(app)
    assert failure.cause == "user_denied"


def test_the_page_of_what_has_connected_needs_no_store(customer, relay):
    customer.connect()
    reference = re.search(REFERENCE, customer.browser.get("/").text)
    assert reference is None  # it does not wait any more
    (cookie,) = [key for key in customer.browser._cookies if "attempt_" in str(key)]
    address = f"/attempts/{str(cookie).partition('attempt_')[2][:14]}"
    relay.cut()
    page = customer.browser.get(address)
    assert page.status_code == 200
    assert "Connected" in page.text


def test_a_report_without_the_store_is_understood_at_once_and_recorded_later(app, customer, relay):
    customer.start()
    reference = re.search(REFERENCE, customer.browser.get("/").text)[0]
    relay.cut()
    response = customer.browser.post(
        f"/attempts/{reference}/report",
        data={"message": "You don't have access: the user lacks the permission tickets"},
        headers={"Referer": "https://connect.example.com/"},
    )
    assert response.status_code == 303
    relay.restore()
    caught_up(app)
    (failure,) = failures(app)
    assert failure.reference == reference
    assert [event.what for event in failure.history] == ["reported"]


def test_tokens_that_came_when_the_store_went_away_are_kept(
    app, customer, relay, hubspot, tmp_path
):
    """The store dies between the claim and the end: the code is used up, the tokens are here."""
    back = customer.agree(customer.start())

    def token_arrives(path):
        if path.endswith("/token"):
            relay.cut()

    hubspot.instead = token_arrives
    assert "Connected" in customer.come_back(back).text
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "data/outbox").iterdir())
    assert hubspot.issued
    assert not [secret for secret in hubspot.issued if secret.encode() in on_disk]
    relay.restore()
    assert caught_up(app) == 1
    (connection,) = services_of(app).connections.newest(limit=5)
    tokens = services_of(app).connections.tokens(connection.id)
    assert any(secret in tokens.access_token.get_secret_value() for secret in hubspot.issued)
    assert begun(app).connected == 1
    assert not failures(app)


def test_a_hanging_store_is_waited_for_a_few_times_only(app, customer, relay):
    customer.start()
    relay.hold()
    watch = Stopwatch()
    for _ in range(12):
        customer.start()
    # Each command would wait for two seconds.
    assert watch.seconds() < 15
    relay.let_go()
    caught_up(app)
    deadline = time.monotonic() + 60
    while services_of(app).outbox.depth():
        caught_up(app)
        assert time.monotonic() < deadline
    assert begun(app).begun == 13


def test_a_response_waits_for_hubspot(make_app, hubspot):
    app = make_app()
    hubspot.instead = lambda path: ("", 503, {}) if path.endswith("/token") else None
    for _ in range(5):
        page = customer_of(app, hubspot).connect()
        assert "HubSpot didn't answer as it should".replace("'", "&#39;") in page.text
    asked = hubspot.token_requests
    customer = customer_of(app, hubspot)
    back = customer.agree(customer.start())
    address = customer.browser.get(back).location
    page = customer.browser.get(address)
    assert page.status_code == 503
    assert "its last step is slow" in page.text
    assert hubspot.token_requests == asked
    assert len(failures(app)) == 6
    assert {each.cause for each in failures(app)} == {"hubspot_unavailable"}
    hubspot.instead = None
    deadline = time.monotonic() + 60
    while (done := customer.browser.get(address)).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "Connected" in customer.browser.get(done.location).text
    assert services_of(app).failures.get(address.rpartition("/")[2]).status == "resolved"


def test_a_reload_while_it_is_dealt_with_waits_for_its_end(customer, hubspot):
    back = customer.agree(customer.start())
    answers = []

    def token_arrives(path):
        if path.endswith("/token"):
            answers.append(customer.browser.get(back))

    hubspot.instead = token_arrives
    second = customer.browser.get(back)
    (first,) = answers
    page = customer.browser.get(second.location)
    assert "HubSpot is connected" in page.text
    assert first.status_code == 303
    assert hubspot.token_requests == 1


def test_a_worker_that_died_over_a_response_is_followed_by_another(app, customer, hubspot, clock):
    back = customer.agree(customer.start())
    reference = re.search(REFERENCE, customer.browser.get("/").text)[0]
    services_of(app).attempts.claim(reference, clock.now, claim_id="m")  # and then it was killed
    address = customer.browser.get(back).location
    page = customer.browser.get(address)
    assert page.status_code == 503
    assert "its last step is slow" in page.text
    assert not failures(app)
    clock.now += CLAIM_TIMEOUT
    done = customer.browser.get(address)
    assert "HubSpot is connected" in customer.browser.get(done.location).text
    assert hubspot.token_requests == 1


def test_a_worker_that_died_after_it_saved_the_connection_does_not_cost_it(
    app, customer, hubspot, clock
):
    customer.connect(decision="deny")
    requests = hubspot.token_requests
    back = customer.agree(customer.start())
    reference = re.search(REFERENCE, customer.browser.get("/").text)[0]
    services = services_of(app)
    services.attempts.claim(reference, clock.now, claim_id="m")
    connection = replace(CONNECTED.connection, reference=reference, connected_at=int(clock.now))
    services.connections.save(connection, CONNECTED.tokens)  # and then it was killed
    clock.now += CLAIM_TIMEOUT
    page = customer.come_back(back)
    assert "HubSpot is connected" in page.text
    assert hubspot.token_requests == requests
    assert services.connections.newest(limit=5) == (connection,)
    (failure,) = failures(app)
    assert failure.status is Status.RESOLVED


def test_a_claim_that_reached_a_hanging_store_is_known_afterwards(app, customer, relay, hubspot):
    back = customer.agree(customer.start())
    relay.hold()
    address = customer.browser.get(back).location
    relay.let_go()  # and the claim arrives
    caught_up(app)
    deadline = time.monotonic() + 60
    while (done := customer.browser.get(address)).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "HubSpot is connected" in customer.browser.get(done.location).text
    assert hubspot.token_requests == 1


def test_a_client_of_the_proxy_gets_its_code_when_the_store_is_back(make_tool, relay):
    tool = make_tool(REDIS_URL=relay.url)
    back = tool.customer.agree(tool.to_hubspot())
    relay.cut()
    address = tool.browser.get(back).location
    assert tool.browser.get(address).status_code == 503
    relay.restore()
    caught_up(tool.browser.application)
    done = tool.browser.get(tool.browser.get(address).location)
    assert done.status_code == 303
    assert "code=" in done.location


def test_a_client_learns_that_its_code_could_not_be_stored(make_tool, relay, hubspot):
    tool = make_tool(REDIS_URL=relay.url)
    back = tool.customer.agree(tool.to_hubspot())

    def token_arrives(path):
        if path.endswith("/token"):
            relay.cut()

    hubspot.instead = token_arrives
    page = tool.browser.get(tool.browser.get(back).location)
    assert "error=" in page.text
    relay.restore()
    caught_up(tool.browser.application)
    (failure,) = failures(tool.browser.application)
    assert failure.client == "Flow Tool"
    assert "its store stopped" in failure.candidates[0].why
