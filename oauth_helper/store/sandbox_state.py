"""What the built-in sandbox remembers, in Redis, so that every worker plays the same HubSpot."""

from __future__ import annotations

import json
from typing import Any, cast

from oauth_helper.store import keys
from oauth_helper.store.redis import Client


class RedisSandboxState:
    """A state for the sandbox, shared by all workers. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, key: str) -> dict[str, Any] | None:
        """What `put` wrote, or None once its time is over."""
        return _load(cast("str | None", self._client.get(keys.sandbox(key))))

    def put(self, key: str, value: dict[str, Any], *, ttl: int) -> None:
        """Remembers `value` for `ttl` seconds."""
        self._client.set(keys.sandbox(key), json.dumps(value), ex=ttl)

    def take(self, key: str) -> dict[str, Any] | None:
        """What `put` wrote, for the first caller only."""
        return _load(cast("str | None", self._client.getdel(keys.sandbox(key))))


def _load(text: str | None) -> dict[str, Any] | None:
    return None if text is None else cast("dict[str, Any]", json.loads(text))
