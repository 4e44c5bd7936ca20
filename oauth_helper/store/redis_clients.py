"""redis-py's clients with one guard under all commands, which translates their errors.

Their methods raise `StoreUnavailableError` in place of redis-py's errors: when Redis can't be
reached, when it failed several times in a row and is skipped for a while, and when it rejects a
command. The message has the error's name, never its text, which may quote data.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar, cast

import redis
from redis.commands import RedisClusterCommands
from redis.exceptions import NoScriptError, RedisClusterException

from oauth_helper.common.circuit_breaker import CircuitBreaker
from oauth_helper.common.metrics import STORE_ERRORS
from oauth_helper.common.problems import in_words
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store import keys

R = TypeVar("R")
P = TypeVar("P", redis.client.Pipeline, redis.cluster.ClusterPipeline)

#: Commands that are sent in one round trip for each node. A Cluster's has the same methods.
Pipeline = redis.client.Pipeline

# After this many failures in a row requests don't wait for Redis any more: it is tried once a
# second. A trial takes as long as the timeouts allow.
_FAILURES, _RESET_TIMEOUT, _HALF_OPEN_TIMEOUT = 3, 1.0, 10.0

# These say that Redis is away; with any other error it has answered.
_AWAY = (redis.ConnectionError, redis.TimeoutError, RedisClusterException)


class _Guard:
    """Send commands through a circuit breaker, and translate redis-py's errors."""

    def __init__(self) -> None:
        self._breaker = CircuitBreaker(
            failures=_FAILURES,
            reset_timeout=_RESET_TIMEOUT,
            half_open_timeout=_HALF_OPEN_TIMEOUT,
        )

    def run(self, send: Callable[..., R], *args: Any, **options: Any) -> R:  # noqa: ANN401 - as redis-py's
        """Return what `send` returns; raises `StoreUnavailableError` in place of redis-py's errors.

        NoScriptError passes: the script's text is sent then.
        """
        if not self._breaker.allow_request():
            raise StoreUnavailableError("Redis unreachable (not tried: it failed just now)")
        try:
            answer = send(*args, **options)
        except NoScriptError:
            self._breaker.succeeded()
            raise
        except _AWAY as error:
            self._breaker.failed()
            raise _translated(error, "Redis unreachable") from error
        except redis.RedisError as error:
            self._breaker.succeeded()
            raise _translated(error, "Redis rejected a command") from error
        self._breaker.succeeded()
        return answer

    def over(self, pipeline: P) -> P:
        """Return `pipeline`, which sends its commands through this guard."""
        pipeline.execute = partial(self.run, pipeline.execute)  # type: ignore[method-assign]
        return pipeline


def _translated(error: Exception, what: str) -> StoreUnavailableError:
    STORE_ERRORS.labels(type(error).__name__).inc()
    problem = "not permitted" if "permission" in str(error) else in_words(error)
    return StoreUnavailableError(f"{what} ({problem})")


class Pool(redis.ConnectionPool):
    """Hands out the connection that was given back last.

    redis-py's own takes a lock, looks at the socket and keeps statistics, which together cost more
    than a command. A connection that the server closed shows when a command is sent on it.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(**options)
        self._idle: list[redis.connection.ConnectionInterface] = []

    def get_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Return a connection for one command or pipeline."""
        try:
            return self._idle.pop()
        except IndexError:
            return super().get_connection(*args, **options)

    def release(self, connection: Any) -> None:  # noqa: ANN401
        """Take a connection back. Whatever failed on it has closed it."""
        self._idle.append(connection)


class SingleServer(redis.Redis):
    """A client of one server, or of the one that Sentinel names, behind a guard."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(**options)
        self._guard = _Guard()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Send a command."""
        return self._guard.run(super().execute_command, *args, **options)

    def _execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Send a command; again on a new connection, once, when the server has closed this one.

        redis-py's method does the same with statistics and retries of any number.
        """
        connection = self.connection_pool.get_connection()
        try:
            return self._send_command_parse_response(connection, args[0], *args, **options)  # type: ignore[no-untyped-call]
        except redis.ConnectionError:
            connection.disconnect()  # type: ignore[no-untyped-call]
            return self._send_command_parse_response(connection, args[0], *args, **options)  # type: ignore[no-untyped-call]
        finally:
            self.connection_pool.release(connection)

    def pipeline(self, *args: Any, **options: Any) -> redis.client.Pipeline:  # noqa: ANN401
        """Return a new pipeline."""
        return self._guard.over(super().pipeline(*args, **options))


class Cluster(RedisClusterCommands):
    """A Cluster's client behind a guard. It looks for the nodes at its first command.

    redis-py's own looks for them when it is made, so the program could not start without them.
    """

    _event_dispatcher: Any = None  # redis-py's types ask for it

    def __init__(self, make: Callable[[], redis.RedisCluster]) -> None:
        self._make = make
        self._connecting = threading.Lock()
        self._connected: redis.RedisCluster | None = None
        self._guard = _Guard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        if self._connected is not None:
            self._connected.close()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py's
        """Send a command."""
        return self._guard.run(self._send, *args, **options)

    def pipeline(self, *args: Any, **options: Any) -> redis.cluster.ClusterPipeline:  # noqa: ANN401
        """Return a new pipeline."""
        client = self._connected or self._guard.run(self._client)
        pipeline = client.pipeline(*args, **options)  # type: ignore[no-untyped-call]
        return self._guard.over(cast("redis.cluster.ClusterPipeline", pipeline))

    def get_encoder(self) -> Any:  # noqa: ANN401 - redis-py's is not public
        """Return what redis-py encodes a script with, before there is any connection."""
        return redis.ConnectionPool(decode_responses=True).get_encoder()

    def _split_command_across_slots(self, command: str, *keys: Any) -> int:  # noqa: ANN401
        """Send EXISTS, DEL and their like for each key: redis-py's way needs its own client."""
        return sum(self.execute_command(command, key) for key in keys)

    def _send(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        return self._client().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def _client(self) -> redis.RedisCluster:
        if self._connected is not None:
            return self._connected
        # One thread looks for the nodes; the others don't wait, as it will hardly succeed.
        if not self._connecting.acquire(blocking=False):
            raise redis.ConnectionError
        try:
            self._connected = self._connected or self._make()
            return self._connected
        finally:
            self._connecting.release()


class LuaScript:
    """A Lua script, called by its hash; a server that doesn't know it yet gets its text."""

    def __init__(self, client: redis.Redis, text: str) -> None:
        self._client = client
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, *, keys: Sequence[str], args: Iterable[str]) -> Any:  # noqa: ANN401 - what Lua returns
        """Return the script's answer."""
        arguments = (len(keys), *keys, *args)
        return self._send(lambda *script: self._client.execute_command(*script, *arguments))  # type: ignore[no-untyped-call]

    def run_all(
        self,
        calls: Sequence[tuple[Sequence[str], Sequence[object]]],
        *,
        before: Callable[[Pipeline], object] = lambda _: None,
        after: Callable[[Pipeline], object] = lambda _: None,
    ) -> list[Any]:
        """Return the answers to calls, each with its keys and arguments, in one round trip.

        `before` adds commands whose answers don't matter, `after` those whose answers follow. All
        are sent again to a server that doesn't know the script, so sending them twice must change
        nothing.
        """

        def send(*script: str) -> list[Any]:
            with self._client.pipeline(transaction=False) as pipeline:
                before(pipeline)
                added = len(pipeline)
                for keys, arguments in calls:
                    # A Cluster's pipeline sends scripts too, but has no methods for them.
                    pipeline.execute_command(*script, len(keys), *keys, *arguments)  # type: ignore[no-untyped-call]
                after(pipeline)
                return pipeline.execute()[added:]

        return self._send(send)

    def _send(self, send: Callable[[str, str], R]) -> R:
        try:
            return send("EVALSHA", self._sha)
        except NoScriptError:
            return send("EVAL", self._text)


class StoreClock:
    """Unix seconds of the store, which all instances share; those of this machine before `set`.

    Between two readings it counts on, whatever happens to the clock of this machine.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._read = LuaScript(client, "return redis.call('TIME')")
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Return the time."""
        return self._offset + time.monotonic()

    def started(self) -> StoreClock:
        """Return this clock, set if the store answers."""
        with suppress(StoreUnavailableError):
            self.set()
        return self

    def set(self) -> None:
        """Read the store's clock. Raises `StoreUnavailableError`."""
        before = time.monotonic()
        # A Cluster's nodes have different clocks; the key chooses one for all instances.
        seconds, microseconds = self._read(keys=[keys.DAYS], args=[])
        middle = (before + time.monotonic()) / 2
        self._offset = int(seconds) + int(microseconds) / 1e6 - middle
