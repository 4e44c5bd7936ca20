"""Call HubSpot's token, introspection and revocation endpoints over HTTP.

HubSpot takes form bodies only, and wants its client credentials there too. As of 2026-11:
https://developers.hubspot.com/docs/api-reference/auth-oauth-v1/tokens
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import SecretStr

from oauth_helper.common.circuit_breaker import CircuitBreaker
from oauth_helper.common.http import HttpClient, HttpResponse, RequestError, Timeouts
from oauth_helper.common.metrics import HUBSPOT_REQUESTS
from oauth_helper.hubspot.app_credentials import AppCredentials
from oauth_helper.hubspot.token_response import (
    Granted,
    Introspected,
    Refused,
    TokenResponse,
    Unavailable,
    read_introspection,
    read_token_response,
)

# Seconds before the only retry, unless the response asks for more. A customer is waiting.
_RETRY_DELAY = 0.3
_MAX_RETRY_DELAY = 2.0

# After `_FAILURES` requests in a row without a response, skip an app's requests for
# `_RESET_TIMEOUT` seconds. A trial request may take as long as the HTTP timeouts allow.
_FAILURES, _RESET_TIMEOUT, _HALF_OPEN_TIMEOUT = 5, 5.0, 40.0

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class HubSpotClient:
    """HubSpot's OAuth API. Methods return an outcome; they don't raise when no response arrives.

    `threads` is the number of threads in this process. At most three quarters of them wait for
    HubSpot, at most half for one app, and at most half for another caller's refresh. When an
    app gets no responses, its requests are skipped for a while; other apps' requests go on.
    """

    def __init__(
        self, api_url: str, api_version: str, timeouts: Timeouts | None = None, threads: int = 64
    ) -> None:
        self._token_endpoint = f"{api_url}/oauth/{api_version}/token"
        # Only HubSpot's dated versions have it.
        dated = api_version if api_version[:1].isdigit() else "2026-09"
        self._install = f"{api_url}/appinstalls/{dated}/external-install"
        self._http = HttpClient(timeouts)
        self._slots = _Slots(max(1, threads * 3 // 4))
        self._slots_per_app = max(1, threads // 2)
        self._bystanders = _Slots(max(1, threads // 2))
        self._apps: dict[str, _AppState] = {}

    def is_ready(self, client_id: str) -> bool:
        """Return whether a request for this app would be sent at once."""
        app = self._app(client_id)
        return bool(self._slots.free and app.slots.free) and not app.breaker.is_rejecting()

    def is_silent(self, client_id: str) -> bool:
        """Return whether this app's requests are skipped because it got no responses."""
        return self._app(client_id).breaker.is_open

    @contextmanager
    def waits_for_refresh(self) -> Iterator[bool]:
        """Hold a place to wait for another caller's refresh; yield False when none is free."""
        with self._bystanders.take() as is_free:
            if not is_free:
                yield False
                return
            with self._slots.take() as has_slot:
                yield has_slot

    def exchange_code(
        self, app: AppCredentials, code: str, code_verifier: str | None
    ) -> TokenResponse:
        """Exchange an authorization code for tokens."""
        return self._request_token(app, "code", code_form(app, code, code_verifier))

    def refresh(self, app: AppCredentials, refresh_token: SecretStr) -> TokenResponse:
        """Request a new access token."""
        return self._request_token(app, "refresh", refresh_form(app, refresh_token))

    def introspect(self, app: AppCredentials, access_token: SecretStr) -> Introspected | None:
        """Return the introspection of a token (RFC 7662), None without a usable response."""
        try:
            with self._one_slot():
                response = self._post("/introspect", token_form(app, access_token, "access_token"))
        except RequestError:
            return None
        return read_introspection(response.status, response.body)

    def revoke(self, app: AppCredentials, refresh_token: SecretStr) -> bool:
        """Revoke a refresh token (RFC 7009) and return whether HubSpot confirmed it."""
        started = time.monotonic()
        try:
            with self._one_slot():
                response = self._post("/revoke", token_form(app, refresh_token, "refresh_token"))
            is_confirmed = response.status in (200, 204)
        except RequestError:
            is_confirmed = False
        _observe("revoke", "granted" if is_confirmed else "unavailable", started)
        return is_confirmed

    def uninstall(self, access_token: SecretStr) -> bool:
        """Uninstall the app in the account of a token and return whether HubSpot confirmed it.

        HubSpot's certification asks for this on a disconnect (since 2026-11-02).
        """
        started = time.monotonic()
        headers = {"Authorization": f"Bearer {access_token.get_secret_value()}"}
        try:
            with self._one_slot():
                response = self._http.request("DELETE", self._install, headers=headers)
            is_confirmed = response.status == 204
        except RequestError:
            is_confirmed = False
        _observe("uninstall", "granted" if is_confirmed else "unavailable", started)
        return is_confirmed

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def _request_token(self, app: AppCredentials, kind: str, form: str) -> TokenResponse:
        """Send a token request, with one retry if the first can't have used up the code."""
        started = time.monotonic()
        response = self._guarded(self._app(app.client_id), form)
        _observe(kind, _RESULTS[type(response)], started)
        return response

    @contextmanager
    def _one_slot(self) -> Iterator[None]:
        with self._slots.take() as has_slot:
            if not has_slot:
                raise RequestError("too many requests already wait", was_sent=False)
            yield

    def _guarded(self, app: _AppState, form: str) -> TokenResponse:
        with self._slots.take() as has_slot, app.slots.take() as has_app_slot:
            if not (has_slot and has_app_slot):
                return _NO_SLOT
            if not app.breaker.allow_request():
                return _SKIPPED
            response = self._send_with_retry(form)
            if isinstance(response, Unavailable) and _is_outage(response):
                app.breaker.failed()
            else:
                app.breaker.succeeded()
            return response

    def _app(self, client_id: str) -> _AppState:
        return self._apps.setdefault(client_id, _AppState(self._slots_per_app))

    def _send_with_retry(self, form: str) -> TokenResponse:
        response = self._send(form)
        if isinstance(response, Unavailable) and response.code_unused:
            delay = response.retry_after if response.retry_after is not None else _RETRY_DELAY
            if delay <= _MAX_RETRY_DELAY:
                time.sleep(delay)
                response = self._send(form)
        return response

    def _send(self, form: str) -> TokenResponse:
        try:
            response = self._post("", form)
        except RequestError as error:
            return Unavailable(str(error), code_unused=not error.was_sent)
        return read_token_response(response.status, response.headers, response.body)

    def _post(self, path: str, form: str) -> HttpResponse:
        return self._http.request("POST", self._token_endpoint + path, headers=_FORM, body=form)


class _Slots:
    """A limit on concurrent requests."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self.free = count

    @contextmanager
    def take(self) -> Iterator[bool]:
        """Hold a slot during the `with` statement; yield False when none is free."""
        with self._lock:
            is_free = self.free > 0
            self.free -= is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self.free += is_free


class _AppState:
    """The circuit breaker and the request slots of one app."""

    def __init__(self, slots: int) -> None:
        self.slots = _Slots(slots)
        self.breaker = CircuitBreaker(
            failures=_FAILURES,
            reset_timeout=_RESET_TIMEOUT,
            half_open_timeout=_HALF_OPEN_TIMEOUT,
        )


_NO_SLOT = Unavailable(
    "HubSpot is slow, and too many requests already wait for it", retry_after=5, code_unused=True
)
_SKIPPED = Unavailable(
    "HubSpot did not answer several requests in a row, so this one was not sent",
    retry_after=5,
    code_unused=True,
)

_RESULTS = {Granted: "granted", Refused: "refused", Unavailable: "unavailable"}


def _observe(kind: str, result: str, started: float) -> None:
    HUBSPOT_REQUESTS.labels(kind, result).observe(time.monotonic() - started)


def _is_outage(response: Unavailable) -> bool:
    """Return whether other requests would fail too, unlike when one account is locked or busy."""
    return response.http_status is None or response.http_status >= 500


def code_form(app: AppCredentials, code: str, code_verifier: str | None) -> str:
    """Return the form that exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    form: str = prepare_token_request(
        "authorization_code",
        redirect_uri=app.redirect_uri,
        client_id=app.client_id,
        client_secret=app.client_secret.get_secret_value(),
        code=code,
        code_verifier=code_verifier,
    )
    return form


def refresh_form(app: AppCredentials, refresh_token: SecretStr) -> str:
    """Return the form that requests a new access token (RFC 6749 section 6)."""
    form: str = prepare_token_request(
        "refresh_token",
        client_id=app.client_id,
        client_secret=app.client_secret.get_secret_value(),
        refresh_token=refresh_token.get_secret_value(),
    )
    return form


def token_form(app: AppCredentials, token: SecretStr, token_type_hint: str) -> str:
    """Return the form that introspects or revokes a token (RFC 7662, RFC 7009)."""
    return urlencode(
        {
            "client_id": app.client_id,
            "client_secret": app.client_secret.get_secret_value(),
            "token": token.get_secret_value(),
            "token_type_hint": token_type_hint,
        }
    )
