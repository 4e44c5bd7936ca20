"""The rows of the list of failures, by day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from flask import current_app
from flask import url_for as url
from flask_login import current_user
from jinja2 import Template
from markupsafe import Markup

from oauth_helper.common.references import midnight
from oauth_helper.common.times import ago
from oauth_helper.failures.model import Failure
from oauth_helper.web.support.services import services

# Rendered rows that a process caches, with their failures about 4 kB each.
_CACHED = 500


class _Look(NamedTuple):
    """What a row shows beside its failure. `mark` is "new" or "gone" on an open page."""

    list_url: str
    has_profiles: bool
    is_agent: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) with the rows of its failures, newest first; `end` is its last moment."""

    day: date
    title: str
    rows: Markup

    @property
    def end(self) -> float:
        """Return the place of its heading in Unix seconds: before all its failures."""
        return midnight(self.day).timestamp() + 86_399.999


def days_of(failures: Iterable[Failure], *, mark: str = "") -> list[Day]:
    """Return the rows of failures by the day on which they happened."""
    now = services().clock()
    today = _day(now)
    # Flask takes long to find a template and to build an address.
    template = current_app.jinja_env.get_template("support/row.html")
    look = _Look(url("support.failures"), len(services().profiles) > 1, current_user.is_agent, mark)

    def rows(those: Iterable[Failure]) -> Markup:
        return Markup("\n").join(_row(template, each, ago(each.at, now), look) for each in those)

    return [
        Day(day, _title(day, today), rows(those))
        for day, those in groupby(failures, key=lambda failure: _day(failure.at))
    ]


@lru_cache(maxsize=_CACHED)
def _row(template: Template, failure: Failure, age: str, look: _Look) -> Markup:
    """Return the row of a failure. Staff look at the same failures again and again."""
    html = template.render(failure=failure, age=age, **look._asdict())
    return Markup(html)  # noqa: S704 - the template escapes


def _title(day: date, today: date) -> str:
    if day in (today, today - timedelta(days=1)):
        return "Today" if day == today else "Yesterday"
    return f"{day:%A}, {day.day} {day:%B}{f' {day.year}' if day.year != today.year else ''}"


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
