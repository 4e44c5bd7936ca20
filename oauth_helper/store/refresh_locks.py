"""Who refreshes a connection's tokens: one caller of all workers, while the others wait for it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Final, cast

from oauth_helper.store import keys
from oauth_helper.store.lua_script import LuaScript
from oauth_helper.store.redis import Client

# KEYS: the turn. ARGV: the caller's mark, milliseconds, beginning of a note about this connection.
# A client that lost the reply asks again, and finds its own mark. A note about an earlier
# connection of the same account says nothing of this one.
_TAKE: Final = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then
  local stale = held:sub(1, 5) == 'note ' and held:sub(1, #ARGV[3]) ~= ARGV[3]
  if not stale then return held end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
"""

# KEYS: the turn. ARGV: the caller's mark, milliseconds that a note stands, the note if any.
_LEAVE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
return 1
"""

_TURN, _NOTE = "turn ", "note "

# Seconds. An exchange asks HubSpot twice at most, with a pause of 2 s between; each time 3 s to
# connect, 10 s for the first bytes, and up to 25 s until the last are in or given up.
_LONGEST_EXCHANGE: Final = 2 * (3 + 25) + 2

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTimeouts:
    """Seconds: when a turn passes to somebody else, how long others wait, and how long notes stand.

    While they wait, others look every `first_look` seconds at first and every `last_look` then.
    """

    turn: float = _LONGEST_EXCHANGE + 15
    wait: float = 20.0
    first_look: float = 0.05
    last_look: float = 0.2
    note: float = 10.0


class RefreshLocks:
    """The turns in Redis, and which failures are recorded. Raises `StoreUnavailableError`."""

    def __init__(self, client: Client, *, patience: LockTimeouts | None = None) -> None:
        self._client = client
        self._patience = patience or LockTimeouts()
        self._scripts = _Scripts(client)

    def turn(self, connection_id: str) -> RefreshLock:
        """A new caller's place among those who want this connection refreshed."""
        return RefreshLock(self._client, self._scripts, self._patience, connection_id)

    def first(self, connection: str, cause: str, reference: str) -> str:
        """The reference for this cause: that of a failure within the last day, else `reference`.

        `connection` is the reference of the connection that could not be refreshed.
        """
        key = keys.refresh_failed(connection, cause)
        if self._client.set(key, reference, nx=True, ex=_DAY):
            return reference
        return cast("str | None", self._client.get(key)) or reference


class _Scripts:
    def __init__(self, client: Client) -> None:
        self.take = LuaScript(client, _TAKE)
        self.leave = LuaScript(client, _LEAVE)


@dataclass(slots=True)
class RefreshLock:
    """One caller's place. It waits no longer than its patience, however often it is told to."""

    _client: Client
    _scripts: _Scripts
    _patience: LockTimeouts
    _connection_id: str
    _mark: str = field(default_factory=lambda: _TURN + secrets.token_hex(8))
    _reference: str = ""
    _until: float | None = None

    def take(self, reference: str) -> str | None:
        """Empty when it is the caller's turn, None when somebody else has it, else their note.

        `reference` is the connection's; a note about an earlier one counts no more.
        """
        self._reference = reference
        about = self._about()
        arguments = [self._mark, _milliseconds(self._patience.turn), about]
        held = cast("str", self._scripts.take(keys=[self._key], args=arguments))
        if not held:
            return ""
        return held[len(about) :] if held.startswith(_NOTE) else None

    def wait(self) -> bool:
        """Waits until the one whose turn it is has left; False when that takes too long."""
        if self._until is None:
            self._until = time.monotonic() + self._patience.wait
        pause = self._patience.first_look
        while time.monotonic() < self._until:
            time.sleep(pause)
            held = cast("str | None", self._client.get(self._key))
            if held is None or held.startswith(_NOTE):
                return True
            pause = min(pause * 1.5, self._patience.last_look)
        return False

    def leave(self, note: str) -> None:
        """Ends the caller's turn. A note stands for those who come a little later."""
        text = self._about() + note if note else ""
        arguments = [self._mark, _milliseconds(self._patience.note), text]
        self._scripts.leave(keys=[self._key], args=arguments)

    @property
    def _key(self) -> str:
        return keys.refreshing(self._connection_id)

    def _about(self) -> str:
        """How a note about the caller's connection begins."""
        return f"{_NOTE}{self._reference} "


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
