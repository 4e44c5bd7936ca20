"""The failures: the list, and one with all that is known of it."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import abort, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.diagnosis import Cause, usual_messages, wording
from oauth_helper.records import Attempt, Status
from oauth_helper.reference import find_reference, is_mistyped, parse_reference
from oauth_helper.web.attempts import reported_text
from oauth_helper.web.services import services
from oauth_helper.web.staff.blueprint import PER_PAGE, blueprint, only_agents
from oauth_helper.web.wanted import wanted_from_query


@blueprint.get("/")
@login_required  # type: ignore[untyped-decorator]
def start() -> Response:
    """The list is the first page."""
    return redirect(url("support.failures"))


@blueprint.get("/failures")
@login_required  # type: ignore[untyped-decorator]
def failures() -> str | Response:
    """The failures, newest first, as the query filters them."""
    text = request.args.get("q", "")
    if reference := find_reference(text):
        return redirect(url("support.failure", reference=reference))
    try:
        cursor = request.args.get("cursor") or None
        page = services().failures.page(wanted_from_query(), limit=PER_PAGE, cursor=cursor)
    except ValueError as error:
        abort(400, f"{error}.")
    filters = {key: value for key, value in request.args.items() if value and key != "cursor"}
    return render_template(
        "support/failures.html",
        page=page,
        causes=Cause,
        statuses=Status,
        profiles=services().profiles.values(),
        filters=filters,
        mistyped=is_mistyped(text),
        next_page=_link_to(filters, page.next_cursor) if page.next_cursor else None,
        is_first=cursor is None,
        wording=wording,
        now=services().clock(),
    )


@blueprint.get("/failures/<reference>")
@login_required  # type: ignore[untyped-decorator]
def failure(reference: str) -> str | Response | tuple[str, int]:
    """One failure with all that is known of it."""
    parsed = parse_reference(reference)
    if parsed and parsed != reference:
        return redirect(url("support.failure", reference=parsed))
    found = services().failures.get(parsed) if parsed else None
    if found is None:
        return _no_failure(parsed)
    profile = services().profiles.get(found.profile)
    return render_template(
        "support/failure.html",
        failure=found,
        profile=profile,
        wording=wording,
        usual=usual_messages(),
        now=services().clock(),
    )


@blueprint.post("/failures/<reference>/report")
@login_required  # type: ignore[untyped-decorator]
def report(reference: str) -> Response:
    """Takes in what the person on the phone reads from HubSpot's page."""
    only_agents()
    parsed = parse_reference(reference)
    attempt = _attempt(parsed) if parsed else None
    if parsed is None or attempt is None:
        abort(404, "Nothing is known of an attempt with this reference.")
    text = reported_text()
    if not text:
        flash("Paste what HubSpot's page says, or pick a message.", "problem")
    else:
        profile = services().profiles.get(attempt.profile)
        if services().reporting.report(profile, attempt, text, by=current_user.id):
            flash("The report is in the record, and the causes are worked out anew.", "done")
        else:
            flash("Nothing was changed: the person has connected meanwhile.", "problem")
    return redirect(url("support.failure", reference=parsed), 303)


def _attempt(reference: str) -> Attempt | None:
    """The attempt as it was noted, or as its failure tells."""
    if attempt := services().attempts.get(reference):
        return attempt
    found = services().failures.get(reference)
    if found is None:
        return None
    return Attempt(reference, found.profile, found.requested, found.begun_at, found.begun_at)


def _no_failure(reference: str | None) -> tuple[str, int]:
    """What is known of a reference that no failure has."""
    outcome = services().attempts.outcome(reference) if reference else None
    page = render_template(
        "support/no_failure.html", reference=reference, outcome=outcome, usual=usual_messages()
    )
    return page, 404


def _link_to(filters: dict[str, str], cursor: str) -> str:
    return f"{url('support.failures')}?{urlencode({**filters, 'cursor': cursor})}"
