"""Notes in a real store: written twice, late or in another order they leave the same behind."""

import itertools
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relays import Relay
from stories import CONNECTED, STORIES, Everything, caught_up

from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.embedded.server import EmbeddedStore


@pytest.fixture
def make(tmp_path):
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Everything(url, tmp_path))


@pytest.fixture
def parts(store, store_url, make):  # noqa: ARG001 - emptied
    return make(store_url)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_notes_written_twice_change_nothing(parts, story):
    for note in story:
        parts.writer.write(note)
    once = parts.left_behind()
    for note in story:
        parts.writer._write(note)
    assert parts.left_behind() == once
    for note in reversed(story):
        parts.writer._write(note)
    assert parts.left_behind() == once
    assert not once["open"]


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_in_whatever_order_notes_are_written_staff_see_how_it_ended(parts, store, story):
    """Those that waited come after those that were written at once."""
    for note in story:
        parts.writer._write(note)
    expected = parts.left_behind()
    for order in itertools.permutations(story):
        store.flushall()
        for note in order:
            parts.writer._write(note)
        found = parts.left_behind()
        if expected["outcome"] == "connected" and found["failures"] < expected["failures"]:
            # A failure of what has connected meanwhile is not worth recording any more.
            assert found["failures"] == 0
            expected_here = expected | {"failures": 0, "status": None, "cause": None}
            assert found == expected_here | {"events": None}
            continue
        assert found == expected, order


def test_what_waits_is_written_when_the_store_is_back(store, store_url, make):
    with Relay(store_url) as relay:
        parts = make(relay.url)
        relay.cut()
        for note in STORIES["put off, then connected"]:
            parts.writer.write(note)
        assert parts.outbox.depth() == 3
        assert store.dbsize() == 0
        with pytest.raises(StoreUnavailableError):
            parts.writer.flush()
        relay.restore()
        assert caught_up(parts) == 3
        assert parts.outbox.depth() == 0
        assert parts.left_behind()["status"] == "resolved"
        tokens = parts.connections.tokens("workato.7")
        assert tokens.refresh_token.get_secret_value() == "refresh"
        assert parts.writer.flush() == 0


def test_an_older_connection_does_not_take_the_place_of_a_newer_one(parts):
    connection = CONNECTED.connection
    newer = replace(connection, connected_at=connection.connected_at + 60, granted=("x",))
    parts.writer.write(replace(CONNECTED, connection=newer))
    parts.writer._write(CONNECTED)
    assert parts.connections.get("workato.7") == newer


def test_a_store_that_lost_the_last_moments_gets_them_again(tmp_path, make):
    """As a replica that takes the place of its primary, or a server after a power cut."""
    with EmbeddedStore(tmp_path / "own") as own, Relay(own.url) as relay:
        parts = make(relay.url)
        parts.writer.flush()
        story = STORIES["put off, then connected"]
        parts.writer.write(story[0])
        parts.now += 31  # too long ago to have been lost
        for note in story[1:]:
            parts.writer.write(note)
        before = parts.left_behind()
        assert parts.writer.flush() == 0
        relay.cut()
        with EmbeddedStore(tmp_path / "replica") as replica:
            relay.lead_to(replica.url)
            relay.restore()
            assert caught_up(parts) == 2
            after = parts.left_behind()
            assert after["connection"] == before["connection"]
            assert after["outcome"] == "connected"
            assert caught_up(parts) == 0


@given(st.lists(st.sampled_from([note for story in STORIES.values() for note in story])))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_ever_counted_twice(parts, store, notes):
    store.flushall()
    for note in notes:
        parts.writer._write(note)
    found = parts.left_behind()
    assert found["failures"] <= 1
    for day in found["counted"]:
        assert day.begun <= 1
        assert day.connected <= 1
