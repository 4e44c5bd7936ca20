"""The client of a Cluster, which is asked for its nodes when it is first needed.

redis-py's own asks at once, so that a program that starts before its Cluster would have to end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self

import redis
from redis.commands.core import Script


class LazyCluster:
    """Everything that `redis.RedisCluster` has, once a node answers; until then ConnectionError."""

    def __init__(self, make: Callable[[], redis.RedisCluster]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._made: redis.RedisCluster | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self._there(), name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes every connection."""
        if self._made is not None:
            self._made.close()

    def register_script(self, script: str) -> Script:
        """As redis-py's, without asking anybody."""
        return Script(self, script)  # type: ignore[arg-type]

    def get_encoder(self) -> _Encoder:
        """What a script is turned into bytes by."""
        return _Encoder()

    def _there(self) -> redis.RedisCluster:
        if self._made is not None:
            return self._made
        # One asks; the others need not wait for what will hardly succeed.
        if not self._making.acquire(blocking=False):
            raise redis.ConnectionError("the cluster is being asked for its nodes")
        try:
            if self._made is None:
                self._made = self._make()
        except redis.exceptions.RedisClusterException as error:  # which is no RedisError
            raise redis.ConnectionError("no node of the cluster answers") from error
        finally:
            self._making.release()
        return self._made


class _Encoder:
    """UTF-8, as the clients here have it."""

    def encode(self, value: str) -> bytes:
        """A text as bytes."""
        return value.encode()
