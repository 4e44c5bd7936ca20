"""The accounts that are connected, and the end of a connection."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from oauth_helper.revoking import revoke
from oauth_helper.web.services import services
from oauth_helper.web.staff.blueprint import PER_PAGE, blueprint, only_agents


@blueprint.get("/connections")
@login_required  # type: ignore[untyped-decorator]
def connections() -> str:
    """The accounts that are connected, the latest first."""
    count = services().connections.count()
    page = min(max(request.args.get("page", 1, int), 1), max(1, -(-count // PER_PAGE)))
    return render_template(
        "support/connections.html",
        connections=services().connections.newest(limit=PER_PAGE, offset=(page - 1) * PER_PAGE),
        count=count,
        page=page,
        per_page=PER_PAGE,
        now=services().clock(),
    )


@blueprint.post("/connections/<connection_id>/revoke")
@login_required  # type: ignore[untyped-decorator]
def revoke_connection(connection_id: str) -> Response:
    """Ends a connection at HubSpot and forgets it here."""
    only_agents()
    done = revoke(
        connection_id,
        connections=services().connections,
        hubspot=services().hubspot,
        profiles=services().profiles,
    )
    current_app.logger.info("%s revokes %s: %s", current_user.id, connection_id[:100], done.value)
    flash(done.message, "done" if done.ok else "problem")
    return redirect(url("support.connections"), 303)
