"""Send HTTP requests over pooled connections, with a limit on every wait and every body.

A new connection costs more than a code exchange, so each process keeps some open.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from oauth_helper.common.problems import in_words

# Expected responses have a few kilobytes.
_MAX_BODY = 256 * 1024
_MAX_INTERIM = 20


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds: to connect, to wait for the next bytes, and for the whole response."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 15.0


_current = threading.local()


class TimeLimit:
    """Ends the connection in use at `ends_at` (monotonic seconds), whatever arrives on it."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.is_over = False
        self.closed: list[socket.socket] = []
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    def watch(self, connection: socket.socket | None) -> None:
        """Make `connection` the one to end; None for none."""
        with self._lock:
            self._connection = connection
        if connection and self.is_over:
            self.end()

    def end(self) -> None:
        """End the connection, and every later one."""
        self.is_over = True
        with self._lock:
            if self._connection:
                with suppress(OSError):  # it has ended already
                    self._connection.shutdown(socket.SHUT_RDWR)


class _Watchdog:
    """Ends what takes longer than its limit, with one thread for all: one for each costs 0.1 ms."""

    # Seconds between two looks at the limits.
    _PRECISION = 0.05

    def __init__(self) -> None:
        self._limits: set[TimeLimit] = set()
        self._lock = threading.Lock()
        self._has_limits = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, limit: TimeLimit) -> None:
        """End the connection of `limit` at its time."""
        with self._lock:
            self._limits.add(limit)
            if self._thread is None or not self._thread.is_alive():  # as after a fork
                self._thread = threading.Thread(target=self._watch, name="time limits", daemon=True)
                self._thread.start()
        self._has_limits.set()

    def remove(self, limit: TimeLimit) -> None:
        """Forget a limit."""
        with self._lock:
            self._limits.discard(limit)

    def _watch(self) -> None:
        while self._has_limits.wait():
            time.sleep(self._PRECISION)
            with self._lock:
                passed = [each for each in self._limits if time.monotonic() >= each.ends_at]
                self._limits.difference_update(passed)
                if not self._limits:
                    self._has_limits.clear()
            for limit in passed:
                limit.end()


_watchdog = _Watchdog()


@contextmanager
def time_limit(seconds: float) -> Iterator[TimeLimit]:
    """Limit the time that this thread uses connections of `POOLS` in the `with` statement.

    urllib3's timeouts are for each read, and so don't end a response that trickles in.
    """
    limit = TimeLimit(time.monotonic() + seconds)
    _watchdog.add(limit)
    _current.limit = limit
    try:
        yield limit
    finally:
        _watchdog.remove(limit)
        limit.watch(None)  # another thread may use it next
        _current.limit = None
        for connection in limit.closed:
            connection.close()


class _Response(http.client.HTTPResponse):
    """Rejects endless interim responses, such as `100 Continue`, which no read timeout ends."""

    _interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        self._interim += 1
        if self._interim > _MAX_INTERIM:
            raise http.client.BadStatusLine("too many interim responses")
        return super()._read_status()  # type: ignore[misc, no-any-return]


class _Limited:
    """Lets the thread's time limit end a connection."""

    # A duplicate: wrapping a socket in TLS detaches the first one.
    _duplicate: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._duplicate = connection.dup()
        self._watch()
        return connection

    def request(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - urllib3's
        self._watch()
        super().request(*args, **options)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._duplicate:
            if limit := getattr(_current, "limit", None):
                # A response without a length is still being read.
                limit.closed.append(self._duplicate)
            else:
                self._duplicate.close()
            self._duplicate = None

    def _watch(self) -> None:
        if limit := getattr(_current, "limit", None):
            limit.watch(self._duplicate)


class _HttpConnection(_Limited, HTTPConnection):
    response_class = _Response


class _HttpsConnection(_Limited, HTTPSConnection):
    response_class = _Response


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


#: The pools of a `urllib3.PoolManager` whose connections `time_limit` can end.
POOLS: dict[str, type[urllib3.HTTPConnectionPool]] = {"http": _HttpPool, "https": _HttpsPool}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RequestError(Exception):
    """No usable response arrived. The text says why; `was_sent` says if the request was sent."""

    def __init__(self, reason: str, *, was_sent: bool = True) -> None:
        self.was_sent = was_sent
        super().__init__(reason)


class PrivateAddressError(HTTPError):
    """A host that resolves to an address of a private network."""


class HttpClient:
    """Sends requests. Doesn't follow redirects and doesn't retry.

    With `only_public`, a host that resolves to an address of a private network is refused.
    """

    def __init__(self, timeouts: Timeouts | None = None, *, only_public: bool = False) -> None:
        self._timeouts = timeouts or Timeouts()
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=64,
            retries=False,
            timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
        )
        self._pool.pool_classes_by_scheme = _PUBLIC_POOLS if only_public else POOLS

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> HttpResponse:
        """Send one request and return the response. Raises `RequestError`."""
        with time_limit(self._timeouts.total) as limit:
            try:
                response = self._request(method, url, headers=headers, body=body)
            except PrivateAddressError as error:
                raise RequestError(str(error), was_sent=False) from error
            except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
                reason = f"no connection: {in_words(error)}"
                raise RequestError(reason, was_sent=False) from error
            except HTTPError as error:
                if limit.is_over or isinstance(error, ReadTimeoutError):
                    raise RequestError("no answer in time") from error
                raise RequestError(f"the connection broke: {in_words(error)}") from error
            if limit.is_over:  # its end looks like that of a body without a length
                raise RequestError("no answer in time")
        return response

    def _request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None
    ) -> HttpResponse:
        response = self._pool.request(
            method,
            url,
            body=body,
            headers={"Accept": "application/json", "User-Agent": "oauth_helper", **headers},
            redirect=False,
            preload_content=False,
            decode_content=True,
        )
        content = b""
        try:
            while chunk := response.read1(65_536):
                content += chunk
                if len(content) > _MAX_BODY:
                    response.close()
                    raise RequestError("the response is too long")
        finally:
            response.release_conn()
        return HttpResponse(response.status, response.headers, content)

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.clear()


def is_public_address(text: str) -> bool:
    """Return whether an IP address is reachable on the Internet, also the one embedded in IPv6."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo
        inner = address.ipv4_mapped or address.sixtofour or (teredo and teredo[1])
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public_address(str(inner))
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


# Addresses that contain one of IPv4 (RFC 6052), and all of IPv6 that IANA has given out. Python
# takes some outside of these for global, such as `fec0::/10` of a site.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def _public_address_of(host: str, port: int) -> str:
    """Return an address of the host. Raises `PrivateAddressError` if any of them isn't public."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PrivateAddressError("the host name can't be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(is_public_address, addresses)):
        raise PrivateAddressError("the host has an address of a private network")
    return addresses[0]


class _Public:
    """Connects to the address that was checked, so that a second DNS answer can't differ."""

    _dns_host: str
    port: int

    def _new_conn(self) -> socket.socket:
        host = self._dns_host
        self._dns_host = _public_address_of(host, self.port)
        try:
            connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        finally:
            self._dns_host = host  # the name that TLS verifies
        return connection


class _PublicHttpConnection(_Public, _HttpConnection):
    pass


class _PublicHttpsConnection(_Public, _HttpsConnection):
    pass


class _PublicHttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PublicHttpConnection


class _PublicHttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PublicHttpsConnection


_PUBLIC_POOLS = {"http": _PublicHttpPool, "https": _PublicHttpsPool}
