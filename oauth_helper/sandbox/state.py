"""The sandbox's state beyond a request: codes, tokens and edits of its apps.

Values are plain JSON objects, so any key-value store can hold them. Keys and values have digests of
codes and tokens only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol


class SandboxState(Protocol):
    """A key-value store whose entries expire."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value under `key`, or None when there is none or it expired."""

    def put(self, key: str, value: dict[str, Any], *, ttl: int) -> None:
        """Keep `value` under `key` for `ttl` seconds, in place of an earlier one."""

    def take(self, key: str) -> dict[str, Any] | None:
        """Remove and return the value under `key`; of several callers at once, one gets it."""


class MemoryState:
    """`SandboxState` in this process, with at most `size` entries: the oldest are removed."""

    def __init__(self, *, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[str, tuple[float, dict[str, Any]]] = {}

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value under `key`, or None when there is none or it expired."""
        with self._lock:
            return self._alive(self._entries.get(key))

    def put(self, key: str, value: dict[str, Any], *, ttl: int) -> None:
        """Keep `value` under `key` for `ttl` seconds, in place of an earlier one."""
        with self._lock:
            self._entries.pop(key, None)  # so that it is the newest
            if len(self._entries) >= self._size:
                self._make_room()
            self._entries[key] = (self._clock() + ttl, dict(value))

    def take(self, key: str) -> dict[str, Any] | None:
        """Remove and return the value under `key`; of several callers at once, one gets it."""
        with self._lock:
            return self._alive(self._entries.pop(key, None))

    def __len__(self) -> int:
        return len(self._entries)

    def _alive(self, entry: tuple[float, dict[str, Any]] | None) -> dict[str, Any] | None:
        if entry is None or entry[0] <= self._clock():
            return None
        return dict(entry[1])

    def _make_room(self) -> None:
        now = self._clock()
        self._entries = {key: entry for key, entry in self._entries.items() if entry[0] > now}
        # A tenth at once, so that a full store isn't searched for expired entries at every put.
        surplus = len(self._entries) - self._size + max(1, self._size // 10)
        for key in list(self._entries)[: max(0, surplus)]:
            del self._entries[key]
