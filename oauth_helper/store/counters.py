"""How many: of failures by day, kind, group and scope; of attempts; and how long until connected.

The days are those on which the attempts began. Nothing here looks at single failures, except where
so few can match that looking is cheaper than counting.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, TypeVar, cast

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import Counts, FailureQuery, Term
from oauth_helper.failures.search import client_key
from oauth_helper.failures.statistics import AttemptCount, FailureCount, Group, Recovery, ScopeCount
from oauth_helper.store import keys
from oauth_helper.store.day_counters import DayCounters, DayCounts
from oauth_helper.store.failure_index import KIND, Plan, plan_for, read_kind, write_kind
from oauth_helper.store.failure_search import SPREAD, FailureSearch, Place, ordinal
from oauth_helper.store.lua_script import LuaScript
from oauth_helper.store.redis import Client

T = TypeVar("T")

#: Fields that are counted for every failure.
COUNTED = KIND

# So few failures are looked at one by one.
_LOOKED_AT = 500

# Days whose tallies a process remembers, each kind for itself.
_TOLD = 800

# Recoveries of a day that are told.
_RECOVERIES = 200

# Of the days of a group so many can hold its first failure, or some of its last.
_LATE = SPREAD.days + 3

# KEYS: names, then the index of each group. ARGV: how many of the newest, 0 for the first instead,
# then each group.
# The answer: the names of the groups, then references and times of each.
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

# Groups that are told apart; the rest is too rare to matter among these.
_MOST_GROUPS = 1000


@dataclass(slots=True)
class _Edge:
    """The outermost failures of a group: times and references. `scopes` is JSON."""

    places: list[Place]
    scopes: str = "[]"


class Counters:
    """The counters in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._search = FailureSearch(client)
        self._counts = DayCounters(client, keys.COUNTS)
        self._groups = DayCounters(client, keys.GROUPS)
        self._scopes = DayCounters(client, keys.SCOPES)
        self._known: dict[tuple[date, object], tuple[DayCounts, object]] = {}
        self._read_edges = LuaScript(client, _EDGES)

    def failures(self, first: date, last: date) -> tuple[FailureCount, ...]:
        """The failures of the days from `first` to `last`, by day, cause, profile, state, stage."""
        return tuple(
            tally
            for day, counts in _by_day(self._counts, _days(first, last))
            for tally in self._told(day, counts, _tallies)
        )

    def clients(self) -> tuple[str, ...]:
        """The names of the clients that asked for any of what failed, in their order.

        Of several ways to write a name it is the one that was new the latest.
        """
        kinds = self._counts.sum_of(self._days_of(FailureQuery()))
        names = (read_kind(kind)["client"] for kind in kinds)
        by_key = {client_key(name): name for name in names if name}
        return tuple(by_key[key] for key in sorted(by_key))

    def scopes(self, first: date, last: date) -> tuple[ScopeCount, ...]:
        """The failures of these days by the scopes that they are about."""
        return tuple(
            tally
            for day, counts in _by_day(self._scopes, _days(first, last))
            for tally in self._told(day, counts, _scope_tallies)
        )

    def _told(self, day: date, counts: DayCounts, tell: Callable[[date, DayCounts], T]) -> T:
        """What `tell` makes of a day's counters, made anew only when these were."""
        known = self._known.get((day, tell))
        if known is None or known[0] is not counts:
            if len(self._known) >= _TOLD:
                self._known = {}
            known = self._known[day, tell] = (counts, tell(day, counts))
        return cast("T", known[1])

    def attempts(self, first: date, last: date) -> tuple[AttemptCount, ...]:
        """The attempts that began on these days, and how many of them connected, by profile."""
        return tuple(
            AttemptCount(
                day,
                profile,
                begun=int(counts.get(f"begun {profile}", 0)),
                connected=int(counts.get(f"connected {profile}", 0)),
            )
            for day, counts in self._of_days(keys.ATTEMPTS, _days(first, last))
            for profile in sorted({field.partition(" ")[2] for field in counts})
        )

    def recoveries(self, first: date, last: date) -> tuple[Recovery, ...]:
        """How long it took from the failures of these days until the same accounts connected.

        Of a day with very many these are 200 by chance.
        """
        days = _days(first, last)
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hrandfield(keys.of_day(day, keys.RECOVERED), _RECOVERIES, withvalues=True)
            answers = pipeline.execute()
        return tuple(
            Recovery(day, profile, float(seconds))
            for day, fields in zip(days, answers, strict=True)
            for value in fields[1::2]
            for seconds, _, profile in [value.partition(" ")]
        )

    def counts(self, wanted: FailureQuery) -> Counts:
        """How many failures a filter finds, and how many each other value of a field would find."""
        terms = wanted.all_terms
        others = tuple(term for term in terms if term.field not in COUNTED)
        plan = plan_for(FailureQuery(terms=others, since=wanted.since, until=wanted.until))
        if plan.rest:
            return Counts(None, {})
        has_times = wanted.since is not None or wanted.until is not None
        if (others or has_times) and self._search.most(plan, wanted) <= _LOOKED_AT:
            return _counted(self._looked_at(plan, wanted), terms)
        if others:
            return Counts(self._total_by_one_index(wanted), {})
        return _counted(self._counts.sum_of(self._days_of(wanted)), terms, whole_days=has_times)

    def _total_by_one_index(self, wanted: FailureQuery) -> int | None:
        plan = plan_for(wanted)
        is_one = len(plan.within) == 1 and not plan.without
        return self._search.most(plan, wanted) if is_one else None

    def _looked_at(self, plan: Plan, wanted: FailureQuery) -> Counter[str]:
        stretch = self._search.stretch(plan, wanted, None, _LOOKED_AT)
        with self._client.pipeline(transaction=False) as pipeline:
            for _, reference in stretch.places:
                pipeline.hmget(keys.failure(reference), *COUNTED)
            rows = cast("list[list[str | None]]", pipeline.execute())
        # A record that is gone has no values.
        return Counter(write_kind(map(str, row)) for row in rows if row[0])

    def groups(self, wanted: FailureQuery, *, limit: int, sample: int = 3) -> tuple[Group, ...]:
        """The groups of the failures that are wanted, the largest first.

        Of what is wanted the times count by whole days, and what is asked of `cause`, `profile`,
        `status` and `group`. A sample is of any state.
        """
        days = self._days_of(wanted)
        total = self._groups.sum_of(days)
        sizes: Counter[_Name] = Counter()
        for field, count in total.items():
            group, cause, profile, status = field.split(" ")
            values = {"group": group, "cause": cause, "profile": profile, "status": status}
            if not _unfulfilled(values, wanted.all_terms):
                sizes[group, cause, profile] += count
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:limit]
        counted = dict(_by_day(self._groups, days))
        span = [counted.get(day, {}) for day in _days(days[0], days[-1])] if days else []
        days_of = {name: [day for day in days if _is_on(counted[day], name)] for name in largest}
        details = self._details(days_of, sample)
        terms = [term for term in wanted.all_terms if term.field == "status"]
        states = [each for each in Status if not _unfulfilled({"status": each}, terms)]
        return tuple(
            Group(
                *name,
                **details[name],
                count=sizes[name],
                open_count=total[_field(name, Status.OPEN)],
                by_day=_each_day(span, [_field(name, status) for status in states]),
            )
            for name in largest
        )

    def _days_of(self, wanted: FailureQuery) -> list[date]:
        """The days with failures on which the times that are wanted lie, the oldest first."""
        days = sorted(self._search.days(wanted, None))
        if wanted.since is not None:
            days = [day for day in days if day.toordinal() >= ordinal(wanted.since)]
        if wanted.until is not None:
            last = ordinal(math.nextafter(wanted.until, 0))
            days = [day for day in days if day.toordinal() <= last]
        return days

    def _details(
        self, days_of: Mapping[_Name, Sequence[date]], sample: int
    ) -> dict[_Name, dict[str, Any]]:
        """What counters do not tell of a group: its scopes, when it was seen, whom it affects."""
        # What is late belongs to an earlier day than others of the same time.
        first = self._edges({name[0]: days[:_LATE] for name, days in days_of.items()}, 0)
        last = self._edges(
            {name[0]: days[-_LATE:] for name, days in days_of.items()}, max(1, sample)
        )
        with self._client.pipeline(transaction=False) as pipeline:
            for group, _, _ in days_of:
                for whom in ("people", "accounts"):
                    # Of its method redis-py's Cluster has it that it may name several keys.
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
        """Of each of these days the first failure of a group, or so many of the newest."""
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

    def kinds(self, *, sample: int = 3) -> tuple[Group, ...]:
        """The groups of all failures, those of the same cause and profile taken together."""
        merged: dict[tuple[str, str], list[Group]] = {}
        for group in self.groups(FailureQuery(), limit=_MOST_GROUPS, sample=sample):
            merged.setdefault((group.cause, group.profile), []).append(group)
        found = [_merged(groups, sample) for groups in merged.values()]
        return tuple(sorted(found, key=lambda group: (-group.count, -group.last_seen)))

    def _of_days(self, name: str, days: Sequence[date]) -> Iterator[tuple[date, Mapping[str, str]]]:
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hgetall(keys.of_day(day, name))
            answers = cast("list[dict[str, str]]", pipeline.execute())
        yield from zip(days, answers, strict=True)


def _tallies(day: date, counts: DayCounts) -> tuple[FailureCount, ...]:
    found: Counter[tuple[str, str, str, str]] = Counter()
    for field, count in counts.items():
        cause, profile, status, stage, *_ = field.split(" ", 4)
        found[cause, profile, status, stage] += count
    return tuple(FailureCount(day, *kind, count) for kind, count in found.items())


def _scope_tallies(day: date, counts: DayCounts) -> tuple[ScopeCount, ...]:
    return tuple(
        ScopeCount(day, profile, scope, count)
        for field, count in counts.items()
        for scope, _, profile in [field.rpartition(" ")]
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _by_day(
    counters: DayCounters, days: Sequence[date]
) -> Iterator[tuple[date, Mapping[str, int]]]:
    return zip(days, counters.of_days(days), strict=True)


def _field(name: _Name, status: str) -> str:
    """The counter of a group's failures in one state."""
    return f"{name[0]} {name[1]} {name[2]} {status}"


def _is_on(counts: DayCounts, name: _Name) -> bool:
    return _field(name, Status.OPEN) in counts or _field(name, Status.RESOLVED) in counts


def _each_day(span: Iterable[DayCounts], fields: Sequence[str]) -> tuple[int, ...]:
    if len(fields) == 2:  # by far the most often, and twice as fast
        one, other = fields
        return tuple([day.get(one, 0) + day.get(other, 0) for day in span])
    return tuple([sum(day.get(field, 0) for field in fields) for day in span])


def _unfulfilled(values: Mapping[str, str], terms: Iterable[Term]) -> set[str]:
    """The fields of which something is asked that these values are not."""
    return {
        each.field
        for each in terms
        if each.field in values and (values[each.field] == each.value) is each.negated
    }


def _counted(
    kinds: Mapping[str, int], terms: Iterable[Term], *, whole_days: bool = False
) -> Counts:
    """The counts of a filter, from how many there are of each kind without it."""
    asked = [_as_counted(term) for term in terms if term.field in COUNTED]
    by_field: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
    total = 0
    for kind, count in kinds.items():
        values = read_kind(kind)
        values["client"] = client_key(values["client"])
        failing = _unfulfilled(values, asked)
        if not failing:
            total += count
        for name in COUNTED:
            if failing <= {name}:
                by_field[name][values[name]] += count
    return Counts(total, {name: dict(found) for name, found in by_field.items()}, whole_days)


def _as_counted(term: Term) -> Term:
    return replace(term, value=client_key(term.value)) if term.field == "client" else term


def _merged(groups: Sequence[Group], sample: int) -> Group:
    largest = groups[0]
    newest = sorted(groups, key=lambda group: -group.last_seen)
    return Group(
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
