"""Write and read the refresh tokens of clients: HubSpot's own, encrypted with its grant.

The server stores nothing for them, so losing Redis disconnects no client, and clients never see
HubSpot's refresh token. A public client gets a new one at each refresh, and using a replaced one
ends the grant (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from pydantic import SecretStr

from oauth_helper.common.encryption import DecryptionError, Encryptor
from oauth_helper.config.oauth_clients import OAuthClient

_PREFIX = "ohr."


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """The content of a refresh token. `grant` is the reference of the attempt that issued it.

    `connection` is the id of the connection, `token` HubSpot's own refresh token. `generation`
    counts the replacements; None for confidential clients. `mark` identifies the encrypted text:
    the same content can be encrypted more than once.
    """

    client_id: str
    profile: str
    grant: str
    connection: str
    token: SecretStr
    generation: int | None = None
    mark: str = ""

    def check_client(self, client: OAuthClient) -> bool:
        """Return whether it was issued to `client`. Authlib chose the name."""
        return self.client_id == client.id

    def get_scope(self) -> str:
        """Return nothing: HubSpot's token response names the scopes. Authlib chose the name."""
        return ""

    def following(self, token: SecretStr, generation: int | None) -> RefreshToken:
        """Return the refresh token that replaces this one."""
        return replace(self, token=token, generation=generation)


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Write and read refresh tokens."""

    encryptor: Encryptor

    def write(self, token: RefreshToken) -> str:
        """Return the encrypted text for the client."""
        return _PREFIX + self.encryptor.encrypt_value(token)

    def read(self, text: str) -> RefreshToken | None:
        """Return the content of a refresh token; None when this program didn't issue it."""
        if not text.startswith(_PREFIX) or not text.isascii():
            return None
        try:
            token: RefreshToken = self.encryptor.decrypt_value(
                text.removeprefix(_PREFIX), RefreshToken
            )
        except DecryptionError:
            return None
        return replace(token, mark=hashlib.sha256(text.encode()).hexdigest()[:16])
