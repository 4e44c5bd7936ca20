"""Where requests are counted for the rate limits: the store, whatever form its address has.

`limits` has storages of its own for Sentinel and Cluster. They ask at start, and know neither the
accounts of Sentinels nor this program's forms of addresses.
"""

from __future__ import annotations

import redis
from limits.storage import RedisStorage, Storage

from oauth_helper.store import keys
from oauth_helper.store.redis import connect

# Seconds; counting requests must not hold them up.
_TIMEOUT = 1.0

_SCHEME = "oauth-helper"


class ClientStorage(RedisStorage):
    """Counts by a client of the store's own kind. `limits` makes it by the name of its scheme."""

    STORAGE_SCHEME = [_SCHEME]  # noqa: RUF012 - its base declares it so

    def __init__(
        self,
        uri: str,
        *,
        redis_url: str,
        wrap_exceptions: bool = False,
    ) -> None:
        # That of the base makes a client of its own.
        Storage.__init__(self, uri, wrap_exceptions=wrap_exceptions)
        self.key_prefix = keys.LIMITS
        self.target_server = "redis"
        self.dependency = redis
        self.storage = connect(redis_url, timeout=_TIMEOUT)
        self.initialize_storage(uri)


def rate_limit_storage(redis_url: str) -> tuple[str, dict[str, str]]:
    """The address and the options by which `limits` makes a `ClientStorage`."""
    return f"{_SCHEME}://", {"redis_url": redis_url}
