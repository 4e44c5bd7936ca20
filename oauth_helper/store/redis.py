"""The Redis client: one server, Sentinel or Cluster, by the form of the address.

Every client made here translates redis-py's errors, at the one place where commands are sent:

    StoreUnavailableError   Redis can't be reached, was slow several times in a row, or rejected
                            the command; the message has the error's name, never its text, which
                            may quote data
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.commands import RedisClusterCommands
from redis.exceptions import NoPermissionError, NoScriptError, RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from oauth_helper.common.circuit_breaker import CircuitBreaker
from oauth_helper.common.metrics import STORE_ERRORS
from oauth_helper.models import StoreUnavailableError

R = TypeVar("R")
P = TypeVar("P", redis.client.Pipeline, redis.cluster.ClusterPipeline)

# Seconds. A page must not hang because Redis does; a command takes about a millisecond.
CONNECT_TIMEOUT = 1.0
COMMAND_TIMEOUT = 2.0

# After this many failures in a row requests don't wait for Redis any more: it is tried once a
# second. A trial takes as long as the timeouts allow.
_FAILURES, _RESET_TIMEOUT, _HALF_OPEN_TIMEOUT = 3, 1.0, 10.0

# These say that Redis is away; with any other error it has answered.
_AWAY = (redis.ConnectionError, redis.TimeoutError, RedisClusterException)

#: The type that the stores are written against: redis-py's two clients share these commands.
Client = redis.Redis


def connect(url: str, *, timeout: float = COMMAND_TIMEOUT) -> Client:
    """Return a pooled client for `url`; it connects with its first command.

    A command may take `timeout` seconds. Takes redis://, rediss:// and unix:// as redis-py does,
    `redis[s]+sentinel://[user:password@]host:port[,host:port…]/service[/db]` and
    `redis[s]+cluster://[user:password@]host:port[,host:port…]`; with TLS, `?ssl_ca_certs=` names a
    file of certificates to trust. Raises ValueError for any other address.
    """
    scheme = urlsplit(url).scheme
    options: dict[str, Any] = {
        "socket_connect_timeout": min(CONNECT_TIMEOUT, timeout),
        "socket_timeout": timeout,
        "health_check_interval": 30,
        "decode_responses": True,
    }
    if scheme in ("redis+cluster", "rediss+cluster"):
        nodes = [ClusterNode(*host) for host in _hosts(url, 6379)]  # type: ignore[no-untyped-call]
        options |= {"startup_nodes": nodes, **_credentials(url), **_tls(url)}
        return cast("Client", _Cluster(partial(redis.RedisCluster, **options)))
    # An immediate second try replaces a connection that the server closed while it was idle. A
    # server that hangs would hang again.
    options["retry"] = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    if scheme in ("redis+sentinel", "rediss+sentinel"):
        return _sentinel(url, options)
    return _SingleServer.from_url(url, **options)


def is_cluster(client: Client) -> bool:
    """Return whether `client` is that of a Cluster."""
    return isinstance(client, _Cluster)


def describe(url: str) -> str:
    """Return the address without its credentials, fit for printing."""
    scheme, _, rest = url.partition("://")
    # Not parsed: a malformed address may have its password anywhere before the last "@".
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


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
    name = type(error).__name__
    STORE_ERRORS.labels(name).inc()
    hint = ": not permitted" if "permission" in str(error) else ""
    return StoreUnavailableError(f"{what} ({name}{hint})")


class _SingleServer(redis.Redis):
    """A client of one server, or of the one that Sentinel names, behind a guard."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(**options)
        self._guard = _Guard()

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Send a command."""
        return self._guard.run(super().execute_command, *args, **options)

    def pipeline(self, *args: Any, **options: Any) -> redis.client.Pipeline:  # noqa: ANN401
        """Return a new pipeline."""
        return self._guard.over(super().pipeline(*args, **options))


class _Cluster(RedisClusterCommands):
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

    def __init__(self, client: Client, text: str) -> None:
        self._client = client
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, *, keys: Sequence[str], args: Iterable[str]) -> Any:  # noqa: ANN401 - what Lua returns
        """Return the script's answer."""
        arguments = (*keys, *args)
        try:
            return self._client.evalsha(self._sha, len(keys), *arguments)
        except NoScriptError:
            return self._client.eval(self._text, len(keys), *arguments)

    def run_all(self, calls: Sequence[tuple[Sequence[str], Sequence[object]]]) -> list[Any]:
        """Return the answers to several calls, each with its keys and arguments, sent together."""
        try:
            return self._send_all("EVALSHA", self._sha, calls)
        except NoScriptError:
            return self._send_all("EVAL", self._text, calls)

    def _send_all(
        self, command: str, script: str, calls: Sequence[tuple[Sequence[str], Sequence[object]]]
    ) -> list[Any]:
        with self._client.pipeline(transaction=False) as pipeline:
            for keys, arguments in calls:
                # A Cluster's pipeline sends scripts too, but has no methods for them.
                pipeline.execute_command(command, script, len(keys), *keys, *arguments)  # type: ignore[no-untyped-call]
            return pipeline.execute()


class RedisServer:
    """The server itself, whatever it stores. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ping(self) -> None:
        """Return if the server answers."""
        self._client.ping()

    def identity(self) -> str:
        """Return a text that changes when the server restarts or a replica takes over.

        Empty if the account may not use INFO.
        """
        # A Cluster answers with each node by its name, a single server with its own fields.
        options = {"target_nodes": "primaries"} if is_cluster(self._client) else {}
        try:
            info = self._client.info("server", **options)
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, NoPermissionError):
                return ""
            raise
        servers = [info] if "run_id" in info else list(info.values())
        return " ".join(sorted(str(server.get("run_id", "")) for server in servers))


def _sentinel(url: str, options: dict[str, Any]) -> Client:
    service, _, database = urlsplit(url).path.strip("/").partition("/")
    if not service or (database and not database.isdigit()):
        raise ValueError("a redis+sentinel address ends in /service or /service/db")
    bounded = ("socket_connect_timeout", "socket_timeout", "retry")
    bounds = {name: options[name] for name in bounded}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(url, 26379),
        sentinel_kwargs={**bounds, **_sentinel_credentials(url), **_tls(url)},
        **options,
        **_credentials(url),
        **_tls(url),
    )
    return sentinel.master_for(  # type: ignore[no-untyped-call, no-any-return]
        service, redis_class=_SingleServer, db=int(database or 0)
    )


def _tls(url: str) -> dict[str, Any]:
    """Return redis-py's options for TLS, with its certificates checked."""
    parts = urlsplit(url)
    if not parts.scheme.startswith("rediss"):
        return {}
    (trusted,) = parse_qs(parts.query).get("ssl_ca_certs", [None])
    return {"ssl": True, **({"ssl_ca_certs": trusted} if trusted else {})}


def _hosts(url: str, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for entry in urlsplit(url).netloc.rpartition("@")[2].split(","):
        host, separator, port = entry.rpartition(":")
        if separator and not port.isdigit():
            raise ValueError("each host is host:port")
        hosts.append((host.strip("[]"), int(port)) if separator else (entry, default_port))
    return hosts


def _credentials(url: str) -> dict[str, Any]:
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {key: value for key, value in given.items() if value}


def _sentinel_credentials(url: str) -> dict[str, str]:
    """Return those of the Sentinels themselves, `?sentinel_username=…&sentinel_password=…`."""
    query = parse_qs(urlsplit(url).query)
    names = {"sentinel_username": "username", "sentinel_password": "password"}
    return {ours: query[theirs][0] for theirs, ours in names.items() if theirs in query}
