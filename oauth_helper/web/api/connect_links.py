"""The JSON API of connect links: make one for a customer, follow it, withdraw it."""

from __future__ import annotations

from flask import Blueprint, abort

from oauth_helper.store.connect_links import LinkRecord
from oauth_helper.web.api.auth import authenticate
from oauth_helper.web.api.failure_schemas import ConnectLinkJson
from oauth_helper.web.api.link_requests import link_json, requested_link
from oauth_helper.web.api.operation import operation
from oauth_helper.web.api.schemas import ConnectLinkBody
from oauth_helper.web.api.services import services
from oauth_helper.web.audit import audit
from oauth_helper.web.security import csrf

blueprint = Blueprint("api_links", __name__, url_prefix="/api/v1/connect-links")
csrf.exempt(blueprint)  # no request is authenticated by a cookie

_UNKNOWN = "There is no such link"


blueprint.before_request(authenticate)


@blueprint.post("")
@operation("createConnectLink", "links:write", status=201)
def create(body: ConnectLinkBody) -> ConnectLinkJson:
    """Make a link that starts one connection.

    A failure doesn't use it up; a connection does. Its customer is named in each failure.
    """
    try:
        link = requested_link(body, services().profiles, now=services().clock())
        (made,) = services().connect_links.create(link)
    except ValueError as error:
        abort(400, str(error))
    audit("create link", [link.id])
    return _json(made)


@blueprint.get("/<link_id>")
@operation("getConnectLink", "links:write", {404: _UNKNOWN})
def link(link_id: str) -> ConnectLinkJson:
    """Get a link, and what became of it."""
    return _json(_found(link_id))


@blueprint.delete("/<link_id>")
@operation("withdrawConnectLink", "links:write", {404: _UNKNOWN})
def withdraw(link_id: str) -> ConnectLinkJson:
    """Withdraw a link. What it has connected stays connected."""
    if services().connect_links.withdraw(link_id):
        audit("withdraw link", [link_id])
    return _json(_found(link_id))


def _found(link_id: str) -> LinkRecord:
    found = services().connect_links.get(link_id)
    if found is None:
        abort(404, f"{_UNKNOWN}.")
    return found


def _json(record: LinkRecord) -> ConnectLinkJson:
    return link_json(record, services().config.public_url, now=services().clock())
