"""A customer who connects in the end: their failures resolve by themselves, and say so."""

from datetime import UTC, datetime

import pytest
from failure_examples import a_failure
from harness import ENTERPRISE, PROFESSIONAL, customer_of, profiles_file, services_of

from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import PROGRAM, Event, EventType, Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.failures.triage import resolve


@pytest.fixture
def services(app):
    return services_of(app)


def all_failures(services):
    return services.failures.page(FailureQuery(), limit=50).failures


def in_the_log(services, clock, **fields):
    failure = a_failure(datetime.fromtimestamp(clock.now - 3600, UTC), **fields)
    services.failures.record(failure)
    return failure


def now(services, failure):
    return services.failures.get(failure.reference)


def test_a_failure_of_the_same_browser_is_resolved(customer, services, clock, staff):
    customer.connect(decision="deny")
    (failure,) = all_failures(services)
    clock.now += 240
    assert customer.connect().status_code == 200
    (connection,) = services.connections.newest(limit=1)
    after = now(services, failure)
    assert after.status is Status.RESOLVED
    assert after.history == (Event(clock.now, EventType.CONNECTED, PROGRAM, connection.reference),)
    page = staff("agent").get(f"/support/failures/{failure.reference}").text
    assert f"The account connected with attempt {connection.reference}" in page
    today = datetime.fromtimestamp(clock.now, UTC).date()
    (recovery,) = services.counters.recoveries(today, today)
    assert recovery.seconds == 240


def test_a_failure_of_the_same_account_is_resolved_by_any_customer(customer, services, clock):
    failure = in_the_log(services, clock, hub_id=ENTERPRISE)
    customer.connect()
    assert now(services, failure).status is Status.RESOLVED


def test_failures_of_other_accounts_and_browsers_stay_open(customer, new_customer, services, clock):
    other_account = in_the_log(services, clock, hub_id=PROFESSIONAL)
    other_profile = in_the_log(services, clock, hub_id=ENTERPRISE, profile="second")
    new_customer().connect(decision="deny")
    customer.connect()
    assert now(services, other_account).status is Status.OPEN
    assert now(services, other_profile).status is Status.OPEN
    (open_one,) = [each for each in all_failures(services) if each.cause is Cause.USER_DENIED]
    assert open_one.status is Status.OPEN


def test_a_failure_of_the_same_browser_that_belongs_to_another_account_stays_open(
    customer, services, clock
):
    customer.connect(decision="deny")
    (failure,) = all_failures(services)
    other = in_the_log(services, clock, hub_id=PROFESSIONAL, browser_id=failure.reference)
    customer.connect()
    assert now(services, failure).status is Status.RESOLVED
    assert now(services, other).status is Status.OPEN


def test_an_attempt_that_was_left_at_hubspot_counts_as_fixed_when_another_connects(
    customer, services, clock
):
    stranded = customer.start()
    clock.now += 60
    customer.connect()
    clock.now += 10_000
    assert services.expiry.record_expired() == 1
    (failure,) = all_failures(services)
    assert failure.reference in stranded
    assert failure.cause is Cause.NEVER_RETURNED
    assert failure.status is Status.RESOLVED
    assert [each.what for each in failure.history] == [EventType.CONNECTED]


def test_an_attempt_that_begins_after_the_connection_does_not(customer, services, clock):
    customer.connect()
    clock.now += 60
    customer.start()
    clock.now += 10_000
    services.expiry.record_expired()
    (failure,) = all_failures(services)
    assert failure.status is Status.OPEN


def test_what_is_resolved_already_stays_as_it_was(customer, services, clock):
    failure = in_the_log(services, clock, hub_id=ENTERPRISE, status=Status.RESOLVED)
    customer.connect()
    assert now(services, failure).history == ()


def test_attempts_of_one_browser_are_of_one_person(customer, new_customer, services, clock):
    for _ in range(3):
        clock.now += 1
        customer.connect(decision="deny")
    new_customer().connect(decision="deny")
    newest_first = all_failures(services)
    people = {each.browser_id for each in newest_first}
    assert len(people) == 2
    assert newest_first[-1].browser_id == newest_first[-1].reference
    (group,) = services.counters.groups(FailureQuery(), limit=5)
    assert (group.count, group.people) == (4, 2)


def test_earlier_failures_of_the_same_browser_weigh_in_the_diagnosis(
    customer, services, clock, staff
):
    customer.connect(decision="deny")
    clock.now += 10
    customer.start()
    clock.now += 10_000
    services.expiry.record_expired()
    late, early = all_failures(services)
    history = services.failures.history(
        late.reference, browser_id=late.browser_id, fingerprint="", now=clock.now
    )
    assert history.earlier == (early.cause,)
    assert history.is_recorded
    page = staff("agent").get(f"/support/failures/{late.reference}").text
    why = page[page.index("Why we think this") : page.index("Activity")]
    assert f'<a href="/support/failures/{early.reference}">{early.reference}</a>' in why


@pytest.mark.parametrize(("header", "expected"), [("de-DE,de;q=0.9", "de"), ("nl", "en")])
def test_the_language_of_the_page_is_kept_for_the_answer(customer, services, header, expected):
    customer.browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = header
    customer.connect(decision="deny")
    (failure,) = all_failures(services)
    assert failure.language == expected


def test_two_profiles_are_kept_apart(make_app, hubspot, tmp_path, clock):
    """A customer who connects one profile has not fixed the other."""
    path = profiles_file(tmp_path, workato={"title": "One"}, second={"title": "Two"})
    app = make_app(PROFILES_FILE=path)
    customer = customer_of(app, hubspot)
    customer.connect("second", decision="deny")
    clock.now += 5
    customer.connect("workato")
    (failure,) = services_of(app).failures.page(FailureQuery(), limit=5).failures
    assert failure.status is Status.OPEN


def test_a_connection_of_one_profile_resolves_nothing_of_another_in_the_sweep(
    make_app, hubspot, tmp_path, clock
):
    path = profiles_file(tmp_path, workato={"title": "One"}, second={"title": "Two"})
    app = make_app(PROFILES_FILE=path)
    customer = customer_of(app, hubspot)
    customer.start("second")
    clock.now += 5
    customer.connect("workato")
    clock.now += 10_000
    services_of(app).expiry.record_expired()
    (failure,) = services_of(app).failures.page(FailureQuery(), limit=5).failures
    assert failure.status is Status.OPEN


@pytest.mark.parametrize("how", ["by staff", "by connecting"])
def test_a_late_error_opens_what_staff_had_resolved_and_says_so(customer, services, clock, how):
    address = customer.start()
    clock.now += 1000
    services.expiry.record_expired()
    (failure,) = all_failures(services)
    if how == "by staff":
        services.failures.change(
            failure.reference, lambda old: resolve(old, at=clock.now, by="agent", text="called")
        )
    else:
        customer.connect()
    clock.now += 60
    customer.come_back(customer.agree(address, decision="deny"))
    after = now(services, failure)
    assert after.cause is Cause.USER_DENIED
    whats = [event.what for event in after.history]
    if how == "by staff":
        assert after.status is Status.OPEN
        assert whats == [EventType.RESOLVED, EventType.RETURNED, EventType.REOPENED]
    else:
        assert after.status is Status.RESOLVED
        assert whats == [EventType.CONNECTED, EventType.RETURNED]
