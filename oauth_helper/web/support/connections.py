"""The connected accounts, and revoking a connection."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import flash, redirect, render_template, request
from flask import url_for as url
from flask_login import login_required
from werkzeug.wrappers import Response

from oauth_helper.common.references import find_reference
from oauth_helper.models import Connection
from oauth_helper.oauth.client.revocation import revoke
from oauth_helper.web.audit import audit
from oauth_helper.web.support.blueprint import PER_PAGE, blueprint, require_agent
from oauth_helper.web.support.rows import row_context
from oauth_helper.web.support.services import services

# Characters of a search.
_MAX_SEARCH = 300


@dataclass(frozen=True, slots=True)
class _Found:
    """The connections that were found, and the sentence to show if there are none."""

    connections: tuple[Connection, ...]
    nothing: str = ""


@blueprint.get("/connections")
@login_required  # type: ignore[untyped-decorator]
def connections() -> str:
    """Show the connections, newest first, or those that a search finds."""
    wanted = request.args.get("q", "").strip()[:_MAX_SEARCH]
    page, count = 1, services().connections.count()
    if wanted:
        found = _search(wanted)
    else:
        page = min(max(request.args.get("page", 1, int), 1), max(1, -(-count // PER_PAGE)))
        some = services().connections.newest(limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
        found = _Found(some, "No account is connected yet.")
    return render_template(
        "support/connections.html",
        connections=found.connections,
        # A client that is no longer registered is shown by its id.
        clients={client.id: client.name for client in services().config.oauth_clients},
        nothing=found.nothing,
        wanted=wanted,
        count=len(found.connections) if wanted else count,
        page=page,
        per_page=PER_PAGE,
        **row_context(),
    )


def _search(wanted: str) -> _Found:
    """Find the connections of an account, or that of an attempt."""
    if re.fullmatch(r"[0-9]{1,15}", wanted):
        # A connection's id consists of profile and account, so this needs no search.
        of_account = services().connections.of_account(int(wanted), profiles=services().profiles)
        return _Found(of_account, f"Account {wanted} is not connected with any of the profiles.")
    reference = find_reference(wanted)
    if reference is None:
        return _Found((), "That is neither the number of an account nor a reference.")
    connection = services().connections.of_reference(reference)
    return _Found(
        (connection,) if connection else (),
        f"No connection has the reference {reference}. It has been revoked, or replaced by a newer "
        "one of the same account, or the attempt has never connected.",
    )


@blueprint.post("/connections/<connection_id>/revoke")
@login_required  # type: ignore[untyped-decorator]
def revoke_connection(connection_id: str) -> Response:
    """Revoke a connection at HubSpot, or uninstall the app there, and delete it here."""
    require_agent()
    done = revoke(
        connection_id,
        connections=services().connections,
        hubspot=services().hubspot,
        profiles=services().profiles,
        uninstall=request.form.get("do") == "uninstall",
    )
    audit("revoke connection", [connection_id], done.value)
    flash(done.message, "done" if done.ok else "problem")
    return redirect(url("support.connections"), 303)
