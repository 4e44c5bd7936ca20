"""Find failures in the indexes of the days, in order of time, both ways, with bounded work."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast

from oauth_helper.common.references import midnight, parse_reference
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import UNSET, FailureQuery, Term
from oauth_helper.failures.search import client_key
from oauth_helper.store import keys
from oauth_helper.store.failure_layout import ANY_VALUE
from oauth_helper.store.redis import Client, in_calls, is_cluster
from oauth_helper.store.redis_clients import LuaScript

#: A failure belongs to the day of its attempt, but may happen up to this much after that day began:
#: attempts are stored for three days, in which they may be reported or expire.
SPREAD = timedelta(days=5)

# Clocks differ, so a failure may seem to precede its own attempt.
_SKEW = timedelta(days=1)

# Index entries that one page compares with the other indexes at most, or a few more.
_COMPARED_AT_MOST = 40_000

# Index entries that a count compares at most; in a Cluster it may be as many of each of some days.
_COUNTED_AT_MOST = 2000

# Days that are searched first: this many can hold what happened on the newest two of them.
_FIRST_DAYS = SPREAD.days + 3

# Fields with an index of each value.
_BY_VALUE = frozenset(
    {"cause", "profile", "status", "stage", "account", "scope", "group", "customer_id"}
)

# KEYS: of each day the indexes to be in, then those not to be in.
# ARGV: indexes of a day, number of those to be in, whether the newest come first, time and
# reference to start behind, time at the far end, entries to return of a day, entries to compare of
# a day at most, days to search at least.
# Of each day it walks the smallest index from one end to the other and looks up membership in the
# rest, until it has enough entries or has compared too many. Once it has enough of all days,
# entries behind the last of them are left out.
# It returns the days searched, the entries compared, the last one of each day that it left too
# early, then references and times.
_FIND: Final = """
local width, within, newest = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local at, far = tonumber(ARGV[4]), tonumber(ARGV[6])
local limit, share, least = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local walk = newest and 'ZREVRANGE' or 'ZRANGE'
local compared, left, found, last = 0, {}, {}, nil
local function search(first)
  local walked, size = 0, nil
  for i = first, first + within - 1 do
    local count = redis.call('ZCARD', KEYS[i])
    if count == 0 then return end
    if not size or count < size then walked, size = i, count end
  end
  local function is_found(reference)
    for i = first, first + width - 1 do
      local is_in = i == walked or redis.call('ZSCORE', KEYS[i], reference) ~= false
      if is_in ~= (i < first + within) then return false end
    end
    return true
  end
  local start = newest and redis.call('ZCOUNT', KEYS[walked], '(' .. ARGV[4], '+inf')
    or redis.call('ZCOUNT', KEYS[walked], '-inf', '(' .. ARGV[4])
  local enough, most, step = #found + 2 * limit, compared + share, math.min(limit, 200)
  while true do
    local rows = redis.call(walk, KEYS[walked], start, start + step - 1, 'WITHSCORES')
    for i = 1, #rows, 2 do
      local reference, score = rows[i], tonumber(rows[i + 1])
      if newest and score < far or not newest and score >= far then return end
      if last and (newest and score < last or not newest and score > last) then return end
      local is_behind = score ~= at or newest and reference < ARGV[5]
        or not newest and reference > ARGV[5]
      if is_behind then
        compared = compared + 1
        if is_found(reference) then
          found[#found + 1] = reference
          found[#found + 1] = rows[i + 1]
        end
        if #found == enough then return end
        if compared >= most then
          left[#left + 1] = {reference, rows[i + 1]}
          return
        end
      end
    end
    if #rows < 2 * step then return end
    start, step = start + step, math.min(2 * step, 200)
  end
end
local days = 0
for first = 1, #KEYS, width do
  search(first)
  days = days + 1
  if #found >= 2 * limit and not last then
    last = tonumber(found[2])
    for i = 4, #found, 2 do
      last = newest and math.min(last, found[i]) or math.max(last, found[i])
    end
  end
  local is_enough = #left > 0 or #found >= 2 * limit or compared >= share * least
  if is_enough and days >= least then break end
end
return {days, compared, left, found}
"""

#: Time and reference: the order of every index.
Place = tuple[float, str]

# Before and behind every place. Redis reads exponents; no reference looks like these.
_BEFORE_ALL: Final[Place] = (1e15, "~")
_BEHIND_ALL: Final[Place] = (-1.0, "")


@dataclass(frozen=True, slots=True)
class Plan:
    """A query as indexes: to be in, not to be in, and the terms that no index answers."""

    within: tuple[str, ...]
    without: tuple[str, ...]
    rest: tuple[Term, ...]


def plan_for(query: FailureQuery) -> Plan:
    """Return how the indexes answer a query."""
    within: list[str] = []
    without: list[str] = []
    rest: list[Term] = []
    for term in map(_positive, query.all_terms):
        index = _index_for(term)
        if index is None:
            rest.append(term)
            continue
        (without if term.negated is not (index in ANY_VALUE.values()) else within).append(index)
    return Plan(tuple(dict.fromkeys(within)) or ("",), tuple(dict.fromkeys(without)), tuple(rest))


def mismatches(values: Mapping[str, str], terms: Iterable[Term]) -> set[str]:
    """Return the fields whose values don't match the terms about them."""
    return {
        each.field
        for each in terms
        if each.field in values and (values[each.field] == each.value) is each.negated
    }


@dataclass(frozen=True, slots=True)
class Stretch:
    """Places in order, and the one to continue behind; None at the end."""

    places: list[Place]
    rest: Place | None
    is_cut_short: bool = False


class FailureSearch:
    """Search the indexes in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._find = LuaScript(client, _FIND)

    def stretch(
        self,
        plan: Plan,
        query: FailureQuery,
        position: Place | None,
        size: int,
        *,
        newer: bool = False,
    ) -> Stretch:
        """Return up to `size` places behind `position`, the newest first, or the oldest if `newer`.

        It is cut short after some 40,000 comparisons.
        """
        position = position or (_BEHIND_ALL if newer else _BEFORE_ALL)
        days = self.days(query, position, newer=newer)
        found: list[Place] = []
        done, compared = 0, 0
        # A Cluster's script sees one day, and can't stop at the day that has enough.
        step = _FIRST_DAYS if is_cluster(self._client) else len(days)
        while done < len(days):
            batch = days[done : done + step]
            # The days of which the newest two can hold something share it, so each gets further.
            share = max(1, (_COMPARED_AT_MOST - compared) // _FIRST_DAYS)
            bounds = self._bounds(query, position, newer=newer)
            answers = list(
                self._ask(plan, batch, bounds, size, share, least=_FIRST_DAYS, newer=newer)
            )
            done, step = done + sum(each[0] for each in answers), step * 2
            compared += sum(each[1] for each in answers)
            found += [place for each in answers for place in each[3]]
            found = sorted(found, reverse=not newer)[:size]
            # A day that is not searched yet may hold places before these.
            edge = (_edge(days[done], newer=newer), "") if done < len(days) else None
            stops = [place for each in answers for place in each[2]]
            if stops or (edge and compared >= _COMPARED_AT_MOST):
                stops += [edge] if edge else []
                return _cut(found, min(stops) if newer else max(stops), size, newer=newer)
            if edge is None or (len(found) == size and _is_before(found[-1], edge, newer=newer)):
                break
        return Stretch(found, found[-1] if len(found) == size else None)

    def days(
        self, query: FailureQuery, position: Place | None, *, newer: bool = False
    ) -> list[date]:
        """Return the days that may hold matches behind `position`, in the order to search."""
        least, most = query.since, query.until
        if position is not None and position not in (_BEFORE_ALL, _BEHIND_ALL):
            at = position[0]
            least, most = (max(least or at, at), most) if newer else (least, min(most or at, at))
        low = "-inf" if least is None else ordinal(least) - SPREAD.days
        high = "+inf" if most is None else ordinal(most) + _SKEW.days
        if newer:
            found = self._client.zrangebyscore(keys.DAYS, low, high)
        else:
            found = self._client.zrevrangebyscore(keys.DAYS, high, low)
        return [date.fromisoformat(day) for day in cast("list[str]", found)]

    def days_within(self, query: FailureQuery) -> list[date]:
        """Return the days with failures within the query's times, taken as whole days, in order."""
        days = sorted(self.days(query, None))
        if query.since is not None:
            days = [day for day in days if day.toordinal() >= ordinal(query.since)]
        if query.until is not None:
            last = ordinal(math.nextafter(query.until, 0))
            days = [day for day in days if day.toordinal() <= last]
        return days

    def count(self, plan: Plan, query: FailureQuery, most: int) -> tuple[int, bool]:
        """Return how many entries match, up to `most`, and whether there may be more."""
        days, bounds = self.days(query, None), self._bounds(query, _BEFORE_ALL, newer=False)
        step = _FIRST_DAYS if is_cluster(self._client) else len(days)
        found = done = compared = 0
        is_cut = False
        while done < len(days) and found < most and compared < _COUNTED_AT_MOST:
            batch, share = days[done : done + step], _COUNTED_AT_MOST - compared
            for searched, these, left, places in self._ask(
                plan, batch, bounds, most, share, least=1
            ):
                done, compared, found = done + searched, compared + these, found + len(places)
                is_cut = is_cut or bool(left)
        return min(found, most), found >= most or is_cut or done < len(days)

    def most(self, plan: Plan, query: FailureQuery) -> int:
        """Return an upper bound: the entries of the smallest index within the times."""
        days = self.days(query, None)
        least = "-inf" if query.since is None else repr(query.since)
        most = "+inf" if query.until is None else f"({query.until!r}"
        with self._client.pipeline(transaction=False) as pipeline:
            for index in plan.within:
                for day in days:
                    pipeline.zcount(keys.failures(day, index), least, most)
            found = cast("list[int]", pipeline.execute())
        per_index = [
            sum(found[number * len(days) : (number + 1) * len(days)])
            for number in range(len(plan.within))
        ]
        return min(per_index)

    def _ask(
        self,
        plan: Plan,
        days: Sequence[date],
        bounds: tuple[Place, float],
        size: int,
        share: int,
        *,
        least: int,
        newer: bool = False,
    ) -> Iterator[tuple[int, int, list[Place], list[Place]]]:
        """Yield the days searched, entries compared, where days were left early, and places.

        `bounds` are those of `_bounds`; `share` is how many entries of a day are compared. After
        the `least` days it searches no more when some have enough or were left early.
        """
        near, far = bounds
        indexes = (*plan.within, *plan.without)
        arguments: list[object] = [
            len(indexes),
            len(plan.within),
            "" if newer else "1",
            repr(near[0]),
            near[1],
            repr(far),
            size,
            share,
            least,
        ]
        calls = [
            ([keys.failures(day, index) for day in part for index in indexes], arguments)
            for part in in_calls(self._client, days)
        ]
        for searched, compared, left, rows in self._find.run_all(calls):
            stops = [(float(at), reference) for reference, at in left]
            scores = map(float, rows[1::2])
            yield searched, compared, stops, list(zip(scores, rows[::2], strict=True))

    @staticmethod
    def _bounds(query: FailureQuery, position: Place, *, newer: bool) -> tuple[Place, float]:
        """Return the place to start behind, and the first time outside."""
        since = _BEHIND_ALL[0] if query.since is None else query.since
        until = _BEFORE_ALL[0] if query.until is None else query.until
        if newer:
            # Includes the time itself: no reference is before the empty one.
            return max(position, (since, "")), until
        # Excludes the time itself.
        return min(position, (until, "")), since


def _cut(found: list[Place], stop: Place, size: int, *, newer: bool) -> Stretch:
    """Return the places up to `stop`, which are certainly complete."""
    places = [place for place in found if (place < stop if newer else place > stop)]
    # The stop itself was compared, if it is an entry.
    places += [place for place in found if place == stop]
    if len(places) >= size:
        return Stretch(places[:size], places[size - 1])
    return Stretch(places, stop, is_cut_short=True)


def _edge(day: date, *, newer: bool) -> float:
    """Return the first time in search order that a failure of `day`, or behind it, can have."""
    if newer:
        return (midnight(day) - _SKEW).timestamp()
    return (midnight(day) + SPREAD).timestamp()


def _is_before(place: Place, edge: Place, *, newer: bool) -> bool:
    return place < edge if newer else place > edge


def write_cursor(place: Place) -> str:
    """Return the cursor for a place."""
    return f"{place[0]!r}_{place[1]}"


def read_cursor(text: str) -> Place:
    """Return the place of a cursor. Raises ValueError for any other text."""
    at, _, reference = text.partition("_")
    is_ours = not reference or parse_reference(reference) == reference
    if not re.fullmatch(r"[0-9]{1,11}\.[0-9]{1,9}", at) or not is_ours:
        raise ValueError("the cursor is none of this program's")
    return float(at), reference


def ordinal(at: float) -> int:
    """Return the ordinal of the day (UTC) of a time."""
    return datetime.fromtimestamp(at, UTC).toordinal()


def _positive(term: Term) -> Term:
    """Return the other status instead of a negated one: its index may be far shorter."""
    if term.field == "status" and term.negated and term.value in set(Status):
        (other,) = set(Status) - {term.value}
        return Term("status", other)
    return term


def _index_for(term: Term) -> str | None:
    if term.field in ANY_VALUE:
        value = client_key(term.value) if term.field == "client" else term.value
        return ANY_VALUE[term.field] if value == UNSET else f"{term.field}:{value}"
    return f"{term.field}:{term.value}" if term.field in _BY_VALUE else None
