"""Requests to other servers: over pooled connections, with every wait and every answer bounded.

A new connection for every exchange costs more than the exchange, so each process keeps some open.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

# The answers that are asked for have a few kilobytes.
_MAX_BODY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to wait for the next bytes, and for the whole answer."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ResponseTooLargeError(Exception):
    """The answer is larger or slower than any real one."""


class HttpClient:
    """Asks other servers. Redirects are not followed, and nothing is asked a second time."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=64,
            retries=False,
            timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
        )

    def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str | None = None
    ) -> Answer:
        """The answer to one request. Raises urllib3's `HTTPError`, and `ResponseTooLargeError`."""
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
            # `read1` returns with what is there, so that a trickle meets the deadline.
            while chunk := response.read1(65_536):
                content += chunk
                if len(content) > _MAX_BODY or time.monotonic() > deadline:
                    response.close()
                    raise ResponseTooLargeError
        finally:
            response.release_conn()
        return Answer(response.status, response.headers, content)

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._pool.clear()
