"""List the parts that the authorization server needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oauth_helper.config.oauth_clients import OAuthClient
from oauth_helper.config.profiles import Profile
from oauth_helper.oauth.client.refresh import RefreshFailures
from oauth_helper.oauth.server.code_redemption import CodeRedemption
from oauth_helper.oauth.server.refresh_tokens import RefreshTokens

if TYPE_CHECKING:
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.store.authorization_codes import AuthorizationCodes
    from oauth_helper.store.connections import Connections


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDependencies:
    """The parts of the authorization server.

    `issuer` is PUBLIC_URL. `clock` returns Unix seconds. `key` is 32 random bytes that hash the
    clients' secrets in memory.
    """

    issuer: str
    clients: Sequence[OAuthClient]
    profiles: Mapping[str, Profile]
    codes: AuthorizationCodes
    refresh_tokens: RefreshTokens
    connections: Connections
    hubspot: HubSpotClient
    code_redemption: CodeRedemption
    refresh_failures: RefreshFailures
    clock: Callable[[], float]
    key: bytes = field(repr=False)
