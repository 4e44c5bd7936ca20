"""Connections: found exactly, wherever they stand; page by page; refreshed and ended as read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

import pytest
from pydantic import SecretStr

from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.references import new_reference
from oauth_helper.models import Connection, Tokens
from oauth_helper.store.connections import Connections

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
TOKENS = Tokens(SecretStr("access"), SecretStr("refresh"))


@pytest.fixture
def connections(store):
    return Connections(store, encryptor=Encryptor([SecretStr("a key")], purpose="tokens"))


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
        connect(70)
        assert connections.of_account(7) == (last, first)

    def test_are_none_where_there_are_none(self, connections, connect):
        connect(70)
        assert connections.of_account(7) == ()


class TestByCustomer:
    def test_are_theirs_also_after_another_connection_of_the_account(self, connections, connect):
        made = replace(connect(7), customer="c-17", customer_name="Ana")
        connect(8)
        connections.save(made, TOKENS)
        assert connections.of_customer("c-17") == (made,)
        anew = connect(7, after=120)
        assert connections.of_customer("c-17") == (
            replace(anew, customer="c-17", customer_name="Ana"),
        )
        connections.save(replace(anew, customer="c-18"), TOKENS)
        assert connections.of_customer("c-17") == ()
        assert [each.id for each in connections.of_customer("c-18")] == [anew.id]

    def test_are_gone_once_forgotten(self, connections, connect, store):
        made = replace(connect(7), customer="c-17")
        connections.save(made, TOKENS)
        connections.forget(made)
        assert store.keys() == []


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


class TestPages:
    def all_pages(self, connections, **wanted):
        found, cursor = [], None
        while True:
            page = connections.page(cursor=cursor, **wanted)
            assert len(page.connections) <= wanted["limit"]
            found += page.connections
            if (cursor := page.next_cursor) is None:
                return found

    @pytest.mark.parametrize("limit", [1, 7, 200])
    def test_hold_each_once_the_latest_first_also_of_one_moment(self, connections, connect, limit):
        made = [connect(1 + number, after=number // 10) for number in range(40)]
        expected = sorted(made, key=lambda each: (each.connected_at, each.id), reverse=True)
        assert self.all_pages(connections, limit=limit) == expected

    def test_of_many_of_one_moment(self, connections, connect):
        made = {connect(1000 + number).id for number in range(1103)}
        found = self.all_pages(connections, limit=200)
        assert len(found) == len(made)
        assert {each.id for each in found} == made

    def test_of_a_profile(self, connections, connect):
        made = [
            connect(1 + number, profile="ab"[number % 3 == 0], after=number) for number in range(30)
        ]
        theirs = [each for each in reversed(made) if each.profile == "b"]
        assert self.all_pages(connections, limit=4, profile="b") == theirs
        assert self.all_pages(connections, limit=4, profile="other") == []

    @pytest.mark.parametrize("limit", [1, 2, 9])
    def test_of_an_account(self, connections, connect, limit):
        made = [connect(7, profile=name, after=number) for number, name in enumerate("abc")]
        connect(8)
        theirs = replace(made[0], id="a.7.shop", client="shop", connected_at=made[0].connected_at)
        connections.save(theirs, TOKENS)
        expected = [*reversed(made[1:]), theirs, made[0]]
        assert self.all_pages(connections, limit=limit, hub_id=7) == expected
        assert self.all_pages(connections, limit=limit, hub_id=7, profile="b") == [made[1]]
        assert self.all_pages(connections, limit=limit, hub_id=9) == []

    def test_of_a_reference(self, connections, connect):
        made = connect(7)
        connect(8)
        wanted = {"limit": 9, "reference": made.reference}
        assert self.all_pages(connections, **wanted) == [made]
        assert self.all_pages(connections, **wanted, hub_id=7, profile="workato") == [made]
        assert self.all_pages(connections, **wanted, hub_id=8) == []
        assert self.all_pages(connections, **wanted, profile="other") == []

    def test_go_on_when_those_seen_are_forgotten(self, connections, connect):
        made = [connect(1 + number, after=number) for number in range(6)]
        page = connections.page(limit=2)
        for each in made[3:]:
            connections.forget(each)
        rest = connections.page(limit=9, cursor=page.next_cursor)
        assert rest.connections == tuple(reversed(made[:3]))
        assert rest.next_cursor is None

    @pytest.mark.parametrize("cursor", ["", "x", "1", "_a.1", "-1_a.1", "1_a b", "1" * 13 + "_a.1"])
    def test_do_not_begin_anywhere_else(self, connections, cursor):
        for hub_id in (None, 7):
            with pytest.raises(ValueError, match="cursor"):
                connections.page(limit=1, cursor=cursor, hub_id=hub_id)


class TestByWhatWasGranted:
    """Connections of two profiles with three sets of scopes, some of one second."""

    SETS = (("oauth",), ("oauth", "tickets"), ("oauth", "content", "tickets"))

    @pytest.fixture
    def made(self, connections, connect):
        made = []
        for number in range(60):
            one = connect(1 + number, profile=("a", "b")[number % 5 == 0], after=number // 3)
            made.append(replace(one, granted=self.SETS[min(2, number % 13)]))
            connections.save(made[-1], TOKENS)
        return sorted(made, key=lambda each: (each.connected_at, each.id), reverse=True)

    @pytest.mark.parametrize("limit", [1, 4, 60])
    def test_pages_and_counts_are_those_of_a_comparison_of_each(self, connections, made, limit):
        for profile, scope in product((None, "a", "b", "other"), (None, "tickets", "content")):
            lacking = Lacking(scope) if scope else None
            expected = [
                each
                for each in made
                if profile in (None, each.profile) and (not scope or scope not in each.granted)
            ]
            wanted = {"profile": profile, "lacks": lacking}
            assert TestPages().all_pages(connections, limit=limit, **wanted) == expected
            assert connections.count(**wanted) == len(expected)

    def test_another_set_and_the_end_leave_nothing_behind(self, connections, made, store):
        kept = len(store.keys("oh:{granted:a}:*"))
        only = replace(made[0], profile="a", granted=("oauth", "automation"))
        connections.save(only, TOKENS)
        assert len(store.keys("oh:{granted:a}:*")) == kept + 1
        assert connections.count(profile="a", lacks=Lacking("tickets")) > 1
        connections.forget(only)
        assert len(store.keys("oh:{granted:a}:*")) == kept

    def test_those_of_an_earlier_version_are_indexed_once(self, connections, made, store):
        count = connections.count(profile="a")
        for key in store.keys("oh:{granted:*"):
            store.delete(key)
        newer = replace(made[0], granted=("oauth", "automation"))
        connections.save(newer, TOKENS)
        connections.index_all()
        assert connections.count(profile="a") == count
        automation = connections.count(profile=newer.profile, lacks=Lacking("automation"))
        assert automation == connections.count(profile=newer.profile) - 1
        store.delete("oh:{granted:a}")
        connections.index_all()
        assert store.exists("oh:{granted:a}") == 0


class Lacking:
    """What lacks a scope, of profiles a and b."""

    profiles = ("a", "b")

    def __init__(self, scope):
        self.scope = scope

    def __call__(self, _, granted):
        return self.scope not in granted[0]


NEW = Tokens(SecretStr("new-access"), SecretStr("new-refresh"))


class TestWhatHubSpotGave:
    def test_is_written_over_what_it_was_asked_with(self, connections, connect):
        made = connect(7)
        assert connections.refresh(made, NEW, expires_at=5)
        assert connections.with_tokens(made.id) == (replace(made, expires_at=5), NEW)

    def test_is_written_once(self, connections, connect):
        made = connect(7)
        assert connections.refresh(made, NEW, expires_at=5)
        assert not connections.refresh(made, TOKENS, expires_at=6)
        assert connections.tokens(made.id) == NEW

    def test_is_not_written_over_a_connection_that_was_made_anew(self, connections, connect):
        made, anew = connect(7), connect(7)
        assert made.expires_at == anew.expires_at
        assert not connections.refresh(made, NEW, expires_at=5)
        assert not connections.end(made, at=5, by="x")
        assert connections.with_tokens(made.id) == (anew, TOKENS)

    def test_makes_nothing_of_a_connection_that_is_forgotten(self, connections, connect, store):
        made = connect(7)
        connections.forget(made)
        assert not connections.refresh(made, NEW, expires_at=5)
        assert not connections.end(made, at=5, by="x")
        assert store.keys() == []


class TestTheEnd:
    def test_takes_the_tokens_away_and_keeps_the_rest(self, connections, connect, store):
        made = connect(7)
        assert connections.end(made, at=5, by="2M7G-7JW3-4R5J")
        ended = replace(made, ended_at=5, ended_by="2M7G-7JW3-4R5J")
        assert connections.with_tokens(made.id) == (ended, None)
        assert not store.hexists(f"oh:connection:{made.id}", "tokens")
        assert not connections.refresh(ended, NEW, expires_at=5)
        assert not connections.end(ended, at=6, by="x")

    def test_is_over_when_the_account_connects_anew(self, connections, connect):
        connections.end(connect(7), at=5, by="2M7G-7JW3-4R5J")
        anew = connect(7)
        assert connections.with_tokens(anew.id) == (anew, TOKENS)
        assert anew.ended_at is None


def test_what_is_forgotten_leaves_nothing(connections, connect, store):
    for hub_id in (7, None):
        connections.forget(connect(hub_id))
    assert store.keys() == []
