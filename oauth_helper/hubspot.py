"""Adapter: HubSpot's token endpoint, introspection and revocation over HTTP.

One pool of connections for each process: a new connection for every exchange costs more than the
exchange. Every wait is bounded, and so is what is read.
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

from oauth_helper.oauth.token_response import (
    Introspected,
    TokenResponse,
    Unavailable,
    read_introspection,
    read_token_response,
)

# Token answers have about two kilobytes.
_MAX_BODY = 256 * 1024

# Seconds to wait before the one retry, unless the answer asks for more; a person is waiting.
_PAUSE = 0.3
_LONGEST_PAUSE = 2.0

_HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "oauth_helper",
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to wait for the next bytes, and for the whole answer."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 15.0


class HubSpot:
    """HubSpot's OAuth API. Its methods return what came back, and never raise for what did not."""

    def __init__(self, api_url: str, api_version: str, timeouts: Timeouts | None = None) -> None:
        self._token_endpoint = f"{api_url}/oauth/{api_version}/token"
        self._timeouts = timeouts or Timeouts()
        self._pool = urllib3.PoolManager(
            num_pools=4,
            maxsize=64,
            retries=False,
            timeout=urllib3.Timeout(connect=self._timeouts.connect, read=self._timeouts.read),
            headers=_HEADERS,
        )

    def exchange(self, form: str) -> TokenResponse:
        """The token endpoint's answer to a form.

        Asks once more after a transient failure in which the code cannot have been used up.
        """
        answer = self._ask(form)
        if isinstance(answer, Unavailable) and answer.code_unused:
            pause = answer.retry_after if answer.retry_after is not None else _PAUSE
            if pause <= _LONGEST_PAUSE:
                time.sleep(pause)
                answer = self._ask(form)
        return answer

    def introspect(self, form: str) -> Introspected | None:
        """What introspection says of a token; None when it says nothing that can be used."""
        try:
            status, _, body = self._post(f"{self._token_endpoint}/introspect", form)
        except (HTTPError, _TooMuchError):
            return None
        return read_introspection(status, body)

    def revoke(self, form: str) -> bool:
        """Whether HubSpot confirmed the revocation (RFC 7009)."""
        try:
            status, _, _ = self._post(f"{self._token_endpoint}/revoke", form)
        except (HTTPError, _TooMuchError):
            return False
        return status in (200, 204)

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._pool.clear()

    def _ask(self, form: str) -> TokenResponse:
        try:
            status, headers, body = self._post(self._token_endpoint, form)
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            return Unavailable(f"no connection ({type(error).__name__})", code_unused=True)
        except ReadTimeoutError:
            return Unavailable("no answer in time")
        except _TooMuchError:
            return Unavailable("the answer is far too long or far too slow")
        except HTTPError as error:
            return Unavailable(f"the connection broke ({type(error).__name__})")
        return read_token_response(status, headers, body)

    def _post(self, url: str, form: str) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self._timeouts.total
        response = self._pool.request(
            "POST", url, body=form, redirect=False, preload_content=False, decode_content=True
        )
        body = b""
        try:
            # `read1` returns with what is there, so that a trickle meets the deadline.
            while chunk := response.read1(65_536):
                body += chunk
                if len(body) > _MAX_BODY or time.monotonic() > deadline:
                    response.close()
                    raise _TooMuchError
        finally:
            response.release_conn()
        return response.status, response.headers, body


class _TooMuchError(Exception):
    """The answer is larger or slower than any real one."""
