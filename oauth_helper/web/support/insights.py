"""The insights page: what breaks most and for whom, as figures, charts and tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import abort, render_template, request
from flask import url_for as url
from flask_login import login_required

from oauth_helper.failures.insights import FEW_ATTEMPTS, SETTLED_AFTER, Insights, insights
from oauth_helper.failures.periods import FilterPairs, InsightsQuery, day_title
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.format import connected_of, counted, duration, percent, than_before
from oauth_helper.web.support.services import services

#: Days to choose from, as far as failures are kept.
SPANS: Final = (7, 30, 90)

_DEFAULT_SPAN: Final = 30


@blueprint.get("/insights", endpoint="insights")
@login_required  # type: ignore[untyped-decorator]
def show_insights() -> str:
    """Show the insights for the days and the profile in the query."""
    try:
        days, profile = _days(), _profile()
    except ValueError as error:
        abort(400, f"{error}.")
    query = _query(days, profile)
    found = _insights(query)
    return render_template(
        "support/insights.html",
        found=found,
        ticks=axis_ticks(max(count.number for count in found.by_period)),
        days=days,
        spans=_spans(),
        profile=profile,
        profiles=services().profiles.values(),
        link=_link,
        counted=counted,
        day_title=day_title,
        connected_of=connected_of,
        duration=duration,
        few=FEW_ATTEMPTS,
        percent=percent,
        than_before=than_before,
    )


def _insights(query: InsightsQuery) -> Insights:
    """Read the counters: four reads, one for each kind."""
    counters, span = services().counters, (query.first, query.last)
    oldest = query.last - timedelta(days=services().config.failure_retention_days - 1)
    # Days that are gone are no comparison.
    both = (query.before.first if query.before.first >= oldest else query.first, query.last)
    return insights(
        query,
        failures=counters.failures(*both),
        scopes=counters.scopes(*span),
        attempts=counters.attempts(*both),
        recoveries=counters.recoveries(*span),
        titles={name: profile.title for name, profile in services().profiles.items()},
    )


def axis_ticks(most: int) -> list[int]:
    """Return whole numbers for a scale from 0 to `most` or more: at most six."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if most <= 5 * step:
                return list(range(0, max(most, 1) + step, step))
        power *= 10


def _link(filters: FilterPairs) -> str:
    return f"{url('support.failures')}?{urlencode(filters)}"


def _spans() -> tuple[int, ...]:
    kept = services().config.failure_retention_days
    return tuple(dict.fromkeys(min(span, kept) for span in SPANS))


def _days() -> int:
    """Return the number of days in the query, or the default. ValueError names the choices."""
    text, spans = request.args.get("days", ""), {str(span): span for span in _spans()}
    if not text:
        return min(_DEFAULT_SPAN, max(_spans()))
    if text not in spans:
        raise ValueError(f"days has to be one of {', '.join(spans)}")
    return spans[text]


def _profile() -> str | None:
    name = request.args.get("profile") or None
    if name is not None and name not in services().profiles:
        raise ValueError(f"profile has to be one of {', '.join(services().profiles)}")
    return name


def _query(days: int, profile: str | None) -> InsightsQuery:
    """Return the query for this number of days up to today."""
    now = services().clock()
    today = _day(now)
    return InsightsQuery(
        first=today - timedelta(days=days - 1),
        last=today,
        settled=_day(now - SETTLED_AFTER) - timedelta(days=1),
        profile=profile,
    )


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
