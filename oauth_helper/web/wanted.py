"""Which failures an address asks for: filters and search in its query."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from flask import request

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.records import Status, Wanted
from oauth_helper.searching import read_search
from oauth_helper.web.services import services
from oauth_helper.web.times import parse_time

#: Spans of time to choose from, as they stand in addresses: seconds back from now.
SPANS: Final = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}

#: The span that begins with the day (UTC).
TODAY = "today"


def wanted_from_query() -> Wanted:
    """The filters in the query. Raises ValueError that names the one that is wrong."""
    search = read_search(request.args.get("q", ""))
    if search.problems:
        raise ValueError(f"q: {search.problems[0]}".rstrip("."))
    return Wanted(
        cause=_one_of("cause", set(Cause)),
        profile=request.args.get("profile") or None,
        status=_one_of("status", set(Status)),
        stage=_one_of("stage", set(Stage)),
        account=_account(),
        assignee=request.args.get("assignee") or None,
        scope=request.args.get("scope") or None,
        group=request.args.get("group") or None,
        terms=search.terms,
        since=_since(),
        until=_time("until"),
    )


def _one_of(name: str, allowed: set[Any]) -> str | None:
    value = request.args.get(name) or None
    if value is not None and value not in allowed:
        raise ValueError(f"{name} has to be one of {', '.join(sorted(allowed))}")
    return value


def _account() -> str | None:
    text = request.args.get("account") or None
    if text is not None and not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError("account has to be the number of a HubSpot account")
    return text


def _since() -> float | None:
    """The later of `since` and of where the span `within` begins."""
    since, span = _time("since"), request.args.get("within") or None
    if span is None:
        return since
    now = services().clock()
    if span == TODAY:
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(since or 0.0, day.timestamp())
    if span not in SPANS:
        raise ValueError(f"within has to be one of {', '.join((TODAY, *SPANS))}")
    return max(since or 0.0, now - SPANS[span])


def _time(name: str) -> float | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError(f"{name} is no time: {error}") from error
