"""Attempts: created at the start, claimed once at the callback, finished with an outcome."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast

from oauth_helper.common.metrics import ATTEMPTS, CONNECTIONS, UNRECORDED
from oauth_helper.common.references import day_of
from oauth_helper.models import Attempt, Claim
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.rate_limits import RateLimit, RateLimitExceededError
from oauth_helper.store.redis import Client, read_fields
from oauth_helper.store.redis_clients import LuaScript, Pipeline
from oauth_helper.store.shared_texts import (
    SharedTexts,
    decode_request,
    encode_request,
    request_name,
)

logger = logging.getLogger(__name__)

# Seconds that an attempt is stored: over a weekend, and far longer than it can take.
_DAYS_KEPT = 3
_KEPT = _DAYS_KEPT * 86_400

#: Seconds after a claim when an attempt without outcome expires. Every timeout of the callback is
#: shorter than this.
CLAIM_LIFETIME = 120

#: Attempts of one network and profile that are recorded in a day (UTC). An attempt with its failure
#: takes up to 2 kB, and a network can start 120 a minute.
DAILY_BUDGET = 1000

# Takes the recorded references of a network and the counters, then: reference, budget, seconds,
# profile, seconds for the counters. A reference that is in the budget stays in it. Returns 0 beyond
# it, and -1 the first time.
_ADMIT: Final = """
local function admit(recorded, counters, reference, budget, seconds, profile, counted_for)
  if redis.call('SISMEMBER', recorded, reference) == 1 then return 1 end
  if redis.call('SCARD', recorded) < tonumber(budget) then
    redis.call('SADD', recorded, reference)
    redis.call('EXPIRE', recorded, seconds)
    return 1
  end
  redis.call('HINCRBY', counters, 'unrecorded ' .. profile, 1)
  redis.call('EXPIRE', counters, counted_for)
  return -redis.call('SADD', recorded, 'full')
end
"""

# What creating an attempt returns the first time that one is beyond the budget.
_FIRST_BEYOND = -3

# KEYS: attempt, open attempts, counters, failure, requests, then, if they are known, a count for a
# limit, what `admit` takes, and the attempts of the customer. ARGV: reference, deadline, seconds,
# seconds for the counters and requests, profile, name of the request, the request, when it began,
# browser, language, the limit, the budget, whether the customer is known, then further fields and
# values. Returns -1 beyond the limit, and less beyond the budget. redis-py sends a command again
# when the reply is lost; the attempt is counted once. From the outbox it may come after its
# outcome, so that it isn't open.
_CREATE: Final = """
local place = 5
if ARGV[11] ~= '' then
  place = place + 1
  local count = redis.call('INCR', KEYS[place])
  if count == 1 then redis.call('EXPIRE', KEYS[place], 60) end
  if count > tonumber(ARGV[11]) then return -1 end
end
if ARGV[12] ~= '' then
  place = place + 1
  local admitted = admit(KEYS[place], KEYS[3], ARGV[1], ARGV[12], ARGV[3], ARGV[5], ARGV[4])
  if admitted <= 0 then return admitted - 2 end
end
local outcome = redis.call('HGET', KEYS[1], 'outcome')
if redis.call('EXISTS', KEYS[4]) == 1 then outcome = outcome or 'failed' end
local is_new = 1 - redis.call('HEXISTS', KEYS[1], 'v')
if is_new == 1 then
  redis.call('HINCRBY', KEYS[3], 'begun ' .. ARGV[5], 1)
  if outcome == 'connected' then redis.call('HINCRBY', KEYS[3], 'connected ' .. ARGV[5], 1) end
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
redis.call('HSET', KEYS[1], 'v', '2', 'profile', ARGV[5], 'request', ARGV[6], 'begun_at', ARGV[8],
  'deadline', ARGV[2], 'person', ARGV[9], 'language', ARGV[10], unpack(ARGV, 14))
redis.call('HSETNX', KEYS[5], ARGV[6], ARGV[7])
redis.call('EXPIRE', KEYS[5], ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if ARGV[13] ~= '' then
  redis.call('SADD', KEYS[place + 1], ARGV[1])
  redis.call('EXPIRE', KEYS[place + 1], ARGV[3])
end
if outcome then
  redis.call('HSET', KEYS[1], 'outcome', outcome)
  return is_new
end
local deadline = tonumber(ARGV[2])
local claimed = redis.call('HGET', KEYS[1], 'claimed')
if claimed then deadline = math.max(deadline, tonumber(claimed) + CLAIM_LIFETIME) end
redis.call('ZADD', KEYS[2], deadline, ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return is_new
""".replace("CLAIM_LIFETIME", str(CLAIM_LIFETIME))

#: Claim timeout in seconds: after this, another worker may retry the callback. It is as long as two
#: token requests and an introspection can take, so the first worker has died.
CLAIM_TIMEOUT = 60

# KEYS: attempt, open attempts. ARGV: seconds, claim id, Unix time, deadline, reference, whether the
# claim is for a single use, then earlier claim ids of the caller. redis-py sends a command again
# when the reply is lost, and finds its own claim. A claim moves the deadline, so that an attempt
# doesn't expire while a worker processes it. Whether a worker that died had used the code is
# unknown, so the code is tried again.
_CLAIM: Final = """
local function win()
  redis.call('HSET', KEYS[1], 'claimed_by', ARGV[2], 'claimed', ARGV[3])
  redis.call('ZADD', KEYS[2], 'XX', ARGV[4], ARGV[5])
  redis.call('EXPIRE', KEYS[1], ARGV[1])
  return redis.call('HEXISTS', KEYS[1], 'v') == 1 and 'won' or 'unrecorded'
end
local known = redis.call('HMGET', KEYS[1], 'claimed_by', 'claimed', 'outcome')
if not known[1] then return win() end
if known[1] == ARGV[2] then return win() end
for number = 7, #ARGV do
  if known[1] == ARGV[number] then return win() end
end
if known[3] or ARGV[6] == '1' then return 'used' end
if tonumber(ARGV[3]) - tonumber(known[2]) >= CLAIM_TIMEOUT then
  win()
  return 'taken_over'
end
return 'in_hand'
""".replace("CLAIM_TIMEOUT", str(CLAIM_TIMEOUT))

# KEYS: attempt, open attempts, counters. ARGV: reference, outcome, seconds.
_FINISH: Final = """
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

# Seconds for which it is known that a request has connected an account.
_SUCCESS_KEPT = 30 * 86_400


class Attempts:
    """The attempts in Redis. Each method is one round trip; raises `StoreUnavailableError`."""

    def __init__(self, client: Client, *, retention_days: int = 90) -> None:
        self._client = client
        self._requests = SharedTexts(client, keys.REQUESTS, decode_request)
        self._counted_for = str((retention_days + _DAYS_KEPT) * 86_400)
        self._create = LuaScript(client, _ADMIT + _CREATE)
        self._claim = LuaScript(client, _CLAIM)
        self._finish = LuaScript(client, _FINISH)
        self._admit = LuaScript(client, f"{_ADMIT}return admit(KEYS[1], KEYS[2], unpack(ARGV))")

    def admit(self, reference: str, profile: str, sender: str) -> bool:
        """Return whether an attempt is within its network's budget; count it otherwise.

        Always true without a `sender`.
        """
        if not sender:
            return True
        day = day_of(reference)
        admitted = self._admit(
            keys=[keys.recorded_of(day, sender, profile), keys.of_day(day, keys.ATTEMPTS)],
            args=[reference, str(DAILY_BUDGET), str(_KEPT), profile, self._counted_for],
        )
        if admitted <= 0:
            self._count_unrecorded(profile, is_first=admitted < 0)
        return bool(admitted > 0)

    @staticmethod
    def _count_unrecorded(profile: str, *, is_first: bool) -> None:
        if is_first:
            logger.warning(
                "one network has started %d attempts with profile %s today; the rest is counted, "
                "not recorded. If these are many customers, check TRUSTED_PROXIES",
                DAILY_BUDGET,
                profile,
            )
        UNRECORDED.labels(profile).inc()

    def create(self, attempt: Attempt, limit: RateLimit | None = None) -> bool:
        """Store a started attempt, which counts for `limit`; False if it is stored already.

        Raises `RateLimitExceededError` beyond the limit.
        """
        arguments = [
            attempt.reference,
            str(attempt.deadline),
            str(_KEPT),
            self._counted_for,
            attempt.profile,
            request_name(attempt.requested),
            encode_request(attempt.requested),
            str(attempt.started_at),
            attempt.browser_id,
            attempt.language,
            str(limit.most) if limit else "",
            str(DAILY_BUDGET) if attempt.sender else "",
            "1" if attempt.customer else "",
        ]
        if attempt.client:
            arguments += ["client", attempt.client]
        if attempt.customer or attempt.customer_name:
            arguments += ["customer", attempt.customer, "customer_name", attempt.customer_name]
        names = keys.of_attempt(attempt.reference)
        day = day_of(attempt.reference)
        if limit:
            names.append(keys.limit_of_starts(attempt.reference, limit.name))
        if attempt.sender:
            names.append(keys.recorded_of(day, attempt.sender, attempt.profile))
        if attempt.customer:
            names.append(keys.attempts_of(day, attempt.customer))
        is_new = self._create(keys=names, args=arguments)
        if is_new == -1:
            raise RateLimitExceededError
        if is_new < 0:
            self._count_unrecorded(attempt.profile, is_first=is_new == _FIRST_BEYOND)
            return False
        if is_new:
            ATTEMPTS.labels(attempt.profile).inc()
        return bool(is_new)

    def claim(
        self,
        reference: str,
        now: float,
        *,
        claim_id: str,
        earlier_claim_ids: tuple[str, ...] = (),
        single_use: bool = False,
    ) -> Claim:
        """Return whether the caller may process a response: only the first may.

        `earlier_claim_ids` are those of the same caller's claims that raised, but may have reached
        Redis. After `CLAIM_TIMEOUT` seconds without outcome another caller may retry, except with
        `single_use`.
        """
        at = int(now)
        arguments = [str(_KEPT), claim_id, str(at), str(at + CLAIM_LIFETIME), reference]
        arguments += ["1" if single_use else "", *earlier_claim_ids]
        return Claim(self._claim(keys=keys.of_attempt(reference), args=arguments))

    def first_install(self, code: str, reference: str) -> str:
        """Return the reference of the first install within an hour that brought this code."""
        key = keys.install(hashlib.sha256(code.encode()).hexdigest()[:32])
        if self._client.set(key, reference, nx=True, ex=3600):
            return reference
        return cast("str | None", self._client.get(key)) or reference

    def finish(self, reference: str, outcome: str) -> str | None:
        """Store the outcome of an attempt, and return the one stored before, if any."""
        arguments = [reference, outcome, str(_KEPT)]
        earlier, profile = self._finish(keys=keys.of_attempt(reference), args=arguments)
        if outcome == "connected":
            _count_connection(earlier, profile)
        return earlier or None

    def get(self, reference: str) -> Attempt | None:
        """Return an attempt, with or without outcome; None if it is not stored."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.attempt(reference)))
        return next(iter(self._read({reference: fields})), None)

    def _read(self, records: Mapping[str, dict[str, str]]) -> list[Attempt]:
        """Return the attempts that are stored, by the fields of each reference."""
        known = {name: fields for name, fields in records.items() if "v" in fields}
        requests = self._requests.by_name(
            {fields["request"]: name for name, fields in known.items() if "request" in fields}
        )
        found = (
            read_fields(_attempt_of, {**fields, "reference": name}, requests)
            for name, fields in known.items()
        )
        return [each for each in found if each is not None]

    def expired(self, now: float, *, limit: int) -> list[Attempt]:
        """Return attempts without outcome whose deadline has passed, at most `limit` of each day.

        A claimed attempt expires `CLAIM_LIFETIME` seconds after its claim.
        """
        while references := self._due(now, limit):
            with self._client.pipeline(transaction=False) as pipeline:
                for reference in references:
                    pipeline.hgetall(keys.attempt(reference))
                found = dict(zip(references, pipeline.execute(), strict=True))
            if known := self._read(found):
                return known
            # Their records are gone, and would hide the others in the set, which lives longer.
            for reference in references:
                self._client.zrem(keys.open_attempts(day_of(reference)), reference)
        return []

    def _due(self, now: float, limit: int) -> list[str]:
        with self._client.pipeline(transaction=False) as pipeline:
            for day in _stored_days(now):
                pipeline.zrangebyscore(keys.open_attempts(day), "-inf", now, 0, limit)
            return [name for names in pipeline.execute() for name in names]

    def succeed(
        self,
        reference: str,
        profile: str,
        *,
        browser_id: str,
        hub_id: int | None,
        fingerprint: str,
        at: float,
        save: Callable[[Pipeline], object] = lambda _: None,
    ) -> list[str]:
        """Close an attempt as connected, and return the failures that this may resolve.

        `save` adds the commands that store the connection; all are sent together. `fingerprint`
        is that of the request, by which others are known to succeed; empty if unknown.
        """

        def write(pipeline: Pipeline) -> None:
            save(pipeline)
            if fingerprint:
                pipeline.set(keys.succeeded(fingerprint), int(at), ex=_SUCCESS_KEPT)
            mark = f"{at!r} {reference}"
            pipeline.set(keys.last_success_of(browser_id, profile), mark, ex=_KEPT)

        def read(pipeline: Pipeline) -> None:
            # After the mark, so that a failure logged in the meantime sees the success.
            for whom in (browser_id, hub_id):
                if whom is not None:
                    pipeline.zrevrange(keys.unresolved(whom, profile), 0, -1)
            # The browser's first failure, whose reference is its id.
            pipeline.hmget(keys.failure(browser_id), "profile", "status")

        call = (keys.of_attempt(reference), [reference, "connected", str(_KEPT)])
        (earlier, known_profile), *unresolved, first = self._finish.run_all(
            [call], before=write, after=read
        )
        _count_connection(earlier, known_profile)
        own = [reference] if earlier else []
        own += [browser_id] if first == [profile, "open"] else []
        return [*own, *(name for names in unresolved for name in names)]

    def of_customer(self, customer: str, now: float) -> list[str]:
        """Return the references of one customer's attempts that are stored."""
        with self._client.pipeline(transaction=False) as pipeline:
            for day in _stored_days(now):
                pipeline.smembers(keys.attempts_of(day, customer))
            return [name for names in pipeline.execute() for name in names]

    def erase(self, references: Iterable[str], *, customer: str = "") -> None:
        """Delete attempts, and the marks that they left. Counters stay."""
        for reference in references:
            profile, person = self._client.hmget(keys.attempt(reference), ["profile", "person"])
            mark = keys.last_success_of(str(person), str(profile))
            is_theirs = str(self._client.get(mark) or "").endswith(f" {reference}")
            day = day_of(reference)
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.delete(keys.attempt(reference))
                pipeline.zrem(keys.open_attempts(day), reference)
                if is_theirs:
                    pipeline.delete(mark)
                if customer:
                    pipeline.srem(keys.attempts_of(day, customer), reference)
                pipeline.execute()

    def last_success_of(self, browser_id: str, profile: str) -> tuple[float, str] | None:
        """Return when a browser last connected a profile, and by which attempt; None if unknown."""
        if not browser_id:
            return None
        found = cast("str | None", self._client.get(keys.last_success_of(browser_id, profile)))
        if found is None:
            return None
        at, _, reference = found.partition(" ")
        return float(at), reference

    def outcome(self, reference: str) -> str | None:
        """Return `open`, `connected` or `failed`; None if the attempt is not stored."""
        known, outcome = self._client.hmget(keys.attempt(reference), ["v", "outcome"])
        return cast("str | None", outcome or (known and "open"))


def _stored_days(now: float) -> list[date]:
    """Return the days of attempts that are stored, the latest first."""
    today = datetime.fromtimestamp(now, UTC).date()
    # One more day on either side, as the clocks of several machines differ.
    return [today + timedelta(days=1 - ago) for ago in range(_DAYS_KEPT + 2)]


def _count_connection(earlier_outcome: str, profile: str) -> None:
    if earlier_outcome != "connected":
        # The profile is empty when the attempt was never written.
        CONNECTIONS.labels(profile or "unknown").inc()


def _spelled_out(fields: dict[str, str]) -> RequestedScopes:
    """Return what an attempt of the version before requested, which names its scopes."""
    scope, optional_scope = fields.get("scope", ""), fields.get("optional_scope", "")
    return RequestedScopes(tuple(scope.split()), tuple(optional_scope.split()))


def _attempt_of(fields: dict[str, str], requests: Mapping[str, RequestedScopes]) -> Attempt:
    started_at = int(fields["begun_at"])
    claimed = fields.get("claimed")
    return Attempt(
        reference=fields["reference"],
        profile=fields["profile"],
        requested=requests.get(fields.get("request", "")) or _spelled_out(fields),
        started_at=started_at,
        deadline=int(fields["deadline"]),
        claimed_at=int(claimed) if claimed else None,
        browser_id=fields["person"],
        language=fields["language"],
        client=fields.get("client", ""),
        customer=fields.get("customer", ""),
        customer_name=fields.get("customer_name", ""),
    )
