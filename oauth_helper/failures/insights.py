"""Compute what breaks most and for whom, from the counters of some days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from oauth_helper.failures.cause_series import CauseSeries, cause_series
from oauth_helper.failures.model import Status
from oauth_helper.failures.periods import InsightsQuery, LinkedCount, Period
from oauth_helper.failures.statistics import AttemptCount, FailureCount, Recovery, ScopeCount

#: Scopes that are shown, those with the most failures.
MAX_SCOPES = 10

#: With fewer attempts than this, the share that connected says little.
FEW_ATTEMPTS = 5

#: Seconds after the end of a day until none of its attempts can still be in progress.
SETTLED_AFTER = 3600


@dataclass(frozen=True, slots=True)
class AttemptTotals:
    """How many attempts started, and how many of them have connected."""

    begun: int = 0
    connected: int = 0

    @property
    def share(self) -> float | None:
        """Return the share that connected, 0 to 1; None without attempts."""
        return self.connected / self.begun if self.begun else None

    @property
    def are_few(self) -> bool:
        """Return whether there are too few attempts for their share to say much."""
        return 0 < self.begun < FEW_ATTEMPTS


@dataclass(frozen=True, slots=True)
class PeriodOutcome:
    """The attempts of a period: those of finished and of unfinished days.

    Some of the latter may be in progress. `failures` are those of all days.
    """

    period: Period
    over: AttemptTotals
    running: AttemptTotals
    failures: LinkedCount


@dataclass(frozen=True, slots=True)
class RankedRow:
    """The failures of a profile, with its attempts, or the failures about a scope."""

    title: str
    count: LinkedCount
    over: AttemptTotals = AttemptTotals()
    running: AttemptTotals = AttemptTotals()


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """Everything that the page shows.

    `median_seconds` is the median time until an account connected after one of the `recovered`
    failures; None without any. `more_scopes` is the number of scopes that are left out. `before`
    is what there was in as many days before, None if nothing is known of them.
    """

    query: InsightsQuery
    periods: tuple[Period, ...]
    failures: LinkedCount
    still_open: LinkedCount
    median_seconds: float | None
    recovered: int
    total: PeriodOutcome
    before: PeriodOutcome | None
    by_period: tuple[LinkedCount, ...]
    causes: tuple[CauseSeries, ...]
    profiles: tuple[RankedRow, ...]
    scopes: tuple[RankedRow, ...]
    more_scopes: int
    outcomes: tuple[PeriodOutcome, ...]


def insights(
    query: InsightsQuery,
    *,
    failures: Sequence[FailureCount],
    scopes: Iterable[ScopeCount],
    attempts: Sequence[AttemptCount],
    recoveries: Iterable[Recovery],
    titles: Mapping[str, str],
) -> Insights:
    """Return the insights from these counts. `titles` are the titles of the profiles, by name.

    `failures` and `attempts` can be those of the days before too.
    """
    before = _before(query, failures, attempts)
    failed = [each for each in failures if _is_included(query, each)]
    started = [each for each in attempts if _is_included(query, each)]
    seconds = [each.seconds for each in recoveries if _is_included(query, each)]
    rows, more_scopes = _scopes(query, [each for each in scopes if _is_included(query, each)])
    periods = query.periods()
    still_open = sum(each.count for each in failed if each.status == Status.OPEN)
    outcomes = tuple(_outcome(query, period, failed, started) for period in periods)
    total = _outcome(query, query.period, failed, started)
    return Insights(
        query=query,
        periods=periods,
        failures=total.failures,
        still_open=LinkedCount(
            still_open, query.filters(query.period, ("status", Status.OPEN.value))
        ),
        median_seconds=median(seconds) if seconds else None,
        recovered=len(seconds),
        total=total,
        before=before,
        by_period=tuple(each.failures for each in outcomes),
        causes=tuple(cause_series(query, periods, failed)),
        profiles=_profiles(query, failed, started, titles),
        scopes=rows,
        more_scopes=more_scopes,
        outcomes=outcomes,
    )


def _is_included(
    query: InsightsQuery, count: FailureCount | ScopeCount | AttemptCount | Recovery
) -> bool:
    is_of_profile = query.profile in (None, count.profile)
    return is_of_profile and query.first <= count.day <= query.last


def _before(
    query: InsightsQuery, failures: Iterable[FailureCount], attempts: Iterable[AttemptCount]
) -> PeriodOutcome | None:
    earlier = replace(query, first=query.before.first, last=query.before.last)
    failed = [each for each in failures if _is_included(earlier, each)]
    started = [each for each in attempts if _is_included(earlier, each)]
    return _outcome(earlier, earlier.period, failed, started) if failed or started else None


def _outcome(
    query: InsightsQuery,
    period: Period,
    failed: Iterable[FailureCount],
    started: Iterable[AttemptCount],
) -> PeriodOutcome:
    within = [each for each in started if period.first <= each.day <= period.last]
    number = sum(each.count for each in failed if period.first <= each.day <= period.last)
    failures = LinkedCount(number, query.filters(period))
    return PeriodOutcome(period, *_totals(query, within), failures)


def _totals(
    query: InsightsQuery, started: list[AttemptCount]
) -> tuple[AttemptTotals, AttemptTotals]:
    """Return the totals of finished days and of unfinished days."""
    over = [each for each in started if each.day <= query.settled]
    running = [each for each in started if each.day > query.settled]
    return _sum(over), _sum(running)


def _sum(counts: list[AttemptCount]) -> AttemptTotals:
    return AttemptTotals(sum(each.begun for each in counts), sum(each.connected for each in counts))


def _profiles(
    query: InsightsQuery,
    failed: list[FailureCount],
    started: list[AttemptCount],
    titles: Mapping[str, str],
) -> tuple[RankedRow, ...]:
    """Return the profiles with failures or attempts, those with the most failures first."""
    counts: Counter[str] = Counter()
    for each in failed:
        counts[each.profile] += each.count
    rows = [
        RankedRow(
            titles.get(name, name),
            LinkedCount(counts[name], (("profile", name), *query.period.filters)),
            *_totals(query, [each for each in started if each.profile == name]),
        )
        for name in sorted({*counts, *(each.profile for each in started)})
    ]
    return tuple(sorted(rows, key=lambda row: -row.count.number))


def _scopes(query: InsightsQuery, counts: list[ScopeCount]) -> tuple[tuple[RankedRow, ...], int]:
    """Return the scopes that most failures are about, and the number of the others."""
    totals: Counter[str] = Counter()
    for each in counts:
        totals[each.scope] += each.count
    ranked = sorted(totals, key=lambda scope: (-totals[scope], scope))
    rows = tuple(
        RankedRow(scope, LinkedCount(totals[scope], query.filters(query.period, ("scope", scope))))
        for scope in ranked[:MAX_SCOPES]
    )
    return rows, len(ranked) - len(rows)
