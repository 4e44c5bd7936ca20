"""The support staff's sessions that are going on: what is not here is over, whatever a cookie says.

One hash for each person has all of their sessions, so that they end together in one command. Its
key and its fields are hashes: who can read the store learns no name from them, and no session.
"""

from __future__ import annotations

import hashlib
from typing import cast

from oauth_helper.store.redis import Client

# Of one person's sessions the latest are kept.
_MOST = 50


class StaffSessions:
    """The sessions in Redis, for `lifetime` seconds each. Methods raise `StoreUnavailableError`.

    `browser_id` tells one member of the staff from another; times are Unix seconds.
    """

    def __init__(self, client: Client, *, lifetime: int) -> None:
        self._client = client
        self._lifetime = lifetime

    def begin(self, browser_id: str, session_id: str, *, now: float) -> None:
        """Notes a session, and forgets those of this person that are over by now."""
        key = _key(browser_id)
        at = cast("dict[str, str]", self._client.hgetall(key))
        latest = sorted(at, key=lambda field: -int(at[field]))[: _MOST - 1]
        over = [field for field in at if field not in latest or not self._is_on(at[field], now)]
        with self._client.pipeline(transaction=False) as pipeline:
            if over:
                pipeline.hdel(key, *over)
            pipeline.hset(key, _hashed(session_id), str(int(now)))
            pipeline.expire(key, self._lifetime + 60)
            pipeline.execute()

    def since(self, browser_id: str, session_id: str, *, now: float) -> int | None:
        """When a session began, or None when it is over."""
        at = cast("str | None", self._client.hget(_key(browser_id), _hashed(session_id)))
        return int(at) if at is not None and self._is_on(at, now) else None

    def end(self, browser_id: str, session_id: str) -> None:
        """Ends one session."""
        self._client.hdel(_key(browser_id), _hashed(session_id))

    def end_all(self, browser_id: str) -> None:
        """Ends every session of a person."""
        self._client.delete(_key(browser_id))

    def _is_on(self, at: str, now: float) -> bool:
        # A clock may be set back a little.
        return -60 <= now - int(at) <= self._lifetime


def _key(browser_id: str) -> str:
    return f"oh:staff:{_hashed(browser_id)}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
