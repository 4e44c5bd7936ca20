"""Adapter: HubSpot's token endpoint, introspection and revocation over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_token_request
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from oauth_helper.common.circuit_breaker import CircuitBreaker
from oauth_helper.common.http import Answer, HttpClient, ResponseTooLargeError, Timeouts
from oauth_helper.common.secrets import Secret
from oauth_helper.hubspot.token_response import (
    Introspected,
    TokenResponse,
    Unavailable,
    read_introspection,
    read_token_response,
)

# Seconds to wait before the one retry, unless the answer asks for more; a person is waiting.
_PAUSE = 0.3
_LONGEST_PAUSE = 2.0

# After this many requests in a row without an answer an app is skipped, but for one trial every
# five seconds. A trial takes as long as the timeouts allow.
_FAILURES, _RESET_TIMEOUT, _HALF_OPEN_TIMEOUT = 5, 5.0, 40.0

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class HubSpot:
    """HubSpot's OAuth API. Its methods return what came back, and never raise for what did not.

    `threads` is how many threads this process has. While HubSpot is slow some of them stay free for
    everything else, and three quarters at most wait for the answers to one app. An app that gets no
    answers is left alone for a while; others are asked all the same.
    """

    def __init__(
        self, api_url: str, api_version: str, timeouts: Timeouts | None = None, threads: int = 64
    ) -> None:
        self._token_endpoint = f"{api_url}/oauth/{api_version}/token"
        self._outgoing = HttpClient(timeouts)
        self._places = _Places(max(1, threads - 1))
        self._places_of_one = max(1, threads * 3 // 4)
        self._apps: dict[str, _App] = {}

    def is_ready(self, client_id: str) -> bool:
        """Whether an exchange for this app would be tried at once."""
        app = self._app(client_id)
        return bool(self._places.free and app.places.free) and not app.breaker.is_rejecting()

    def is_silent(self, client_id: str) -> bool:
        """Whether this app is left alone because it got no answers."""
        return self._app(client_id).breaker.is_open

    def exchange(self, form: str, *, client_id: str) -> TokenResponse:
        """The token endpoint's answer to a form, for the app `client_id`.

        Asks once more after a transient failure in which the code cannot have been used up.
        """
        app = self._app(client_id)
        with self._places.one() as is_free, app.places.one() as is_free_here:
            if not (is_free and is_free_here):
                return _NO_PLACE
            if not app.breaker.allow_request():
                return _LEFT
            answer = self._exchange(form)
            if isinstance(answer, Unavailable) and _tells_of_an_outage(answer):
                app.breaker.failed()
            else:
                app.breaker.succeeded()
            return answer

    def _app(self, client_id: str) -> _App:
        return self._apps.setdefault(client_id, _App(self._places_of_one))

    def _exchange(self, form: str) -> TokenResponse:
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
            answer = self._post(f"{self._token_endpoint}/introspect", form)
        except (HTTPError, ResponseTooLargeError):
            return None
        return read_introspection(answer.status, answer.body)

    def revoke(self, form: str) -> bool:
        """Whether HubSpot confirmed the revocation (RFC 7009)."""
        try:
            answer = self._post(f"{self._token_endpoint}/revoke", form)
        except (HTTPError, ResponseTooLargeError):
            return False
        return answer.status in (200, 204)

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._outgoing.close()

    def _ask(self, form: str) -> TokenResponse:
        try:
            answer = self._post(self._token_endpoint, form)
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            return Unavailable(f"no connection ({type(error).__name__})", code_unused=True)
        except ReadTimeoutError:
            return Unavailable("no answer in time")
        except ResponseTooLargeError:
            return Unavailable("the answer is far too long or far too slow")
        except HTTPError as error:
            return Unavailable(f"the connection broke ({type(error).__name__})")
        return read_token_response(answer.status, answer.headers, answer.body)

    def _post(self, url: str, form: str) -> Answer:
        return self._outgoing.ask("POST", url, headers=_FORM, body=form)


class _Places:
    """So many may wait at a time."""

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self.free = most

    @contextmanager
    def one(self) -> Iterator[bool]:
        """A place for as long as the `with` statement; False when none is free."""
        with self._lock:
            is_free = self.free > 0
            self.free -= is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self.free += is_free


class _App:
    """What is known of one app: whether it gets answers, and how many requests wait for them."""

    def __init__(self, places: int) -> None:
        self.places = _Places(places)
        self.breaker = CircuitBreaker(
            failures=_FAILURES,
            reset_timeout=_RESET_TIMEOUT,
            half_open_timeout=_HALF_OPEN_TIMEOUT,
        )


_NO_PLACE = Unavailable(
    "HubSpot is slow, and others wait for it already", retry_after=5, code_unused=True
)
_LEFT = Unavailable(
    "HubSpot has not answered several times in a row, so it was not asked",
    retry_after=5,
    code_unused=True,
)


def _tells_of_an_outage(answer: Unavailable) -> bool:
    """Whether others will fare no better: not when one account is locked, moved or too busy."""
    return answer.http_status is None or answer.http_status >= 500


def code_request(
    *,
    client_id: str,
    client_secret: Secret,
    redirect_uri: str,
    code: str,
    code_verifier: str | None,
) -> str:
    """The form body that exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    body: str = prepare_token_request(
        "authorization_code",
        redirect_uri=redirect_uri,
        client_id=client_id,
        client_secret=client_secret.reveal(),
        code=code,
        code_verifier=code_verifier,
    )
    return body


def refresh_request(*, client_id: str, client_secret: Secret, refresh_token: Secret) -> str:
    """The form body that asks for a new access token (RFC 6749 section 6)."""
    body: str = prepare_token_request(
        "refresh_token",
        client_id=client_id,
        client_secret=client_secret.reveal(),
        refresh_token=refresh_token.reveal(),
    )
    return body


def token_in_form(
    *, client_id: str, client_secret: Secret, token: str, token_type_hint: str
) -> str:
    """The form body that introspects or revokes a token (RFC 7662, RFC 7009)."""
    return urlencode(
        {
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
            "token": token,
            "token_type_hint": token_type_hint,
        }
    )
