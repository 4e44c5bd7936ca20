"""Pages of failures, both ways, against a plain search through a list."""

from datetime import timedelta

import pytest
from failure_examples import NOON, a_failure, found_in, some_failures, some_wanted
from harness import KEPT_DAYS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.store import failure_reader, failure_search
from oauth_helper.store.failure_search import read_cursor
from oauth_helper.store.failures import Failures


def consecutive_days():
    return [a_failure(NOON - timedelta(days=day)) for day in range(12) for _ in range(3)]


def late_failures():
    """Failures of three days of attempts that happened in turns on the last of them."""
    return [
        a_failure(at, at - timedelta(hours=late))
        for hour in range(12)
        for late in (0, 24, 48)
        for at in [NOON - timedelta(hours=hour, minutes=late)]
    ]


by_chance = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def a_log(client, recorded):
    client.flushall()
    log = Failures(client, retention_days=KEPT_DAYS)
    for failure in recorded:
        assert log.record(failure)
    return log


def pages(log, wanted, limit, *, newer=False, cursor=None):
    """All pages that follow each other one way."""
    found = []
    while True:
        page = log.page(wanted, limit=limit, cursor=cursor, newer=newer)
        found.append(page)
        assert len(page.failures) <= limit
        assert len(found) < 2000, "it does not come to an end"
        onward = page.previous_cursor if newer else page.next_cursor
        assert onward is None or onward != cursor, "it stands still"
        cursor = onward
        if cursor is None:
            return found


def shown(found):
    return [failure for page in found for failure in page.failures]


@by_chance
@given(recorded=some_failures(), wanted=some_wanted(), limit=st.integers(1, 9))
def test_pages_and_exports_hold_what_a_plain_search_finds(client, recorded, wanted, limit):
    log = a_log(client, recorded)
    expected = found_in(recorded, wanted)
    found = pages(log, wanted, limit)
    assert shown(found) == expected
    assert not any(page.bounded for page in found)
    # So none is empty but that of a search that finds nothing.
    assert [len(page.failures) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert found[-1].failures or not expected
    assert found[0].previous_cursor is None
    assert all(page.previous_cursor for page in found[1:])
    assert list(log.each(wanted, chunk=limit)) == expected


@by_chance
@given(
    recorded=some_failures(), wanted=some_wanted(), limit=st.integers(1, 9), number=st.integers(0)
)
def test_the_way_back_shows_the_neighbours(client, recorded, wanted, limit, number):
    log = a_log(client, recorded)
    expected = found_in(recorded, wanted)
    found = pages(log, wanted, 3)
    page = found[number % len(found)]
    before = 3 * (number % len(found))
    if page.previous_cursor:
        back = log.page(wanted, limit=limit, cursor=page.previous_cursor, newer=True)
        assert list(back.failures) == expected[max(0, before - limit) : before]
        assert (back.previous_cursor is None) == (before <= limit)
        again = log.page(wanted, limit=3, cursor=back.next_cursor)
        assert again.failures == page.failures
    oldest_first = pages(log, wanted, limit, newer=True)
    assert [list(each.failures) for each in reversed(oldest_first)] == _cut_from_the_end(
        expected, limit
    )
    assert oldest_first[0].next_cursor is None


def _cut_from_the_end(expected, limit):
    cuts = [expected[max(0, end - limit) : end] for end in range(len(expected), 0, -limit)]
    return list(reversed(cuts)) or [[]]


@by_chance
@given(
    recorded=some_failures(),
    wanted=some_wanted(),
    limit=st.integers(1, 4),
    compared=st.integers(1, 5),
    examined=st.integers(1, 5),
    newer=st.booleans(),
)
@example([a_failure() for _ in range(4)], FailureQuery(), 1, 1, 1, False)
@example(consecutive_days(), FailureQuery(cause="unknown", profile="workato"), 4, 2, 9, False)
@example(consecutive_days(), FailureQuery(), 4, 20, 9, True)
@example(late_failures(), FailureQuery(), 3, 40_000, 9, False)
@example(late_failures(), FailureQuery(), 3, 40_000, 9, True)
def test_a_search_that_is_cut_short_reaches_all_by_going_on(
    client, recorded, wanted, limit, compared, examined, newer
):
    log = a_log(client, recorded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failure_search, "_COMPARED_AT_MOST", compared)
        patch.setattr(failure_reader, "EXAMINED_AT_MOST", examined)
        found = pages(log, wanted, limit, newer=newer)
        assert list(log.each(wanted, chunk=3)) == found_in(recorded, wanted)
    in_order = list(reversed(found)) if newer else found
    assert shown(in_order) == found_in(recorded, wanted)
    for page in found:
        onward = page.previous_cursor if newer else page.next_cursor
        assert page.bounded == (onward is not None and len(page.failures) < limit)
        assert page.examined <= max(examined, limit + 1)


def test_nothing_newer_offers_no_newer_and_still_the_way_to_the_older(client):
    recorded = [a_failure() for _ in range(3)]
    log = a_log(client, recorded)
    newest, *_ = expected = found_in(recorded, FailureQuery())
    cursor = f"{newest.at!r}_{newest.reference}"
    page = log.page(FailureQuery(), limit=5, cursor=cursor, newer=True)
    assert (page.failures, page.previous_cursor, page.bounded) == ((), None, False)
    assert list(log.page(FailureQuery(), limit=5, cursor=page.next_cursor).failures) == expected


def test_nothing_older_still_shows_the_way_to_the_newer(client):
    recorded = [a_failure() for _ in range(3)]
    log = a_log(client, recorded)
    *_, oldest = expected = found_in(recorded, FailureQuery())
    cursor = f"{oldest.at!r}_{oldest.reference}"
    page = log.page(FailureQuery(), limit=5, cursor=cursor)
    assert (page.failures, page.next_cursor) == ((), None)
    back = log.page(FailureQuery(), limit=5, cursor=page.previous_cursor, newer=True)
    assert list(back.failures) == expected


def test_what_arrives_while_one_pages_disturbs_nothing(client):
    recorded = [a_failure() for _ in range(4)]
    log = a_log(client, recorded)
    first = log.page(FailureQuery(), limit=2)
    log.record(a_failure(NOON + timedelta(seconds=1)))
    second = log.page(FailureQuery(), limit=2, cursor=first.next_cursor)
    assert {*first.failures, *second.failures} <= {*recorded, *first.failures}
    assert not {*first.failures} & {*second.failures}


def test_what_is_not_in_one_state_is_found_by_the_index_of_the_other(client):
    recorded = [a_failure() for _ in range(30)]
    resolved = a_failure(status=Status.RESOLVED)
    log = a_log(client, [*recorded, resolved])
    with pytest.MonkeyPatch.context() as patch:
        # Two of a day.
        patch.setattr(failure_search, "_COMPARED_AT_MOST", 2 * failure_search._FIRST_DAYS)
        page = log.page(FailureQuery(terms=(Term("status", "open", negated=True),)), limit=5)
    assert page.failures == (resolved,)
    assert not page.bounded


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "1",
        "1.0_2M7X",
        "-1.0_",
        "1e9_",
        "nan_",
        "999999999999.0_",
        "1.0_\n",
        "_",
        "٣.٣_",
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused(client, cursor):
    with pytest.raises(ValueError, match="cursor"):
        a_log(client, []).page(FailureQuery(), limit=1, cursor=cursor)


def test_a_cursor_of_ours_is_read(client):
    recorded = [a_failure(), a_failure()]
    cursor = a_log(client, recorded).page(FailureQuery(), limit=1).next_cursor
    newest = max(recorded, key=lambda each: each.reference)
    assert read_cursor(cursor) == (NOON.timestamp(), newest.reference)
