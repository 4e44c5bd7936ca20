"""Attempts: noted when they begin, claimed once when they return, closed with their outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, cast

from oauth_helper.common.metrics import ATTEMPTS, CONNECTIONS
from oauth_helper.common.references import day_of
from oauth_helper.models import Attempt, Claim
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.lua_script import LuaScript
from oauth_helper.store.redis import Client

# Seconds that an attempt is remembered: over a weekend, and so much longer than one can take.
_DAYS_KEPT = 3
_KEPT = _DAYS_KEPT * 86_400

#: Seconds after which a response that was taken in hand has surely been given up: the exchange has
#: shorter timeouts than this.
CLAIM_LIFETIME = 120

# A client that lost the reply asks again; an attempt is counted once all the same. One that waited
# in an outbox may come after its own end, and is not open then.
_NOTE: Final = """
local outcome = redis.call('HGET', KEYS[1], 'outcome')
if redis.call('EXISTS', KEYS[4]) == 1 then outcome = outcome or 'failed' end
local is_new = 1 - redis.call('HEXISTS', KEYS[1], 'v')
if is_new == 1 then
  redis.call('HINCRBY', KEYS[3], 'begun ' .. ARGV[5], 1)
  if outcome == 'connected' then redis.call('HINCRBY', KEYS[3], 'connected ' .. ARGV[5], 1) end
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
redis.call('EXPIRE', KEYS[1], ARGV[3])
if outcome then
  redis.call('HSET', KEYS[1], 'outcome', outcome)
  return is_new
end
local deadline = tonumber(ARGV[2])
local claimed = redis.call('HGET', KEYS[1], 'claimed')
if claimed then deadline = math.max(deadline, tonumber(claimed) + IN_HAND) end
redis.call('ZADD', KEYS[2], deadline, ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return is_new
""".replace("IN_HAND", str(CLAIM_LIFETIME))

#: Seconds after which whoever took a response in hand has surely died: two requests for tokens and
#: an introspection, each as long as it may take.
CLAIM_TIMEOUT = 60

# The claim is the caller's own if it bears the caller's mark, for a client that lost the reply asks
# again, or that of an earlier claim of which nobody knows whether it arrived. What is in hand is
# not overdue until it has surely been given up. Of a worker that died nobody knows whether it had
# used the code, so it is tried again.
_CLAIM: Final = """
local function take()
  redis.call('HSET', KEYS[1], 'claimed_by', ARGV[2], 'claimed', ARGV[3])
  redis.call('ZADD', KEYS[2], 'XX', ARGV[4], ARGV[5])
  redis.call('EXPIRE', KEYS[1], ARGV[1])
  return 'won'
end
local known = redis.call('HMGET', KEYS[1], 'claimed_by', 'claimed', 'outcome')
if not known[1] then return take() end
if known[1] == ARGV[2] then return 'won' end
for number = 7, #ARGV do
  if known[1] == ARGV[number] then return take() end
end
if known[3] or ARGV[6] == '1' then return 'used' end
if tonumber(ARGV[3]) - tonumber(known[2]) >= GIVEN_UP then return take() end
return 'in_hand'
""".replace("GIVEN_UP", str(CLAIM_TIMEOUT))

_CLOSE: Final = """
local before = redis.call('HGET', KEYS[1], 'outcome')
local profile = redis.call('HGET', KEYS[1], 'profile')
if profile and ARGV[2] == 'connected' and before ~= 'connected' then
  redis.call('HINCRBY', KEYS[3], 'connected ' .. profile, 1)
end
redis.call('HSET', KEYS[1], 'outcome', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return {before or '', profile or ''}
"""

# Seconds that a request which connected somebody is remembered.
_WORKED_KEPT = 30 * 86_400


class Attempts:
    """The attempts in Redis. Each method is one round trip; raises `StoreUnavailableError`."""

    def __init__(self, client: Client, *, retention_days: int = 90) -> None:
        self._client = client
        self._counted_for = str((retention_days + _DAYS_KEPT) * 86_400)
        self._note = LuaScript(client, _NOTE)
        self._claim = LuaScript(client, _CLAIM)
        self._close = LuaScript(client, _CLOSE)

    def note(self, attempt: Attempt) -> bool:
        """Remembers an attempt that has begun; whether it was new."""
        fields = {
            "v": "1",
            "profile": attempt.profile,
            "scope": " ".join(attempt.requested.scope),
            "optional_scope": " ".join(attempt.requested.optional_scope),
            "begun_at": str(attempt.started_at),
            "deadline": str(attempt.deadline),
            "person": attempt.browser_id,
            "language": attempt.language,
        }
        if attempt.client:
            fields["client"] = attempt.client
        arguments = [
            attempt.reference,
            str(attempt.deadline),
            str(_KEPT),
            self._counted_for,
            attempt.profile,
        ]
        is_new = self._note(
            keys=self._keys(attempt.reference),
            args=[*arguments, *(part for field in fields.items() for part in field)],
        )
        if is_new:
            ATTEMPTS.labels(attempt.profile).inc()
        return bool(is_new)

    def claim(
        self,
        reference: str,
        now: float,
        *,
        mark: str,
        before: tuple[str, ...] = (),
        once: bool = False,
    ) -> Claim:
        """Whether the caller may deal with a response: the first may, and nobody else.

        `mark` names this claim, `before` has the marks of the same caller's claims that raised, and
        may have arrived. When the first has died over it another may, but for `once`: where nobody
        says how it ended.
        """
        at = int(now)
        arguments = [str(_KEPT), mark, str(at), str(at + CLAIM_LIFETIME), reference]
        arguments += ["1" if once else "", *before]
        return Claim(self._claim(keys=self._keys(reference), args=arguments))

    def close(self, reference: str, outcome: str) -> str | None:
        """Notes how the attempt ended; it no longer counts as open. The outcome noted before."""
        arguments = [reference, outcome, str(_KEPT)]
        before, profile = self._close(keys=self._keys(reference), args=arguments)
        if outcome == "connected" != before:
            # The profile is empty when the attempt was never written.
            CONNECTIONS.labels(profile or "unknown").inc()
        return before or None

    def get(self, reference: str) -> Attempt | None:
        """An attempt that was noted, whatever became of it; None when nothing is known."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.attempt(reference)))
        return _attempt_of(reference, fields) if "v" in fields else None

    def expired(self, now: float, *, limit: int) -> list[Attempt]:
        """Attempts without outcome whose deadline is over, at most `limit` of each day's.

        One whose response is in hand is overdue `CLAIM_LIFETIME` seconds after that.
        """
        while references := self._due(now, limit):
            with self._client.pipeline(transaction=False) as pipeline:
                for reference in references:
                    pipeline.hgetall(keys.attempt(reference))
                found = dict(zip(references, pipeline.execute(), strict=True))
            known = [_attempt_of(name, fields) for name, fields in found.items() if "v" in fields]
            if known:
                return known
            # They expire one by one, the set with the last: what is gone would stay in front.
            for reference in references:
                self._client.zrem(keys.open_attempts(day_of(reference)), reference)
        return []

    def _due(self, now: float, limit: int) -> list[str]:
        today = datetime.fromtimestamp(now, UTC).date()
        # Clocks of several machines differ, so a day more on the far side.
        days = [today + timedelta(days=1 - ago) for ago in range(_DAYS_KEPT + 2)]
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.zrangebyscore(keys.open_attempts(day), "-inf", now, 0, limit)
            return [name for names in pipeline.execute() for name in names]

    def mark_succeeded(self, fingerprint: str, now: float) -> None:
        """Remembers that a request of this fingerprint has connected somebody."""
        self._client.set(keys.worked(fingerprint), int(now), ex=_WORKED_KEPT)

    def has_succeeded(self, fingerprint: str) -> bool:
        """Whether a request of this fingerprint has connected somebody lately."""
        return bool(self._client.exists(keys.worked(fingerprint)))

    def record_success(
        self, fingerprint: str, browser_id: str, profile: str, reference: str, now: float
    ) -> None:
        """`mark_succeeded`, and that this person has connected the profile, by which attempt."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.set(keys.worked(fingerprint), int(now), ex=_WORKED_KEPT)
            pipeline.set(
                keys.last_success_of(browser_id, profile), f"{now!r} {reference}", ex=_KEPT
            )
            pipeline.execute()

    def last_success_of(self, browser_id: str, profile: str) -> tuple[float, str] | None:
        """When somebody last connected a profile, with which attempt; None when nobody knows."""
        if not browser_id:
            return None
        found = cast("str | None", self._client.get(keys.last_success_of(browser_id, profile)))
        if found is None:
            return None
        at, _, reference = found.partition(" ")
        return float(at), reference

    def outcome(self, reference: str) -> str | None:
        """How an attempt stands: `open`, `connected` or `failed`; None when nothing is known."""
        known, outcome = self._client.hmget(keys.attempt(reference), ["v", "outcome"])
        return cast("str | None", outcome or (known and "open"))

    @staticmethod
    def _keys(reference: str) -> list[str]:
        day = day_of(reference)
        return [
            keys.attempt(reference),
            keys.open_attempts(day),
            keys.of_day(day, keys.ATTEMPTS),
            keys.failure(reference),
        ]


def _attempt_of(reference: str, fields: dict[str, str]) -> Attempt:
    started_at = int(fields["begun_at"])
    claimed = fields.get("claimed")
    return Attempt(
        reference=reference,
        profile=fields["profile"],
        requested=RequestedScopes(
            tuple(fields["scope"].split()), tuple(fields["optional_scope"].split())
        ),
        started_at=started_at,
        deadline=int(fields["deadline"]),
        claimed_at=int(claimed) if claimed else None,
        browser_id=fields["person"],
        language=fields["language"],
        client=fields.get("client", ""),
    )
