"""Whose turn it is to check a connection, and which one is next."""

from __future__ import annotations

from typing import Final, cast

from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# Seconds; longer than waiting for another refresh and sending one.
_LONGEST_CHECK: Final = 120


class ConnectionChecks:
    """The turn in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def begin(self) -> str | None:
        """Return the place of the next connection, empty for the first; None if it isn't time."""
        if not self._client.set(keys.CHECKING, "1", nx=True, ex=_LONGEST_CHECK):
            return None
        return cast("str | None", self._client.get(keys.CHECKED)) or ""

    def end(self, place: str, pause: float) -> None:
        """Continue at `place` in `pause` seconds."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.set(keys.CHECKED, place)
            pipeline.set(keys.CHECKING, "1", px=int(pause * 1000))
            pipeline.execute()
