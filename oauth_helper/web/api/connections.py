"""The JSON API of connections: fresh access tokens for a backend of one's own, and their end.

It has a bearer token of its own, since what it hands out opens customers' accounts.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Blueprint, Response, abort, current_app, jsonify, request

from oauth_helper.common.references import parse_reference
from oauth_helper.models import Connection
from oauth_helper.oauth.client.refresh import (
    Busy,
    Ended,
    Fresh,
    NoProfile,
    NotFound,
    NoToken,
    NotYours,
    RefreshFailed,
    Unreadable,
)
from oauth_helper.oauth.client.revocation import Revoked, revoke
from oauth_helper.web.api.auth import unless_bearer
from oauth_helper.web.api.connection_schema import connection_json, token_json
from oauth_helper.web.api.failures import limit_from_query
from oauth_helper.web.errors import answer
from oauth_helper.web.security import csrf
from oauth_helper.web.services import services

blueprint = Blueprint("api_connections", __name__, url_prefix="/api/v1/connections")
csrf.exempt(blueprint)  # nothing here goes by a cookie

_UNKNOWN = "There is no such connection."


@blueprint.before_request
def _authenticate() -> Response | None:
    return unless_bearer(services().config.connections_api_token, "CONNECTIONS_API_TOKEN")


@blueprint.get("")
def connections() -> Response:
    """The connections that the query asks for, the latest first."""
    try:
        found, next_cursor = _found()
    except ValueError as error:
        abort(400, f"{error}.")
    return jsonify(connections=[connection_json(each) for each in found], next_cursor=next_cursor)


@blueprint.get("/<connection_id>")
def connection(connection_id: str) -> Response:
    """One connection, without its tokens."""
    found = services().connections.get(connection_id)
    if found is None:
        abort(404, _UNKNOWN)
    return jsonify(connection_json(found))


@blueprint.get("/<connection_id>/token")
def token(connection_id: str) -> Response:
    """An access token that works now; refreshed where that is due."""
    refused = request.args.get("refused")
    if refused is not None and not re.fullmatch("[0-9a-f]{16}", refused):
        abort(400, "refused has to be the token_id of an earlier answer.")
    outcome = services().token_refresher.token(connection_id, rejected=refused or "")
    if isinstance(outcome, Fresh):
        return jsonify(token_json(outcome, now=services().clock()))
    return _without_token(outcome)


@blueprint.post("/<connection_id>/revoke")
def revoke_connection(connection_id: str) -> Response:
    """Ends a connection at HubSpot and forgets it here."""
    done = revoke(
        connection_id,
        connections=services().connections,
        hubspot=services().hubspot,
        profiles=services().profiles,
    )
    current_app.logger.info("the API revokes %s: %s", ascii(connection_id[:100]), done.value)
    if done is Revoked.NOT_FOUND:
        return _problem(404, done.message)
    if not done.ok:
        return _problem(502, done.message)
    return jsonify(connection=connection_id, revoked=True, message=done.message)


def _found() -> tuple[tuple[Connection, ...], str | None]:
    """What the query asks for, and where it goes on. Raises ValueError that names what is wrong."""
    page = services().connections.page(
        limit=limit_from_query(),
        cursor=request.args.get("cursor"),
        profile=_profile(),
        hub_id=_hub_id(),
        reference=_reference(),
    )
    return page.connections, page.next_cursor


def _profile() -> str | None:
    text = request.args.get("profile")
    if text is not None and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", text):
        raise ValueError("profile has to be the name of a profile")
    return text


def _hub_id() -> int | None:
    text = request.args.get("hub_id")
    if text is not None and not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError("hub_id has to be the number of a HubSpot account")
    return int(text) if text else None


def _reference() -> str | None:
    text = request.args.get("reference")
    reference = parse_reference(text) if text else None
    if text is not None and reference is None:
        raise ValueError("reference is none; is it mistyped?")
    return reference


def _without_token(outcome: NoToken) -> Response:
    """The problem that says why there is no token, and what to do."""
    match outcome:
        case Ended(connection=connection, cause=cause):
            why = (
                f"The app was uninstalled in {_account(connection)}, or its access was revoked "
                f"there. {_connect_again(connection)}"
            )
            return _problem(410, why, reference=connection.ended_by, cause=cause)
        case Busy(retry_after=retry_after):
            why = "Somebody else is refreshing it, and HubSpot takes long. Ask again."
            return _later(_problem(503, why), retry_after)
        case RefreshFailed():
            return _failed(outcome)
        case _:
            return _problem(*_here(outcome))


def _here(outcome: NotFound | NotYours | NoProfile | Unreadable) -> tuple[int, str]:
    """The status and the reason where HubSpot was not asked."""
    match outcome:
        case NotFound():
            return 404, _UNKNOWN
        case NotYours(client=client):
            return 403, (
                f"The tokens of this connection belong to {client}, a client of the proxy: only "
                "that client gets them."
            )
        case NoProfile(connection=connection):
            return 409, (
                f"The profile {connection.profile} is no longer there, and with it the client id "
                "and secret that this connection is refreshed with. Put it back."
            )
        case Unreadable(connection=connection):
            return 409, (
                "No key opens the tokens of this connection: SECRET_KEY was replaced without the "
                f"old one behind it. Put that back. If it is lost: {_connect_again(connection)}"
            )


def _failed(outcome: RefreshFailed) -> Response:
    told = {"reference": outcome.reference, "cause": outcome.cause.value}
    if outcome.retry_after is None:
        return _problem(
            502,
            "HubSpot refused to refresh the tokens, and not because of this connection. What to "
            f"mend stands in the failure {outcome.reference}.",
            **told,
        )
    problem = _problem(503, "HubSpot gave no answer that can be used. Ask again later.", **told)
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
