"""When each named token of the API was last used."""

from __future__ import annotations

from typing import cast

from oauth_helper.store import keys
from oauth_helper.store.redis import Client


class TokenUses:
    """The last uses in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, name: str, at: float) -> None:
        """Store that a token was used at a time (Unix seconds)."""
        self._client.hset(keys.TOKEN_USES, name, str(int(at)))

    def all(self) -> dict[str, int]:
        """Return the last use of each token that was ever used, by its name."""
        uses = cast("dict[str, str]", self._client.hgetall(keys.TOKEN_USES))
        return {name: int(at) for name, at in uses.items()}
