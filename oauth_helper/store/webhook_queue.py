"""The events that wait for one address: in order for each record, retried, and parked after a day.

Every step is one script, so that a worker can die anywhere. Events of a record wait in a list;
the record itself is claimed by one worker at a time, whose claim ends by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oauth_helper.store import keys
from oauth_helper.store.redis import Client
from oauth_helper.store.redis_clients import LuaScript

#: Seconds until an event is sent again, by the number of failures. Together they are a day.
PAUSES: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 30_000)

# Seconds for which a record belongs to the worker that claimed it; longer than any request.
_CLAIMED: Final = 60

# Events that wait for one address, about 400 bytes each; further ones are dropped and counted.
_MAX_QUEUED: Final = 50_000
_BATCH: Final = 500

# Seconds from the first change of a group until it is looked at: a burst is one change.
_SETTLED: Final = 10

# KEYS: events, `due` of the changed groups, then that of each address. ARGV: now, number of events,
# most queued, when changed groups are due, then the types that each address gets, between blanks.
# A pipeline that is sent again has published its events twice. A group has one change at most
# that waits, beside the one that a worker may be looking at.
_DISTRIBUTE: Final = """
local entries, dropped = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2]), 0
local function add(due, record, event, at)
  local address = string.sub(due, 1, -4)
  local queue = address .. 'queue:' .. record
  if tonumber(redis.call('GET', address .. 'size') or 0) >= tonumber(ARGV[3]) then
    dropped = dropped + 1
  elseif redis.call('LINDEX', queue, -1) ~= event
    or due == KEYS[2] and redis.call('LLEN', queue) < 2 then
    redis.call('RPUSH', queue, event)
    redis.call('INCR', address .. 'size')
    if not redis.call('ZSCORE', address .. 'parked', record) then
      redis.call('ZADD', due, 'NX', at, record)
    end
  end
end
for _, entry in ipairs(entries) do
  local record, event = entry[2][2], entry[2][4]
  local fields = cjson.decode(event)
  for i = 3, #KEYS do
    if string.find(ARGV[i + 2], ' ' .. fields.type .. ' ', 1, true) then
      add(KEYS[i], record, event, ARGV[1])
    end
  end
  for _, group in ipairs(fields.groups or {}) do
    add(KEYS[2], 'group:' .. group, '{}', ARGV[4])
  end
  redis.call('XDEL', KEYS[1], entry[1])
end
return {#entries, dropped}
"""

# KEYS: due. ARGV: now, until when the record is claimed.
_CLAIM: Final = """
local address = string.sub(KEYS[1], 1, -4)
while true do
  local record = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
  if not record then return nil end
  local event = redis.call('LINDEX', address .. 'queue:' .. record, 0)
  if event then
    redis.call('ZADD', KEYS[1], ARGV[2], record)
    return {record, event, tonumber(redis.call('HGET', address .. 'tries', record) or 0)}
  end
  redis.call('ZREM', KEYS[1], record)
end
"""

# KEYS: due. ARGV: record, the event that was sent, now, why it failed (empty: it was delivered),
# when to send it again (empty: park it). Another worker may have settled it after the claim ended.
_SETTLE: Final = """
local address, record = string.sub(KEYS[1], 1, -4), ARGV[1]
local queue = address .. 'queue:' .. record
if redis.call('LINDEX', queue, 0) ~= ARGV[2] then return 0 end
if ARGV[4] ~= '' then
  redis.call('HINCRBY', address .. 'tries', record, 1)
  redis.call('HSET', address .. 'reasons', record, ARGV[4])
  if ARGV[5] ~= '' then
    redis.call('ZADD', KEYS[1], ARGV[5], record)
  else
    redis.call('ZREM', KEYS[1], record)
    redis.call('ZADD', address .. 'parked', ARGV[3], record)
  end
  return 1
end
redis.call('LPOP', queue)
redis.call('DECR', address .. 'size')
redis.call('HDEL', address .. 'tries', record)
redis.call('HDEL', address .. 'reasons', record)
if redis.call('EXISTS', queue) == 1 then
  redis.call('ZADD', KEYS[1], ARGV[3], record)
else
  redis.call('ZREM', KEYS[1], record)
end
return 1
"""

# KEYS: due. ARGV: now, the record to send again (empty: all of them).
_SEND_AGAIN: Final = """
local address = string.sub(KEYS[1], 1, -4)
local records = {ARGV[2]}
if ARGV[2] == '' then records = redis.call('ZRANGE', address .. 'parked', 0, -1) end
local sent = 0
for _, record in ipairs(records) do
  if redis.call('ZREM', address .. 'parked', record) == 1 then
    redis.call('HDEL', address .. 'tries', record)
    redis.call('ZADD', KEYS[1], ARGV[1], record)
    sent = sent + 1
  end
end
return sent
"""


@dataclass(frozen=True, slots=True)
class ClaimedEvent:
    """An event to send now. `text` is how it is stored, `tries` how often sending it failed."""

    record: str
    text: str
    tries: int

    @property
    def fields(self) -> dict[str, Any]:
        """Return its id, type and time."""
        fields: dict[str, Any] = json.loads(self.text)
        return fields


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A record whose events an address didn't take for a day. `count` events wait in order."""

    record: str
    at: float
    reason: str
    count: int
    type: str


class WebhookQueue:
    """The events for one address. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self.name = hashlib.sha256(url.encode()).hexdigest()[:12]
        self._due = keys.webhook(self.name, "due")
        self._claim, self._settle = LuaScript(client, _CLAIM), LuaScript(client, _SETTLE)
        self._send_again = LuaScript(client, _SEND_AGAIN)

    def claim(self, now: float) -> ClaimedEvent | None:
        """Return the next event to send; None if there is none at this time."""
        found = self._claim(keys=[self._due], args=[repr(now), repr(now + _CLAIMED)])
        return ClaimedEvent(*found) if found else None

    def delivered(self, event: ClaimedEvent, now: float) -> None:
        """Remove an event; the next one of its record is due."""
        self._settle(keys=[self._due], args=[event.record, event.text, repr(now), "", ""])

    def failed(self, event: ClaimedEvent, now: float, reason: str, *, is_final: bool) -> bool:
        """Send the event again later; park its record after a day. Return whether it is parked."""
        is_parked = is_final or event.tries >= len(PAUSES)
        again = "" if is_parked else repr(now + PAUSES[event.tries])
        arguments = [event.record, event.text, repr(now), reason[:200], again]
        return bool(self._settle(keys=[self._due], args=arguments)) and is_parked

    def send_again(self, now: float, record: str = "") -> int:
        """Send the events of a parked record again, or those of all. Return how many records."""
        return int(self._send_again(keys=[self._due], args=[repr(now), record]))

    def erase(self, records: Collection[str]) -> int:
        """Drop the events of these records. Return how many waited."""
        erased = 0
        for record in records:
            queue = keys.webhook(self.name, f"queue:{record}")
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.llen(queue)
                pipeline.delete(queue)
                for name in ("due", "parked"):
                    pipeline.zrem(keys.webhook(self.name, name), record)
                for name in ("tries", "reasons"):
                    pipeline.hdel(keys.webhook(self.name, name), record)
                count = int(pipeline.execute()[0])
            if count:
                self._client.decrby(keys.webhook(self.name, "size"), count)
            erased += count
        return erased

    def counts(self) -> tuple[int, int]:
        """Return how many events wait, and how many records are parked."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.get(keys.webhook(self.name, "size"))
            pipeline.zcard(keys.webhook(self.name, "parked"))
            size, parked = pipeline.execute()
        return int(size or 0), parked

    def parked(self, *, limit: int) -> list[ParkedRecord]:
        """Return parked records, the latest first."""
        found: Any = self._client.zrevrange(
            keys.webhook(self.name, "parked"), 0, limit - 1, withscores=True
        )
        with self._client.pipeline(transaction=False) as pipeline:
            for record, _ in found:
                queue = keys.webhook(self.name, f"queue:{record}")
                pipeline.hget(keys.webhook(self.name, "reasons"), record)
                pipeline.llen(queue)
                pipeline.lindex(queue, 0)
            answers = pipeline.execute()
        return [
            ParkedRecord(record, at, reason or "", count, json.loads(event)["type"])
            for (record, at), reason, count, event in zip(
                found, answers[::3], answers[1::3], answers[2::3], strict=True
            )
            if event
        ]


class WebhookQueues:
    """The queues of all addresses, each of which gets some types of events, and of changed groups.

    Methods raise `StoreUnavailableError`.
    """

    def __init__(self, client: Client, types_of: Mapping[str, Collection[str]]) -> None:
        self.by_url = {url: WebhookQueue(client, url) for url in types_of}
        self.groups = WebhookQueue(client, "groups")
        self._keys = [
            keys.webhook(each.name, "due") for each in (self.groups, *self.by_url.values())
        ]
        self._types = [f" {' '.join(types)} " for types in types_of.values()]
        self._distribute = LuaScript(client, _DISTRIBUTE)

    def waiting(self) -> tuple[int, int]:
        """Return how many events wait for all addresses, and how many records are parked."""
        counts = [each.counts() for each in self.by_url.values()]
        return sum(size for size, _ in counts), sum(parked for _, parked in counts)

    def erase(self, records: Collection[str], now: float) -> int:
        """Drop the events of these records for all addresses. Return how many waited."""
        self.distribute(now)
        return sum(each.erase(records) for each in (self.groups, *self.by_url.values()))

    def distribute(self, now: float) -> int:
        """Move published events to the queues. Return how many found a full queue."""
        dropped = 0
        while True:
            moved, lost = self._distribute(
                keys=[keys.WEBHOOK_EVENTS, *self._keys],
                args=[
                    repr(now),
                    str(_BATCH),
                    str(_MAX_QUEUED),
                    repr(now + _SETTLED),
                    *self._types,
                ],
            )
            dropped += int(lost)
            if moved < _BATCH:
                return dropped
