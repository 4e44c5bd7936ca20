"""The JSON API of connect links: make one for a customer, follow it, withdraw it."""

from __future__ import annotations

from flask import Blueprint, Response, abort

from oauth_helper.common.urls import origin_of
from oauth_helper.models import ConnectLink
from oauth_helper.scopes import UnknownScopesError
from oauth_helper.store.connect_links import LinkRecord, new_link_id
from oauth_helper.web.api.auth import unless_bearer
from oauth_helper.web.api.failure_schemas import ConnectLinkJson
from oauth_helper.web.api.operation import operation
from oauth_helper.web.api.schemas import ConnectLinkBody
from oauth_helper.web.api.services import services
from oauth_helper.web.security import csrf

blueprint = Blueprint("api_links", __name__, url_prefix="/api/v1/connect-links")
csrf.exempt(blueprint)  # no request is authenticated by a cookie

# Seconds.
_LIFETIME = 7 * 86_400

_UNKNOWN = "There is no such link"


@blueprint.before_request
def _authenticate() -> Response | None:
    return unless_bearer(services().config.support_api_token, "SUPPORT_API_TOKEN")


@blueprint.post("")
@operation("createConnectLink", status=201)
def create(body: ConnectLinkBody) -> ConnectLinkJson:
    """Make a link that starts one connection.

    A failure doesn't use it up; a connection does. Its customer is named in each failure.
    """
    profile = services().profiles.get(body.profile)
    if profile is None:
        abort(400, f"There is no profile {body.profile[:40]!a}.")
    if body.return_to and origin_of(body.return_to) not in profile.return_origins:
        abort(400, f"return_to has to be at an origin that profile {profile.name} registers.")
    optional = None if body.optional_scope is None else tuple(body.optional_scope)
    now = int(services().clock())
    link = ConnectLink(
        id=new_link_id(),
        profile=profile.name,
        created_at=now,
        expires_at=now + (body.expires_in or _LIFETIME),
        customer=body.customer or "",
        customer_name=body.customer_name or "",
        optional_scopes=optional,
        return_to=body.return_to or "",
        hub_id=body.hub_id,
    )
    try:
        profile.requested_scopes(optional)
        return _json(services().connect_links.create(link))
    except UnknownScopesError as error:
        abort(400, f"optional_scope has scopes that profile {profile.name} lacks: {error}.")
    except ValueError as error:
        abort(400, f"{error}.")


@blueprint.get("/<link_id>")
@operation("getConnectLink", {404: _UNKNOWN})
def link(link_id: str) -> ConnectLinkJson:
    """Get a link, and what became of it."""
    return _json(_found(link_id))


@blueprint.delete("/<link_id>")
@operation("withdrawConnectLink", {404: _UNKNOWN})
def withdraw(link_id: str) -> ConnectLinkJson:
    """Withdraw a link. What it has connected stays connected."""
    services().connect_links.withdraw(link_id)
    return _json(_found(link_id))


def _found(link_id: str) -> LinkRecord:
    found = services().connect_links.get(link_id)
    if found is None:
        abort(404, f"{_UNKNOWN}.")
    return found


def _json(record: LinkRecord) -> ConnectLinkJson:
    link = record.link
    address = f"{services().config.public_url}/connect/{link.profile}?link={record.sealed}"
    return ConnectLinkJson.model_validate(
        {
            "id": link.id,
            "url": address,
            "expires_at": link.expires_at,
            "status": record.status(services().clock()),
            "profile": link.profile,
            "customer": link.customer,
            "customer_name": link.customer_name,
            "reference": record.reference,
            "connection": record.connection,
        }
    )
