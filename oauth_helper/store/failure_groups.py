"""Groups of failures with the same fingerprint, from counters and indexes of the days."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.failures.statistics import FailureGroup
from oauth_helper.store import keys
from oauth_helper.store.day_counters import DayCounters, DayCounts
from oauth_helper.store.failure_search import SPREAD, FailureSearch, Place, mismatches
from oauth_helper.store.redis import Client
from oauth_helper.store.redis_clients import LuaScript

# The first, or the last, of this many days of a group hold its first failure, or its last ones.
_LATE = SPREAD.days + 3

# Groups that are told apart before they are merged; the rest is too rare to matter.
_MOST_GROUPS = 1000

# KEYS: names, then the index of each group. ARGV: how many of the newest to return, or 0 for the
# oldest, then each group. It returns the scopes of the groups, then references and times of each.
_EDGES: Final = """
local newest = tonumber(ARGV[1])
local found = {redis.call('HMGET', KEYS[1], unpack(ARGV, 2))}
for i = 2, #KEYS do
  if newest > 0 then
    found[i] = redis.call('ZREVRANGE', KEYS[i], 0, newest - 1, 'WITHSCORES')
  else
    found[i] = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
  end
end
return found
"""

# Fingerprint, cause, profile.
_Name = tuple[str, str, str]


@dataclass(slots=True)
class _Edge:
    """The first or last failures of a group. `scopes` is JSON."""

    places: list[Place]
    scopes: str = "[]"


class FailureGroups:
    """Read groups from Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client, search: FailureSearch) -> None:
        self._client = client
        self._search = search
        self._counters = DayCounters(client, keys.GROUPS)
        self._read_edges = LuaScript(client, _EDGES)

    def largest(self, query: FailureQuery, *, limit: int, sample: int) -> tuple[FailureGroup, ...]:
        """Return the groups of a query, as `Counters.groups` does."""
        days = self._search.days_within(query)
        total = self._counters.sum_of(days)
        sizes: Counter[_Name] = Counter()
        for field, count in total.items():
            group, cause, profile, status = field.split(" ")
            values = {"group": group, "cause": cause, "profile": profile, "status": status}
            if not mismatches(values, query.all_terms):
                sizes[group, cause, profile] += count
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:limit]
        counts = dict(zip(days, self._counters.of_days(days), strict=True))
        days_of = {name: [day for day in days if _is_on(counts[day], name)] for name in largest}
        details = self._details(days_of, sample)
        terms = [term for term in query.all_terms if term.field == "status"]
        states = [each for each in Status if not mismatches({"status": each}, terms)]
        span = [counts.get(day, {}) for day in _span(days)]
        return tuple(
            FailureGroup(
                *name,
                **details[name],
                count=sizes[name],
                open_count=total[_field(name, Status.OPEN)],
                by_day=_each_day(span, [_field(name, status) for status in states]),
            )
            for name in largest
        )

    def merged(self, *, sample: int) -> tuple[FailureGroup, ...]:
        """Return the groups of all failures, merged by cause and profile, largest first."""
        alike: dict[tuple[str, str], list[FailureGroup]] = {}
        for group in self.largest(FailureQuery(), limit=_MOST_GROUPS, sample=sample):
            alike.setdefault((group.cause, group.profile), []).append(group)
        found = [_merge(groups, sample) for groups in alike.values()]
        return tuple(sorted(found, key=lambda group: (-group.count, -group.last_seen)))

    def _details(
        self, days_of: Mapping[_Name, Sequence[date]], sample: int
    ) -> dict[_Name, dict[str, Any]]:
        """Return what counters don't hold: scopes, first and last failures, and whom it affects."""
        # A late failure belongs to an earlier day than others of the same time.
        first = self._edges({name[0]: days[:_LATE] for name, days in days_of.items()}, 0)
        last = self._edges(
            {name[0]: days[-_LATE:] for name, days in days_of.items()}, max(1, sample)
        )
        with self._client.pipeline(transaction=False) as pipeline:
            for group, _, _ in days_of:
                for whom in ("people", "accounts"):
                    # A Cluster's pipeline has no method, as PFCOUNT may take several keys.
                    pipeline.execute_command("PFCOUNT", keys.affected(whom, group))  # type: ignore[no-untyped-call]
            answers = iter(pipeline.execute())
        return {
            name: {
                "scopes": tuple(json.loads(last[name[0]].scopes)),
                "first_seen": min(first[name[0]].places, default=(0.0, ""))[0],
                "last_seen": max(last[name[0]].places, default=(0.0, ""))[0],
                "sample": tuple(
                    reference
                    for _, reference in sorted(last[name[0]].places, reverse=True)[:sample]
                ),
                "people": next(answers),
                "accounts": next(answers),
            }
            for name in days_of
        }

    def _edges(self, days_of: Mapping[str, Iterable[date]], newest: int) -> dict[str, _Edge]:
        """Return the first failure of each group on each of its days, or `newest` of the last."""
        groups_on: dict[date, list[str]] = {}
        for group, days in days_of.items():
            for day in days:
                groups_on.setdefault(day, []).append(group)
        answers = self._read_edges.run_all(
            [
                (
                    [
                        keys.of_day(day, keys.NAMES),
                        *(keys.failures(day, f"group:{group}") for group in groups),
                    ],
                    [newest, *groups],
                )
                for day, groups in groups_on.items()
            ]
        )
        found = {group: _Edge([]) for group in days_of}
        for groups, (names, *rows) in zip(groups_on.values(), answers, strict=True):
            for group, name, places in zip(groups, names, rows, strict=True):
                edge = found[group]
                edge.scopes = name or edge.scopes
                edge.places += zip(map(float, places[1::2]), places[::2], strict=True)
        return found


def _span(days: Sequence[date]) -> list[date]:
    """Return every day from the first to the last."""
    length = (days[-1] - days[0]).days + 1 if days else 0
    return [days[0] + timedelta(days=number) for number in range(length)]


def _field(name: _Name, status: str) -> str:
    """Return the field that counts a group's failures with a status."""
    return f"{name[0]} {name[1]} {name[2]} {status}"


def _is_on(counts: DayCounts, name: _Name) -> bool:
    return _field(name, Status.OPEN) in counts or _field(name, Status.RESOLVED) in counts


def _each_day(span: Iterable[DayCounts], fields: Sequence[str]) -> tuple[int, ...]:
    if len(fields) == 2:  # the usual case, and twice as fast
        one, other = fields
        return tuple([day.get(one, 0) + day.get(other, 0) for day in span])
    return tuple([sum(day.get(field, 0) for field in fields) for day in span])


def _merge(groups: Sequence[FailureGroup], sample: int) -> FailureGroup:
    largest = groups[0]
    newest = sorted(groups, key=lambda group: -group.last_seen)
    return FailureGroup(
        fingerprint="",
        cause=largest.cause,
        profile=largest.profile,
        scopes=(),
        count=sum(group.count for group in groups),
        open_count=sum(group.open_count for group in groups),
        first_seen=min(group.first_seen for group in groups),
        last_seen=newest[0].last_seen,
        sample=tuple(name for group in newest for name in group.sample)[:sample],
    )
