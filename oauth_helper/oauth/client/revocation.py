"""Ending a connection: revoked at HubSpot first, forgotten here after that."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.client import token_in_form
from oauth_helper.models import Connection, Tokens


class ConnectionStore(Protocol):
    """Where connections are kept."""

    def get(self, connection_id: str) -> Connection | None:
        """One connection, or None."""

    def tokens(self, connection_id: str) -> Tokens | None:
        """Its tokens, or None when nothing opens them any more."""

    def forget(self, connection: Connection) -> None:
        """Removes it, unless the account has connected anew since."""


class RevocationEndpoint(Protocol):
    """HubSpot, as far as it is needed here."""

    def revoke(self, form: str) -> bool:
        """Whether HubSpot confirmed the revocation."""


class Revoked(Enum):
    """How a revocation went."""

    DONE = "done"
    NOT_FOUND = "not found"
    NOT_CONFIRMED = "not confirmed"
    UNREADABLE = "unreadable"
    ENDED = "ended"

    @property
    def ok(self) -> bool:
        """Whether the connection is gone from here."""
        return self in (Revoked.DONE, Revoked.UNREADABLE, Revoked.ENDED)

    @property
    def message(self) -> str:
        """What to tell the person who asked for it."""
        return _MESSAGES[self]


_MESSAGES = {
    Revoked.DONE: (
        "Revoked at HubSpot and forgotten here. Access tokens that were handed out already work "
        "for up to 30 minutes more."
    ),
    Revoked.NOT_FOUND: "There is no such connection.",
    Revoked.NOT_CONFIRMED: "HubSpot did not confirm the revocation, so it is kept. Try again.",
    Revoked.UNREADABLE: (
        "Forgotten here. Its tokens could not be read any more, or its profile is gone, so nothing "
        "was revoked at HubSpot: uninstall the app in the HubSpot account."
    ),
    Revoked.ENDED: "Forgotten here. At HubSpot it had ended already.",
}


def revoke(
    connection_id: str,
    *,
    connections: ConnectionStore,
    hubspot: RevocationEndpoint,
    profiles: Mapping[str, Profile],
) -> Revoked:
    """Revokes a connection's refresh token at HubSpot (RFC 7009) and forgets the connection."""
    connection = connections.get(connection_id)
    if connection is None:
        return Revoked.NOT_FOUND
    if connection.ended_at is not None:
        connections.forget(connection)
        return Revoked.ENDED
    tokens = connections.tokens(connection_id)
    profile = profiles.get(connection.profile)
    if tokens is None or profile is None:
        connections.forget(connection)
        return Revoked.UNREADABLE
    form = token_in_form(
        client_id=profile.client_id,
        client_secret=profile.client_secret,
        token=tokens.refresh_token.reveal(),
        token_type_hint="refresh_token",  # noqa: S106 - the name of a kind of token
    )
    if not hubspot.revoke(form):
        return Revoked.NOT_CONFIRMED
    connections.forget(connection)
    return Revoked.DONE
