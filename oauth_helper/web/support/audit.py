"""The audit log as a page, and as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flask import Response, abort, render_template, request
from flask_login import login_required

from oauth_helper.store.audit_log import AuditEntry
from oauth_helper.web.api.failure_schemas import AuditEntryJson
from oauth_helper.web.api.queries import AuditQuery
from oauth_helper.web.api.validation import validate
from oauth_helper.web.audit import audit, audit_log
from oauth_helper.web.support.blueprint import PER_PAGE, blueprint, require_agent
from oauth_helper.web.support.services import services


@blueprint.get("/audit")
@login_required  # type: ignore[untyped-decorator]
def audit_page() -> str:
    """Show who did what, newest first."""
    require_agent()
    query = _query()
    page = audit_log().page(
        limit=PER_PAGE, cursor=query.cursor, since=query.since, until=query.until
    )
    times = {name: text for name in ("since", "until") if (text := request.args.get(name))}
    return render_template("support/audit.html", page=page, times=times, now=services().clock())


@blueprint.get("/audit/export")
@login_required  # type: ignore[untyped-decorator]
def export_audit() -> Response:
    """Return who did what as JSON lines, newest first."""
    require_agent()
    query = _query()
    audit("export audit log")
    entries = audit_log().each(since=query.since, until=query.until)
    first = next(entries, None)  # read here, so that a store that is down ends in an error page
    response = Response(_lines(first, entries), mimetype="application/x-ndjson")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
    return response


def audit_line(entry: AuditEntry) -> str:
    """Return an entry as a line of JSON."""
    return json.dumps(AuditEntryJson.document_of(entry)) + "\n"


def _lines(first: AuditEntry | None, others: Iterator[AuditEntry]) -> Iterator[str]:
    if first:
        yield audit_line(first)
    yield from map(audit_line, others)


def _query() -> AuditQuery:
    given = {name: text for name, text in request.args.items() if name != "limit"}
    try:
        return validate(AuditQuery, given)
    except ValueError as error:
        abort(400, f"{error}.")
