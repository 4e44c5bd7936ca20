"""Count failures by day, kind, group and scope, count attempts, and list times to recovery.

Days are those on which the attempts started. Nothing here reads single failures, except when so few
can match that this is cheaper than counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar, cast

from oauth_helper.failures.query import Counts, FailureQuery, Term
from oauth_helper.failures.search import client_key
from oauth_helper.failures.statistics import (
    AttemptCount,
    FailureCount,
    FailureGroup,
    Recovery,
    ScopeCount,
)
from oauth_helper.store import keys
from oauth_helper.store.day_counters import DayCounters, DayCounts
from oauth_helper.store.failure_groups import FailureGroups
from oauth_helper.store.failure_layout import KIND, read_kind, write_kind
from oauth_helper.store.failure_search import FailureSearch, Plan, mismatches, plan_for
from oauth_helper.store.redis import Client

T = TypeVar("T")

# Up to this many failures are read instead of counted.
_READ_AT_MOST = 500

# Days whose counts a process caches, for each kind of count.
_CACHED = 800

# Counts of all days that a process caches, by their conditions.
_OVERVIEWS = 50

# Recoveries of a day that are returned.
_RECOVERIES = 200


class Counters:
    """The counters in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._search = FailureSearch(client)
        self._counts = DayCounters(client, keys.COUNTS)
        self._groups = FailureGroups(client, self._search)
        self._scopes = DayCounters(client, keys.SCOPES)
        self._known: dict[tuple[date, object], tuple[DayCounts, object]] = {}
        self._overviews: dict[tuple[Term, ...], tuple[DayCounts, Counts]] = {}

    def failures(self, first: date, last: date) -> tuple[FailureCount, ...]:
        """Return the failures of these days, by day, cause, profile, status and stage."""
        return tuple(
            count
            for day, counts in _by_day(self._counts, _days(first, last))
            for count in self._cached(day, counts, _failure_counts)
        )

    def clients(self) -> tuple[str, ...]:
        """Return the names of the proxy clients with failures, sorted.

        Of several spellings of a name it returns the latest new one.
        """
        return _clients(self._counts.sum_of(self._search.days_within(FailureQuery())))

    def scopes(self, first: date, last: date) -> tuple[ScopeCount, ...]:
        """Return the failures of these days by the scopes that they are about."""
        return tuple(
            count
            for day, counts in _by_day(self._scopes, _days(first, last))
            for count in self._cached(day, counts, _scope_counts)
        )

    def _cached(self, day: date, counts: DayCounts, read: Callable[[date, DayCounts], T]) -> T:
        """Return what `read` makes of a day's counters, cached until they change."""
        known = self._known.get((day, read))
        if known is None or known[0] is not counts:
            if len(self._known) >= _CACHED:
                self._known = {}
            known = self._known[day, read] = (counts, read(day, counts))
        return cast("T", known[1])

    def attempts(self, first: date, last: date) -> tuple[AttemptCount, ...]:
        """Return the attempts that started on these days and how many connected, by profile."""
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
        """Return the times from failures of these days until the same accounts connected.

        Of a day with more than 200 it returns a random sample.
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

    def counts(self, query: FailureQuery) -> Counts:
        """Return how many failures match, and how many would with each other value of a field."""
        terms = query.all_terms
        others = tuple(term for term in terms if term.field not in KIND)
        plan = plan_for(FailureQuery(terms=others, since=query.since, until=query.until))
        if plan.rest:
            return Counts(None, {})
        has_times = query.since is not None or query.until is not None
        if (others or has_times) and self._search.most(plan, query) <= _READ_AT_MOST:
            return _counted(self._read(plan, query), terms)
        if others:
            return Counts(self._total_by_one_index(query), {})
        kinds = self._counts.sum_of(self._search.days_within(query))
        if has_times:
            return _counted(kinds, terms, whole_days=True)
        # Unchanged sums are the same object.
        known = self._overviews.get(terms)
        if known is None or known[0] is not kinds:
            if len(self._overviews) >= _OVERVIEWS:
                self._overviews = {}
            found = replace(_counted(kinds, terms), clients=_clients(kinds))
            known = self._overviews[terms] = (kinds, found)
        return known[1]

    def at_least(self, query: FailureQuery, most: int) -> tuple[int, bool] | None:
        """Return how many failures match, up to `most`, and whether there may be more.

        None when only reading every failure would tell.
        """
        plan = plan_for(query)
        return None if plan.rest else self._search.count(plan, query, most)

    def _total_by_one_index(self, query: FailureQuery) -> int | None:
        plan = plan_for(query)
        is_one = len(plan.within) == 1 and not plan.without
        return self._search.most(plan, query) if is_one else None

    def _read(self, plan: Plan, query: FailureQuery) -> Counter[str]:
        stretch = self._search.stretch(plan, query, None, _READ_AT_MOST)
        with self._client.pipeline(transaction=False) as pipeline:
            for _, reference in stretch.places:
                pipeline.hmget(keys.failure(reference), *KIND)
            rows = cast("list[list[str | None]]", pipeline.execute())
        # A record that is gone has no values.
        return Counter(write_kind(value or "" for value in row) for row in rows if row[0])

    def groups(
        self, query: FailureQuery, *, limit: int, sample: int = 3
    ) -> tuple[FailureGroup, ...]:
        """Return the groups of a query, largest first, with `sample` references each.

        The times count by whole days; of the terms only `cause`, `profile`, `status` and `group`
        count. A sample may have any status.
        """
        return self._groups.largest(query, limit=limit, sample=sample)

    def kinds(self, *, sample: int = 3) -> tuple[FailureGroup, ...]:
        """Return the groups of all failures, merged by cause and profile, largest first."""
        return self._groups.merged(sample=sample)

    def _of_days(self, name: str, days: Sequence[date]) -> Iterator[tuple[date, Mapping[str, str]]]:
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hgetall(keys.of_day(day, name))
            answers = cast("list[dict[str, str]]", pipeline.execute())
        yield from zip(days, answers, strict=True)


def _clients(kinds: Iterable[str]) -> tuple[str, ...]:
    names = (read_kind(kind)["client"] for kind in kinds)
    by_key = {client_key(name): name for name in names if name}
    return tuple(by_key[key] for key in sorted(by_key))


def _failure_counts(day: date, counts: DayCounts) -> tuple[FailureCount, ...]:
    found: Counter[tuple[str, str, str, str]] = Counter()
    for field, count in counts.items():
        cause, profile, status, stage, *_ = field.split(" ", 4)
        found[cause, profile, status, stage] += count
    return tuple(FailureCount(day, *kind, count) for kind, count in found.items())


def _scope_counts(day: date, counts: DayCounts) -> tuple[ScopeCount, ...]:
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


def _counted(
    kinds: Mapping[str, int], terms: Iterable[Term], *, whole_days: bool = False
) -> Counts:
    """Return the counts of a query from those of each kind."""
    asked = [_as_counted(term) for term in terms if term.field in KIND]
    by_field: dict[str, Counter[str]] = {name: Counter() for name in KIND}
    total = 0
    for kind, count in kinds.items():
        values = read_kind(kind)
        values["client"] = client_key(values["client"])
        failing = mismatches(values, asked)
        if not failing:
            total += count
        for name in KIND:
            if failing <= {name}:
                by_field[name][values[name]] += count
    return Counts(total, {name: dict(found) for name, found in by_field.items()}, whole_days)


def _as_counted(term: Term) -> Term:
    return replace(term, value=client_key(term.value)) if term.field == "client" else term
