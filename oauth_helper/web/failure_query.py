"""Which failures an address asks for: filters and search in its query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import request

from oauth_helper.common.times import parse_time
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FIELDS, FailureQuery
from oauth_helper.failures.search import Search, read_search
from oauth_helper.web.services import services

#: Spans of time to choose from, as they stand in addresses: seconds back from now.
SPANS: Final = {"1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}

#: The span that begins with the day (UTC).
TODAY: Final = "today"

#: The parameters that filter; others say where in the list one is.
PARAMETERS: Final = ("q", *FIELDS, "within", "since", "until")


def failure_query_from_request() -> FailureQuery:
    """The filters in the query. Raises ValueError that names the one that is wrong."""
    search = read_search(request.args.get("q", ""))
    if search.problems:
        raise ValueError(f"q: {search.problems[0]}".rstrip("."))
    return wanted_from(request.args, search)


def wanted_from(query: Mapping[str, str], search: Search) -> FailureQuery:
    """The filters in `query`, with a search that was read. ValueError names the one that is wrong.

    A span of time is counted from now.
    """
    return FailureQuery(
        cause=_one_of(query, "cause", set(Cause)),
        profile=query.get("profile") or None,
        client=query.get("client") or None,
        status=_one_of(query, "status", set(Status)),
        stage=_one_of(query, "stage", set(Stage)),
        account=_account(query),
        assignee=query.get("assignee") or None,
        scope=query.get("scope") or None,
        group=query.get("group") or None,
        terms=search.terms,
        since=_since(query),
        until=_time(query, "until"),
    )


def _one_of(query: Mapping[str, str], name: str, allowed: set[Any]) -> str | None:
    value = query.get(name) or None
    if value is not None and value not in allowed:
        raise ValueError(f"{name} has to be one of {', '.join(sorted(allowed))}")
    return value


def _account(query: Mapping[str, str]) -> str | None:
    text = query.get("account") or None
    if text is not None and not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError("account has to be the number of a HubSpot account")
    return text


def _since(query: Mapping[str, str]) -> float | None:
    """The later of `since` and of where the span `within` begins."""
    since, span = _time(query, "since"), query.get("within") or None
    if span is None:
        return since
    now = services().clock()
    if span == TODAY:
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(since or 0.0, day.timestamp())
    if span not in SPANS:
        raise ValueError(f"within has to be one of {', '.join((TODAY, *SPANS))}")
    return max(since or 0.0, now - SPANS[span])


def _time(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError(f"{name} is no time: {error}") from error
