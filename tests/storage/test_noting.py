"""Notes in a real store: written twice, late or in another order they leave the same behind."""

import itertools
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from failure_examples import a_failure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relays import Relay

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.noting import Began, Connected, Failed, Kept, Noting, Reported
from oauth_helper.records import Attempt, Connection, Event, StoreUnavailableError, Tokens, What
from oauth_helper.sealing import Sealer
from oauth_helper.secret import Secret
from oauth_helper.storage.attempts import Attempts
from oauth_helper.storage.client import Server, connect
from oauth_helper.storage.connections import Connections
from oauth_helper.storage.embedded import EmbeddedStore
from oauth_helper.storage.failures import Failures
from oauth_helper.storage.outbox import Outbox
from oauth_helper.storage.tallies import Tallies

SEALER = Sealer([Secret("a key of the outbox that is long enough")], purpose="outbox")
NOW = datetime.now(UTC)
FAILURE = a_failure(NOW, stage=Stage.CALLBACK, cause=Cause.USER_DENIED, person="", hub_id=7)
ATTEMPT = Attempt(
    FAILURE.reference, "workato", FAILURE.requested, FAILURE.begun_at, FAILURE.begun_at + 900
)
CONNECTED = Connected(FAILURE.reference, "workato", FAILURE.reference, "f", 7, NOW.timestamp() + 9)
KEPT = Kept(
    Connection(
        id="workato.7",
        profile="workato",
        hub_id=7,
        granted=("oauth",),
        missing_optional=(),
        connected_at=int(NOW.timestamp()),
        expires_at=int(NOW.timestamp()) + 1800,
        reference=FAILURE.reference,
    ),
    Tokens(Secret("access"), Secret("refresh")),
)
REPORTED = Reported(
    replace(FAILURE, stage=Stage.AUTHORIZATION, at=FAILURE.at - 5),
    Event(FAILURE.at - 5, What.REPORTED, "customer", "denied"),
)


class Everything:
    """The parts around one store, as one process has them."""

    def __init__(self, url, folder):
        self.client = connect(url)
        self.attempts = Attempts(self.client)
        self.failures = Failures(self.client, retention_days=90)
        self.connections = Connections(self.client, seal=SEALER.seal, unseal=SEALER.unseal)
        self.outbox = Outbox(folder / "outbox", seal=SEALER.seal, unseal=SEALER.unseal)
        self.now = NOW.timestamp()
        self.noting = Noting(
            attempts=self.attempts,
            failures=self.failures,
            connections=self.connections,
            outbox=self.outbox,
            identity=Server(self.client).identity,
            clock=lambda: self.now,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.outbox.close()
        self.client.close()

    def left_behind(self):
        """What can be seen of an attempt, as staff see it."""
        failure = self.failures.get(FAILURE.reference)
        today = NOW.date()
        tallies = Tallies(self.client)
        return {
            "outcome": self.attempts.outcome(FAILURE.reference),
            "open": self.client.keys("oh:*}:open"),
            "counted": tallies.attempts(today, today),
            "failures": len(self.client.keys("oh:*:failure:*")),
            "status": failure and failure.status,
            "cause": failure and failure.cause,
            # That a response came back is said where something else was known before.
            "events": failure
            and {(e.what, e.text) for e in failure.history if e.what is not What.RETURNED},
            "connection": self.connections.get("workato.7"),
        }


@pytest.fixture
def make(tmp_path):
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(Everything(url, tmp_path))


@pytest.fixture
def parts(store, store_url, make):  # noqa: ARG001 - emptied
    return make(store_url)


STORIES = {
    "failed": [Began(ATTEMPT), Failed(FAILURE, replaces=True)],
    "connected": [Began(ATTEMPT), KEPT, CONNECTED],
    "reported": [Began(ATTEMPT), REPORTED],
    "reported, then failed": [Began(ATTEMPT), REPORTED, Failed(FAILURE, replaces=True)],
    "put off, then connected": [Began(ATTEMPT), Failed(FAILURE), KEPT, CONNECTED],
    "reported, then connected": [Began(ATTEMPT), REPORTED, KEPT, CONNECTED],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_notes_written_twice_change_nothing(parts, story):
    for note in story:
        parts.noting.note(note)
    once = parts.left_behind()
    for note in story:
        parts.noting._write(note)
    assert parts.left_behind() == once
    for note in reversed(story):
        parts.noting._write(note)
    assert parts.left_behind() == once
    assert not once["open"]


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_in_whatever_order_notes_are_written_staff_see_how_it_ended(parts, store, story):
    """Those that waited come after those that were written at once."""
    for note in story:
        parts.noting._write(note)
    expected = parts.left_behind()
    for order in itertools.permutations(story):
        store.flushall()
        for note in order:
            parts.noting._write(note)
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
            parts.noting.note(note)
        assert parts.outbox.depth() == 4
        assert store.dbsize() == 0
        with pytest.raises(StoreUnavailableError):
            parts.noting.catch_up()
        relay.mend()
        assert caught_up(parts) == 4
        assert parts.outbox.depth() == 0
        assert parts.left_behind()["status"] == "resolved"
        tokens = parts.connections.tokens("workato.7")
        assert tokens.refresh_token.reveal() == "refresh"
        assert parts.noting.catch_up() == 0


def caught_up(parts):
    """What was written, once the store is asked again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return parts.noting.catch_up()
        except StoreUnavailableError:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)


def test_an_older_connection_does_not_take_the_place_of_a_newer_one(parts):
    newer = replace(KEPT.connection, connected_at=KEPT.connection.connected_at + 60, granted=("x",))
    parts.noting.note(Kept(newer, KEPT.tokens))
    parts.noting._write(KEPT)
    assert parts.connections.get("workato.7") == newer


def test_a_store_that_lost_the_last_moments_gets_them_again(tmp_path, make):
    """As a replica that takes the place of its primary, or a server after a power cut."""
    with EmbeddedStore(tmp_path / "own") as own, Relay(own.url) as relay:
        parts = make(relay.url)
        parts.noting.catch_up()
        story = STORIES["put off, then connected"]
        parts.noting.note(story[0])
        parts.now += 31  # too long ago to have been lost
        for note in story[1:]:
            parts.noting.note(note)
        before = parts.left_behind()
        assert parts.noting.catch_up() == 0
        relay.cut()
        with EmbeddedStore(tmp_path / "replica") as replica:
            relay.lead_to(replica.url)
            relay.mend()
            assert caught_up(parts) == 3
            after = parts.left_behind()
            assert after["connection"] == before["connection"]
            assert after["outcome"] == "connected"
            assert caught_up(parts) == 0


@given(st.lists(st.sampled_from([note for story in STORIES.values() for note in story])))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_is_ever_counted_twice(parts, store, notes):
    store.flushall()
    for note in notes:
        parts.noting._write(note)
    found = parts.left_behind()
    assert found["failures"] <= 1
    for day in found["counted"]:
        assert day.begun <= 1
        assert day.connected <= 1
