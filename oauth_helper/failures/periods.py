"""The days and weeks that the insights cover, and the filters that list the failures of each.

A day is the one (UTC) on which an attempt started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

#: More days than this are shown by weeks.
MAX_SINGLE_DAYS = 45

#: Names and values in the query of the list of failures.
FilterPairs = tuple[tuple[str, str], ...]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A day, or the days of one week, Monday to Sunday, that are in the query."""

    first: date
    last: date

    @property
    def title(self) -> str:
        """Return a label such as “3 Nov”, “2 to 8 Nov” or “30 Nov to 6 Dec”."""
        if self.first == self.last:
            return day_title(self.first)
        if self.first.month == self.last.month:
            return f"{self.first.day} to {day_title(self.last)}"
        return f"{day_title(self.first)} to {day_title(self.last)}"

    @property
    def filters(self) -> FilterPairs:
        """Return the times of the period; `until` is the first day after it."""
        return (("since", self.first.isoformat()), ("until", (self.last + _DAY).isoformat()))


@dataclass(frozen=True, slots=True)
class InsightsQuery:
    """The days, and the profile (None for all). Attempts of days up to `settled` are over."""

    first: date
    last: date
    settled: date
    profile: str | None = None

    @property
    def period(self) -> Period:
        """Return all days as one period."""
        return Period(self.first, self.last)

    @property
    def before(self) -> Period:
        """Return as many days, just before these."""
        length = self.last - self.first + _DAY
        return Period(self.first - length, self.first - _DAY)

    @property
    def is_weekly(self) -> bool:
        """Return whether there are too many days to show each."""
        return (self.last - self.first).days >= MAX_SINGLE_DAYS

    def periods(self) -> tuple[Period, ...]:
        """Return the days, or the weeks, oldest first. The first and the last week may be parts."""
        found, first = [], self.first
        while first <= self.last:
            end = first + timedelta(days=6 - first.weekday()) if self.is_weekly else first
            found.append(Period(first, min(end, self.last)))
            first = end + _DAY
        return tuple(found)

    def filters(self, period: Period, *more: tuple[str, str]) -> FilterPairs:
        """Return the filters that list the failures of a period, with `more` conditions."""
        of_profile = (("profile", self.profile),) if self.profile else ()
        return (*more, *of_profile, *period.filters)


@dataclass(frozen=True, slots=True)
class LinkedCount:
    """A number of failures, and the filters that list them."""

    number: int
    filters: FilterPairs


def day_title(day: date) -> str:
    """Return a day for people, such as “3 Nov”."""
    return f"{day.day} {day:%b}"
