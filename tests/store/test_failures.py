"""The log of failures in a real store: order, pages, filters, groups, retention, round trips."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from harness import KEPT_DAYS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stopwatch import Stopwatch

from oauth_helper.common.references import day_of, new_reference
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Event, EventType, Failure, Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.failures.search import read_search
from oauth_helper.models import Attempt, StoreUnavailableError
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.counters import Counters
from oauth_helper.store.failure_reader import EXAMINED_AT_MOST
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCOPES = RequestedScopes(("oauth", "crm.objects.contacts.read"), ("tickets",))


# These are bounded by what they hold.
LASTING = ("oh:days", "oh:feed")


def words(text):
    return read_search(text).terms


class Counter:
    """Makes references in a fixed order, with no chance in them."""

    def __init__(self):
        self.number = 0

    def __call__(self, alphabet):
        self.number += 1
        return alphabet[self.number * 7919 // 23 ** (self.number % 8) % 23]


@pytest.fixture
def counters(client):
    return Counters(client)


choose = Counter()


def a_failure(at=NOON, begun=None, cause=Cause.UNKNOWN, **fields):
    begun = begun or at
    fields = {"profile": "workato", "message": "", **fields}
    return Failure(
        reference=fields.pop("reference", None) or new_reference(begun.date(), choose),
        stage=fields.pop("stage", Stage.TOKEN),
        at=at.timestamp(),
        started_at=int(begun.timestamp()),
        requested=SCOPES,
        candidates=(Candidate(cause, "because"),),
        **fields,
    )


def all_pages(log, wanted=FailureQuery(), limit=3):  # noqa: B008 - frozen
    found, cursor = [], None
    while True:
        page = log.page(wanted, limit=limit, cursor=cursor)
        assert len(page.failures) <= limit
        found += page.failures
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_a_failure_comes_back_as_it_was_written(log):
    failure = a_failure(
        message="text “with” \n everything",
        granted=("oauth",),
        missing=("tickets",),
        hub_id=7,
        correlation_id="c",
        redirect_uri="https://x.example/callback/y",
    )
    assert log.record(failure)
    assert log.get(failure.reference) == failure


def test_what_is_empty_takes_no_place_and_reads_back(log, store):
    same = "Which scopes the app lists isn't known here."
    failure = replace(
        a_failure(stage=Stage.AUTHORIZATION),
        candidates=(
            Candidate(Cause.URL_REQUESTS_UNCONFIGURED_SCOPE, same),
            Candidate(Cause.SCOPE_IN_WRONG_PARAMETER, same, ("tickets",), "static_app"),
            Candidate(Cause.INVALID_SCOPE_NAME, "", (), "", "oauth"),
            Candidate(Cause.UNKNOWN, ""),
        ),
    )
    log.record(failure)
    assert log.get(failure.reference) == failure
    fields = store.hgetall(keys.failure(failure.reference))
    assert all(fields.values())
    texts = store.hgetall(keys.of_day(day_of(failure.reference), keys.DIAGNOSES))
    assert texts[fields["diagnosis"]].count(same) == 1
    log.change(failure.reference, lambda old: replace(old, assignee="ada"))
    changed = log.change(failure.reference, lambda old: replace(old, assignee=""))
    assert log.get(failure.reference) == changed == replace(failure, revision=2)


def test_failures_of_a_day_share_their_diagnosis(log, client, store):
    first, other = a_failure(stage=Stage.AUTHORIZATION), a_failure(stage=Stage.AUTHORIZATION)
    log.record(first)
    log.record(other)
    texts = keys.of_day(day_of(first.reference), keys.DIAGNOSES)
    assert store.hlen(texts) == 1
    changed = (Candidate(Cause.UNKNOWN, "Nobody knows."),)
    assert log.change(other.reference, lambda old: replace(old, candidates=changed))
    assert store.hlen(texts) == 2
    again = Failures(client, retention_days=90)
    assert again.get(first.reference) == first
    assert again.get(other.reference).candidates == changed


def test_a_diagnosis_that_may_quote_hubspot_is_in_its_record_alone(log, store):
    quoting = (Candidate(Cause.HUBSPOT_UNAVAILABLE, "HubSpot said: Ana's account is moving."),)
    failure = replace(a_failure(stage=Stage.TOKEN), candidates=quoting)
    log.record(failure)
    assert not store.keys("*:diagnoses")
    assert log.get(failure.reference) == failure
    # A customer's report comes first, the answer afterwards.
    reported = a_failure(stage=Stage.AUTHORIZATION)
    log.record(reported)
    later = log.change(
        reported.reference, lambda old: replace(old, stage=Stage.TOKEN, candidates=quoting)
    )
    assert log.get(reported.reference) == later
    log.erase([failure, later])
    kept = [value for key in store.keys("*:diagnoses") for value in store.hvals(key)]
    assert kept == ['[["unknown","because"]]']


def test_a_shared_diagnosis_of_another_version_hides_no_other_failure(client, log, store, caplog):
    newer, known = (
        a_failure(stage=Stage.AUTHORIZATION),
        replace(a_failure(stage=Stage.AUTHORIZATION), candidates=(Candidate(Cause.UNKNOWN, "x"),)),
    )
    log.record(newer)
    log.record(known)
    texts = keys.of_day(day_of(newer.reference), keys.DIAGNOSES)
    name = store.hget(keys.failure(newer.reference), "diagnosis")
    store.hset(texts, name, '[["a_cause_of_the_next_version","y"]]')
    found = all_pages(Failures(client, retention_days=90))
    assert {each.reference for each in found} == {newer.reference, known.reference}
    assert Failures(client, retention_days=90).get(newer.reference).candidates == (
        Candidate(Cause.UNKNOWN, ""),
    )
    assert "a shared text can't be read" in caplog.text


@pytest.mark.parametrize(
    ("own", "read"),
    [
        pytest.param(
            '[["user_denied","The customer said no."]]',
            (Candidate(Cause.USER_DENIED, "The customer said no."),),
            id="of-version-2",
        ),
        pytest.param("", (Candidate(Cause.UNKNOWN, ""),), id="lost"),
    ],
)
def test_a_failure_without_a_shared_diagnosis(client, log, store, own, read):
    failure = a_failure(stage=Stage.AUTHORIZATION)
    log.record(failure)
    key = keys.failure(failure.reference)
    if own:
        store.hdel(key, "diagnosis")
        store.hset(key, "candidates", own)
    else:
        store.delete(keys.of_day(day_of(failure.reference), keys.DIAGNOSES))
    assert Failures(client, retention_days=90).get(failure.reference).candidates == read


def test_nothing_granted_is_not_the_same_as_nobody_knows(log):
    nothing, unknown = a_failure(granted=()), a_failure(granted=None)
    log.record(nothing)
    log.record(unknown)
    assert log.get(nothing.reference).granted == ()
    assert log.get(unknown.reference).granted is None


def test_one_reference_has_one_failure(log, counters):
    failure = a_failure()
    assert log.record(failure)
    assert not log.record(a_failure(reference=failure.reference, cause=Cause.USER_DENIED))
    assert log.get(failure.reference) == failure
    assert all_pages(log) == [failure]
    assert [group.count for group in counters.kinds()] == [1]


def test_an_attempt_that_failed_is_no_longer_open(log, client, store):
    failure = a_failure()
    Attempts(client).create(Attempt(failure.reference, "workato", SCOPES, failure.started_at, 1))
    log.record(failure)
    assert not store.exists("oh:{2026-11-23}:open")
    (key,) = store.keys("oh:*:attempt:*")
    assert store.hget(key, "outcome") == "failed"


def test_newest_first_across_midnight_and_days_without_any(log):
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    failures = [
        a_failure(midnight + timedelta(minutes=5), begun=midnight - timedelta(minutes=5)),
        a_failure(midnight + timedelta(minutes=1)),
        a_failure(midnight + timedelta(minutes=9)),
        a_failure(midnight - timedelta(days=40)),
        a_failure(midnight - timedelta(days=7), begun=midnight - timedelta(days=8)),
    ]
    for failure in failures:
        log.record(failure)
    newest_first = sorted(failures, key=lambda each: -each.at)
    assert all_pages(log, limit=1) == newest_first
    assert all_pages(log, limit=2) == newest_first
    assert all_pages(log, limit=50) == newest_first


def test_a_late_failure_of_a_day_further_back_is_in_its_place(log):
    failures = [a_failure(NOON - timedelta(days=days)) for days in range(6)]
    late = a_failure(NOON - timedelta(days=3) + timedelta(hours=30), NOON - timedelta(days=3))
    for failure in (*failures, late):
        log.record(failure)
    expected = [*failures[:2], late, *failures[2:]]
    assert all_pages(log, limit=3) == expected
    assert list(log.page(FailureQuery(), limit=3).failures) == expected[:3]


def test_many_at_the_same_instant_are_each_listed_once(log):
    failures = [a_failure(NOON) for _ in range(40)]
    for failure in failures:
        log.record(failure)
    found = all_pages(log, limit=7)
    assert len(found) == 40
    assert {each.reference for each in found} == {each.reference for each in failures}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moments=st.lists(
        st.tuples(st.integers(0, 20 * 24), st.integers(0, 30), st.sampled_from(list(Cause)[:3])),
        max_size=25,
    ),
    limit=st.integers(1, 9),
    cause=st.sampled_from([None, *list(Cause)[:3]]),
    since=st.one_of(st.none(), st.integers(0, 20 * 24)),
)
def test_pages_hold_what_a_plain_sort_would(log, client, moments, limit, cause, since):
    client.flushall()
    log._known_days.clear()
    failures = [
        a_failure(
            NOON - timedelta(hours=hours) + timedelta(hours=late),
            NOON - timedelta(hours=hours),
            cause,
        )
        for hours, late, cause in moments
    ]
    for failure in failures:
        log.record(failure)
    start = None if since is None else (NOON - timedelta(hours=since)).timestamp()
    expected = [
        each
        for each in sorted(failures, key=lambda each: (each.at, each.reference), reverse=True)
        if cause in (None, each.cause) and (start is None or each.at >= start)
    ]
    assert all_pages(log, FailureQuery(cause=cause, since=start), limit) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FailureQuery(), "abc"),
        (FailureQuery(cause="user_denied"), "ab"),
        (FailureQuery(profile="second"), "b"),
        (FailureQuery(cause="user_denied", profile="workato"), "a"),
        (FailureQuery(status="open"), "bc"),
        (FailureQuery(status="resolved", cause="user_denied"), "a"),
        (FailureQuery(terms=words("needle")), "c"),
        (FailureQuery(terms=words("NEEDLE")), "c"),
        (FailureQuery(terms=words("4711")), "b"),
        (FailureQuery(terms=words("tickets")), ""),
        (FailureQuery(terms=words("crm.lists")), "a"),
        (FailureQuery(since=NOON.timestamp()), "bc"),
        (FailureQuery(until=NOON.timestamp()), "a"),
        (FailureQuery(cause="nothing_like_this"), ""),
    ],
    ids=repr,
)
def test_filters(log, wanted, expected):
    failures = {
        "a": a_failure(
            NOON - timedelta(hours=1),
            cause=Cause.USER_DENIED,
            status=Status.RESOLVED,
            missing=("crm.lists.read",),
        ),
        "b": a_failure(NOON, cause=Cause.USER_DENIED, profile="second", hub_id=4711),
        "c": a_failure(NOON + timedelta(hours=1), message="a Needle in here"),
    }
    for failure in failures.values():
        log.record(failure)
    names = {failure.reference: name for name, failure in failures.items()}
    assert sorted(names[each.reference] for each in all_pages(log, wanted)) == list(expected)


def test_a_search_that_finds_little_is_bounded_and_says_so(log):
    for number in range(EXAMINED_AT_MOST + 10):
        log.record(a_failure(NOON - timedelta(seconds=number), message="hay"))
    log.record(a_failure(NOON - timedelta(days=1), message="needle"))
    page = log.page(FailureQuery(terms=words("needle")), limit=50)
    assert page.bounded
    assert page.failures == ()
    assert (
        len(
            log.page(
                FailureQuery(terms=words("needle")), limit=50, cursor=page.next_cursor
            ).failures
        )
        == 1
    )


def test_groups_count_and_span(log, counters):
    for hours, cause in [(0, Cause.UNKNOWN), (30, Cause.UNKNOWN), (60, Cause.USER_DENIED)]:
        log.record(a_failure(NOON - timedelta(hours=hours), cause=cause))
    first, second = counters.kinds()
    assert (first.cause, first.count) == ("unknown", 2)
    assert first.last_seen == NOON.timestamp()
    assert first.first_seen == (NOON - timedelta(hours=30)).timestamp()
    assert (second.cause, second.count) == ("user_denied", 1)


def test_records_and_indexes_expire_with_the_retention(client, store):
    Failures(client, retention_days=90).record(a_failure(datetime.now(UTC)))
    keys = [key for key in store.keys("oh:*") if key not in LASTING]
    assert keys
    for key in keys:
        days = store.ttl(key) / 86_400
        assert 90 <= days <= 93


def test_old_days_leave_the_list_of_days(client, store):
    log = Failures(client, retention_days=90)
    log.record(a_failure(NOON - timedelta(days=300)))
    log.record(a_failure(NOON))
    assert store.zrange("oh:days", 0, -1) == ["2026-11-23"]


def test_a_log_that_was_emptied_lists_what_comes_after(log, client):
    log.record(a_failure())
    client.flushall()
    failure = a_failure()
    log.record(failure)
    assert all_pages(log) == [failure]


def test_a_failure_that_seems_older_than_its_attempt_is_still_paged(log):
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    failures = [
        a_failure(midnight - timedelta(seconds=seconds), begun=midnight) for seconds in (1, 2, 3)
    ]
    for failure in failures:
        log.record(failure)
    assert all_pages(log, limit=1) == failures


def test_a_write_is_one_step_and_its_announcement(log, client):
    log.record(a_failure())  # makes the day and the script known
    before = client.info("commandstats")
    log.record(a_failure())
    after = client.info("commandstats")
    calls = {
        name: stats["calls"] - before.get(name, {"calls": 0})["calls"]
        for name, stats in after.items()
    }
    assert calls["cmdstat_evalsha"] == 1
    inside = {"cmdstat_evalsha", "cmdstat_info", "cmdstat_exists", "cmdstat_hset", "cmdstat_zadd"}
    inside |= {"cmdstat_expireat", "cmdstat_hincrby", "cmdstat_zrem", "cmdstat_hget"}
    inside |= {
        "cmdstat_zremrangebyrank",
        "cmdstat_xadd",
        "cmdstat_pfadd",
        "cmdstat_set",
        "cmdstat_hsetnx",
    }
    assert {name for name, count in calls.items() if count} <= inside


def test_every_key_of_one_record_is_in_one_slot(log, store):
    log.record(a_failure())
    lasting = {*LASTING, *store.keys("oh:people:*"), *store.keys("oh:unresolved:*")}
    tags = {key.split("{")[1].split("}")[0] for key in store.keys("oh:*") if key not in lasting}
    assert tags == {"2026-11-23"}


def test_no_page_scans(log, client, counters):
    for _ in range(5):
        log.record(a_failure())
    client.config_resetstat()
    all_pages(log)
    log.page(FailureQuery(terms=words("x")), limit=5)
    counters.kinds()
    used = set(client.info("commandstats"))
    assert not used & {"cmdstat_keys", "cmdstat_scan", "cmdstat_hscan", "cmdstat_zscan"}


def test_a_store_that_is_away_is_said_to_be_away():
    log = Failures(connect("redis://127.0.0.1:1"), retention_days=1)
    watch = Stopwatch()
    failure = a_failure()
    for action in (lambda: log.record(failure), lambda: log.get(failure.reference)):
        with pytest.raises(StoreUnavailableError):
            action()
    assert watch.seconds() < 10


def test_a_restarted_server_without_the_script_gets_it_again(log, client):
    log.record(a_failure())
    client.script_flush()
    failure = a_failure()
    assert log.record(failure)
    assert log.get(failure.reference) == failure


# ---- changing a record


def reported(text):
    return Event(1.0, EventType.REPORTED, "the customer", text)


def test_changing_the_cause_moves_the_record_between_the_indexes(log, counters):
    failure = a_failure(cause=Cause.NEVER_RETURNED)
    other = a_failure(cause=Cause.NEVER_RETURNED, at=NOON + timedelta(minutes=1))
    log.record(failure)
    log.record(other)
    candidates = (Candidate(Cause.APP_NOT_APPROVED, "they said so"),)
    changed = log.change(
        failure.reference,
        lambda old: replace(old, candidates=candidates, status=Status.RESOLVED),
    )
    assert changed == replace(failure, candidates=candidates, status=Status.RESOLVED, revision=1)
    assert log.get(failure.reference) == changed
    assert all_pages(log, FailureQuery(cause=Cause.NEVER_RETURNED)) == [other]
    assert all_pages(log, FailureQuery(cause=Cause.APP_NOT_APPROVED)) == [changed]
    assert all_pages(log, FailureQuery(cause=Cause.APP_NOT_APPROVED, profile="workato")) == [
        changed
    ]
    assert all_pages(log, FailureQuery(status="open")) == [other]
    assert all_pages(log, FailureQuery(status="resolved")) == [changed]
    assert all_pages(log) == [other, changed]
    assert [(group.cause, group.count) for group in counters.kinds()] == [
        (Cause.NEVER_RETURNED, 1),
        (Cause.APP_NOT_APPROVED, 1),
    ]


def test_everything_of_a_changed_record_expires_with_its_day(log, client):
    failure = a_failure()
    log.record(failure)
    log.change(failure.reference, lambda old: replace(old, status=Status.RESOLVED))
    keys = [key for key in client.keys("oh:*") if key not in LASTING]
    assert len({client.expiretime(key) for key in keys}) == 1
    assert client.expiretime(keys[0]) > 0


def test_nobodys_change_is_lost(log, store_url):
    failure = a_failure()
    log.record(failure)

    def add(number):
        with connect(store_url) as client:
            own = Failures(client, retention_days=KEPT_DAYS)
            return own.change(failure.reference, lambda old: old.with_event(reported(f"{number}")))

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(add, range(12)))
    assert sorted(each.revision for each in results) == list(range(1, 13))
    kept = log.get(failure.reference)
    assert sorted(int(event.text) for event in kept.history) == list(range(12))


def test_a_change_that_changes_nothing_writes_nothing(log):
    failure = a_failure()
    log.record(failure)
    assert log.change(failure.reference, lambda old: old) == failure
    assert log.get(failure.reference).revision == 0


def test_there_is_nothing_to_change_without_a_record(log):
    assert log.change("2M7X-TQRT-89HR", lambda old: old) is None


def test_the_history_is_bounded():
    failure = a_failure()
    for number in range(60):
        failure = failure.with_event(reported(f"{number}"))
    assert [event.text for event in failure.history] == [f"{number}" for number in range(10, 60)]


def test_a_failure_of_no_client_is_told_from_that_of_a_client(log, client):
    failure, through = a_failure(message="needle"), a_failure(client="Flow Tool")
    log.record(failure)
    log.record(through)
    (counts,) = client.keys("oh:*:counts")
    kind = "unknown workato open token"
    assert client.hgetall(counts) == {kind: "1", f"{kind} Flow Tool": "1"}
    assert log.get(failure.reference).client == ""
    assert list(log.each(FailureQuery(client="-"))) == [failure]
    assert list(log.each(FailureQuery(client="Flow Tool"))) == [through]
    assert list(log.each(FailureQuery(terms=(Term("", "needle"),)))) == [failure]
    # Looked at one by one, and by the counters.
    counted = Counters(client)
    for wanted in (FailureQuery(since=1.0), FailureQuery()):
        assert counted.counts(wanted).by_field["client"] == {"-": 1, "flow tool": 1}
    changed = log.change(failure.reference, lambda old: replace(old, status=Status.RESOLVED))
    assert log.get(failure.reference) == changed
    assert counted.counts(FailureQuery(client="-")).by_field["status"] == {"resolved": 1}


def test_a_client_is_found_however_its_name_is_written(log, client):
    names = ("Flow Tool", "{x}: a  token", "Straße 7", "")
    failures = [a_failure(client=name) for name in names]
    for failure in failures:
        log.record(failure)
    for name, failure in zip(names[:3], failures, strict=False):
        for written in (name, name.upper(), name.lower()):
            assert list(log.each(FailureQuery(client=written))) == [failure]
            assert failure not in list(
                log.each(FailureQuery(terms=(Term("client", written, negated=True),)))
            )
    assert list(log.each(FailureQuery(client="flow"))) == []
    assert list(log.each(FailureQuery(client="-"))) == failures[3:]
    assert len(list(log.each(FailureQuery(terms=(Term("client", "-", negated=True),))))) == 3
    # Only those that have a client are in an index of clients.
    assert len(client.keys("oh:*:failures:client:*")) == 3
    (proxied,) = client.keys("oh:*:failures:proxied")
    assert client.zcard(proxied) == 3


def test_only_an_open_attempt_is_recorded_when_that_is_asked_for(log, client):
    failure, unknown = a_failure(), a_failure()
    attempts = Attempts(client)
    attempts.create(Attempt(failure.reference, "workato", SCOPES, failure.started_at, 1))
    assert not log.record(unknown, only_if_open=True)
    assert log.record(failure, only_if_open=True)
    assert not log.record(failure, only_if_open=True)
    closed = a_failure()
    attempts.create(Attempt(closed.reference, "workato", SCOPES, closed.started_at, 1))
    attempts.finish(closed.reference, "connected")
    assert not log.record(closed, only_if_open=True)
    assert log.get(closed.reference) is None


def test_a_write_whose_reply_is_lost_counts_once(log):
    record, change = log._record.run_all, log._change
    log._record.run_all = lambda *call, **more: (record(*call, **more), record(*call, **more))[1]
    log._change = lambda **call: (change(**call), change(**call))[1]
    failure = a_failure()
    assert log.record(failure)
    assert not log.record(failure)
    changed = log.change(failure.reference, lambda old: old.with_event(reported("x")))
    assert changed.revision == 1
    assert len(log.get(failure.reference).history) == 1


def test_an_attempt_that_has_connected_gets_no_failure(log, client):
    failure = a_failure()
    attempts = Attempts(client)
    attempts.create(Attempt(failure.reference, "workato", SCOPES, failure.started_at, 1))
    attempts.finish(failure.reference, "connected")
    assert not log.record(failure)
    assert log.get(failure.reference) is None


def test_a_record_that_expires_meanwhile_does_not_come_back(log, client):
    failure = a_failure()
    log.record(failure)

    def expire(old):
        client.delete(*client.keys("oh:*:failure:*"))
        return old.with_event(reported("x"))

    assert log.change(failure.reference, expire) is None
    assert client.keys("oh:*:failure:*") == []


def test_account_stage_and_assignee_have_indexes(log):
    first = a_failure(hub_id=7)
    second = a_failure(hub_id=8, at=NOON + timedelta(minutes=1))
    log.record(first)
    log.record(second)
    log.change(second.reference, lambda old: replace(old, assignee="jo"))
    (mine,) = all_pages(log, FailureQuery(assignee="jo"))
    assert mine.reference == second.reference
    assert all_pages(log, FailureQuery(account="7")) == [first]
    assert all_pages(log, FailureQuery(account="7", assignee="jo")) == []
    assert all_pages(log, FailureQuery(account="8", cause=Cause.UNKNOWN, profile="workato")) == [
        mine
    ]
    assert len(all_pages(log, FailureQuery(stage="token"))) == 2
    assert all_pages(log, FailureQuery(stage="grant")) == []
    log.change(second.reference, lambda old: replace(old, assignee=""))
    assert all_pages(log, FailureQuery(assignee="jo")) == []


@pytest.mark.parametrize("count", [3, 6])
def test_a_page_that_ends_with_the_last_failure_says_so(log, count):
    for number in range(count):
        log.record(a_failure(at=NOON + timedelta(minutes=number)))
    cursor, pages = None, []
    while not pages or cursor:
        page = log.page(FailureQuery(), limit=3, cursor=cursor)
        pages.append(len(page.failures))
        cursor = page.next_cursor
    assert pages == [3] * (count // 3)


def test_the_history_of_a_browser(log, store):
    """Its failures of the last week, from any profile, the newest first, except the attempt's."""
    week = [NOON - timedelta(days=ago) for ago in (6, 3, 1, 0)]
    causes = (Cause.USER_DENIED, Cause.NEVER_RETURNED, Cause.RATE_LIMITED, Cause.UNKNOWN)
    first = a_failure(week[0], cause=causes[0])
    browser = {"browser_id": first.reference}
    others = [
        a_failure(at, cause=cause, **browser)
        for at, cause in zip(week[1:], causes[1:], strict=True)
    ]
    for failure in (first, *others, a_failure(NOON, cause=Cause.INVALID_SCOPE_NAME)):
        log.record(failure)
    own, now = others[-1].reference, NOON.timestamp()
    found = log.history(own, **browser, fingerprint="f", now=now)
    assert found.earlier == (Cause.RATE_LIMITED, Cause.NEVER_RETURNED, Cause.USER_DENIED)
    assert (found.worked, found.is_recorded) == (False, False)
    store.hset(keys.failure(others[0].reference), "cause", "of_another_version")
    later = log.history("2M7X-TQRT-89HR", **browser, fingerprint="", now=now + 5 * 86_400)
    assert later.earlier == (Cause.UNKNOWN, Cause.RATE_LIMITED, Cause.USER_DENIED)
    assert not log.history("2M7X-TQRT-89HR", browser_id="", fingerprint="f", now=now).earlier
