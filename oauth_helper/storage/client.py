"""The Redis client: one server, Sentinel or Cluster, by the form of the address."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

from oauth_helper.records import StoreUnavailableError

P = ParamSpec("P")
R = TypeVar("R")

# Seconds. A page must not hang because a store does; a command here takes a millisecond.
CONNECT_TIMEOUT = 1.0
COMMAND_TIMEOUT = 2.0

#: What the stores are written against: redis-py's two clients share these commands.
Client = redis.Redis


def connect(url: str) -> Client:
    """A pooled client for `url`.

    Takes redis://, rediss:// and unix:// as redis-py does, and
    `redis+sentinel://[user:password@]host:port[,host:port…]/service[/db]` and
    `redis[s]+cluster://[user:password@]host:port[,host:port…]`. A cluster is asked for its nodes at
    once, which raises `redis.ConnectionError` when none answers. ValueError for what is no address.
    """
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": COMMAND_TIMEOUT,
        "health_check_interval": 30,
        "decode_responses": True,
    }
    # One more try at once heals a connection that the server closed while it was idle. A server
    # that hangs would hang again.
    once_more = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    if parts.scheme == "redis+sentinel":
        return _sentinel(url, {**options, "retry": once_more})
    if parts.scheme in ("redis+cluster", "rediss+cluster"):
        tls = parts.scheme.startswith("rediss")
        nodes = [
            ClusterNode(host, port)  # type: ignore[no-untyped-call]
            for host, port in _hosts(url, 6379)
        ]
        credentials = _credentials(url)
        try:
            cluster = redis.RedisCluster(startup_nodes=nodes, ssl=tls, **credentials, **options)
        except redis.exceptions.RedisClusterException as error:  # which is no RedisError
            raise redis.ConnectionError("no node of the cluster answers") from error
        return cast("Client", cluster)
    return redis.Redis.from_url(url, retry=once_more, **options)


def describe(url: str) -> str:
    """The address without its credentials, to be printed."""
    scheme, _, rest = url.partition("://")
    # By the text alone: what cannot be parsed may have its password anywhere before the last "@".
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def raises_unavailable(function: Callable[P, R]) -> Callable[P, R]:
    """Turns redis-py's errors of connection and server into `StoreUnavailableError`."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except redis.RedisError as error:
            message = f"{type(error).__name__} in {function.__qualname__}"
            raise StoreUnavailableError(message) from error

    return wrapper


def _sentinel(url: str, options: dict[str, Any]) -> Client:
    service, _, database = urlsplit(url).path.strip("/").partition("/")
    if not service or (database and not database.isdigit()):
        raise ValueError("a redis+sentinel address ends in /service or /service/db")
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        _hosts(url, 26379),
        sentinel_kwargs={"socket_connect_timeout": CONNECT_TIMEOUT, **_sentinel_credentials(url)},
        **options,
        **_credentials(url),
    )
    return sentinel.master_for(service, db=int(database or 0))  # type: ignore[no-untyped-call, no-any-return]


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
