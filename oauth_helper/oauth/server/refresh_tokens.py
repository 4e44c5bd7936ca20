"""The refresh tokens that clients get: HubSpot's own, sealed together with whose it is.

Nothing has to be kept here for them, so no loss of the store cuts a client off, and HubSpot's own
refresh token stays unknown to clients. Public clients get a new one each time, and who comes with
one that was replaced before ends the grant (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.secrets import Secret
from oauth_helper.config.oauth_clients import OAuthClient

_PREFIX = "ohr."


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token stands for. `grant` is the reference of the attempt that it came from.

    `generation` counts how often it was replaced; None for confidential clients. `connection` is
    the id of the connection, `token` HubSpot's own refresh token. `mark` tells one text from
    another that stands for the same.
    """

    client_id: str
    profile: str
    grant: str
    connection: str
    token: Secret
    generation: int | None = None
    mark: str = ""

    def check_client(self, client: OAuthClient) -> bool:
        """Whether it was issued to `client` (the name is Authlib's)."""
        return self.client_id == client.id

    def get_scope(self) -> str:
        """Not told: HubSpot says with each token what it is good for (the name is Authlib's)."""
        return ""

    def following(self, token: Secret, generation: int | None) -> RefreshToken:
        """The one that takes its place."""
        return replace(self, token=token, generation=generation)


@dataclass(frozen=True, slots=True)
class RefreshTokens:
    """Writes and reads refresh tokens."""

    encryptor: Encryptor

    def write(self, token: RefreshToken) -> str:
        """The text that a client keeps."""
        document = [
            token.client_id,
            token.profile,
            token.grant,
            token.connection,
            token.token.reveal(),
            token.generation,
        ]
        return _PREFIX + self.encryptor.encrypt(json.dumps(document).encode()).decode()

    def read(self, text: str) -> RefreshToken | None:
        """What a text stands for; None when it is no refresh token of ours."""
        if not text.startswith(_PREFIX) or not text.isascii():
            return None
        try:
            values = json.loads(self.encryptor.decrypt(text.removeprefix(_PREFIX).encode()))
        except ValueError:
            return None
        client_id, profile, grant, connection, token, generation = values
        return RefreshToken(
            client_id=client_id,
            profile=profile,
            grant=grant,
            connection=connection,
            token=Secret(token),
            generation=generation,
            mark=hashlib.sha256(text.encode()).hexdigest()[:16],
        )
