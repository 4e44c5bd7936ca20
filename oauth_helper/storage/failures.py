"""The log of failures: written with its indexes in one step, read newest first, never scanned."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

from oauth_helper.records import Failure, Group, Page, StoreUnavailableError, Wanted
from oauth_helper.reference import day_of, parse_reference
from oauth_helper.storage import keys
from oauth_helper.storage.client import Client, raises_unavailable
from oauth_helper.storage.failure_fields import from_fields, to_fields

#: How many records one page looks at to fulfil what no index answers.
EXAMINED_AT_MOST = 2000

# A failure is recorded under the day of its attempt and may happen up to this much later.
_SPREAD = timedelta(days=2)

_FIRST_OF_DAY = 2

# KEYS: failure, attempt, open attempts, groups, then each index.
# ARGV: reference, time, expiry (Unix), group, whether only for an open attempt, mark of this write,
# then the record's fields and values.
# A client that lost the reply asks again: by its mark it finds that it was itself.
_RECORD: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('HGET', KEYS[1], 'mark') == ARGV[6] and 1 or 0
end
if ARGV[5] == '1' and not redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 0 end
if redis.call('HGET', KEYS[2], 'outcome') == 'connected' then return 0 end
redis.call('HSET', KEYS[1], 'mark', ARGV[6], unpack(ARGV, 7))
redis.call('EXPIREAT', KEYS[1], ARGV[3])
redis.call('SADD', KEYS[4], ARGV[4])
redis.call('EXPIREAT', KEYS[4], ARGV[3])
local first_of_day = 1 - redis.call('EXISTS', KEYS[5])
for i = 5, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[2], ARGV[1])
  redis.call('EXPIREAT', KEYS[i], ARGV[3])
end
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'outcome', 'failed') end
return 1 + first_of_day
"""

# KEYS: failure, groups, the indexes that it leaves, then those that it is in.
# ARGV: reference, revision that is to be replaced, time, expiry, group, number of indexes that it
# leaves, mark of this write, then the record's fields and values.
_CHANGE: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HGET', KEYS[1], 'mark') == ARGV[7] then return 1 end
if (redis.call('HGET', KEYS[1], 'rev') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'mark', ARGV[7], unpack(ARGV, 8))
redis.call('SADD', KEYS[2], ARGV[5])
redis.call('EXPIREAT', KEYS[2], ARGV[4])
local left = tonumber(ARGV[6])
for i = 3, 2 + left do redis.call('ZREM', KEYS[i], ARGV[1]) end
for i = 3 + left, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[3], ARGV[1])
  redis.call('EXPIREAT', KEYS[i], ARGV[4])
end
return 1
"""

# Somebody else may change the same record at the same time, but not so often.
_TRIES = 20


class Failures:
    """The failures in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client, *, retention_days: int) -> None:
        self._client = client
        self._retention = timedelta(days=retention_days)
        self._record = client.register_script(_RECORD)
        self._change = client.register_script(_CHANGE)
        self._known_days: set[date] = set()

    @raises_unavailable
    def record(self, failure: Failure, *, only_if_open: bool = False) -> bool:
        """Writes a failure and its indexes in one step; False if its reference has one already.

        False too when its attempt has connected; with `only_if_open` also when it has any outcome,
        or is none of those noted.
        """
        day = day_of(failure.reference)
        if day not in self._known_days:
            # Once a day and process, and before the record, so that no record is ever unlisted.
            self._list_day(day)
        fields = to_fields(failure)
        written = self._record(
            keys=[
                keys.failure(failure.reference),
                keys.attempt(failure.reference),
                keys.open_attempts(day),
                keys.groups(day),
                *(keys.failures(day, index) for index in _indexes(failure)),
            ],
            args=[
                failure.reference,
                repr(failure.at),
                self._expiry(day),
                f"{failure.cause} {failure.profile}",
                "1" if only_if_open else "",
                secrets.token_hex(6),
                *(part for field in fields.items() for part in field),
            ],
        )
        if written == _FIRST_OF_DAY:
            # Also when the store lost what this process knew to be there.
            self._list_day(day)
        return bool(written)

    @raises_unavailable
    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """The record after `change`, with its indexes; None when there is no such record.

        Nobody's change is lost: when somebody else was faster, `change` is called again with what
        they wrote. Time and reference stay.
        """
        for _ in range(_TRIES):
            old = self.get(reference)
            if old is None:
                return None
            new = change(old)
            if new == old:
                return old
            new = replace(new, revision=old.revision + 1)
            if self._replace(old, new):
                return new
        raise StoreUnavailableError(f"{reference} is changed by others all the time")

    def _replace(self, old: Failure, new: Failure) -> bool:
        day = day_of(new.reference)
        indexes = _indexes(new)
        left = [index for index in _indexes(old) if index not in indexes]
        fields = to_fields(new)
        return bool(
            self._change(
                keys=[
                    keys.failure(new.reference),
                    keys.groups(day),
                    *(keys.failures(day, index) for index in (*left, *indexes)),
                ],
                args=[
                    new.reference,
                    str(old.revision),
                    repr(new.at),
                    self._expiry(day),
                    f"{new.cause} {new.profile}",
                    str(len(left)),
                    secrets.token_hex(6),
                    *(part for field in fields.items() for part in field),
                ],
            )
        )

    def _expiry(self, day: date) -> str:
        return str(int((_midnight(day) + self._retention + _SPREAD).timestamp()))

    def _list_day(self, day: date) -> None:
        self._client.zadd(keys.DAYS, {day.isoformat(): day.toordinal()})
        expired = day - self._retention - 2 * _SPREAD
        self._client.zremrangebyscore(keys.DAYS, "-inf", expired.toordinal())
        self._known_days.add(day)

    @raises_unavailable
    def get(self, reference: str) -> Failure | None:
        """One failure, or None when there is no such record."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.failure(reference)))
        return from_fields(fields) if fields else None

    @raises_unavailable
    def page(self, wanted: Wanted, *, limit: int, cursor: str | None = None) -> Page:
        """The newest failures that are wanted, at most `limit`, after `cursor` if one is given.

        Raises ValueError when the cursor is none of ours.
        """
        found: list[Failure] = []
        examined = 0
        position = _parse_cursor(cursor) if cursor else None
        while places := self._places(wanted, position, limit):
            for position, failure in zip(places, self._fetch(places), strict=True):
                examined += 1
                if failure is not None and _is_wanted(failure, wanted):
                    found.append(failure)
                if len(found) == limit or examined == EXAMINED_AT_MOST:
                    cursor = self._cursor_if_more(wanted, position)
                    return Page(tuple(found), cursor, bounded=len(found) < limit)
        return Page(tuple(found), None)

    def _cursor_if_more(self, wanted: Wanted, position: _Place) -> str | None:
        """Where to go on, unless `position` is that of the last failure."""
        return _cursor(position) if self._places(wanted, position, 1) else None

    @raises_unavailable
    def groups(self, *, sample: int = 3) -> tuple[Group, ...]:
        """The failures that are kept, by cause and profile, the largest group first."""
        days = self._days(Wanted(), None)
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.smembers(keys.groups(day))
            pairs = [
                (day, *pair.split(" ", 1))
                for day, members in zip(days, pipeline.execute(), strict=True)
                for pair in members
            ]
        with self._client.pipeline(transaction=False) as pipeline:
            for day, cause, profile in pairs:
                index = keys.failures(day, _pair_index(cause, profile))
                pipeline.zcard(index)
                pipeline.zrange(index, 0, 0, withscores=True)
                pipeline.zrevrange(index, 0, sample - 1, withscores=True)
            answers = pipeline.execute()
        return _gather(pairs, answers, sample)

    def _places(self, wanted: Wanted, position: _Place | None, size: int) -> list[_Place]:
        """Up to `size` places of an index below `position`, the newest first."""
        days = self._days(wanted, position)
        found: list[_Place] = []
        done, step = 0, 3
        while done < len(days):
            for places in self._below(days[done : done + step], wanted, position, size):
                found += places
            done, step = done + step, step * 2
            found = sorted(found, reverse=True)[:size]
            # A day that was not looked at may still hold failures from up to two days after it.
            if len(found) == size and (
                done >= len(days) or found[-1][0] >= (_midnight(days[done]) + _SPREAD).timestamp()
            ):
                break
        return found

    def _days(self, wanted: Wanted, position: _Place | None) -> list[date]:
        newest = min((at for at in (wanted.until, position and position[0]) if at), default=None)
        # A day more: clocks differ, and a failure may seem to be from before its own attempt.
        most = "+inf" if newest is None else _ordinal(newest) + 1
        least = "-inf" if wanted.since is None else _ordinal(wanted.since) - _SPREAD.days
        found = self._client.zrevrangebyscore(keys.DAYS, most, least)
        return [date.fromisoformat(day) for day in cast("list[str]", found)]

    def _below(
        self, days: Sequence[date], wanted: Wanted, position: _Place | None, size: int
    ) -> Iterator[list[_Place]]:
        most = _exclusive(wanted.until)
        if position is not None and (wanted.until is None or position[0] < wanted.until):
            most = repr(position[0])
        least = "-inf" if wanted.since is None else repr(wanted.since)
        index_keys = [keys.failures(day, _index_for(wanted)) for day in days]
        with self._client.pipeline(transaction=False) as pipeline:
            for key in index_keys:
                pipeline.zrevrangebyscore(key, most, least, 0, size + 1, withscores=True)
            answers = pipeline.execute()
        for key, answer in zip(index_keys, answers, strict=True):
            rows, places, asked = answer, _after(answer, position), size + 1
            # Many failures at the very time of the position: look further behind it.
            while len(places) < size and len(rows) == asked:
                asked *= 4
                more = self._client.zrevrangebyscore(key, most, least, 0, asked, withscores=True)
                rows = cast("list[tuple[str, float]]", more)
                places = _after(rows, position)
            yield places

    def _fetch(self, places: Sequence[_Place]) -> list[Failure | None]:
        with self._client.pipeline(transaction=False) as pipeline:
            for _, reference in places:
                pipeline.hgetall(keys.failure(reference))
            return [from_fields(fields) if fields else None for fields in pipeline.execute()]


_Place = tuple[float, str]  # time and reference: the order of every index


def _indexes(failure: Failure) -> tuple[str, ...]:
    always = (
        "",
        f"cause:{failure.cause}",
        f"profile:{failure.profile}",
        f"status:{failure.status}",
        f"stage:{failure.stage}",
        _pair_index(failure.cause, failure.profile),
    )
    account = (f"account:{failure.hub_id}",) if failure.hub_id is not None else ()
    assignee = (f"assignee:{failure.assignee}",) if failure.assignee else ()
    return (*always, *account, *assignee)


def _pair_index(cause: str, profile: str) -> str:
    return f"pair:{cause}:{profile}"


def _index_for(wanted: Wanted) -> str:
    """The index that is narrowest as a rule; `_is_wanted` checks what it does not answer."""
    if not wanted.account and wanted.cause and wanted.profile:
        return _pair_index(wanted.cause, wanted.profile)
    by_narrowness = ("account", "assignee", "cause", "stage", "profile", "status")
    found = ((name, getattr(wanted, name)) for name in by_narrowness)
    return next((f"{name}:{value}" for name, value in found if value), "")


def _is_wanted(failure: Failure, wanted: Wanted) -> bool:
    asked = (
        (wanted.cause, failure.cause),
        (wanted.profile, failure.profile),
        (wanted.status, failure.status),
        (wanted.stage, failure.stage),
        (wanted.account, str(failure.hub_id or "")),
        (wanted.assignee, failure.assignee),
    )
    if any(value is not None and value != held for value, held in asked):
        return False
    needle = wanted.text.casefold().strip()
    return not needle or any(needle in text.casefold() for text in _searched(failure))


def _searched(failure: Failure) -> Iterator[str]:
    yield failure.reference
    yield failure.reference.replace("-", "")
    yield failure.message
    yield failure.correlation_id
    yield str(failure.hub_id or "")
    # Not those that were requested: nearly all of them are, every time.
    yield from failure.missing


def _after(rows: Sequence[tuple[str, float]], position: _Place | None) -> list[_Place]:
    places = [(float(at), reference) for reference, at in rows]
    return [place for place in places if position is None or place < position]


def _gather(
    pairs: Sequence[tuple[date, str, str]], answers: Sequence[Any], sample: int
) -> tuple[Group, ...]:
    """One group for each pair, from the three answers that each day gave for it."""
    by_pair: dict[tuple[str, str], list[tuple[int, float, list[tuple[str, float]]]]] = {}
    for number, (_, cause, profile) in enumerate(pairs):
        count, first, newest = answers[3 * number : 3 * number + 3]
        if count:
            by_pair.setdefault((cause, profile), []).append((count, first[0][1], newest))
    groups = []
    for (cause, profile), parts in by_pair.items():
        newest = sorted((row for part in parts for row in part[2]), key=lambda row: -row[1])
        groups.append(
            Group(
                cause=cause,
                profile=profile,
                count=sum(part[0] for part in parts),
                first_seen=min(part[1] for part in parts),
                last_seen=newest[0][1],
                sample=tuple(reference for reference, _ in newest[:sample]),
            )
        )
    return tuple(sorted(groups, key=lambda group: (-group.count, -group.last_seen)))


def _cursor(place: _Place) -> str:
    return f"{place[0]!r}_{place[1]}"


def _parse_cursor(text: str) -> _Place:
    at, _, reference = text.partition("_")
    if not re.fullmatch(r"[0-9]{1,12}\.[0-9]{1,9}", at) or parse_reference(reference) != reference:
        raise ValueError("the cursor is none of this program's")
    return float(at), reference


def _exclusive(at: float | None) -> str:
    return "+inf" if at is None else f"({at!r}"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _ordinal(at: float) -> int:
    return datetime.fromtimestamp(at, UTC).toordinal()
