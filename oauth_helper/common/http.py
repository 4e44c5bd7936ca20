"""Send HTTP requests over pooled connections, with a limit on every wait and every body.

A new connection costs more than a code exchange, so each process keeps some open.
"""

from __future__ import annotations

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


class HttpClient:
    """Sends requests. Doesn't follow redirects and doesn't retry."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=64,
            retries=False,
            timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
        )

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> HttpResponse:
        """Send one request and return the response. Raises `RequestError`."""
        try:
            return self._request(method, url, headers=headers, body=body)
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
