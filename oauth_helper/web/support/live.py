"""News for pages that are open: server-sent events, one short answer after another.

An answer tells what happened after the place that the browser names, and ends. Browsers ask again
by themselves (HTML Standard, section 9.2) and name the place they had reached, so that nothing is
lost when a connection, a worker or the whole program goes away, and no thread is held by somebody
who only watches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Response, abort, render_template, request
from flask_login import login_required

from oauth_helper.diagnosis import wording
from oauth_helper.failures.model import Failure
from oauth_helper.failures.query import FailureQuery, FeedUpdate
from oauth_helper.failures.search import is_match
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.filters import sound_filters_from
from oauth_helper.web.support.services import services

# Changes that one answer tells of: their rows are some 200 kB.
_AT_ONCE = 200

# Milliseconds until the browser asks again; at once while there is more to tell.
_PAUSE, _NO_PAUSE = 2000, 50


@blueprint.get("/failures/live")
@login_required  # type: ignore[untyped-decorator]
def live() -> Response:
    """The changes after `Last-Event-ID`, or after `place` for the first time, as events.

    `failure` has a row of the list, and says whether it is none for the filters in the query (any
    more); `here` names the place and, when
    something happened, how many there are now; `gap` says that more happened than is remembered.
    """
    place = request.headers.get("Last-Event-ID") or request.args.get("place", "")
    try:
        news = services().failures.feed.after(place, limit=_AT_ONCE)
        filters = sound_filters_from("support.failures")
    except ValueError as error:
        abort(400, f"{error}.")
    failures = services().failures.get_all(news.references)
    text = "".join(_events(news, failures, filters.wanted))
    return Response(text, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _events(news: FeedUpdate, failures: list[Failure], wanted: FailureQuery) -> Iterator[str]:
    yield f"retry: {_NO_PAUSE if news.has_more else _PAUSE}\n\n"
    if news.has_gap:
        yield "event: gap\ndata: {}\n\n"
    for failure in failures:
        yield _event("failure", _told(failure, wanted))
    # The place comes last: whoever gets half an answer asks for all of it again.
    here: dict[str, object] = {"place": news.place}
    if news.references:
        counts = services().counters.counts(wanted)
        here |= {"total": counts.total, "states": counts.by_field.get("status", {})}
    yield f"id: {news.place}\n" + _event("here", here)


def _told(failure: Failure, wanted: FailureQuery) -> dict[str, object]:
    is_gone = not _is_wanted(failure, wanted)
    row = render_template(
        "support/row.html",
        failure=failure,
        is_gone=is_gone,
        now=services().clock(),
        wording=wording,
    )
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
