"""The log of failures: written with its indexes in one step, read in order, never scanned."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from oauth_helper.common.metrics import FAILURES
from oauth_helper.common.references import day_of
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import EventType, Failure, Status
from oauth_helper.failures.query import FailureQuery, Page, Term
from oauth_helper.failures.search import is_match
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store import keys
from oauth_helper.store.change_feed import ChangeFeed
from oauth_helper.store.failure_codec import request_name, to_fields, write_request
from oauth_helper.store.failure_index import (
    Plan,
    counters_of,
    earlier_of,
    group_name,
    indexes_of,
    plan_for,
)
from oauth_helper.store.failure_reader import FailureRecords
from oauth_helper.store.failure_search import (
    FailureSearch,
    Place,
    midnight,
    read_cursor,
    write_cursor,
)
from oauth_helper.store.lua_script import LuaScript
from oauth_helper.store.redis import Client

#: How many records one page looks at to fulfil what no index answers.
EXAMINED_AT_MOST = 2000

# Fetched at a time while records are looked at.
_CHUNK = 250

# Seconds; less lies between a place and a cursor that is to find it again.
_STEP = 0.001

# Failures of one person or account that are looked at when they come again.
_MOST_EARLIER = 50

_FIRST_OF_DAY = 2

# A failure is kept for so much longer than its attempt, which it is later than.
_LONGER = timedelta(days=2)

# Somebody else may change the same record at the same time, but not so often.
_TRIES = 20


class Failures:
    """The failures in Redis. Methods raise `StoreUnavailableError`.

    Whoever follows `feed` is told of each that is recorded or changed.
    """

    def __init__(self, client: Client, *, retention_days: int) -> None:
        self._client = client
        self._retention = timedelta(days=retention_days)
        self._record = LuaScript(client, RECORD)
        self._change = LuaScript(client, CHANGE)
        self._search = FailureSearch(client)
        self._records = FailureRecords(client)
        self._known_days: set[date] = set()
        self.feed = ChangeFeed(client)

    def record(self, failure: Failure, *, only_if_open: bool = False) -> bool:
        """Writes a failure and its indexes in one step; False if its reference has one already.

        False too when its attempt has connected; with `only_if_open` also when it has any outcome,
        or is none of those noted.
        """
        day = day_of(failure.reference)
        if day not in self._known_days:
            # Once a day and process, and before the record, so that no record is ever unlisted.
            self._list_day(day)
        counters = counters_of(failure)
        written = self._record(
            keys=[
                keys.failure(failure.reference),
                keys.attempt(failure.reference),
                keys.open_attempts(day),
                *_shared_keys(day),
                *(keys.of_day(day, name) for name, _ in counters),
                *(keys.failures(day, index) for index in indexes_of(failure)),
            ],
            args=[
                failure.reference,
                repr(failure.at),
                self._expiry(day),
                "1" if only_if_open else "",
                secrets.token_hex(6),
                *_shared_values(failure),
                str(len(counters)),
                *(field for _, field in counters),
                *_flat(failure),
            ],
        )
        if written == _FIRST_OF_DAY:
            # Also when the store lost what this process knew to be there.
            self._list_day(day)
        if written:
            FAILURES.labels(failure.profile, failure.stage, failure.cause).inc()
            self.feed.announce(failure, expires_at=int(self._expiry(day)))
        return bool(written)

    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """The record after `change`, with its indexes; None when there is no such record.

        Nobody's change is lost: when somebody else was faster, `change` is called again with what
        they wrote. Time and reference stay.
        """
        for _ in range(_TRIES):
            old = self._records.get(reference)
            if old is None:
                return None
            new = change(old)
            if new == old:
                return old
            new = replace(new, revision=old.revision + 1)
            if self._replace(old, new):
                self._note_recovery(old, new)
                self.feed.announce(new, expires_at=int(self._expiry(day_of(reference))))
                return new
        raise StoreUnavailableError(f"{reference} is changed by others all the time")

    def _replace(self, old: Failure, new: Failure) -> bool:
        day = day_of(new.reference)
        before, after = counters_of(old), counters_of(new)
        down, up = _difference(before, after), _difference(after, before)
        indexes = indexes_of(new)
        left = [index for index in indexes_of(old) if index not in indexes]
        return bool(
            self._change(
                keys=[
                    keys.failure(new.reference),
                    *_shared_keys(day),
                    *(keys.of_day(day, name) for name, _ in (*down, *up)),
                    *(keys.failures(day, index) for index in (*left, *indexes)),
                ],
                args=[
                    new.reference,
                    str(old.revision),
                    repr(new.at),
                    self._expiry(day),
                    secrets.token_hex(6),
                    *_shared_values(new),
                    str(len(down)),
                    str(len(up)),
                    str(len(left)),
                    *(field for _, field in (*down, *up)),
                    *_flat(new),
                ],
            )
        )

    def _note_recovery(self, old: Failure, new: Failure) -> None:
        """Keeps how long it took until the account connected, where it just has."""
        seconds = _recovered_after(new)
        if seconds is None or _recovered_after(old) is not None:
            return
        day = day_of(new.reference)
        recovered = keys.of_day(day, keys.RECOVERED)
        self._client.hset(recovered, new.reference, f"{seconds:.0f} {new.profile}")
        self._client.expireat(recovered, int(self._expiry(day)))

    def _expiry(self, day: date) -> str:
        return str(int((midnight(day) + self._retention + _LONGER).timestamp()))

    def _list_day(self, day: date) -> None:
        self._client.zadd(keys.DAYS, {day.isoformat(): day.toordinal()})
        expired = day - self._retention - 2 * _LONGER
        self._client.zremrangebyscore(keys.DAYS, "-inf", expired.toordinal())
        self._known_days.add(day)

    def get(self, reference: str) -> Failure | None:
        """One failure, or None when there is no such record."""
        return self._records.get(reference)

    def get_all(self, references: Sequence[str]) -> list[Failure]:
        """Those of the failures that are there, in the order asked for."""
        return [each for each in self._records.get_all(references) if each is not None]

    def page(
        self, wanted: FailureQuery, *, limit: int, cursor: str | None = None, newer: bool = False
    ) -> Page:
        """The newest failures that are wanted, at most `limit`, behind `cursor` if one is given.

        With `newer` those right before `cursor`, or else the oldest. Newest first either way.
        Raises ValueError when the cursor is none of ours.
        """
        start = read_cursor(cursor) if cursor else None
        found, end, examined = self._collect(wanted, start, limit, newer=newer)
        failures = [failure for _, failure in found]
        if newer:
            failures.reverse()
        near = _way_back(found[0][0] if found else None, start, newer=newer)
        far = write_cursor(end) if end else None
        older, previous = (near, far) if newer else (far, near)
        is_bounded = end is not None and len(found) < limit
        return Page(tuple(failures), older, is_bounded, previous, examined)

    def each(self, wanted: FailureQuery, *, chunk: int = 500) -> Iterator[Failure]:
        """All failures that are wanted, newest first, a chunk at a time.

        Raises `StoreUnavailableError` in the middle too.
        """
        position: Place | None = None
        while True:
            failures, position = self._chunk(wanted, position, chunk)
            yield from failures
            if position is None:
                return

    def _chunk(
        self, wanted: FailureQuery, position: Place | None, size: int
    ) -> tuple[list[Failure], Place | None]:
        """The failures behind `position`, and where to go on; None at the end."""
        plan = plan_for(wanted)
        stretch = self._search.stretch(plan, wanted, position, size)
        return [each for _, each in self._matching(stretch.places, plan.rest)], stretch.rest

    def of_person(self, browser_id: str, *, but: str) -> list[Failure]:
        """The other failures of the same browser, the newest first."""
        return [each for each in self._of_person(browser_id) if each.reference != but]

    def earlier_causes(self, reference: str, browser_id: str) -> tuple[Cause, ...]:
        """The causes of other failures of the same browser, the newest first."""
        return tuple(each.cause for each in self.of_person(browser_id, but=reference))

    def open_failures_of(self, profile: str, *, account: int | None, browser_id: str) -> list[str]:
        """The open failures of an account, and those of the same browser whose account is unknown.

        At most fifty of each, the newest.
        """
        found = list(self._of_person(browser_id))
        if account is not None:
            wanted = FailureQuery(account=str(account), profile=profile, status=Status.OPEN)
            found += self.page(wanted, limit=_MOST_EARLIER).failures
        return list(
            dict.fromkeys(
                each.reference
                for each in found
                if each.profile == profile
                and each.status is Status.OPEN
                and each.hub_id in (None, account)
            )
        )

    def _of_person(self, browser_id: str) -> Iterator[Failure]:
        if not browser_id:
            return
        plan = Plan((earlier_of(browser_id),), (), ())
        # All of one browser are later than the first.
        since = midnight(day_of(browser_id)).timestamp()
        found = self._search.stretch(plan, FailureQuery(since=since), None, _MOST_EARLIER)
        names = [*(name for _, name in found.places), browser_id]
        yield from (each for each in self._records.get_all(names) if each is not None)

    def _collect(
        self, wanted: FailureQuery, position: Place | None, limit: int, *, newer: bool
    ) -> tuple[list[tuple[Place, Failure]], Place | None, int]:
        """What is found in walking order, where to go on, and how many records were looked at."""
        plan = plan_for(wanted)
        size = _CHUNK if plan.rest else limit + 1
        found: list[tuple[Place, Failure]] = []
        examined = 0
        while True:
            stretch = self._search.stretch(plan, wanted, position, size, newer=newer)
            places = stretch.places[: EXAMINED_AT_MOST - examined]
            matching = self._matching(places, plan.rest)
            wanting = limit - len(found)
            if len(matching) > wanting:
                found += matching[:wanting]
                return found, found[-1][0], examined + len(places)
            found += matching
            examined += len(places)
            rest = places[-1] if len(places) < len(stretch.places) else stretch.rest
            if rest is None or stretch.is_cut_short or examined >= EXAMINED_AT_MOST:
                return found, rest, examined
            position = rest

    def _matching(
        self, places: Sequence[Place], terms: tuple[Term, ...]
    ) -> list[tuple[Place, Failure]]:
        """Those of the failures at these places that are there and fulfil `terms`."""
        if terms:
            texts = self._records.texts([name for _, name in places])
            found = zip(places, texts, strict=True)
            places = [place for place, each in found if each is not None and is_match(each, terms)]
        failures = self._records.get_all([name for _, name in places])
        return [
            (place, each) for place, each in zip(places, failures, strict=True) if each is not None
        ]


def _shared_keys(day: date) -> list[str]:
    return [keys.of_day(day, name) for name in (keys.NAMES, keys.REQUESTS, keys.VERSION)]


def _shared_values(failure: Failure) -> list[str]:
    """What is kept once for many failures: the group's scopes, and what was requested."""
    requested = failure.requested
    return [
        failure.fingerprint,
        group_name(failure),
        request_name(requested),
        write_request(requested),
    ]


def _flat(failure: Failure) -> list[str]:
    return [part for field in to_fields(failure).items() for part in field]


def _difference(
    some: tuple[tuple[str, str], ...], others: tuple[tuple[str, str], ...]
) -> list[tuple[str, str]]:
    return list((Counter(some) - Counter(others)).elements())


def _way_back(first: Place | None, start: Place | None, *, newer: bool) -> str | None:
    """The cursor back to where one came from; None when that was nowhere.

    It leads behind the first that was found. When nothing was, what the cursor stood at has to be
    found again, for a cursor leaves out its own place.
    """
    if start is None:
        return None
    at, _ = start
    moved = (round(max(0.0, at + (_STEP if newer else -_STEP)), 6), "")
    return write_cursor(first or moved)


def _recovered_after(failure: Failure) -> float | None:
    """Seconds from the failure to the connection after it; None when there was none."""
    times = (event.at for event in failure.history if event.what is EventType.CONNECTED)
    first = next(times, None)
    return None if first is None else max(0.0, first - failure.at)


# KEYS: failure, attempt, open attempts, names, requests, version, then the counters of the day,
# then each index.
# ARGV: reference, time, expiry (Unix), whether only for an open attempt, mark of this write,
# fingerprint, its name, name of the request, the request, number of counters, their fields, then
# the record's fields and values.
# A client that lost the reply asks again: by its mark it finds that it was itself.
RECORD: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'mark') == ARGV[5] and 1 or 0
end
if ARGV[4] == '1' and not redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 0 end
if redis.call('HGET', KEYS[2], 'outcome') == 'connected' then return 0 end
local counters = tonumber(ARGV[10])
redis.call('HSET', KEYS[1], 'mark', ARGV[5], unpack(ARGV, 11 + counters))
redis.call('EXPIREAT', KEYS[1], ARGV[3])
local first_of_day = 1 - redis.call('EXISTS', KEYS[4])
redis.call('HSETNX', KEYS[4], ARGV[6], ARGV[7])
redis.call('EXPIREAT', KEYS[4], ARGV[3])
redis.call('HSETNX', KEYS[5], ARGV[8], ARGV[9])
redis.call('EXPIREAT', KEYS[5], ARGV[3])
redis.call('SET', KEYS[6], ARGV[5], 'EXAT', ARGV[3])
for i = 1, counters do
  redis.call('HINCRBY', KEYS[6 + i], ARGV[10 + i], 1)
  redis.call('EXPIREAT', KEYS[6 + i], ARGV[3])
end
for i = 7 + counters, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[2], ARGV[1])
  redis.call('EXPIREAT', KEYS[i], ARGV[3])
end
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'outcome', 'failed') end
return 1 + first_of_day
"""

# KEYS: failure, names, requests, version, the counters to count down, those to count up, the
# indexes that it leaves, then those that it is in.
# ARGV: reference, revision that is to be replaced, time, expiry, mark of this write, fingerprint,
# its name, name of the request, the request, number of counters down, number up, number of indexes
# that it leaves, the counters' fields, then the record's fields and values.
CHANGE: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[1], 'mark') == ARGV[5] then return 1 end
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[2] then return 0 end
local down, up, left = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
redis.call('HSET', KEYS[1], 'mark', ARGV[5], unpack(ARGV, 13 + down + up))
redis.call('HSETNX', KEYS[2], ARGV[6], ARGV[7])
redis.call('EXPIREAT', KEYS[2], ARGV[4])
redis.call('HSETNX', KEYS[3], ARGV[8], ARGV[9])
redis.call('EXPIREAT', KEYS[3], ARGV[4])
redis.call('SET', KEYS[4], ARGV[5], 'EXAT', ARGV[4])
for i = 1, down do
  if redis.call('HINCRBY', KEYS[4 + i], ARGV[12 + i], -1) <= 0 then
    redis.call('HDEL', KEYS[4 + i], ARGV[12 + i])
  end
end
for i = down + 1, down + up do
  redis.call('HINCRBY', KEYS[4 + i], ARGV[12 + i], 1)
  redis.call('EXPIREAT', KEYS[4 + i], ARGV[4])
end
for i = 5 + down + up, 4 + down + up + left do redis.call('ZREM', KEYS[i], ARGV[1]) end
for i = 5 + down + up + left, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[3], ARGV[1])
  redis.call('EXPIREAT', KEYS[i], ARGV[4])
end
return 1
"""
