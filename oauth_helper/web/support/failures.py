"""The list of failures."""

from __future__ import annotations

from dataclasses import replace

from flask import abort, redirect, render_template, request
from flask import url_for as url
from flask_login import login_required
from werkzeug.wrappers import Response

from oauth_helper.common.references import find_reference, is_mistyped
from oauth_helper.failures.model import Resolution
from oauth_helper.failures.query import FIELDS, BulkAction, Counts, FailureQuery, Page
from oauth_helper.web.support.blueprint import PER_PAGE, blueprint
from oauth_helper.web.support.bulk_triage import MAX_AT_ONCE
from oauth_helper.web.support.filters import Filters, known_scopes, list_filters_from
from oauth_helper.web.support.rows import days_of
from oauth_helper.web.support.services import services
from oauth_helper.web.support.tabs import tabs_of


@blueprint.get("/")
@login_required  # type: ignore[untyped-decorator]
def start() -> Response:
    """Redirect to the list."""
    return redirect(url("support.failures"))


@blueprint.get("/failures")
@login_required  # type: ignore[untyped-decorator]
def failures() -> str | Response:
    """Show the failures that the query finds, newest first."""
    text = request.args.get("q", "")
    if reference := find_reference(text):
        return redirect(url("support.failure", reference=reference))
    # Before the page is read, so that a change in between shows up twice rather than never.
    place = services().failures.feed.place()
    try:
        filters = list_filters_from("support.failures", request.args.items())
        page = _page(filters)
    except ValueError as error:
        abort(400, f"{error}.")
    counts = _counts(filters, page)
    return render_template(
        "support/failures.html",
        page=page,
        days=days_of(page.failures),
        tabs=tabs_of(filters, counts, page),
        scopes=known_scopes(),
        filters=filters,
        chips=filters.chips(page.failures),
        counts=counts,
        options=filters.options(counts, _clients(counts)),
        searched_in=_searched_in(filters, page),
        mistyped=is_mistyped(text),
        is_first=not (request.args.get("cursor") or request.args.get("before")),
        live=filters.address("support.live", place=place),
        bulk_action=_bulk_action(),
        most_at_once=MAX_AT_ONCE,
        resolutions=Resolution,
    )


def _page(filters: Filters) -> Page:
    """Return the page after `cursor`, or the one before `before`.

    A search with an invalid part finds nothing: the rest of it would find unwanted failures.
    """
    if filters.problems:
        return Page((), None)
    before = request.args.get("before")
    cursor = before or request.args.get("cursor") or None
    return services().failures.page(
        filters.wanted, limit=PER_PAGE, cursor=cursor, newer=bool(before)
    )


def _counts(filters: Filters, page: Page) -> Counts:
    """Return the counts. A page that contains all failures tells the total too."""
    if filters.problems:
        return Counts(None, {})
    counts = services().counters.counts(filters.wanted)
    is_all = not (page.next_cursor or page.previous_cursor or request.args.get("cursor"))
    return replace(counts, total=len(page.failures)) if is_all else counts


def _clients(counts: Counts) -> tuple[str, ...]:
    return services().counters.clients() if counts.clients is None else counts.clients


def _searched_in(filters: Filters, page: Page) -> Counts | None:
    """Return how many failures a search for words has to read, if it stopped before the end."""
    if not page.bounded:
        return None
    terms = tuple(term for term in filters.wanted.all_terms if term.field in FIELDS)
    wanted = FailureQuery(terms=terms, since=filters.wanted.since, until=filters.wanted.until)
    return services().counters.counts(wanted)


def _bulk_action() -> tuple[str, BulkAction] | None:
    """Return the bulk action that the address names, with its name, to show and undo it."""
    name = request.args.get("done", "")[:60]
    action = services().bulk_actions.get(name) if name else None
    return (name, action) if action else None
