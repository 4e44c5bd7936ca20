"""Find out the domains of connected accounts: people know their account by it, not by a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oauth_helper.config.profiles import Profile
from oauth_helper.models import Connection

if TYPE_CHECKING:
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.store.connections import Connections


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDomains:
    """Ask HubSpot for domains. Only an introspection tells them, so no callback waits for one."""

    connections: Connections
    hubspot: HubSpotClient
    profiles: Mapping[str, Profile]

    def of_connection(self, connection: Connection) -> str:
        """Return the domain of a connection's account, and store a new one; empty when unknown.

        Raises `StoreUnavailableError`.
        """
        profile = self.profiles.get(connection.profile)
        if connection.hub_domain or profile is None or not self.hubspot.is_ready(profile.client_id):
            return connection.hub_domain
        tokens = self.connections.tokens(connection.id)
        if tokens is None:
            return ""
        found = self.hubspot.introspect(profile.credentials, tokens.access_token)
        if found is None or found.hub_id != connection.hub_id or not found.hub_domain:
            return ""
        self.connections.store_domain(connection, found.hub_domain)
        return found.hub_domain
