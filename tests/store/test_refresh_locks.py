"""Locks for the refresh of a connection, and the failure that stands for all of a day."""

import threading

import pytest

from oauth_helper.models import StoreUnavailableError
from oauth_helper.store import keys
from oauth_helper.store.redis import connect
from oauth_helper.store.refresh_locks import LockTimeouts, RefreshLocks

ID = "workato.7"
REFERENCE, ANEW = "222Q-7777-777J", "222R-7777-777M"


@pytest.fixture
def locks(client):
    return RefreshLocks(client)


def seconds_left(store, key):
    return store.pttl(key) / 1000


class TestALock:
    def test_is_one_callers(self, locks):
        first, second = locks.lock(ID), locks.lock(ID)
        assert first.acquire(REFERENCE) == ""
        assert second.acquire(REFERENCE) is None
        assert locks.lock("workato.8").acquire(REFERENCE) == ""

    def test_is_the_callers_own_when_the_reply_was_lost(self, locks):
        first = locks.lock(ID)
        assert [first.acquire(REFERENCE), first.acquire(REFERENCE)] == ["", ""]

    def test_can_be_acquired_once_it_is_released(self, locks, store):
        first, second = locks.lock(ID), locks.lock(ID)
        first.acquire(REFERENCE)
        first.release("")
        assert not store.exists(keys.refresh_lock(ID))
        assert second.acquire(REFERENCE) == ""

    def test_of_another_caller_is_not_released_for_it(self, locks):
        first, late = locks.lock(ID), locks.lock(ID)
        first.acquire(REFERENCE)
        late.acquire(REFERENCE)
        late.release("a failure")
        late.release("")
        assert locks.lock(ID).acquire(REFERENCE) is None

    def test_lasts_longer_than_the_longest_exchange_and_no_two_minutes(self, locks, store):
        locks.lock(ID).acquire(REFERENCE)
        # Twice: 3 s to connect, 10 s to wait, 15 s and once more 10 s for the answer; 2 s between.
        assert 58 < seconds_left(store, keys.refresh_lock(ID)) < 120

    def test_passes_on_when_its_owner_dies(self, client):
        locks = RefreshLocks(client, timeouts=LockTimeouts(lock=0.05, first_poll=0.005))
        dead, other = locks.lock(ID), locks.lock(ID)
        dead.acquire(REFERENCE)
        assert other.acquire(REFERENCE) is None
        assert other.wait()
        assert other.acquire(REFERENCE) == ""
        dead.release("it comes too late")
        assert locks.lock(ID).acquire(REFERENCE) is None

    def test_is_acquired_by_one_of_many(self, store_url, locks):
        locks.lock("warm").acquire(REFERENCE)
        begin, got = threading.Barrier(20), []

        def acquire():
            with connect(store_url) as client:
                lock = RefreshLocks(client).lock(ID)
                begin.wait()
                got.append(lock.acquire(REFERENCE))

        threads = [threading.Thread(target=acquire) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got, key=str) == ["", *[None] * 19]


class TestAFailure:
    @pytest.fixture
    def left(self, locks):
        lock = locks.lock(ID)
        lock.acquire(REFERENCE)
        lock.release("what came of it")
        return locks

    def test_is_read_instead_of_a_lock(self, left):
        assert left.lock(ID).acquire(REFERENCE) == "what came of it"

    def test_stands_for_some_seconds(self, left, store):
        assert left.lock(ID).acquire(REFERENCE)
        assert 8 < seconds_left(store, keys.refresh_lock(ID)) <= 10

    def test_says_nothing_of_a_connection_that_was_made_anew(self, left):
        assert left.lock(ID).acquire(ANEW) == ""
        assert left.lock(ID).acquire(REFERENCE) is None

    def test_is_gone_after_that(self, client):
        locks = RefreshLocks(client, timeouts=LockTimeouts(failure=0.001, first_poll=0.005))
        lock = locks.lock(ID)
        lock.acquire(REFERENCE)
        lock.release("short")
        assert locks.lock(ID).wait()
        assert locks.lock(ID).acquire(REFERENCE) == ""


class TestWaiting:
    @pytest.mark.parametrize("failure", ["", "what came of it"])
    def test_ends_when_the_lock_is_released(self, locks, failure):
        owner, waiting = locks.lock(ID), locks.lock(ID)
        owner.acquire(REFERENCE)
        ended = []
        thread = threading.Thread(target=lambda: ended.append(waiting.wait()))
        thread.start()
        assert not ended
        owner.release(failure)
        thread.join(timeout=60)
        assert ended == [True]

    def test_ends_when_it_takes_too_long_and_is_not_begun_again(self, client):
        locks = RefreshLocks(client, timeouts=LockTimeouts(wait=0.02, first_poll=0.005))
        locks.lock(ID).acquire(REFERENCE)
        waiting = locks.lock(ID)
        assert not waiting.wait()
        assert not waiting.wait()


class TestTheFirstFailure:
    def test_stands_for_all_of_its_cause_and_connection(self, locks, store):
        assert locks.first_failure(REFERENCE, "rate_limited", "one") == "one"
        assert locks.first_failure(REFERENCE, "rate_limited", "two") == "one"
        assert locks.first_failure(REFERENCE, "unknown", "three") == "three"
        assert locks.first_failure(ANEW, "rate_limited", "four") == "four"
        key = keys.refresh_failed(REFERENCE, "rate_limited")
        assert 86_000 < seconds_left(store, key) <= 86_400


def test_an_outage_is_told():
    locks = RefreshLocks(connect("redis://127.0.0.1:1/0"))
    lock = locks.lock(ID)
    for ask in (
        lambda: lock.acquire(REFERENCE),
        lock.wait,
        lambda: lock.release(""),
        lambda: locks.first_failure(REFERENCE, "unknown", "one"),
    ):
        with pytest.raises(StoreUnavailableError):
            ask()
