"""The Redis client: one server, Sentinel or Cluster, by the form of the address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import NoPermissionError
from redis.retry import Retry
from redis.sentinel import Sentinel

from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.redis_clients import Cluster, Pool, SingleServer, StoreClock

# Seconds. A page must not hang because Redis does; a command takes about a millisecond.
CONNECT_TIMEOUT = 1.0
COMMAND_TIMEOUT = 2.0

# Each thread uses one at a time: more than the largest THREADS. redis-py's 100 are fewer.
_MAX_CONNECTIONS = 1024

logger = logging.getLogger(__name__)

T = TypeVar("T")

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
        "max_connections": _MAX_CONNECTIONS,
        "decode_responses": True,
    }
    if scheme in ("redis+cluster", "rediss+cluster"):
        nodes = [ClusterNode(*host) for host in _hosts(url, 6379)]  # type: ignore[no-untyped-call]
        options |= {"startup_nodes": nodes, **_credentials(url), **_tls(url)}
        return cast("Client", Cluster(partial(redis.RedisCluster, **options)))
    # An immediate second try replaces a connection that the server closed while it was idle. A
    # server that hangs would hang again.
    options["retry"] = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    if scheme in ("redis+sentinel", "rediss+sentinel"):
        return _sentinel(url, options)
    return SingleServer.from_pool(Pool.from_url(url, **options))


def is_cluster(client: Client) -> bool:
    """Return whether `client` is that of a Cluster."""
    return isinstance(client, Cluster)


def in_calls(client: Client, parts: Sequence[T]) -> list[Sequence[T]]:
    """Return the parts that one command or script may name together: all but on a Cluster.

    There each may be on another server.
    """
    return [[part] for part in parts] if is_cluster(client) else [parts] if parts else []


def describe(url: str) -> str:
    """Return the address without its credentials, fit for printing."""
    scheme, _, rest = url.partition("://")
    # Not parsed: a malformed address may have its password anywhere before the last "@".
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def read_fields(read: Callable[..., T], fields: dict[str, str], *more: object) -> T | None:
    """Return what `read` makes of a record's fields, None without a record.

    A record that another version wrote, or only a part of it, is logged and counts as none.
    """
    try:
        return read(fields, *more) if fields else None
    except (KeyError, TypeError, ValueError):
        logger.exception("a record can't be read, and is skipped: %s", fields.get("reference"))
        return None


class RedisServer:
    """The server itself, whatever it stores. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.clock = StoreClock(client)

    def ping(self) -> None:
        """Return if the server answers."""
        self._client.ping()

    def identity(self) -> str:
        """Return a text that changes when the server restarts or a replica takes over.

        Empty if the account may not use INFO.
        """
        return " ".join(sorted(self._info("server", "run_id")))

    def eviction_policies(self) -> set[str]:
        """Return the `maxmemory-policy` of each server. Empty if the account may not use INFO."""
        return set(self._info("memory", "maxmemory_policy"))

    def memory(self) -> tuple[int, int]:
        """Return the bytes in use and the limit of the fullest server, 0 and 0 when unknown.

        The limit is 0 for a server without one.
        """
        used, limits = (self._info("memory", name) for name in ("used_memory", "maxmemory"))
        both = [(int(one), int(most)) for one, most in zip(used, limits, strict=True)]
        return max(both, key=lambda each: each[0] / (each[1] or 2**60), default=(0, 0))

    def writes_to_disk(self) -> set[bool]:
        """Return for each server whether it is `appendonly`."""
        return {each == "1" for each in self._info("persistence", "aof_enabled")}

    def _info(self, section: str, field: str) -> list[str]:
        # A Cluster answers with each node by its name, a single server with its own fields.
        options = {"target_nodes": "primaries"} if is_cluster(self._client) else {}
        try:
            info = self._client.info(section, **options)
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, NoPermissionError):
                return []
            raise
        servers = [info] if field in info else list(info.values())
        return [str(server.get(field, "")) for server in servers]


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
        service, redis_class=SingleServer, db=int(database or 0)
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
