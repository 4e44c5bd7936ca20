"""The connected accounts: those that lack a scope, links that renew them, and their end."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from flask import Response, abort, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import login_required
from werkzeug.wrappers import Response as BaseResponse

from oauth_helper.common.references import find_reference
from oauth_helper.failures.export import csv_text
from oauth_helper.oauth.client.revocation import revoke
from oauth_helper.store.connection_pages import ConnectionPage
from oauth_helper.store.granted_scopes import ANY_SCOPE, Lacks, lacked_scopes
from oauth_helper.web.api.link_requests import RECONNECT_COLUMNS, reconnect_link, reconnect_rows
from oauth_helper.web.audit import audit
from oauth_helper.web.support.blueprint import PER_PAGE, blueprint, require_agent
from oauth_helper.web.support.services import services

# Characters of a search.
_MAX_SEARCH = 300

# Links in one file.
_MOST_LINKS = 5000


@blueprint.get("/connections")
@login_required  # type: ignore[untyped-decorator]
def connections() -> str:
    """Show the connections that the filters find, newest first."""
    wanted, profiles, stored = _wanted(), services().profiles, services().connections
    try:
        page = _page(wanted, PER_PAGE, request.args.get("cursor"))
    except ValueError as error:
        abort(400, f"{error}.")
    return render_template(
        "support/connections.html",
        connections=[
            (each, lacked_scopes(profiles[each.profile], each) if each.profile in profiles else ())
            for each in page.connections
        ],
        # A client that is no longer registered is shown by its id.
        clients={client.id: client.name for client in services().config.oauth_clients},
        wanted=wanted,
        profiles=profiles.values(),
        scopes=dict.fromkeys(name for each in profiles.values() for name in each.usual_request.all),
        lacking=[
            (each, count)
            for each in profiles.values()
            if (count := stored.count(profile=each.name, lacks=Lacks(profiles, ANY_SCOPE)))
        ],
        count=len(page.connections)
        if {"q", "customer"} & {*wanted}
        else stored.count(profile=wanted.get("profile"), lacks=_lacks(wanted)),
        next_cursor=page.next_cursor,
        most_links=_MOST_LINKS,
        now=services().clock(),
        has_profiles=len(services().profiles) > 1,
    )


@blueprint.post("/connections/links")
@login_required  # type: ignore[untyped-decorator]
def reconnect_links() -> Response:
    """Make a link for each connection that the filters find, and return them as a CSV file."""
    require_agent()
    found = _page(_wanted(), _MOST_LINKS).connections
    audit("create links", [each.reference for each in found[:100]], f"for {len(found)} connections")
    rows = reconnect_rows(
        found,
        services().profiles,
        services().connect_links,
        public_url=services().config.public_url,
        now=services().clock(),
    )
    day = datetime.fromtimestamp(services().clock(), UTC).date()
    return Response(
        "\ufeff" + csv_text([RECONNECT_COLUMNS, *rows]),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="reconnect-links-{day}.csv"'},
    )


@blueprint.post("/connections/<connection_id>/link")
@login_required  # type: ignore[untyped-decorator]
def new_reconnect_link(connection_id: str) -> BaseResponse:
    """Make a link that renews a connection."""
    require_agent()
    found = services().connections.get(connection_id)
    if found is None:
        abort(404, "There is no such connection.")
    try:
        link = reconnect_link(found, services().profiles, now=services().clock())
    except ValueError as error:
        flash(str(error), "problem")
        return redirect(url("support.connections"), 303)
    services().connect_links.create(link)
    audit("create link", [link.id], f"for {found.reference}")
    flash("The link is ready to copy: it is in the list.", "done")
    return redirect(url("support.links"), 303)


@blueprint.post("/connections/<connection_id>/revoke")
@login_required  # type: ignore[untyped-decorator]
def revoke_connection(connection_id: str) -> BaseResponse:
    """Revoke a connection at HubSpot or uninstall the app there, if wanted, and delete it here."""
    require_agent()
    found = services().connections.get(connection_id)
    done = revoke(
        connection_id,
        connections=services().connections,
        hubspot=services().hubspot,
        profiles=services().profiles,
        uninstall=request.form.get("do") == "uninstall",
        forget=request.form.get("do") == "forget",
    )
    # An id names the account, which may be erased later.
    audit("revoke connection", [found.reference] if found else (), done.value)
    flash(done.message, "done" if done.ok else "problem")
    return redirect(url("support.connections"), 303)


def _wanted() -> dict[str, str]:
    """Return the filters of this request, without empty ones."""
    names = ("q", "profile", "lacks", "customer")
    given = {name: request.values.get(name, "").strip()[:_MAX_SEARCH] for name in names}
    return {name: value for name, value in given.items() if value}


def _page(wanted: dict[str, str], limit: int, cursor: str | None = None) -> ConnectionPage:
    """Find an account, a reference or a customer by the search, and those of the other filters.

    Raises ValueError for a cursor that is none.
    """
    text, customer = wanted.get("q", ""), wanted.get("customer")
    hub_id = int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
    reference = find_reference(text) if text and hub_id is None else None
    return services().connections.page(
        limit=limit,
        cursor=cursor,
        profile=wanted.get("profile"),
        hub_id=hub_id,
        reference=reference,
        customer=customer or (text if hub_id is None and reference is None else "") or None,
        lacks=_lacks(wanted),
    )


def _lacks(wanted: dict[str, str]) -> Lacks | None:
    return Lacks(services().profiles, wanted["lacks"]) if "lacks" in wanted else None
