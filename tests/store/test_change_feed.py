"""The feed of what is new or has changed: in order, nothing lost, and a gap is said to be one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from failure_examples import a_failure
from harness import KEPT_DAYS

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FeedUpdate
from oauth_helper.store.change_feed import ChangeFeed
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect


@pytest.fixture
def feed(client):
    return ChangeFeed(client)


def record(log, count):
    recorded = [a_failure() for _ in range(count)]
    for failure in recorded:
        log.record(failure)
    return [failure.reference for failure in recorded]


def test_a_feed_without_anything_has_a_place_too(log, feed):
    place = feed.place()
    assert feed.after(place, limit=5) == FeedUpdate(place, ())
    references = record(log, 2)
    assert feed.after(place, limit=5).references == tuple(references)


def test_what_happened_after_a_place_comes_in_its_order(log, feed):
    first, second = record(log, 2)
    place = feed.place()
    third, fourth = record(log, 2)
    log.change(first, lambda old: replace(old, status=Status.RESOLVED))
    log.change(third, lambda old: replace(old, status=Status.RESOLVED))
    news = feed.after(place, limit=10)
    # Each once, though one was recorded and changed.
    assert news == FeedUpdate(feed.place(), (third, fourth, first))
    assert second not in news.references
    assert feed.after(news.place, limit=10) == FeedUpdate(news.place, ())


def test_a_limit_leaves_the_rest_for_the_next_time(log, feed):
    place = feed.place()
    references = record(log, 5)
    news = feed.after(place, limit=3)
    assert (list(news.references), news.has_gap) == (references[:3], False)
    assert list(feed.after(news.place, limit=3).references) == references[3:]


def test_a_change_that_changes_nothing_is_not_announced(log, feed):
    (reference,) = record(log, 1)
    # In the round trip of the record, so that nothing is known about it yet.
    assert not log.record(a_failure(reference=reference))
    place = feed.place()
    assert log.change(reference, lambda old: old) is not None
    assert log.change("2M7X-TQRT-89HR", lambda old: old) is None
    assert feed.after(place, limit=5) == FeedUpdate(place, ())


def test_whoever_was_away_for_too_long_is_told(log, feed, client):
    record(log, 1)
    place = feed.place()
    references = record(log, 6)
    client.xtrim("oh:feed", maxlen=3, approximate=False)
    news = feed.after(place, limit=10)
    assert news.has_gap
    assert list(news.references) == references[3:]
    assert not feed.after(news.place, limit=10).has_gap


def test_an_emptied_store_leaves_a_gap(log, feed, client):
    record(log, 2)
    place = feed.place()
    client.flushall()
    assert feed.after(place, limit=5).has_gap
    references = record(log, 2)
    news = feed.after(place, limit=5)
    assert (list(news.references), news.has_gap) == (references, True)
    assert not feed.after(news.place, limit=5).has_gap


@pytest.mark.parametrize("place", ["", "0", "x-1", "1-", "-", "+", "$", "1-1 ", "1-1\n", "(1-1"])
def test_what_is_no_place_is_refused(feed, place):
    with pytest.raises(ValueError, match="place"):
        feed.after(place, limit=5)


def test_a_reader_misses_nothing_while_many_write(store_url, feed, log):
    place, done, read = feed.place(), threading.Event(), []

    def follow():
        at = place
        while True:
            was_done = done.is_set()
            news = feed.after(at, limit=50)
            assert not news.has_gap
            read.extend(news.references)
            at = news.place
            if was_done and not news.references:
                return

    def write(_):
        with connect(store_url) as client:
            return record(Failures(client, retention_days=KEPT_DAYS), 125)

    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(follow)
        written = [reference for some in pool.map(write, range(8)) for reference in some]
        done.set()
        reader.result(timeout=60)
    assert len(written) == len(set(written)) == 1000
    assert sorted(read) == sorted(written)
    assert all(log.get_all(written))
