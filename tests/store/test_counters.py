"""Counters and groups against a recount of the records, also after changes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random

import pytest
from failure_examples import (
    CAUSES,
    NOON,
    REQUESTS,
    SCOPES,
    a_failure,
    found_in,
    some_failures,
    some_wanted,
)
from harness import KEPT_DAYS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oauth_helper.common.references import day_of
from oauth_helper.diagnosis import Candidate, Cause
from oauth_helper.failures.model import Event, EventType, Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.failures.statistics import AttemptCount, FailureCount, Recovery, ScopeCount
from oauth_helper.models import Attempt
from oauth_helper.store import counters, day_counters, failure_search
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.counters import Counters
from oauth_helper.store.failure_layout import KIND
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect

FIRST, LAST = NOON.date() - timedelta(days=120), NOON.date() + timedelta(days=1)

by_chance = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def counted(client):
    return Counters(client)


@pytest.fixture
def log(client):
    return Failures(client, retention_days=KEPT_DAYS)


def a_log(client, recorded):
    client.flushall()
    log = Failures(client, retention_days=KEPT_DAYS)
    for failure in recorded:
        log.record(failure)
    return log


def facets(recorded, wanted):
    """What the page offers beside each filter: that filter's own terms do not count for it."""
    found = {}
    for field in KIND:
        others = tuple(term for term in wanted.all_terms if term.field != field)
        fitting = found_in(
            recorded, FailureQuery(terms=others, since=wanted.since, until=wanted.until)
        )
        found[field] = dict(Counter(counted_as(each, field) for each in fitting))
    return found


def counted_as(failure, field):
    value = str(getattr(failure, field))
    return (value.casefold() or "-") if field == "client" else value


def assert_recounted(counted, recorded):
    """Every counter is what a recount of these failures gives."""
    kinds = Counter(
        (day_of(each.reference), each.cause, each.profile, each.status, each.stage)
        for each in recorded
    )
    assert sorted(counted.failures(FIRST, LAST), key=repr) == sorted(
        (FailureCount(*kind, count) for kind, count in kinds.items()), key=repr
    )
    scopes = Counter(
        (day_of(each.reference), each.profile, scope)
        for each in recorded
        for scope in each.missing[:10]
    )
    assert sorted(counted.scopes(FIRST, LAST), key=repr) == sorted(
        (ScopeCount(*about, count) for about, count in scopes.items()), key=repr
    )
    groups = Counter(each.fingerprint for each in recorded)
    found = counted.groups(FailureQuery(), limit=1000)
    assert {group.fingerprint: group.count for group in found} == groups
    is_open = Counter(each.fingerprint for each in recorded if each.status is Status.OPEN)
    assert {group.fingerprint: group.open_count for group in found if group.open_count} == is_open


@by_chance
@given(recorded=some_failures(), wanted=some_wanted())
def test_counts_are_those_of_a_plain_search(client, recorded, wanted):
    a_log(client, recorded)
    counts = Counters(client).counts(wanted)
    if any(term.field in ("", "message", "note") for term in wanted.all_terms):
        assert (counts.total, counts.by_field) == (None, {})
        return
    # A few failures are looked at one by one whenever days alone would not do.
    assert not counts.whole_days
    assert counts.total == len(found_in(recorded, wanted))
    assert counts.by_field == facets(recorded, wanted)


@by_chance
@given(recorded=some_failures(), wanted=some_wanted(texts=False))
def test_counts_of_many_say_what_they_do_not_know(client, recorded, wanted):
    a_log(client, recorded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counters, "_READ_AT_MOST", -1)
        counts = Counters(client).counts(wanted)
    if not any(term.field not in KIND for term in wanted.all_terms):
        whole = [each for each in recorded if is_on_days(each, wanted)]
        without_times = replace(wanted, since=None, until=None)
        assert counts.whole_days == (wanted.since is not None or wanted.until is not None)
        assert counts.total == len(found_in(whole, without_times))
        assert counts.by_field == facets(whole, without_times)
    else:
        assert counts.total in (None, len(found_in(recorded, wanted)))
        assert counts.by_field == {}


@by_chance
@given(
    recorded=some_failures(),
    wanted=some_wanted(texts=False),
    most=st.integers(1, 30),
    compared=st.sampled_from((1, 3, 9, 2000)),
)
def test_a_count_up_to_a_number_is_that_of_a_plain_search(client, recorded, wanted, most, compared):
    a_log(client, recorded)
    every = len(found_in(recorded, wanted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failure_search, "_COUNTED_AT_MOST", compared)
        found, may_be_more = Counters(client).at_least(wanted, most)
    assert found <= min(every, most)
    assert may_be_more or found == every
    if compared == 2000:
        assert (found, may_be_more) == (min(every, most), every >= most)


@pytest.mark.parametrize("days", [1, 5])
def test_a_count_that_compares_too_much_says_that_there_may_be_more(client, log, monkeypatch, days):
    monkeypatch.setattr(failure_search, "_COUNTED_AT_MOST", 10)
    for number in range(40):
        at = NOON - timedelta(days=number % days)
        # The newest of its own are resolved.
        log.record(a_failure(at, status="open" if number % days else "resolved", assignee="ada"))
        log.record(a_failure(at))
        log.record(a_failure(at))
    mine = FailureQuery(status="open", assignee="ada")
    found, may_be_more = Counters(client).at_least(mine, 100)
    assert found <= 10
    assert may_be_more
    assert Counters(client).at_least(replace(mine, terms=(Term("", "word"),)), 100) is None


def is_on_days(failure, wanted):
    """Whether its attempt began on a day on which the wanted times lie."""
    midnight = datetime.combine(day_of(failure.reference), datetime.min.time(), UTC)
    return (wanted.since is None or (midnight + timedelta(days=1)).timestamp() > wanted.since) and (
        wanted.until is None or midnight.timestamp() < wanted.until
    )


@by_chance
@given(
    recorded=some_failures(),
    cause=st.none() | st.sampled_from(CAUSES),
    status=st.none() | st.sampled_from(list(Status)),
    without=st.none() | st.sampled_from(CAUSES),
    since=st.none() | st.integers(-100, 1).map(lambda days: NOON + timedelta(days=days)),
    limit=st.integers(1, 30),
)
def test_groups_are_those_of_a_plain_search(client, recorded, cause, status, without, since, limit):
    a_log(client, recorded)
    terms = (Term("cause", without, negated=True),) if without else ()
    wanted = FailureQuery(
        cause=cause, status=status, terms=terms, since=since.timestamp() if since else None
    )
    groups = Counters(client).groups(wanted, limit=limit)
    of_days = [each for each in recorded if is_on_days(each, wanted)]
    fitting = found_in(of_days, replace(wanted, since=None))
    sizes = Counter(each.fingerprint for each in fitting)
    assert len(groups) == min(limit, len(sizes))
    assert [group.count for group in groups] == sorted(sizes.values(), reverse=True)[:limit]
    for group in groups:
        assert group.count == sizes[group.fingerprint] == sum(group.by_day)
        assert group.by_day == each_day(of_days, fitting, group.fingerprint)
        all_states = [each for each in of_days if each.fingerprint == group.fingerprint]
        newest_first = found_in(all_states, FailureQuery())
        assert (group.cause, group.profile) == (newest_first[0].cause, newest_first[0].profile)
        assert group.scopes == tuple(sorted(newest_first[0].missing))
        assert group.open_count == sum(each.status is Status.OPEN for each in all_states)
        # The sample of groups that began before is of these days too.
        assert group.first_seen == newest_first[-1].at
        assert group.last_seen == newest_first[0].at
        assert group.sample == tuple(each.reference for each in newest_first[:3])


def each_day(recorded, fitting, fingerprint):
    days = [day_of(each.reference) for each in recorded]
    found = Counter(day_of(each.reference) for each in fitting if each.fingerprint == fingerprint)
    length = (max(days) - min(days)).days + 1
    return tuple(found[min(days) + timedelta(days=number)] for number in range(length))


def test_whom_a_group_affects_is_counted(log, counted):
    first = a_failure(hub_id=7)
    log.record(first)
    for number in range(9):
        log.record(a_failure(hub_id=number // 3, browser_id=first.reference if number % 2 else ""))
    (group,) = counted.groups(FailureQuery(), limit=5)
    assert (group.accounts, group.people) == (4, 6)
    log.change(first.reference, lambda old: replace(old, status=Status.RESOLVED))
    assert counted.groups(FailureQuery(), limit=5) == (replace(group, open_count=9),)


def test_kinds_take_the_scopes_together(log, counted):
    for number, missing in enumerate([(), ("tickets",), ("tickets",), ("files",)]):
        log.record(a_failure(NOON - timedelta(hours=30 * number), missing=missing))
    resolved = a_failure(cause=Cause.USER_DENIED, status=Status.RESOLVED, profile="second")
    log.record(resolved)
    first, second = counted.kinds()
    assert (first.cause, first.count, first.open_count) == (Cause.UNKNOWN, 4, 4)
    assert first.last_seen == NOON.timestamp()
    assert first.first_seen == (NOON - timedelta(hours=90)).timestamp()
    assert (second.profile, second.count, second.open_count) == ("second", 1, 0)
    assert second.sample == (resolved.reference,)


def test_groups_of_nothing_are_none(counted):
    assert counted.groups(FailureQuery(), limit=5) == ()
    assert counted.groups(FailureQuery(since=NOON.timestamp()), limit=5) == ()
    assert counted.kinds() == ()
    assert counted.counts(FailureQuery()).total == 0


def test_clients_that_failures_came_by_are_known_with_their_names(log, counted):
    days = (0, 40, 3, 90)
    names = ("Flow Tool", "flow tool", "{b}: a  tool 7", "")
    for ago, name in zip(days, names, strict=True):
        log.record(a_failure(NOON - timedelta(days=ago), client=name))
    # Of two ways to write one name it is the later.
    assert counted.clients() == ("Flow Tool", "{b}: a  tool 7")
    assert counted.counts(FailureQuery()).by_field["client"] == {
        "flow tool": 2,
        "{b}: a  tool 7": 1,
        "-": 1,
    }
    # Kinds are the same with and without a client.
    assert [each.count for each in counted.failures(FIRST, LAST)] == [1, 1, 1, 1]
    assert counted.counts(FailureQuery(client="FLOW tool", cause="unknown")).total == 2


def test_no_client_is_known_where_none_asked(log, counted):
    assert counted.clients() == ()
    log.record(a_failure())
    assert counted.clients() == ()


def test_failures_of_one_kind_are_one_tally_whoever_asked(log, counted):
    for name in ("", "Flow Tool", "Flow Tool", "Zap"):
        log.record(a_failure(client=name))
    (tally,) = counted.failures(FIRST, LAST)
    assert (tally.count, tally.stage) == (4, "token")


def test_attempts_are_counted_once(client, counted):
    attempts = Attempts(client)
    day = NOON.date()
    for number, profile in enumerate(("workato", "workato", "second")):
        reference = a_failure().reference
        attempt = Attempt(reference, profile, REQUESTS[0], int(NOON.timestamp()), 1)
        attempts.create(attempt)
        attempts.create(attempt)
        if number:
            attempts.finish(reference, "connected")
            attempts.finish(reference, "connected")
    assert counted.attempts(day, day) == (
        AttemptCount(day, "second", begun=1, connected=1),
        AttemptCount(day, "workato", begun=2, connected=1),
    )
    assert counted.attempts(date(2026, 1, 1), date(2026, 1, 5)) == ()


def connected(failure, after):
    event = Event(failure.at + after, EventType.CONNECTED, "this program")
    return replace(failure.with_event(event), status=Status.RESOLVED)


def test_recoveries_tell_the_first_time_each(log, counted):
    for seconds in (60, 3600):
        failure = a_failure()
        log.record(failure)
        log.change(failure.reference, partial(connected, after=seconds))
        log.change(failure.reference, partial(connected, after=9 * seconds))
    found = counted.recoveries(NOON.date(), NOON.date())
    assert sorted(each.seconds for each in found) == [60, 3600]
    assert set(found) == {Recovery(NOON.date(), "workato", each.seconds) for each in found}


def test_recoveries_of_a_day_are_bounded(client, counted):
    key = f"oh:{{{NOON.date()}}}:recovered"
    client.hset(key, mapping={f"{number}": f"{number} workato" for number in range(1000)})
    found = counted.recoveries(FIRST, LAST)
    assert len({each.seconds for each in found}) == len(found) == 200


@by_chance
@given(
    recorded=some_failures(10),
    steps=st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(("cause", "resolve", "reopen", "assign", "leave", "scopes", "nothing")),
            st.integers(0, 5),
        ),
        max_size=25,
    ),
)
def test_counters_after_any_changes_are_a_recount(client, recorded, steps):
    log, counted = a_log(client, recorded), Counters(client)
    assert_recounted(counted, recorded)
    now = {failure.reference: failure for failure in recorded}
    for place, what, number in steps:
        if place < len(recorded):
            reference = recorded[place].reference
            now[reference] = log.change(reference, partial(changed, what=what, number=number))
    # By one who remembers what was, and by one who knows nothing yet.
    for each in (counted, Counters(client)):
        assert_recounted(each, now.values())
    assert sorted(log.each(FailureQuery()), key=repr) == sorted(now.values(), key=repr)
    assert all(
        int(count) > 0
        for name in ("counts", "groups", "scopes")
        for key in client.keys(f"oh:*:{name}")
        for count in client.hgetall(key).values()
    )


def changed(failure, *, what, number):
    return {
        "cause": replace(failure, candidates=(Candidate(CAUSES[number % 3], "why"),)),
        "resolve": replace(failure, status=Status.RESOLVED),
        "reopen": replace(failure, status=Status.OPEN),
        "assign": replace(failure, assignee="ada"),
        "leave": replace(failure, assignee=""),
        "scopes": replace(failure, missing=SCOPES[:number]),
        "nothing": failure,
    }[what]


def test_changes_at_the_same_time_are_all_counted(store_url, log, counted):
    recorded = [a_failure(NOON - timedelta(days=number % 3)) for number in range(6)]
    for failure in recorded:
        log.record(failure)

    def work(number):
        chance = Random(number)
        with connect(store_url) as client:
            own = Failures(client, retention_days=KEPT_DAYS)
            for _ in range(15):
                what = chance.choice(("cause", "resolve", "reopen", "assign", "scopes"))
                reference = chance.choice(recorded).reference
                own.change(reference, partial(changed, what=what, number=chance.randrange(4)))
                own.record(a_failure(NOON - timedelta(days=chance.randrange(3))))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    everything = list(log.each(FailureQuery()))
    assert len(everything) == 66
    assert_recounted(counted, everything)


def test_an_emptied_store_counts_from_nothing(client, log, counted):
    recorded = [a_failure(), a_failure()]
    for failure in recorded:
        log.record(failure)
    assert_recounted(counted, recorded)
    client.flushall()
    assert_recounted(counted, [])
    log.record(recorded[0])
    assert_recounted(counted, recorded[:1])


def test_days_that_have_not_changed_are_not_read_again(client, log, counted):
    recorded = [a_failure(NOON - timedelta(days=number)) for number in range(9)]
    for failure in recorded:
        log.record(failure)
    counted.counts(FailureQuery())
    client.config_resetstat()
    counted.counts(FailureQuery())
    assert "cmdstat_hgetall" not in client.info("commandstats")
    log.record(a_failure())
    client.config_resetstat()
    assert counted.counts(FailureQuery()).total == 10
    assert client.info("commandstats")["cmdstat_hgetall"]["calls"] == 1


def test_what_is_remembered_is_bounded(client, log, monkeypatch):
    monkeypatch.setattr(day_counters, "_DAYS", 3)
    monkeypatch.setattr(day_counters, "_SUMS", 2)
    recorded = [a_failure(NOON - timedelta(days=number)) for number in range(9)]
    for failure in recorded:
        log.record(failure)
    counted = Counters(client)
    for number in range(9):
        since = (NOON - timedelta(days=number)).timestamp()
        groups = counted.groups(FailureQuery(since=since), limit=5)
        assert [group.count for group in groups] == [number + 1]
    assert len(counted._groups._counters._known) <= 3
    assert len(counted._groups._counters._sums) <= 2


def test_whatever_is_asked_never_walks_through_keys(client, log, counted):
    for number in range(30):
        log.record(a_failure(NOON - timedelta(days=number), hub_id=number % 3, message="hay"))
    client.config_resetstat()
    words = (Term("", "needle"),)
    for wanted in (
        FailureQuery(),
        FailureQuery(account="1", status="open"),
        FailureQuery(terms=words),
    ):
        page = log.page(wanted, limit=5)
        log.page(wanted, limit=5, cursor=page.next_cursor, newer=True)
        list(log.each(wanted, chunk=7))
        counted.counts(wanted)
        counted.groups(wanted, limit=5)
    counted.kinds()
    for tell in (counted.failures, counted.scopes, counted.attempts, counted.recoveries):
        tell(FIRST, LAST)
    browser = {"browser_id": "2M7X-TQRT-89HR", "fingerprint": "f"}
    log.history("2M7X-TQRT-89HR", **browser, now=NOON.timestamp())
    log.feed.after(log.feed.place(), limit=5)
    # Hashes are read whole: one record, or the counters of one day.
    allowed = {"hgetall", "hmget", "hget", "get", "mget", "hrandfield", "pfcount"}
    allowed |= {"exists", "hexists", "zcard", "zcount", "zscore", "zrange", "zrevrange"}
    allowed |= {"zrangebyscore", "zrevrangebyscore"}  # of the list of days
    allowed |= {"xrange", "xrevrange", "xlen", "evalsha", "script|load", "config|resetstat", "info"}
    used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    assert used <= allowed
