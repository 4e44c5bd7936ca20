"""What breaks most, and for whom: figures and series from the counters of some days.

Days are those (UTC) on which attempts began. Each number knows the filters of the list that shows
just these failures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median

from oauth_helper.diagnosis import Cause, wording
from oauth_helper.failures.model import Status
from oauth_helper.failures.statistics import AttemptCount, FailureCount, Recovery, ScopeCount

#: Causes that are told apart, each by a colour of its own; the rest is "other".
MOST_CAUSES = 6

#: Scopes that are shown, those with the most failures.
MOST_SCOPES = 15

#: Of fewer attempts than these, the share that connected tells little.
FEW_ATTEMPTS = 5

# Those that are the commonest almost everywhere, so that none of them takes another's colour.
_USUAL = (
    Cause.URL_MISSING_REQUIRED_SCOPE,
    Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
    Cause.ACCOUNT_LACKS_FEATURE,
    Cause.NEVER_RETURNED,
    Cause.USER_DENIED,
    Cause.CODE_EXPIRED_OR_REUSED,
)

#: Up to so many days are shown one by one, more of them by weeks.
MOST_DAYS_ALONE = 45

#: What the rest of the causes is called.
OTHER = "Other causes"

#: Seconds after the end of a day until none of its attempts can still be on its way.
SETTLED_AFTER = 3600

#: Names and values in the query of the list of failures.
Filters = tuple[tuple[str, str], ...]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A day, or the days of one week, Monday to Sunday, that were asked for."""

    first: date
    last: date

    @property
    def title(self) -> str:
        """Such as “3 Nov”, “2 to 8 Nov” or “30 Nov to 6 Dec”."""
        if self.first == self.last:
            return day_title(self.first)
        if self.first.month == self.last.month:
            return f"{self.first.day} to {day_title(self.last)}"
        return f"{day_title(self.first)} to {day_title(self.last)}"

    @property
    def filters(self) -> Filters:
        """The times of the period; `until` is the first that is outside."""
        return (("since", self.first.isoformat()), ("until", (self.last + _DAY).isoformat()))


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days, and of which profile; None for all. Days up to `settled` are surely over."""

    first: date
    last: date
    settled: date
    profile: str | None = None

    @property
    def period(self) -> Period:
        """All of the days as one."""
        return Period(self.first, self.last)

    @property
    def is_weekly(self) -> bool:
        """Whether there are too many days to show each."""
        return (self.last - self.first).days >= MOST_DAYS_ALONE

    def periods(self) -> tuple[Period, ...]:
        """The days, or the weeks, the oldest first; the first and the last week may be parts."""
        found, first = [], self.first
        while first <= self.last:
            end = first + timedelta(days=6 - first.weekday()) if self.is_weekly else first
            found.append(Period(first, min(end, self.last)))
            first = end + _DAY
        return tuple(found)

    def filters(self, period: Period, *more: tuple[str, str]) -> Filters:
        """What shows the failures of a period, with more that is asked of them."""
        of_profile = (("profile", self.profile),) if self.profile else ()
        return (*more, *of_profile, *period.filters)


@dataclass(frozen=True, slots=True)
class Count:
    """So many failures, and the filters that list them."""

    number: int
    filters: Filters


@dataclass(frozen=True, slots=True)
class Series:
    """The failures of one cause, by period and in all.

    `colour` is the number of its colour, from 0 to below `MOST_CAUSES`; None of the other causes.
    """

    title: str
    counts: tuple[Count, ...]
    total: Count
    colour: int | None = None

    @property
    def is_rest(self) -> bool:
        """Whether these are the other causes."""
        return self.colour is None


@dataclass(frozen=True, slots=True)
class Attempts:
    """How many attempts began, and how many of them have connected."""

    begun: int = 0
    connected: int = 0

    @property
    def share(self) -> float | None:
        """The part that connected, 0 to 1; None without attempts."""
        return self.connected / self.begun if self.begun else None

    @property
    def are_few(self) -> bool:
        """Whether these are too few for their share to tell much."""
        return 0 < self.begun < FEW_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a period's attempts: of the days that are over, and of those still running.

    Of the latter some may be on their way. `failures` are of all of these days.
    """

    period: Period
    over: Attempts
    running: Attempts
    failures: Count


@dataclass(frozen=True, slots=True)
class Row:
    """The failures of one profile, or about one scope; and of a profile its attempts."""

    title: str
    count: Count
    over: Attempts = Attempts()
    running: Attempts = Attempts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """All that is shown of some days. `recovered` failures have a time until connected.

    `median_seconds` is the median of these; None without any. `more_scopes` is how many scopes are
    left out.
    """

    asked: Asked
    periods: tuple[Period, ...]
    failures: Count
    still_open: Count
    median_seconds: float | None
    recovered: int
    total: Outcome
    by_period: tuple[Count, ...]
    causes: tuple[Series, ...]
    profiles: tuple[Row, ...]
    scopes: tuple[Row, ...]
    more_scopes: int
    outcomes: tuple[Outcome, ...]


def insights(
    asked: Asked,
    *,
    failures: Iterable[FailureCount],
    scopes: Iterable[ScopeCount],
    attempts: Iterable[AttemptCount],
    recoveries: Iterable[Recovery],
    titles: Mapping[str, str],
) -> Insights:
    """What these counters tell. `titles` are those of the profiles, by name."""
    kinds = [each for each in failures if _is_asked(asked, each)]
    tries = [each for each in attempts if _is_asked(asked, each)]
    seconds = [each.seconds for each in recoveries if _is_asked(asked, each)]
    rows, more_scopes = _scopes(asked, [each for each in scopes if _is_asked(asked, each)])
    periods = asked.periods()
    still_open = sum(each.count for each in kinds if each.status == Status.OPEN)
    outcomes = tuple(_outcome(asked, period, kinds, tries) for period in periods)
    total = _outcome(asked, asked.period, kinds, tries)
    return Insights(
        asked=asked,
        periods=periods,
        failures=total.failures,
        still_open=Count(still_open, asked.filters(asked.period, ("status", Status.OPEN.value))),
        median_seconds=median(seconds) if seconds else None,
        recovered=len(seconds),
        total=total,
        by_period=tuple(each.failures for each in outcomes),
        causes=tuple(_causes(asked, periods, kinds)),
        profiles=_profiles(asked, kinds, tries, titles),
        scopes=rows,
        more_scopes=more_scopes,
        outcomes=outcomes,
    )


def day_title(day: date) -> str:
    """A day for people, such as “3 Nov”."""
    return f"{day.day} {day:%b}"


def _is_asked(asked: Asked, tally: FailureCount | ScopeCount | AttemptCount | Recovery) -> bool:
    is_of_profile = asked.profile in (None, tally.profile)
    return is_of_profile and asked.first <= tally.day <= asked.last


def _outcome(
    asked: Asked, period: Period, kinds: Iterable[FailureCount], tries: Iterable[AttemptCount]
) -> Outcome:
    within = [each for each in tries if period.first <= each.day <= period.last]
    failed = sum(each.count for each in kinds if period.first <= each.day <= period.last)
    return Outcome(period, *_attempts(asked, within), Count(failed, asked.filters(period)))


def _attempts(asked: Asked, tries: list[AttemptCount]) -> tuple[Attempts, Attempts]:
    """Those of days that are over, and those of days that are not."""
    over = [each for each in tries if each.day <= asked.settled]
    running = [each for each in tries if each.day > asked.settled]
    return _sum(over), _sum(running)


def _sum(tries: list[AttemptCount]) -> Attempts:
    return Attempts(sum(each.begun for each in tries), sum(each.connected for each in tries))


def _causes(
    asked: Asked, periods: tuple[Period, ...], kinds: list[FailureCount]
) -> Iterator[Series]:
    """The commonest causes, the commonest first, and the others as one."""
    totals: Counter[str] = Counter()
    for each in kinds:
        totals[each.cause] += each.count
    ranked = sorted(totals, key=lambda cause: (-totals[cause], cause))
    shown = ranked[:MOST_CAUSES]
    colours = cause_colours(shown)
    for cause in shown:
        found = [each for each in kinds if each.cause == cause]
        series = _series(asked, periods, cause_title(cause), ("cause", cause), found)
        yield replace(series, colour=colours[cause])
    if len(ranked) > MOST_CAUSES:
        rest = ("q", " ".join(f"-cause:{cause}" for cause in shown))
        found = [each for each in kinds if each.cause not in shown]
        yield _series(asked, periods, OTHER, rest, found)


def _series(
    asked: Asked,
    periods: tuple[Period, ...],
    title: str,
    wanted: tuple[str, str],
    kinds: list[FailureCount],
) -> Series:
    def count(period: Period) -> Count:
        number = sum(each.count for each in kinds if period.first <= each.day <= period.last)
        return Count(number, asked.filters(period, wanted))

    return Series(title, tuple(count(period) for period in periods), count(asked.period))


def cause_colours(causes: Sequence[str]) -> dict[str, int]:
    """The colours of at most `MOST_CAUSES` causes, the commonest of which comes first.

    Each has its own, whatever else is shown, unless a commoner one has the same. Then it gets one
    that is nobody's own here, so that it changes the colour of no other cause.
    """
    own = [_own_colour(cause) for cause in causes]
    free = iter(colour for colour in range(MOST_CAUSES) if colour not in own)
    return {
        cause: next(free) if colour in own[:place] else colour
        for place, (cause, colour) in enumerate(zip(causes, own, strict=True))
    }


def _own_colour(cause: str) -> int:
    """The same for a cause at all times; for those of a newer version too, which have one."""
    known = [*_USUAL, *(each for each in Cause if each not in _USUAL)]
    return (known.index(Cause(cause)) if cause in set(Cause) else len(known)) % MOST_CAUSES


def cause_title(cause: str) -> str:
    """The cause in words; its name when a newer version of this program has counted it."""
    known = {str(each): each for each in Cause}
    return wording(known[cause]).title.replace("`", "") if cause in known else cause


def _profiles(
    asked: Asked, kinds: list[FailureCount], tries: list[AttemptCount], titles: Mapping[str, str]
) -> tuple[Row, ...]:
    """The profiles that anything happened with, those with the most failures first."""
    failed: Counter[str] = Counter()
    for each in kinds:
        failed[each.profile] += each.count
    rows = [
        Row(
            titles.get(name, name),
            Count(failed[name], (("profile", name), *asked.period.filters)),
            *_attempts(asked, [each for each in tries if each.profile == name]),
        )
        for name in sorted({*failed, *(each.profile for each in tries)})
    ]
    return tuple(sorted(rows, key=lambda row: -row.count.number))


def _scopes(asked: Asked, counters: list[ScopeCount]) -> tuple[tuple[Row, ...], int]:
    """The scopes that most failures are about, and how many others there are."""
    totals: Counter[str] = Counter()
    for each in counters:
        totals[each.scope] += each.count
    ranked = sorted(totals, key=lambda scope: (-totals[scope], scope))
    rows = tuple(
        Row(scope, Count(totals[scope], asked.filters(asked.period, ("scope", scope))))
        for scope in ranked[:MOST_SCOPES]
    )
    return rows, len(ranked) - len(rows)
