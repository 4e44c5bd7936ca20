"""Locks for the refresh of tokens: one worker sends the request, the others wait for its result."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Final, cast

from oauth_helper.diagnosis import Cause
from oauth_helper.models import Connection
from oauth_helper.store import keys
from oauth_helper.store.redis import Client
from oauth_helper.store.redis_clients import LuaScript

# KEYS: the lock. ARGV: the caller, milliseconds, prefix of a failure of this connection. redis-py
# sends a command again when the reply is lost, and finds its own lock. A failure of an earlier
# connection of the same account is ignored.
_ACQUIRE: Final = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  local stale = held:sub(1, 5) == 'note ' and held:sub(1, #ARGV[3]) ~= ARGV[3]
  if not stale then return held end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
"""

# KEYS: the lock. ARGV: the caller, milliseconds, the failure to leave behind, if any.
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
return 1
"""

_OWNER, _FAILURE = "turn ", "note "

# Seconds. An exchange sends at most two requests to HubSpot, 2 s apart; each takes 3 s to connect,
# and up to 25 s until the response is complete or given up.
_LONGEST_EXCHANGE: Final = 2 * (3 + 25) + 2

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTimeouts:
    """Seconds until a lock expires, until a caller stops waiting, and until a failure expires.

    Callers that wait look every `first_poll` seconds at first, and every `last_poll` seconds later.
    """

    lock: float = _LONGEST_EXCHANGE + 15
    wait: float = 20.0
    first_poll: float = 0.05
    last_poll: float = 0.2
    failure: float = 10.0


class RefreshLocks:
    """The locks in Redis, and which failures are logged. Raises `StoreUnavailableError`."""

    def __init__(self, client: Client, *, timeouts: LockTimeouts | None = None) -> None:
        self._client = client
        self._timeouts = timeouts or LockTimeouts()
        self._acquire = LuaScript(client, _ACQUIRE)
        self._release = LuaScript(client, _RELEASE)

    def lock(self, connection_id: str) -> RefreshLock:
        """Return a lock for one caller that wants to refresh this connection."""
        return RefreshLock(
            self._client, self._acquire, self._release, self._timeouts, connection_id
        )

    def erase(self, connection: Connection) -> None:
        """Forget which failures of a connection are logged."""
        names = [keys.refresh_failed(connection.reference, cause) for cause in Cause]
        with self._client.pipeline(transaction=False) as pipeline:
            for name in (keys.refresh_lock(connection.id), *names):
                pipeline.delete(name)
            pipeline.execute()

    def first_failure(self, connection: str, cause: str, reference: str) -> str:
        """Return the reference of the first failure for a cause within a day, or `reference`.

        `connection` is the reference of the connection that couldn't be refreshed.
        """
        key = keys.refresh_failed(connection, cause)
        if self._client.set(key, reference, nx=True, ex=_DAY):
            return reference
        return cast("str | None", self._client.get(key)) or reference


@dataclass(slots=True)
class RefreshLock:
    """One caller's lock. All its waits together take `LockTimeouts.wait` seconds at most."""

    _client: Client
    _acquire: LuaScript
    _release: LuaScript
    _timeouts: LockTimeouts
    _connection_id: str
    _owner: str = field(default_factory=lambda: _OWNER + secrets.token_hex(8))
    _reference: str = ""
    _deadline: float | None = None

    def acquire(self, reference: str) -> str | None:
        """Return "" if the caller has the lock now, None if another caller has it.

        Otherwise return the failure that another caller has just left behind. `reference` is the
        connection's; a failure of an earlier connection is ignored.
        """
        self._reference = reference
        prefix = self._failure_prefix()
        arguments = [self._owner, _milliseconds(self._timeouts.lock), prefix]
        held = cast("str", self._acquire(keys=[self._key], args=arguments))
        if not held:
            return ""
        return held[len(prefix) :] if held.startswith(_FAILURE) else None

    def wait(self) -> bool:
        """Wait until the other caller has released the lock; False if that takes too long."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._timeouts.wait
        pause = self._timeouts.first_poll
        while time.monotonic() < self._deadline:
            time.sleep(pause)
            held = cast("str | None", self._client.get(self._key))
            if held is None or held.startswith(_FAILURE):
                return True
            pause = min(pause * 1.5, self._timeouts.last_poll)
        return False

    def release(self, failure: str) -> None:
        """Release the lock, and leave a failure behind for other callers unless it is empty."""
        text = self._failure_prefix() + failure if failure else ""
        arguments = [self._owner, _milliseconds(self._timeouts.failure), text]
        self._release(keys=[self._key], args=arguments)

    @property
    def _key(self) -> str:
        return keys.refresh_lock(self._connection_id)

    def _failure_prefix(self) -> str:
        return f"{_FAILURE}{self._reference} "


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
