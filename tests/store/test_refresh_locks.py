"""Turns at refreshing a connection, and the failure that stands for all of a day."""

import threading

import pytest

from oauth_helper.models import StoreUnavailableError
from oauth_helper.store import keys
from oauth_helper.store.redis import connect
from oauth_helper.store.refresh_locks import LockTimeouts, RefreshLocks

ID = "workato.7"
REFERENCE, ANEW = "222Q-7777-777J", "222R-7777-777M"


@pytest.fixture
def refreshes(client):
    return RefreshLocks(client)


def seconds_left(store, key):
    return store.pttl(key) / 1000


class TestATurn:
    def test_is_one_callers(self, refreshes):
        first, second = refreshes.turn(ID), refreshes.turn(ID)
        assert first.take(REFERENCE) == ""
        assert second.take(REFERENCE) is None
        assert refreshes.turn("workato.8").take(REFERENCE) == ""

    def test_is_the_callers_own_when_the_reply_was_lost(self, refreshes):
        first = refreshes.turn(ID)
        assert [first.take(REFERENCE), first.take(REFERENCE)] == ["", ""]

    def test_can_be_taken_once_it_is_left(self, refreshes, store):
        first, second = refreshes.turn(ID), refreshes.turn(ID)
        first.take(REFERENCE)
        first.leave("")
        assert not store.exists(keys.refreshing(ID))
        assert second.take(REFERENCE) == ""

    def test_of_somebody_else_is_not_left_for_them(self, refreshes):
        first, late = refreshes.turn(ID), refreshes.turn(ID)
        first.take(REFERENCE)
        late.take(REFERENCE)
        late.leave("a note")
        late.leave("")
        assert refreshes.turn(ID).take(REFERENCE) is None

    def test_lasts_longer_than_the_longest_exchange_and_no_two_minutes(self, refreshes, store):
        refreshes.turn(ID).take(REFERENCE)
        # Twice: 3 s to connect, 10 s to wait, 15 s and once more 10 s for the answer; 2 s between.
        assert 58 < seconds_left(store, keys.refreshing(ID)) < 120

    def test_passes_on_when_its_owner_dies(self, client):
        refreshes = RefreshLocks(client, patience=LockTimeouts(turn=0.05, first_look=0.005))
        dead, other = refreshes.turn(ID), refreshes.turn(ID)
        dead.take(REFERENCE)
        assert other.take(REFERENCE) is None
        assert other.wait()
        assert other.take(REFERENCE) == ""
        dead.leave("it comes too late")
        assert refreshes.turn(ID).take(REFERENCE) is None

    def test_is_taken_by_one_of_many(self, store_url, refreshes):
        refreshes.turn("warm").take(REFERENCE)
        begin, got = threading.Barrier(20), []

        def take():
            with connect(store_url) as client:
                turn = RefreshLocks(client).turn(ID)
                begin.wait()
                got.append(turn.take(REFERENCE))

        threads = [threading.Thread(target=take) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got, key=str) == ["", *[None] * 19]


class TestANote:
    @pytest.fixture
    def left(self, refreshes):
        turn = refreshes.turn(ID)
        turn.take(REFERENCE)
        turn.leave("what became of it")
        return refreshes

    def test_is_read_instead_of_a_turn(self, left):
        assert left.turn(ID).take(REFERENCE) == "what became of it"

    def test_stands_for_some_seconds(self, left, store):
        assert left.turn(ID).take(REFERENCE)
        assert 8 < seconds_left(store, keys.refreshing(ID)) <= 10

    def test_says_nothing_of_a_connection_that_was_made_anew(self, left):
        assert left.turn(ID).take(ANEW) == ""
        assert left.turn(ID).take(REFERENCE) is None

    def test_is_gone_after_that(self, client):
        refreshes = RefreshLocks(client, patience=LockTimeouts(note=0.001, first_look=0.005))
        turn = refreshes.turn(ID)
        turn.take(REFERENCE)
        turn.leave("short")
        assert refreshes.turn(ID).wait()
        assert refreshes.turn(ID).take(REFERENCE) == ""


class TestWaiting:
    @pytest.mark.parametrize("note", ["", "what became of it"])
    def test_ends_when_the_turn_is_left(self, refreshes, note):
        owner, waiting = refreshes.turn(ID), refreshes.turn(ID)
        owner.take(REFERENCE)
        ended = []
        thread = threading.Thread(target=lambda: ended.append(waiting.wait()))
        thread.start()
        assert not ended
        owner.leave(note)
        thread.join(timeout=5)
        assert ended == [True]

    def test_ends_when_it_takes_too_long_and_is_not_begun_again(self, client):
        refreshes = RefreshLocks(client, patience=LockTimeouts(wait=0.02, first_look=0.005))
        refreshes.turn(ID).take(REFERENCE)
        waiting = refreshes.turn(ID)
        assert not waiting.wait()
        assert not waiting.wait()


class TestTheFirstFailure:
    def test_stands_for_all_of_its_cause_and_connection(self, refreshes, store):
        assert refreshes.first(REFERENCE, "rate_limited", "one") == "one"
        assert refreshes.first(REFERENCE, "rate_limited", "two") == "one"
        assert refreshes.first(REFERENCE, "unknown", "three") == "three"
        assert refreshes.first(ANEW, "rate_limited", "four") == "four"
        key = keys.refresh_failed(REFERENCE, "rate_limited")
        assert 86_000 < seconds_left(store, key) <= 86_400


def test_an_outage_is_told():
    refreshes = RefreshLocks(connect("redis://127.0.0.1:1/0"))
    turn = refreshes.turn(ID)
    for ask in (
        lambda: turn.take(REFERENCE),
        turn.wait,
        lambda: turn.leave(""),
        lambda: refreshes.first(REFERENCE, "unknown", "one"),
    ):
        with pytest.raises(StoreUnavailableError):
            ask()
