"""Attempts in a real store: noted once, claimed once, closed."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from oauth_helper.common.references import new_reference
from oauth_helper.models import Attempt, Claim
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.attempts import CLAIM_LIFETIME, CLAIM_TIMEOUT, Attempts
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect
from oauth_helper.store.shared_texts import request_name

REFERENCE = "2M7X-TQRT-89HR"
ATTEMPT = Attempt(REFERENCE, "workato", RequestedScopes(("oauth",), ("tickets",)), 1000, 1900)


def claim(attempts, reference, now, **options):
    return attempts.claim(reference, now, claim_id=secrets.token_hex(8), **options)


@pytest.fixture
def attempts(store, store_url):  # noqa: ARG001 - emptied
    with connect(store_url) as client:
        yield Attempts(client)


def test_an_attempt_is_noted_with_its_deadline(attempts, store):
    attempts.create(ATTEMPT)
    (key,) = store.keys("oh:*:attempt:*")
    assert store.hgetall(key) == {
        "v": "2",
        "profile": "workato",
        "request": request_name(ATTEMPT.requested),
        "begun_at": "1000",
        "deadline": "1900",
        "person": "",
        "language": "",
    }
    (open_key,) = store.keys("oh:*:open")
    assert store.zrange(open_key, 0, -1, withscores=True) == [(REFERENCE, 1900)]


def test_an_attempt_reads_back(attempts, store):
    attempts.create(ATTEMPT)
    assert attempts.get(REFERENCE) == ATTEMPT
    # One of the version before names its scopes.
    (key,) = store.keys("oh:*:attempt:*")
    store.hdel(key, "request")
    store.hset(key, mapping={"v": "1", "scope": "oauth", "optional_scope": "tickets"})
    assert attempts.get(REFERENCE) == ATTEMPT


def test_only_one_of_many_claims_it(attempts):
    attempts.create(ATTEMPT)
    with ThreadPoolExecutor(16) as pool:
        claims = list(pool.map(lambda _: claim(attempts, REFERENCE, 1234), range(64)))
    assert claims.count(Claim.WON) == 1
    assert claims.count(Claim.CLAIMED) == 63


def test_an_attempt_that_could_not_be_noted_can_be_claimed_all_the_same(attempts, store):
    assert claim(attempts, REFERENCE, 1234) is Claim.UNRECORDED
    assert claim(attempts, REFERENCE, 1234) is Claim.CLAIMED
    (key,) = store.keys("oh:*:attempt:*")
    assert store.ttl(key) > 0


def test_a_closed_attempt_is_open_no_longer(attempts, store):
    attempts.create(ATTEMPT)
    attempts.finish(REFERENCE, "connected")
    assert not store.keys("oh:*:open")
    (key,) = store.keys("oh:*:attempt:*")
    assert store.hget(key, "outcome") == "connected"


def test_closing_tells_the_outcome_that_was_noted_before(attempts):
    attempts.create(ATTEMPT)
    assert attempts.finish(REFERENCE, "failed") is None
    assert attempts.finish(REFERENCE, "connected") == "failed"


def test_an_attempt_comes_back_as_it_was_noted(attempts):
    assert attempts.get(REFERENCE) is None
    attempts.create(ATTEMPT)
    assert attempts.get(REFERENCE) == ATTEMPT
    claim(attempts, REFERENCE, 1234.9)
    assert attempts.get(REFERENCE) == replace(ATTEMPT, claimed_at=1234)


def test_one_that_was_claimed_but_never_noted_is_not_known(attempts):
    claim(attempts, REFERENCE, 1234)
    assert attempts.get(REFERENCE) is None


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("days", [-1, 0, 1, 2, 3])
def test_overdue_ones_are_found_for_as_long_as_they_are_remembered(attempts, days):
    begun = NOON - timedelta(days=days)
    reference = new_reference(begun.date(), lambda alphabet: alphabet[5])
    at = int(begun.timestamp())
    attempt = Attempt(reference, "workato", ATTEMPT.requested, at, at + 900)
    attempts.create(attempt)
    now = max(NOON.timestamp(), at + 900)
    assert attempts.expired(now, limit=10) == [attempt]
    assert attempts.expired(at + 899, limit=10) == []
    attempts.finish(reference, "connected")
    assert attempts.expired(now, limit=10) == []


def test_what_has_worked_is_remembered_for_a_month(attempts, client, store):
    log = Failures(client, retention_days=90)

    def has_worked(fingerprint):
        browser = {"browser_id": REFERENCE, "fingerprint": fingerprint}
        return log.history(REFERENCE, **browser, now=1234.5).worked

    assert not has_worked("f")
    browser = {"browser_id": REFERENCE, "hub_id": None}
    assert attempts.succeed(REFERENCE, "workato", **browser, fingerprint="f", at=1234.5) == []
    assert has_worked("f")
    assert not has_worked("g")
    assert not has_worked("")
    (key,) = store.keys("oh:worked:*")
    assert 0 < store.ttl(key) <= 30 * 86_400


def test_a_claim_whose_reply_is_lost_is_still_the_callers_own(attempts):
    """The client asks again by itself when a reply does not arrive: the script runs twice."""
    script = attempts._claim
    attempts._claim = lambda **call: (script(**call), script(**call))[1]
    attempts.create(ATTEMPT)
    assert claim(attempts, REFERENCE, 1) is Claim.WON
    attempts._claim = script
    assert claim(attempts, REFERENCE, 1) is Claim.CLAIMED


def test_a_claim_that_arrived_although_its_reply_did_not_is_the_callers_own(attempts):
    attempts.create(ATTEMPT)
    assert attempts.claim(REFERENCE, 1000, claim_id="lost") is Claim.WON
    attempts.finish(REFERENCE, "failed")  # that it was put off
    assert claim(attempts, REFERENCE, 1003) is Claim.USED
    assert (
        attempts.claim(REFERENCE, 1003, claim_id="next", earlier_claim_ids=("x", "lost"))
        is Claim.WON
    )
    assert (
        attempts.claim(REFERENCE, 1003, claim_id="other", earlier_claim_ids=("lost",)) is Claim.USED
    )


def test_who_died_over_a_response_is_followed_by_one_other(attempts):
    attempts.create(ATTEMPT)
    assert claim(attempts, REFERENCE, 1000) is Claim.WON
    assert claim(attempts, REFERENCE, 1000 + CLAIM_TIMEOUT - 1) is Claim.CLAIMED
    assert claim(attempts, REFERENCE, 1000 + CLAIM_TIMEOUT, single_use=True) is Claim.USED
    assert claim(attempts, REFERENCE, 1000 + CLAIM_TIMEOUT) is Claim.TAKEN_OVER
    assert claim(attempts, REFERENCE, 1000 + CLAIM_TIMEOUT) is Claim.CLAIMED
    assert attempts.expired(1000 + CLAIM_TIMEOUT + CLAIM_LIFETIME - 1, limit=5) == []
    attempts.finish(REFERENCE, "connected")
    assert claim(attempts, REFERENCE, 1000 + 5 * CLAIM_TIMEOUT) is Claim.USED


def test_what_is_in_hand_is_not_overdue_until_it_is_given_up(attempts):
    at = int(NOON.timestamp())
    reference = new_reference(NOON.date(), lambda alphabet: alphabet[7])
    attempts.create(Attempt(reference, "workato", ATTEMPT.requested, at, at + 900))
    claim(attempts, reference, at + 890)
    assert attempts.expired(at + 900, limit=5) == []
    assert attempts.expired(at + 890 + CLAIM_LIFETIME - 1, limit=5) == []
    (expired,) = attempts.expired(at + 890 + CLAIM_LIFETIME, limit=5)
    assert (expired.reference, expired.claimed_at) == (reference, at + 890)
