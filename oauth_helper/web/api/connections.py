"""The JSON API of connections: fresh access tokens for your backend, and revocation.

It has a separate bearer token, since the access tokens it returns open customers' accounts.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, abort

from oauth_helper.models import Connection
from oauth_helper.oauth.client.refresh import (
    Busy,
    ConnectionEnded,
    Fresh,
    NoProfile,
    NotFound,
    NoToken,
    NotYours,
    RefreshFailed,
    Unreadable,
)
from oauth_helper.oauth.client.revocation import Revoked, revoke
from oauth_helper.store.granted_scopes import Lacks
from oauth_helper.web.api.auth import authenticate
from oauth_helper.web.api.failure_schemas import ConnectionJson, ConnectLinkJson, TokenJson
from oauth_helper.web.api.link_requests import link_json, reconnect_link
from oauth_helper.web.api.operation import operation
from oauth_helper.web.api.queries import ConnectionListQuery, TokenQuery
from oauth_helper.web.api.schemas import ConnectionPage, ReconnectBody, Revocation, RevocationBody
from oauth_helper.web.api.services import services
from oauth_helper.web.audit import audit
from oauth_helper.web.errors import answer
from oauth_helper.web.security import csrf

blueprint = Blueprint("api_connections", __name__, url_prefix="/api/v1/connections")
csrf.exempt(blueprint)  # no request is authenticated by a cookie

_UNKNOWN = "There is no such connection"


blueprint.before_request(authenticate)


@blueprint.get("")
@operation("listConnections", "connections:token")
def connections(query: ConnectionListQuery) -> ConnectionPage:
    """List the connections, latest first."""
    try:
        page = services().connections.page(
            limit=query.limit,
            cursor=query.cursor,
            profile=query.profile,
            hub_id=int(query.hub_id) if query.hub_id else None,
            reference=query.reference,
            customer=query.customer or None,
            lacks=Lacks(services().profiles, query.missing_scope) if query.missing_scope else None,
        )
    except ValueError as error:
        abort(400, f"{error}.")
    return ConnectionPage.model_validate(page)


@blueprint.get("/<connection_id>")
@operation("getConnection", "connections:token", {404: _UNKNOWN})
def connection(connection_id: str) -> ConnectionJson:
    """Get a connection, without its tokens."""
    found = services().connections.get(connection_id)
    if found is None:
        abort(404, f"{_UNKNOWN}.")
    return ConnectionJson.model_validate(found)


@blueprint.get("/<connection_id>/token")
@operation(
    "getToken",
    "connections:token",
    {
        403: "The tokens belong to a client of the proxy",
        404: _UNKNOWN,
        409: "Its profile is gone, or no key decrypts its tokens",
        410: "HubSpot ended it, as the failure says; the customer has to connect again",
        502: "HubSpot rejected the request itself, as the failure says",
    },
)
def token(connection_id: str, query: TokenQuery) -> TokenJson | Response:
    """Get an access token that works now.

    With less than five minutes left it's refreshed first. HubSpot gets one request, however many
    callers ask at the same time.
    """
    outcome = services().token_refresher.token(connection_id, rejected=query.refused or "")
    if not isinstance(outcome, Fresh):
        return _without_token(outcome)
    connection = outcome.connection
    return TokenJson.model_validate(
        {
            "connection": connection.id,
            "access_token": outcome.access_token.get_secret_value(),
            "token_type": "bearer",
            "expires_in": connection.expires_in(services().clock()),
            "expires_at": connection.expires_at,
            "token_id": outcome.token_id,
            "hub_id": connection.hub_id,
            "scopes": connection.granted,
        }
    )


@blueprint.post("/<connection_id>/revoke")
@operation(
    "revokeConnection",
    "connections:token",
    {404: _UNKNOWN, 502: "HubSpot didn't confirm it, so it is kept"},
)
def revoke_connection(connection_id: str, body: RevocationBody) -> Revocation | Response:
    """Revoke a connection at HubSpot, or uninstall the app there, and forget it."""
    found = services().connections.get(connection_id)
    done = revoke(
        connection_id,
        connections=services().connections,
        hubspot=services().hubspot,
        profiles=services().profiles,
        uninstall=bool(body.uninstall),
        forget=bool(body.forget) and not body.uninstall,
    )
    # An id names the account, which may be erased later.
    audit("revoke connection", [found.reference] if found else (), done.value)
    if done is Revoked.NOT_FOUND:
        return _problem(404, done.message)
    if not done.ok:
        return _problem(502, done.message)
    return Revocation(connection=connection_id, revoked=True, message=done.message)


@blueprint.post("/<connection_id>/reconnect-link")
@operation(
    "createReconnectLink",
    "links:write",
    {404: _UNKNOWN, 409: "Its profile is gone, or a client has it"},
    status=201,
)
def create_reconnect_link(connection_id: str, body: ReconnectBody) -> ConnectLinkJson | Response:
    """Make a link that renews a connection.

    It asks for what the profile requests today. The connection keeps its id, and its tokens until
    the new ones are there.
    """
    found = services().connections.get(connection_id)
    if found is None:
        abort(404, f"{_UNKNOWN}.")
    now = services().clock()
    if found.client or found.profile not in services().profiles:
        return _problem(
            409, "Its profile is gone, or the client of the proxy that has it must ask."
        )
    link = reconnect_link(found, services().profiles, now=now, expires_in=body.expires_in)
    (record,) = services().connect_links.create(link)
    audit("create link", [link.id], f"for {found.reference}")
    return link_json(record, services().config.public_url, now=now)


def _without_token(outcome: NoToken) -> Response:
    """Return the problem that says why there is no token, and what to do."""
    match outcome:
        case ConnectionEnded(connection=connection):
            why = (
                f"The app was uninstalled in {_account(connection)}, or its access was revoked "
                f"there. {_connect_again(connection)}"
            )
            return _problem(410, why, reference=connection.ended_by, cause=outcome.cause)
        case Busy(retry_after=retry_after):
            why = "Another request is refreshing it, and HubSpot takes long. Ask again."
            return _later(_problem(503, why), retry_after)
        case RefreshFailed():
            return _failed(outcome)
        case _:
            return _problem(*_here(outcome))


def _here(outcome: NotFound | NotYours | NoProfile | Unreadable) -> tuple[int, str]:
    """Return the status and the reason if HubSpot was not asked."""
    match outcome:
        case NotFound():
            return 404, f"{_UNKNOWN}."
        case NotYours(client=client):
            return 403, (
                f"The tokens of this connection belong to {client}, a client of the proxy: only "
                "that client gets them."
            )
        case NoProfile(connection=connection):
            return 409, (
                f"The profile {connection.profile} is no longer there, and refreshing this "
                "connection needs its client id and secret. Restore it."
            )
        case Unreadable(connection=connection):
            return 409, (
                "No key opens the tokens of this connection: SECRET_KEY was replaced without "
                "keeping the old key after the new one. Restore the old key. If it is lost: "
                f"{_connect_again(connection)}"
            )


def _failed(outcome: RefreshFailed) -> Response:
    failure = {"reference": outcome.reference, "cause": outcome.cause.value}
    if outcome.retry_after is None:
        return _problem(
            502,
            f"HubSpot rejected the refresh. The failure {outcome.reference} says what to fix.",
            **failure,
        )
    problem = _problem(503, "HubSpot gave no usable answer. Ask again later.", **failure)
    return _later(problem, outcome.retry_after)


def _problem(status: int, detail: str, **members: str) -> Response:
    return answer(status, HTTPStatus(status).phrase, detail, **members)


def _later(response: Response, seconds: int) -> Response:
    response.headers["Retry-After"] = str(seconds)
    return response


def _account(connection: Connection) -> str:
    return f"HubSpot account {connection.hub_id}" if connection.hub_id else "the HubSpot account"


def _connect_again(connection: Connection) -> str:
    address = f"{services().config.public_url}/connect/{connection.profile}"
    return f"The customer has to connect again: {address}"
