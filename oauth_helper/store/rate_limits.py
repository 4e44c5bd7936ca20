"""Count requests for the rate limits in Redis, whatever form its address has.

The storages of `limits` for Sentinel and Cluster connect when the program starts, and know neither
the accounts of Sentinels nor this program's forms of addresses.
"""

from __future__ import annotations

import redis
from limits.storage import RedisStorage, Storage

from oauth_helper.store import keys
from oauth_helper.store.redis import connect

# Seconds; counting must not delay requests.
_TIMEOUT = 1.0

_SCHEME = "oauth-helper"


class ClientStorage(RedisStorage):
    """Count with a client like that of the stores. `limits` creates it by its scheme."""

    STORAGE_SCHEME = [_SCHEME]  # noqa: RUF012 - its base declares it so

    def __init__(
        self,
        uri: str,
        *,
        redis_url: str,
        wrap_exceptions: bool = False,
    ) -> None:
        # Skip the base, which creates its own client.
        Storage.__init__(self, uri, wrap_exceptions=wrap_exceptions)
        self.key_prefix = keys.LIMITS
        self.target_server = "redis"
        self.dependency = redis
        self.storage = connect(redis_url, timeout=_TIMEOUT)
        self.initialize_storage(uri)


def rate_limit_storage(redis_url: str) -> tuple[str, dict[str, str]]:
    """Return the address and options from which `limits` creates a `ClientStorage`."""
    return f"{_SCHEME}://", {"redis_url": redis_url}
