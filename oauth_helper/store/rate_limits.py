"""Count requests for the rate limits: in Redis for all instances, or here while Redis is down."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from oauth_helper.models import StoreUnavailableError
from oauth_helper.store import keys
from oauth_helper.store.redis import Client
from oauth_helper.store.redis_clients import LuaScript

# KEYS: count.
_COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], 60) end
return count
"""


class RateLimitExceededError(Exception):
    """There were more requests in a minute than a limit allows."""


class RateLimits:
    """Count requests by name. A minute begins with the first request of a name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._count = LuaScript(client, _COUNT)
        self._lock = threading.Lock()
        self._minute, self._counts = 0, Counter[str]()

    def count(self, name: str) -> int:
        """Count a request, and return how many there were in this minute."""
        try:
            return int(self._count(keys=[keys.limit(name)], args=[]))
        except StoreUnavailableError:
            return self.count_here(name)

    def counted(self, name: str) -> int:
        """Return how many requests there were in this minute."""
        try:
            return int(self._client.get(keys.limit(name)) or 0)
        except StoreUnavailableError:
            return self._counts[name]

    def count_here(self, name: str) -> int:
        """Count a request in this process only."""
        minute = int(time.monotonic() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._counts = minute, Counter()
            self._counts[name] += 1
            return self._counts[name]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `most` requests of one name in a minute."""

    counts: RateLimits
    name: str
    most: int

    def count(self) -> None:
        """Count a request. Raises `RateLimitExceededError` beyond the limit."""
        self.check(self.counts.count(self.name))

    def count_here(self) -> None:
        """Count a request that Redis couldn't count, as `count` does."""
        self.check(self.counts.count_here(self.name))

    def check(self, count: int) -> None:
        """Raise `RateLimitExceededError` if `count` is beyond the limit."""
        if count > self.most:
            raise RateLimitExceededError
