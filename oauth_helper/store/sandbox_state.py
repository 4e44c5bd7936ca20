"""The state of the built-in sandbox in Redis, so that all workers play the same HubSpot."""

from __future__ import annotations

import json
from typing import Any, cast

from oauth_helper.store import keys
from oauth_helper.store.redis import Client


class RedisSandboxState:
    """A state that all workers share. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, key: str) -> dict[str, Any] | None:
        """Return a value, or None if it is missing or expired."""
        return _load(self._client.get(keys.sandbox(key)))

    def put(self, key: str, value: dict[str, Any], *, ttl: int) -> None:
        """Store a value for `ttl` seconds."""
        self._client.set(keys.sandbox(key), json.dumps(value), ex=ttl)

    def take(self, key: str) -> dict[str, Any] | None:
        """Return and delete a value, or None as for `get`."""
        return _load(self._client.getdel(keys.sandbox(key)))


def _load(text: object) -> dict[str, Any] | None:
    return None if text is None else json.loads(cast("str", text))
