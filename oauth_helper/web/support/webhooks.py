"""The events that wait for each webhook address, and sending parked ones again."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request
from flask import url_for as url
from flask_login import login_required
from werkzeug.wrappers import Response

from oauth_helper.common.urls import origin_of
from oauth_helper.web.audit import audit
from oauth_helper.web.support.blueprint import PER_PAGE, blueprint, require_agent
from oauth_helper.web.support.format import counted
from oauth_helper.web.support.services import services


@blueprint.get("/webhooks")
@login_required  # type: ignore[untyped-decorator]
def webhooks() -> str:
    """Show each address with what waits for it and what is parked."""
    addresses = [
        {
            "name": queue.name,
            # The rest may hold a token.
            "origin": origin_of(address) or f"Notices by {address.partition('://')[0]}",
            "counts": queue.counts(),
            "parked": queue.parked(limit=PER_PAGE),
        }
        for address, queue in services().webhook_queues.by_url.items()
    ]
    return render_template(
        "support/webhooks.html",
        addresses=addresses,
        now=services().clock(),
        per_page=PER_PAGE,
        counted=counted,
    )


@blueprint.post("/webhooks/<name>/send-again")
@login_required  # type: ignore[untyped-decorator]
def send_again(name: str) -> Response:
    """Send the events of a parked record again, or those of all."""
    require_agent()
    addresses = services().webhook_queues
    queue = next((each for each in addresses.by_url.values() if each.name == name), None)
    if queue is None:
        abort(404)
    count = queue.send_again(services().clock(), request.form.get("record", "")[:300])
    if count:
        audit("send again", detail=f"events of {count} records")
        flash(f"Sending the events of {count} record{'' if count == 1 else 's'}.", "done")
    else:
        flash("Nothing to send: it isn't parked any more.", "problem")
    return redirect(url("support.webhooks"), 303)
