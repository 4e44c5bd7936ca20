"""The credentials of a HubSpot app."""

from __future__ import annotations

from dataclasses import dataclass

from oauth_helper.common.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """How a HubSpot app authenticates at the token endpoint."""

    client_id: str
    client_secret: Secret
    redirect_uri: str
