"""Send HTTP requests over pooled connections, with a limit on every wait and every body.

A new connection costs more than a code exchange, so each process keeps some open.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

# Expected responses have a few kilobytes.
_MAX_BODY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds: to connect, to wait for the next bytes, and for the whole response."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 15.0


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
        if only_public:
            self._pool.pool_classes_by_scheme = {"http": _PublicHttpPool, "https": _PublicHttpsPool}

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> HttpResponse:
        """Send one request and return the response. Raises `RequestError`."""
        try:
            return self._request(method, url, headers=headers, body=body)
        except PrivateAddressError as error:
            raise RequestError(str(error), was_sent=False) from error
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            reason = f"no connection ({type(error).__name__})"
            raise RequestError(reason, was_sent=False) from error
        except ReadTimeoutError as error:
            raise RequestError("no answer in time") from error
        except HTTPError as error:
            raise RequestError(f"the connection broke ({type(error).__name__})") from error

    def _request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None
    ) -> HttpResponse:
        deadline = time.monotonic() + self._timeouts.total
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
            # `read1` returns what has arrived, so that a slow trickle can't outlast the deadline.
            while chunk := response.read1(65_536):
                content += chunk
                if len(content) > _MAX_BODY or time.monotonic() > deadline:
                    response.close()
                    raise RequestError("the answer is far too long or far too slow")
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
        if inner is None and (int(address) >> 32) in _EMBEDDING_IPV4:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public_address(str(inner))
    return address.is_global and not address.is_multicast


# The first 96 bits of addresses that contain one of IPv4: `::/96` and NAT64 (RFC 6052, RFC 8215).
_EMBEDDING_IPV4 = (0, 0x64FF9B << 64, 0x64FF9B0001 << 48)


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


class _PublicHttp(urllib3.connection.HTTPConnection):
    """Connects to the very address that was checked, so that DNS can't answer anew."""

    def _new_conn(self) -> socket.socket:
        host = self._dns_host
        self._dns_host = _public_address_of(host, self.port or self.default_port)
        try:
            return super()._new_conn()
        finally:
            self._dns_host = host  # the name that TLS verifies


class _PublicHttps(_PublicHttp, urllib3.connection.HTTPSConnection):
    """The same with TLS."""


class _PublicHttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PublicHttp


class _PublicHttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PublicHttps
