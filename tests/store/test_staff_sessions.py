"""The sessions of the staff in a real store."""

import pytest

from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.redis import connect
from oauth_helper.store.staff_sessions import StaffSessions

LIFETIME = 1000


@pytest.fixture
def sessions(store, store_url):  # noqa: ARG001 - emptied
    with connect(store_url) as client:
        yield StaffSessions(client, lifetime=LIFETIME)


def test_a_session_goes_on_until_its_time_is_over(sessions):
    sessions.begin("ana", "one", now=5000)
    assert sessions.since("ana", "one", now=5000) == 5000
    assert sessions.since("ana", "one", now=5000 + LIFETIME) == 5000
    assert sessions.since("ana", "one", now=5001 + LIFETIME) is None
    assert sessions.since("ana", "one", now=4000) is None


def test_a_session_is_its_persons_only(sessions):
    sessions.begin("ana", "one", now=5000)
    assert sessions.since("bob", "one", now=5000) is None
    assert sessions.since("ana", "two", now=5000) is None


def test_one_ends_or_all_do(sessions):
    for browser_id, name in [("ana", "one"), ("ana", "two"), ("ana", "three"), ("bob", "four")]:
        sessions.begin(browser_id, name, now=5000)
    sessions.end("ana", "one")
    assert sessions.since("ana", "one", now=5000) is None
    assert sessions.since("ana", "two", now=5000) == 5000
    sessions.end_all("ana")
    assert sessions.since("ana", "two", now=5000) is None
    assert sessions.since("bob", "four", now=5000) == 5000


def test_what_is_over_is_forgotten(sessions, store):
    sessions.begin("ana", "old", now=5000)
    sessions.begin("ana", "new", now=5001 + LIFETIME)
    (key,) = store.keys("oh:staff:*")
    assert store.hlen(key) == 1
    assert 0 < store.ttl(key) <= LIFETIME + 60


def test_the_latest_fifty_are_kept(sessions, store):
    for number in range(60):
        sessions.begin("ana", str(number), now=5000 + number)
    (key,) = store.keys("oh:staff:*")
    assert store.hlen(key) == 50
    assert sessions.since("ana", "9", now=5060) is None
    assert sessions.since("ana", "10", now=5060) == 5010


def test_a_store_that_is_away_is_said_to_be():
    sessions = StaffSessions(connect("redis://127.0.0.1:1/0"), lifetime=LIFETIME)
    for ask in (
        lambda: sessions.begin("ana", "one", now=1),
        lambda: sessions.since("ana", "one", now=1),
        lambda: sessions.end("ana", "one"),
        lambda: sessions.end_all("ana"),
    ):
        with pytest.raises(StoreUnavailableError):
            ask()
