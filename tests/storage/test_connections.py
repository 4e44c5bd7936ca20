"""Connections by account and by reference: found exactly, wherever they stand."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from oauth_helper.records import Connection, Tokens
from oauth_helper.reference import new_reference
from oauth_helper.secret import Secret
from oauth_helper.storage.connections import Connections

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
TOKENS = Tokens(Secret("access"), Secret("refresh"))


@pytest.fixture
def connections(store):
    return Connections(store, seal=lambda text: text[::-1], unseal=lambda text: text[::-1])


@pytest.fixture
def connect(connections):
    """Saves a connection whose attempt began at a time; the connection."""
    chance = Random(1)

    def save(hub_id, *, profile="workato", began=NOON, after=60.0):
        reference = new_reference(began.date(), chance.choice)
        at = int(began.timestamp() + after)
        connection = Connection(
            id=f"{profile}.{hub_id or reference}",
            profile=profile,
            hub_id=hub_id,
            granted=None,
            missing_optional=(),
            connected_at=at,
            expires_at=at + 1800,
            reference=reference,
        )
        connections.save(connection, TOKENS)
        return connection

    return save


class TestByAccount:
    def test_are_those_of_all_profiles_the_latest_first(self, connections, connect):
        first, last = connect(7), connect(7, profile="second", after=120)
        connect(8)
        assert connections.of_account(7, profiles=("workato", "second")) == (last, first)
        assert connections.of_account(7, profiles=("second",)) == (last,)

    def test_are_none_where_there_are_none(self, connections, connect):
        connect(70)
        assert connections.of_account(7, profiles=("workato", "second")) == ()
        assert connections.of_account(70, profiles=()) == ()


class TestByReference:
    def test_is_the_one_among_many_of_the_same_day_and_others(self, connections, connect):
        for ago in (1, 2):
            connect(ago, began=NOON - timedelta(days=ago))
        made = [connect(1000 + number, after=number) for number in range(1203)]
        for wanted in (made[0], made[499], made[500], made[1000], made[-1]):
            assert connections.of_reference(wanted.reference) == wanted

    def test_without_a_known_account_too(self, connections, connect):
        made = connect(None)
        assert connections.of_reference(made.reference) == made

    @pytest.mark.parametrize(
        ("hour", "after"),
        [
            pytest.param(0, -600, id="by-a-clock-that-is-slow"),
            pytest.param(0, 0, id="at-the-first-moment"),
            pytest.param(23, 3600 + 3599, id="of-the-longest-attempt-past-midnight"),
        ],
    )
    def test_at_the_edges_of_its_day(self, connections, connect, hour, after):
        made = connect(7, began=NOON.replace(hour=hour), after=after)
        assert connections.of_reference(made.reference) == made

    def test_is_none_once_the_account_has_connected_anew(self, connections, connect):
        before = connect(7)
        after = connect(7, after=120)
        assert connections.of_reference(before.reference) is None
        assert connections.of_reference(after.reference) == after

    def test_is_none_once_it_is_forgotten(self, connections, connect):
        made = connect(7)
        connections.forget(made)
        assert connections.of_reference(made.reference) is None
