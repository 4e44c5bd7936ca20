"""The rows of the list of failures, by day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from oauth_helper.common.references import midnight
from oauth_helper.failures.model import Failure
from oauth_helper.web.support.services import services


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) with its failures, newest first; `end` is its last moment."""

    day: date
    title: str
    failures: tuple[Failure, ...]

    @property
    def end(self) -> float:
        """Return the place of its heading in Unix seconds: before all its failures."""
        return midnight(self.day).timestamp() + 86_399.999


def days_of(failures: Iterable[Failure], now: float) -> list[Day]:
    """Return the failures by the day on which they happened."""
    today = _day(now)
    return [
        Day(day, _title(day, today), tuple(those))
        for day, those in groupby(failures, key=lambda failure: _day(failure.at))
    ]


def row_context() -> dict[str, object]:
    """Return what a row shows beside its failure."""
    return {"now": services().clock(), "has_profiles": len(services().profiles) > 1}


def _title(day: date, today: date) -> str:
    if day in (today, today - timedelta(days=1)):
        return "Today" if day == today else "Yesterday"
    return f"{day:%A}, {day.day} {day:%B}{f' {day.year}' if day.year != today.year else ''}"


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
