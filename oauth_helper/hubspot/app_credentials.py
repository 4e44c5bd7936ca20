"""The credentials of a HubSpot app."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """How a HubSpot app authenticates at the token endpoint."""

    client_id: str
    client_secret: SecretStr
    redirect_uri: str
