"""The Redis client: one server, Sentinel or Cluster, by the form of the address."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakKeyDictionary

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.commands.core import Script
from redis.retry import Retry
from redis.sentinel import Sentinel

from oauth_helper.common.circuit_breaker import CircuitBreaker
from oauth_helper.common.metrics import STORE_ERRORS
from oauth_helper.models import StoreUnavailableError

P = ParamSpec("P")
R = TypeVar("R")

# Seconds. A page must not hang because a store does; a command here takes a millisecond.
CONNECT_TIMEOUT = 1.0
COMMAND_TIMEOUT = 2.0

# A store that was silent so often in a row is left alone for so many seconds, so that people do not
# wait for it one after the other. Whoever tries then may take as long as the timeouts allow.
_SILENT, _LEFT_ALONE, _PATIENCE = 3, 1.0, 10.0

# What says that the store is away. Anything else it says itself, so it is there.
_AWAY = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.RedisClusterException)

#: What the stores are written against: redis-py's two clients share these commands.
Client = redis.Redis


def connect(url: str, *, patience: float = COMMAND_TIMEOUT) -> Client:
    """A pooled client for `url`, which waits `patience` seconds for an answer. It asks nobody yet.

    Takes redis://, rediss:// and unix:// as redis-py does, and
    `redis[s]+sentinel://[user:password@]host:port[,host:port…]/service[/db]` and
    `redis[s]+cluster://[user:password@]host:port[,host:port…]`; with TLS, `?ssl_ca_certs=` names a
    file of certificates to trust. ValueError for what is no address.
    """
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "socket_connect_timeout": min(CONNECT_TIMEOUT, patience),
        "socket_timeout": patience,
        "health_check_interval": 30,
        "decode_responses": True,
    }
    # One more try at once heals a connection that the server closed while it was idle. A server
    # that hangs would hang again.
    once_more = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    if parts.scheme in ("redis+sentinel", "rediss+sentinel"):
        return _sentinel(url, {**options, "retry": once_more})
    if parts.scheme in ("redis+cluster", "rediss+cluster"):
        nodes = [
            ClusterNode(host, port)  # type: ignore[no-untyped-call]
            for host, port in _hosts(url, 6379)
        ]
        more = {**_credentials(url), **_tls(url), **options}

        def make() -> redis.RedisCluster:
            return redis.RedisCluster(startup_nodes=nodes, **more)

        return cast("Client", LazyCluster(make))
    return redis.Redis.from_url(url, retry=once_more, **options)


def is_cluster(client: Client) -> bool:
    """Whether it is the client of a Cluster, which knows many servers."""
    return isinstance(client, LazyCluster)


def describe(url: str) -> str:
    """The address without its credentials, to be printed."""
    scheme, _, rest = url.partition("://")
    # By the text alone: what cannot be parsed may have its password anywhere before the last "@".
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


class _Store(Protocol):
    """What works with a client."""

    _client: Client


S = TypeVar("S", bound=_Store)

_breakers: WeakKeyDictionary[Client, CircuitBreaker] = WeakKeyDictionary()


def breaker_of(client: Client) -> CircuitBreaker:
    """What keeps the methods of all stores with this client from waiting one by one."""
    found = _breakers.get(client)
    if found is None:
        made = CircuitBreaker(failures=_SILENT, pause=_LEFT_ALONE, patience=_PATIENCE)
        found = _breakers.setdefault(client, made)
    return found


def translate_errors(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Turns redis-py's errors of connection and server into `StoreUnavailableError`.

    For methods of what has a `_client`. While the store is away they raise it at once.
    """

    @functools.wraps(method)
    def wrapper(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        breaker = breaker_of(self._client)
        if not breaker.admit():
            raise StoreUnavailableError(f"not asked in {method.__qualname__}, for it is silent")
        try:
            answer = method(self, *args, **kwargs)
        except (redis.RedisError, *_AWAY) as error:
            if isinstance(error, _AWAY):
                breaker.failed()
            else:
                breaker.succeeded()
            STORE_ERRORS.labels(type(error).__name__).inc()
            # The name only: the text may hold what was to be written.
            hint = ", for it is not permitted" if "permission" in str(error) else ""
            message = f"{type(error).__name__} in {method.__qualname__}{hint}"
            raise StoreUnavailableError(message) from error
        breaker.succeeded()
        return answer

    return wrapper


class Server:
    """The store itself. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @translate_errors
    def ping(self) -> None:
        """Nothing when it answers."""
        self._client.ping()

    @translate_errors
    def identity(self) -> str:
        """What changes when it is restarted or replaced by a replica; empty where nobody tells."""
        # Every node of a Cluster, which is named then; the one server is what is told itself.
        options = {"target_nodes": "primaries"} if is_cluster(self._client) else {}
        try:
            told = self._client.info("server", **options)
        except redis.exceptions.NoPermissionError:
            return ""
        servers = [told] if "run_id" in told else list(told.values())
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
    return sentinel.master_for(service, db=int(database or 0))  # type: ignore[no-untyped-call, no-any-return]


def _tls(url: str) -> dict[str, Any]:
    """What makes connections of several servers encrypted, and their certificates checked."""
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
    """Those of the Sentinels themselves, `?sentinel_username=…&sentinel_password=…`."""
    query = parse_qs(urlsplit(url).query)
    names = {"sentinel_username": "username", "sentinel_password": "password"}
    return {ours: query[theirs][0] for theirs, ours in names.items() if theirs in query}


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


class ScriptForDays:
    """A Lua script that reads the keys of one day. Raises redis-py's errors."""

    def __init__(self, client: Client, text: str) -> None:
        self._client = client
        self._script = client.register_script(text)

    def run(self, calls: Sequence[tuple[Sequence[str], Sequence[object]]]) -> list[Any]:
        """Its answers to calls, each with its keys and its arguments."""
        # The pipeline of a Cluster takes no scripts.
        if is_cluster(self._client):
            return [
                self._script(keys=list(keys), args=cast("Any", list(arguments)))
                for keys, arguments in calls
            ]
        with self._client.pipeline(transaction=False) as pipeline:
            for keys, arguments in calls:
                pipeline.evalsha(self._script.sha, len(keys), *keys, *cast("Any", arguments))
            try:
                return pipeline.execute()
            except redis.exceptions.NoScriptError:
                self._client.script_load(cast("str", self._script.script))
        return self.run(calls)
