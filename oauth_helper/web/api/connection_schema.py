"""The JSON forms of connections and of their tokens."""

from __future__ import annotations

from typing import Any

from oauth_helper.common.times import iso
from oauth_helper.models import Connection
from oauth_helper.oauth.client.refresh import Fresh


def connection_json(connection: Connection) -> dict[str, Any]:
    """A connection as the API gives it; never a token."""
    return {
        "id": connection.id,
        "profile": connection.profile,
        "hub_id": connection.hub_id,
        "scopes": _names(connection.granted),
        "missing_optional": list(connection.missing_optional),
        "connected_at": iso(connection.connected_at),
        "ended_at": None if connection.ended_at is None else iso(connection.ended_at),
        "reference": connection.reference,
        "client": connection.client or None,
    }


def token_json(fresh: Fresh, *, now: float) -> dict[str, Any]:
    """An access token with what its user has to know."""
    connection = fresh.connection
    return {
        "connection": connection.id,
        "access_token": fresh.access_token.reveal(),
        "token_type": "bearer",
        "expires_in": max(0, int(connection.expires_at - now)),
        "expires_at": iso(connection.expires_at),
        "token_id": fresh.token_id,
        "hub_id": connection.hub_id,
        "scopes": _names(connection.granted),
    }


def _names(scopes: tuple[str, ...] | None) -> list[str] | None:
    return None if scopes is None else list(scopes)
