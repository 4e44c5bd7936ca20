"""News for open pages: server-sent events in short responses, one after another.

A response has the changes after the place that the browser names, and ends. Browsers repeat the
request with the last place (HTML Standard, section 9.2), so nothing is lost when a connection or a
worker goes away, and no open page holds a thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Response, abort, render_template, request
from flask_login import login_required

from oauth_helper.failures.model import Failure
from oauth_helper.failures.query import FailureQuery, FeedUpdate
from oauth_helper.failures.search import is_match
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.filters import Filters, valid_filters_from
from oauth_helper.web.support.rows import days_of
from oauth_helper.web.support.services import services
from oauth_helper.web.support.tabs import tab_counts

# Changes in one response: their rows have some 200 kB.
_MAX_CHANGES = 200

# Milliseconds until the browser repeats the request, and while more changes are waiting.
_PAUSE, _NO_PAUSE = 2000, 50


@blueprint.get("/failures/live")
@login_required  # type: ignore[untyped-decorator]
def live() -> Response:
    """Return the changes after `Last-Event-ID`, or after `place` at first, as events.

    `failure` has a row of the list with its day, and whether it is outside the query's filters
    (now); `here` has the place and, after changes, the counts of the tabs; `gap` says that older
    changes are gone.
    """
    place = request.headers.get("Last-Event-ID") or request.args.get("place", "")
    try:
        news = services().failures.feed.after(place, limit=_MAX_CHANGES)
        filters = valid_filters_from("support.failures")
    except ValueError as error:
        abort(400, f"{error}.")
    failures = services().failures.get_all(news.references)
    text = "".join(_events(news, failures, filters))
    return Response(text, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _events(news: FeedUpdate, failures: list[Failure], filters: Filters) -> Iterator[str]:
    yield f"retry: {_NO_PAUSE if news.has_more else _PAUSE}\n\n"
    if news.has_gap:
        yield "event: gap\ndata: {}\n\n"
    for failure in failures:
        yield _event("failure", _news(failure, filters.wanted))
    # The place comes last, so that a browser that got half a response asks for all of it again.
    here: dict[str, object] = {"place": news.place}
    if news.references:
        here["counts"] = tab_counts(filters, services().counters.counts(filters.wanted))
    yield f"id: {news.place}\n" + _event("here", here)


def _news(failure: Failure, wanted: FailureQuery) -> dict[str, object]:
    is_gone = not _is_wanted(failure, wanted)
    (day,) = days_of([failure], mark="gone" if is_gone else "new")
    row = render_template("support/day.html", day=day)
    return {
        "reference": failure.reference,
        "revision": failure.revision,
        "at": failure.at,
        "gone": is_gone,
        "row": row,
    }


def _is_wanted(failure: Failure, wanted: FailureQuery) -> bool:
    is_late_enough = wanted.since is None or failure.at >= wanted.since
    is_early_enough = wanted.until is None or failure.at < wanted.until
    return is_late_enough and is_early_enough and is_match(failure, wanted.all_terms)


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
