"""What the authorization server works with, and what is needed of each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from oauth_helper.config.oauth_clients import OAuthClient
from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.token_response import TokenResponse
from oauth_helper.models import Connection, IssuedCode
from oauth_helper.oauth.client.refresh import RefreshFailures
from oauth_helper.oauth.server.completion import CodeRedemption
from oauth_helper.oauth.server.refresh_tokens import RefreshTokens


class Codes(Protocol):
    """Where codes and grants are kept."""

    def keep(self, code: str, issued: IssuedCode) -> None:
        """Remembers what a code stands for."""

    def find(self, code: str) -> IssuedCode | None:
        """What a code stands for; None when it is unknown, used or too old."""

    def take(self, code: str, *, by: str, grant: str) -> bool:
        """True for the first caller only."""

    def used_for(self, code: str, *, by: str) -> str | None:
        """The grant that a client has used a code for."""

    def begin(self, grant: str, now: float) -> None:
        """Begins to count the refresh tokens of a grant."""

    def next_generation(
        self, grant: str, generation: int | None, mark: str, now: float, *, advance: bool
    ) -> int | None:
        """The generation of the token that follows one; None when the grant is withdrawn."""

    def withdraw(self, grant: str) -> None:
        """Makes every refresh token of a grant worthless here."""


class ConnectionStore(Protocol):
    """Where connections are kept."""

    def get(self, connection_id: str) -> Connection | None:
        """One connection, or None."""

    def end(self, connection: Connection, *, at: int, by: str) -> bool:
        """Marks it as ended; False when it is not the connection any more that was read."""

    def forget(self, connection: Connection) -> None:
        """Removes it, unless the account has connected anew since."""


class HubSpot(Protocol):
    """HubSpot, as far as it is needed here."""

    def exchange(self, form: str, *, client_id: str) -> TokenResponse:
        """The token endpoint's answer to a form, for the app `client_id`."""

    def revoke(self, form: str) -> bool:
        """Whether HubSpot confirmed the revocation."""


@dataclass(slots=True, kw_only=True)
class Parts:
    """What the server works with. `key` is 32 bytes by chance, `clock` gives Unix seconds."""

    issuer: str
    clients: Sequence[OAuthClient]
    profiles: Mapping[str, Profile]
    codes: Codes
    refresh_tokens: RefreshTokens
    connections: ConnectionStore
    hubspot: HubSpot
    code_redemption: CodeRedemption
    refresh_failures: RefreshFailures
    clock: Callable[[], float]
    key: bytes = field(repr=False)
