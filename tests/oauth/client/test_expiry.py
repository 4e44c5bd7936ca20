"""Attempts that never return: recorded once, whichever worker sweeps or dies."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from harness import (
    CLIENT_ID,
    CLIENT_SECRET,
    FREE,
    KEPT_DAYS,
    Customer,
    browser_of,
    profiles_file,
    services_of,
)
from stories import a_writer

from oauth_helper.common.references import new_reference
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import EventType, Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.models import Attempt, Claim
from oauth_helper.oauth.client.expiry import AttemptExpiry
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect

REQUESTED = RequestedScopes(("oauth", "crm.objects.contacts.read"), ("tickets",))
TIMEOUT = 900


@pytest.fixture
def services(app):
    return services_of(app)


def the_failure(services):
    (found,) = services.failures.page(FailureQuery(), limit=10).failures
    return found


def after(clock, seconds):
    clock.now += seconds


def test_an_attempt_that_does_not_return_is_recorded_after_its_time(customer, clock, services):
    customer.start()
    after(clock, TIMEOUT - 1)
    assert services.expiry.record_expired() == 0
    assert services.failures.page(FailureQuery(), limit=10).failures == ()
    after(clock, 2)
    assert services.expiry.record_expired() == 1
    failure = the_failure(services)
    assert failure.cause is Cause.NEVER_RETURNED
    assert failure.stage == "authorization"
    assert failure.at == clock.now
    assert "15 min" in failure.candidates[0].why
    assert failure.requested.scope == REQUESTED.scope
    assert services.attempts.outcome(failure.reference) == "failed"
    assert services.expiry.record_expired() == 0


def test_one_that_has_connected_or_failed_is_left_alone(new_customer, clock, services):
    new_customer().connect()
    new_customer().connect(decision="deny")
    after(clock, TIMEOUT + 1)
    assert services.expiry.record_expired() == 0
    assert [each.cause for each in services.failures.page(FailureQuery(), limit=10).failures] == [
        Cause.USER_DENIED
    ]


def causes_behind(failure):
    return [candidate.cause for candidate in failure.candidates[1:]]


def test_the_likeliest_causes_when_nothing_is_known_of_the_app(customer, clock, services):
    customer.start()
    after(clock, TIMEOUT + 1)
    services.expiry.record_expired()
    failure = the_failure(services)
    assert causes_behind(failure) == [
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.URL_MISSING_REQUIRED_SCOPE,
        Cause.REDIRECT_URI_MISMATCH,
        Cause.USER_LACKS_PERMISSION,
        Cause.USER_DENIED,
    ]
    assert "paste" in failure.ask


def test_an_earlier_cancellation_is_no_title(customer, clock, services, staff):
    customer.connect(decision="deny")
    (cancelled,) = services.failures.page(FailureQuery(), limit=10).failures
    customer.start()
    after(clock, TIMEOUT + 1)
    services.expiry.record_expired()
    failure, _ = services.failures.page(FailureQuery(), limit=10).failures
    assert failure.cause is Cause.NEVER_RETURNED
    page = staff("viewer").get(f"/support/failures/{failure.reference}").text
    assert "<h1>No response from HubSpot</h1>" in page
    assert "An earlier attempt in the same browser ended with this." in page
    assert f'href="/support/failures/{cancelled.reference}"' in page


def test_a_request_that_worked_before_speaks_for_link_and_app(new_customer, clock, services):
    new_customer().connect()
    new_customer().start()
    after(clock, TIMEOUT + 1)
    services.expiry.record_expired()
    assert causes_behind(the_failure(services)) == [
        Cause.USER_LACKS_PERMISSION,
        Cause.APP_NOT_APPROVED,
        Cause.USER_DENIED,
    ]


def test_a_subscription_in_scope_is_the_likeliest_cause(make_app, hubspot, clock, tmp_path):
    gated = "crm.objects.custom.read"
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        f'title = "t"\n[[scope]]\nname = "{gated}"\nkind = "required"\nopens = "o"\n'
        'tier = "enterprise"\n'
    )
    hubspot.list_as(required=("oauth", gated))
    app = make_app(SCOPE_CATALOGUE=str(catalogue))
    customer = Customer(browser_of(app), hubspot)
    page = customer.decide(customer.start(), account=str(FREE))
    assert b"account lacks access" in page.data
    after(clock, TIMEOUT + 1)
    services_of(app).expiry.record_expired()
    failure = the_failure(services_of(app))
    assert causes_behind(failure)[0] is Cause.ACCOUNT_LACKS_FEATURE
    assert failure.missing == (gated,)


def test_a_late_callback_still_connects_and_closes_the_record(customer, clock, services):
    address = customer.start()
    after(clock, TIMEOUT + 1)
    services.expiry.record_expired()
    page = customer.come_back(customer.agree(address))
    assert "HubSpot is connected" in page.text
    failure = the_failure(services)
    assert failure.status is Status.RESOLVED
    assert [event.what for event in failure.history] == [EventType.CONNECTED]
    assert services.attempts.outcome(failure.reference) == "connected"
    assert services.failures.page(FailureQuery(status="open"), limit=10).failures == ()
    assert services.failures.page(FailureQuery(status="resolved"), limit=10).failures == (failure,)


def test_a_late_error_refines_the_record(customer, clock, services):
    address = customer.start()
    after(clock, TIMEOUT + 1)
    services.expiry.record_expired()
    before = the_failure(services)
    after(clock, 60)
    customer.come_back(customer.agree(address, token_answer="rfc_body:BAD_CLIENT_SECRET"))
    failure = the_failure(services)
    assert failure.cause is Cause.CLIENT_SECRET_INVALID
    assert failure.stage == "token"
    assert failure.at == before.at
    assert [(event.what, event.at) for event in failure.history] == [
        (EventType.RETURNED, clock.now)
    ]
    wanted = FailureQuery(cause=Cause.NEVER_RETURNED)
    assert services.failures.page(wanted, limit=10).failures == ()
    (group,) = services.counters.kinds()
    assert (group.cause, group.count) == (Cause.CLIENT_SECRET_INVALID, 1)


def test_a_response_in_hand_is_waited_for_and_then_counts_as_interrupted(customer, clock, services):
    customer.start()
    (attempt,) = services.attempts.expired(clock.now + TIMEOUT, limit=5)
    after(clock, TIMEOUT + 1)
    assert services.attempts.claim(attempt.reference, clock.now, claim_id="m") is Claim.WON
    assert services.expiry.record_expired() == 0
    after(clock, 121)
    assert services.expiry.record_expired() == 1
    failure = the_failure(services)
    assert (failure.cause, failure.stage) == (Cause.UNKNOWN, "callback")
    assert "stopped before" in failure.candidates[0].why


def test_a_profile_that_is_gone_does_not_lose_its_attempts(make_app, hubspot, clock, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(CLIENT_SECRET)
    table = {"client_id": CLIENT_ID, "client_secret_file": str(secret)}
    app = make_app(PROFILES_FILE=profiles_file(tmp_path, second=table))
    Customer(browser_of(app), hubspot).start("second")
    after(clock, TIMEOUT + 1)
    other = make_app(RATE_LIMITS="off")
    assert services_of(other).expiry.record_expired() == 1
    assert the_failure(services_of(other)).profile == "second"


def start_attempts(client, count, deadline, choose):
    """Starts `count` attempts, over two days; their references."""
    attempts = Attempts(client)
    days = [datetime.fromtimestamp(deadline, UTC).date() - timedelta(days=back) for back in (0, 1)]
    references = set()
    for number in range(count):
        reference = new_reference(days[number % 2], choose)
        attempts.create(Attempt(reference, "workato", REQUESTED, deadline - TIMEOUT, deadline))
        references.add(reference)
    return references


def a_sweeping(client, clock):
    return AttemptExpiry(
        attempts=Attempts(client),
        failures=Failures(client, retention_days=KEPT_DAYS),
        writer=a_writer(client, clock),
        profiles={},
        clock=clock,
    )


def all_failures(client):
    log, found, cursor = Failures(client, retention_days=KEPT_DAYS), [], None
    while True:
        page = log.page(FailureQuery(), limit=200, cursor=cursor)
        found += page.failures
        cursor = page.next_cursor
        if cursor is None:
            return found


def choosing():
    number = 0

    def choose(alphabet):
        nonlocal number
        number += 1
        return alphabet[number * 7919 // 23 ** (number % 8) % 23]

    return choose


def test_attempts_that_have_expired_do_not_stand_in_the_way(store_url, store, clock):
    with connect(store_url) as client:
        start_attempts(client, 250, int(clock.now) - 100, choosing())
        gone = store.keys("oh:*:attempt:*")
        store.delete(*gone)
        last = start_attempts(client, 1, int(clock.now) - 1, lambda alphabet: alphabet[3])
        assert a_sweeping(client, clock).record_expired() == 1
        assert {each.reference for each in all_failures(client)} == last
        assert not store.keys("oh:{*}:open")


@pytest.mark.usefixtures("store")
def test_many_sweepers_record_each_attempt_once(store_url, clock):
    with connect(store_url) as client:
        references = start_attempts(client, 300, int(clock.now) - 1, choosing())

        def sweep(_):
            with connect(store_url) as own:
                return a_sweeping(own, clock).record_expired()

        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(sweep, range(8)))
        assert sum(counts) == len(references)
        found = all_failures(client)
        assert sorted(each.reference for each in found) == sorted(references)
        assert all(each.revision == 0 for each in found)


def sweep_until_killed(url, now, progress):
    """Sweeps in a separate process, and reports each record that it writes."""
    client = connect(url)
    sweeping = a_sweeping(client, lambda: now)
    failures = sweeping.writer._failures
    record = failures.record

    def reporting(failure, **options):
        written = record(failure, **options)
        progress.release()
        return written

    failures.record = reporting
    sweeping.record_expired()


@pytest.mark.usefixtures("store")
def test_a_kill_in_the_middle_loses_nothing_and_records_nothing_twice(store_url, clock):
    spawn = multiprocessing.get_context("spawn")
    with connect(store_url) as client:
        references = start_attempts(client, 400, int(clock.now) - 1, choosing())
        progress = spawn.Semaphore(0)
        arguments = (store_url, clock.now, progress)
        sweepers = [spawn.Process(target=sweep_until_killed, args=arguments) for _ in range(2)]
        for process in sweepers:
            process.start()
        for _ in range(60):
            assert progress.acquire(timeout=60)
        os.kill(sweepers[0].pid, signal.SIGKILL)
        for process in sweepers:
            process.join()
        assert sweepers[0].exitcode == -signal.SIGKILL
        a_sweeping(client, clock).record_expired()
        found = [each.reference for each in all_failures(client)]
        assert len(found) == len(set(found))
        assert set(found) == references
        assert a_sweeping(client, clock).record_expired() == 0
