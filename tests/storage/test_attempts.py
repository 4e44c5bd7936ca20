"""Attempts in a real store: noted once, claimed once, closed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from oauth_helper.records import Attempt
from oauth_helper.scopes import RequestedScopes
from oauth_helper.storage.attempts import Attempts
from oauth_helper.storage.client import connect

REFERENCE = "2M7X-TQRT-89HR"
ATTEMPT = Attempt(REFERENCE, "workato", RequestedScopes(("oauth",), ("tickets",)), 1000, 1900)


@pytest.fixture
def attempts(store, store_url):  # noqa: ARG001 - emptied
    with connect(store_url) as client:
        yield Attempts(client)


def test_an_attempt_is_noted_with_its_deadline(attempts, store):
    attempts.note(ATTEMPT)
    (key,) = store.keys("oh:*:attempt:*")
    assert store.hgetall(key) == {
        "v": "1",
        "profile": "workato",
        "scope": "oauth",
        "optional_scope": "tickets",
        "begun_at": "1000",
    }
    (open_key,) = store.keys("oh:*:open")
    assert store.zrange(open_key, 0, -1, withscores=True) == [(REFERENCE, 1900)]


def test_only_one_of_many_claims_it(attempts):
    attempts.note(ATTEMPT)
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda _: attempts.claim(REFERENCE), range(64)))
    assert sum(claims) == 1


def test_an_attempt_that_could_not_be_noted_can_be_claimed_all_the_same(attempts, store):
    assert attempts.claim(REFERENCE)
    assert not attempts.claim(REFERENCE)
    (key,) = store.keys("oh:*:attempt:*")
    assert store.ttl(key) > 0


def test_a_closed_attempt_is_open_no_longer(attempts, store):
    attempts.note(ATTEMPT)
    attempts.close(REFERENCE, "connected")
    assert not store.keys("oh:*:open")
    (key,) = store.keys("oh:*:attempt:*")
    assert store.hget(key, "outcome") == "connected"
