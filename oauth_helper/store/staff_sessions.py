"""The sessions of staff: a session that is not stored here has ended, whatever its cookie says.

One hash holds all sessions of a staff member, so that one command ends them together. Its key and
fields are hashed: a reader of the store learns no name and no session id.
"""

from __future__ import annotations

import hashlib
from typing import cast

from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# The latest sessions of each staff member that are kept.
_MOST = 50


class StaffSessions:
    """The sessions in Redis, for `lifetime` seconds each. Methods raise `StoreUnavailableError`.

    `staff_id` identifies one staff member; times are Unix seconds.
    """

    def __init__(self, client: Client, *, lifetime: int) -> None:
        self._client = client
        self._lifetime = lifetime

    def begin(self, staff_id: str, session_id: str, *, now: float) -> None:
        """Store a session, and delete the expired ones of this staff member."""
        key = _key(staff_id)
        at = cast("dict[str, str]", self._client.hgetall(key))
        latest = sorted(at, key=lambda field: -int(at[field]))[: _MOST - 1]
        over = [field for field in at if field not in latest or not self._is_on(at[field], now)]
        with self._client.pipeline(transaction=False) as pipeline:
            if over:
                pipeline.hdel(key, *over)
            pipeline.hset(key, _hashed(session_id), str(int(now)))
            pipeline.expire(key, self._lifetime + 60)
            pipeline.execute()

    def since(self, staff_id: str, session_id: str, *, now: float) -> int | None:
        """Return when a session began, or None if it has ended."""
        at = cast("str | None", self._client.hget(_key(staff_id), _hashed(session_id)))
        return int(at) if at is not None and self._is_on(at, now) else None

    def end(self, staff_id: str, session_id: str) -> None:
        """End one session."""
        self._client.hdel(_key(staff_id), _hashed(session_id))

    def end_all(self, staff_id: str) -> None:
        """End every session of a staff member."""
        self._client.delete(_key(staff_id))

    def _is_on(self, at: str, now: float) -> bool:
        # A clock may be set back a little.
        return -60 <= now - int(at) <= self._lifetime


def _key(staff_id: str) -> str:
    return keys.staff_sessions(_hashed(staff_id))


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
