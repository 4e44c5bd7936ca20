"""End a connection: revoke its token or uninstall the app at HubSpot, then delete it here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.token_response import Granted

if TYPE_CHECKING:
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.store.connections import Connections


class Revoked(Enum):
    """The outcome of a revocation."""

    DONE = "done"
    UNINSTALLED = "uninstalled"
    NOT_FOUND = "not found"
    NOT_CONFIRMED = "not confirmed"
    FORGOTTEN = "forgotten"
    UNREADABLE = "unreadable"
    ENDED = "ended"

    @property
    def ok(self) -> bool:
        """Return whether the connection was deleted here."""
        return self not in (Revoked.NOT_FOUND, Revoked.NOT_CONFIRMED, Revoked.UNREADABLE)

    @property
    def message(self) -> str:
        """Return the text for staff."""
        return _MESSAGES[self]


_MESSAGES = {
    Revoked.DONE: (
        "Revoked at HubSpot and forgotten here. Access tokens that were handed out already work "
        "for up to 30 minutes more."
    ),
    Revoked.UNINSTALLED: "Uninstalled in the HubSpot account and forgotten here.",
    Revoked.NOT_FOUND: "There is no such connection.",
    Revoked.NOT_CONFIRMED: "HubSpot did not confirm it, so the connection is kept. Try again.",
    Revoked.FORGOTTEN: (
        "Forgotten here. HubSpot was not asked: the app stays installed in the account, and tokens "
        "that were handed out work until they expire."
    ),
    Revoked.UNREADABLE: (
        "No key decrypts its tokens, or its profile is gone, so HubSpot can't be asked, and it is "
        "kept. You can forget it here, and uninstall the app in the HubSpot account."
    ),
    Revoked.ENDED: "Forgotten here. At HubSpot it had ended already.",
}


def revoke(
    connection_id: str,
    *,
    connections: Connections,
    hubspot: HubSpotClient,
    profiles: Mapping[str, Profile],
    uninstall: bool = False,
    forget: bool = False,
) -> Revoked:
    """Revoke a connection's refresh token at HubSpot (RFC 7009) and delete the connection.

    `uninstall` removes the app from the HubSpot account instead, which ends every token; `forget`
    only deletes the connection here. It stays as it was when HubSpot doesn't confirm.
    """
    connection = connections.get(connection_id)
    if connection is None:
        return Revoked.NOT_FOUND
    if connection.ended_at is not None:
        connections.forget(connection)
        return Revoked.ENDED
    if forget:
        connections.forget(connection)
        return Revoked.FORGOTTEN
    tokens = connections.tokens(connection_id)
    profile = profiles.get(connection.profile)
    if tokens is None or profile is None:
        return Revoked.UNREADABLE
    if uninstall:
        # The stored access token may have expired. HubSpot's refresh token stays the same.
        fresh = hubspot.refresh(profile.credentials, tokens.refresh_token)
        is_confirmed = isinstance(fresh, Granted) and hubspot.uninstall(fresh.access_token)
    else:
        is_confirmed = hubspot.revoke(profile.credentials, tokens.refresh_token)
    if not is_confirmed:
        return Revoked.NOT_CONFIRMED
    connections.forget(connection)
    return Revoked.UNINSTALLED if uninstall else Revoked.DONE
