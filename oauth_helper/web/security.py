"""Protect every page: headers, rate limits, CSRF tokens, body limits, one public address."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from flask import Blueprint, Flask, Request, Response, current_app, redirect, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from oauth_helper.common.urls import is_loopback, origin_of
from oauth_helper.config.settings import Settings
from oauth_helper.hubspot.authorization_request import regional_origins
from oauth_helper.hubspot.hublets import HUBLETS
from oauth_helper.store.rate_limits import RateLimit, RateLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = TypeVar("View", bound=Callable[..., object])

csrf = CSRFProtect()


def client_network() -> str:
    """Return the network of a request's sender: an IPv4 address, or the /64 of an IPv6 customer."""
    return network_of(request.remote_addr)


def sender() -> str:
    """Return a name for the network of the current request, empty when nothing is limited."""
    if not current_app.extensions[_RATE_LIMITS]:
        return ""
    return hashlib.sha256(client_network().encode()).hexdigest()[:16]


def network_of(sender: str | None) -> str:
    """Return the network of an address: itself, or the /64 of an IPv6 customer."""
    try:
        address = ipaddress.ip_address(sender or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address.ipv4_mapped)
    return str(address)


# Where an application keeps its `RateLimits` among its extensions; None without limits.
_RATE_LIMITS = "oauth_helper.rate_limits"

# The maximum body size in bytes of views that accept more than usual.
_max_bodies: dict[str, int] = {}

# Where a request's environment names another destination of its page's forms.
_FORM_DESTINATION = "oauth_helper.form_destination"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def rate_limit(name: str, most: int, *, of: str | None = None) -> RateLimit | None:
    """Return the limit of `most` requests a minute from one network, or one sender `of` others.

    None when RATE_LIMITS is off. `name` says what is counted.
    """
    counts: RateLimits | None = current_app.extensions[_RATE_LIMITS]
    return RateLimit(counts, f"{of or client_network()}/{name}", most) if counts else None


def limit(per_minute: int, *, of: Callable[[], str] | None = None) -> Callable[[View], View]:
    """Limit a view's requests from one network, or one sender `of` others."""
    return _counted(lambda name: count_request(name, per_minute, of=of and of()))


def _counted(count: Callable[[str], object]) -> Callable[[View], View]:
    """Call `count` with a view's name before the view."""

    def decorate(view: View) -> View:
        @wraps(view)
        def counted(*args: object, **options: object) -> object:
            count(_name_of(view))
            return view(*args, **options)

        return cast("View", counted)

    return decorate


def count_request(name: str, most: int, *, of: str | None = None) -> None:
    """Count a request, and end it if there were more than `most` in a minute."""
    if found := rate_limit(name, most, of=of):
        found.count()


def limit_errors(per_minute: int) -> Callable[[View], View]:
    """Limit a view's rejected requests from one network; others don't count."""

    def decorate(view: View) -> View:
        @wraps(view)
        def limited(*args: object, **options: object) -> Response:
            found = rate_limit(f"errors of {_name_of(view)}", per_minute)
            if found:
                found.check(found.counts.counted(found.name) + 1)
            response = current_app.make_response(view(*args, **options))  # type: ignore[arg-type]
            if found and response.status_code in (400, 401, 403):
                found.counts.count(found.name)
            return response

        return cast("View", limited)

    return decorate


def allow_forms_to(address: str) -> None:
    """Allow the forms of this request's page to lead to `address`, also by redirect."""
    parts = urlsplit(address)
    # A policy can't name an IPv6 address, and names an app by its scheme.
    is_named = parts.scheme in ("http", "https") and ":" not in (parts.hostname or "")
    request.environ[_FORM_DESTINATION] = origin_of(address) if is_named else f"{parts.scheme}:"


def limit_posts(per_minute: int, *, of: Callable[[], str]) -> Callable[[View], View]:
    """Limit a view's posts for one name, such as an account's.

    Only a hash of the name is stored: staff sometimes type their password into the wrong field.
    """

    def count(name: str) -> None:
        if request.method == "POST":
            hashed = hashlib.sha256(of().encode()).hexdigest()[:32]
            count_request(name, per_minute, of=hashed)

    return _counted(count)


def limit_blueprint(blueprint: Blueprint, per_minute: int) -> None:
    """Limit the requests from one network to all views of a blueprint together."""
    blueprint.before_request(lambda: count_request(blueprint.name, per_minute))


def max_body(most: int) -> Callable[[View], View]:
    """Allow a view bodies of up to `most` bytes; the usual limit is 64 kB."""

    def allow(view: View) -> View:
        _max_bodies[_name_of(view)] = most
        return view

    return allow


def is_same_origin() -> bool:
    """Return whether a form was sent from this site, according to Fetch Metadata or Origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Browsers without Fetch Metadata send "null", because of our Referrer-Policy. From another site
    # they don't send the cookie (SameSite).
    return origin in (None, "null", origin_of(current_app.config["PUBLIC_URL"]))


def is_prefetch() -> bool:
    """Return whether a link checker or a prefetching browser asks, which must start nothing."""
    purpose = request.environ.get("HTTP_SEC_PURPOSE", "")
    return request.method == "HEAD" or "prefetch" in purpose


def protect(app: Flask, config: Settings, limits: RateLimits) -> None:
    """Install everything in this module on `app`."""
    app.config["PUBLIC_URL"] = config.public_url
    # No view is a coroutine, which Flask would look for at every view and hook, each time.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    app.extensions[_RATE_LIMITS] = limits if config.rate_limits else None
    app.wsgi_app = _BodySlots(app.wsgi_app, max(1, config.threads // 2))  # type: ignore[method-assign]
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if config.is_secure else "session",
        SESSION_COOKIE_SECURE=config.is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=64 * 1024,  # a view that accepts more uses `max_body`
        WTF_CSRF_CHECK_DEFAULT=False,  # `_check_body` does, and counts
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session; a form left open must not lose its text
        # It compares the Referer, which our Referrer-Policy keeps browsers from sending.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)
    app.before_request(_check_body)
    app.wsgi_app = _Headers(app.wsgi_app, _headers(config))  # type: ignore[method-assign]
    public = urlsplit(config.public_url)
    if is_loopback(public.hostname or ""):
        app.before_request(lambda: _to_public_url(config.public_url, public.netloc))


class _Headers:
    """WSGI middleware that adds the headers of every page to a response that lacks them."""

    def __init__(self, app: WSGIApplication, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = [(name.lower(), (name, value)) for name, value in headers.items()]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:  # noqa: ANN401
            given = {name.lower() for name, _ in headers}
            headers += [header for name, header in self._headers if name not in given]
            if destination := environ.get(_FORM_DESTINATION):
                headers = [_with_destination(header, destination) for header in headers]
            return start_response(status, headers, *error)

        return self._app(environ, start)


def _with_destination(header: tuple[str, str], destination: str) -> tuple[str, str]:
    name, value = header
    if name != "Content-Security-Policy":
        return header
    return name, value.replace("form-action 'self'", f"form-action 'self' {destination}")


class _Signer(TimestampSigner):
    def get_timestamp(self) -> int:
        return int(current_app.config["CLOCK"]())


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions, which tolerate clocks that differ by a minute.

    No key is derived for the many requests that send no cookie.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a request."""
        name = self.get_cookie_name(app)
        if name not in request.cookies or (serializer := self.get_signing_serializer(app)) is None:
            return self.session_class()
        try:
            values, signed_at = serializer.loads(request.cookies[name], return_timestamp=True)
        except BadSignature:
            return self.session_class()
        # Flask's own check would refuse what an instance signs whose clock is a second ahead.
        age = app.config["CLOCK"]() - signed_at.timestamp()
        is_on = -60 <= age <= app.permanent_session_lifetime.total_seconds() + 60
        return self.session_class(values if is_on else None)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return Flask's, which signs the time of the program's clock."""
        serializer = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = _Signer
        return serializer

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the session's cookie; what nobody looked at has not changed."""
        if session.accessed or session.modified:
            super().save_session(app, session, response)


# Bodies of up to this many bytes are read completely before the request is processed.
_READ_AHEAD = 65_536


_BUSY = '{"error": "temporarily_unavailable", "error_description": "Busy. Try again."}\n'
_BUSY_PROBLEM = (
    '{"type": "about:blank", "title": "Service Unavailable", "status": 503, '
    '"detail": "Busy. Try again."}\n'
)


class _BodySlots:
    """WSGI middleware that lets at most `slots` threads wait for request bodies.

    A thread waits for a body until the server ends a connection that is too slow, so a few slow
    senders could block every thread. One network gets at most three quarters of the slots. The
    redirects to HubSpot and back have no bodies, so they need no slot. Small bodies are read
    first, so that their requests hold a slot only while they are being received.
    """

    def __init__(self, app: WSGIApplication, slots: int) -> None:
        self._app = app
        self._slots, self._slots_per_network = slots, max(1, slots * 3 // 4)
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        has_body = environ.get("CONTENT_LENGTH") not in (None, "", "0")
        if not has_body and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._app(environ, start_response)
        network = network_of(environ.get("REMOTE_ADDR"))
        if not self._take(network):
            is_api = environ.get("PATH_INFO", "").startswith("/api/")
            busy = Response(
                _BUSY_PROBLEM if is_api else _BUSY,
                503,
                {"Retry-After": "5"},
                mimetype="application/problem+json" if is_api else "application/json",
            )
            return busy(environ, start_response)
        try:
            if not _is_small(environ.get("CONTENT_LENGTH")):
                return self._app(environ, start_response)
            length = int(environ["CONTENT_LENGTH"])
            body = environ["wsgi.input"].read(length)
        finally:
            self._give_back(network)
        if len(body) < length:
            # Half a form could mean something else than the whole one.
            return Response("The body is incomplete.", 400)(environ, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        return self._app(environ, start_response)

    def _take(self, network: str) -> bool:
        with self._lock:
            has_slot = (
                self._held.total() < self._slots and self._held[network] < self._slots_per_network
            )
            self._held[network] += has_slot
            return has_slot

    def _give_back(self, network: str) -> None:
        with self._lock:
            self._held[network] -= 1
            self._held = +self._held  # only those above 0


def _is_small(length: str | None) -> bool:
    return (
        length is not None
        and re.fullmatch("[0-9]{1,6}", length) is not None
        and int(length) <= _READ_AHEAD
    )


def _check_body() -> None:
    """Allow a large body where a view takes one, and look for the CSRF token in it."""
    if request.method in _SAFE_METHODS:
        return
    view = current_app.view_functions.get(request.endpoint or "")
    most = _max_bodies.get(_name_of(view)) if view else None
    if most:
        request.max_content_length = request.max_form_memory_size = most
    try:
        csrf.protect(apply_exemptions=True)
    except CSRFError:
        # Limits of views count only what reaches their views, which forged posts don't.
        count_request("forged posts", 60)
        raise


def count_token_check() -> None:
    """Count a network's slow check of a token, and end the request beyond the limit."""
    count_request("checks of tokens", 30)


def _name_of(view: Callable[..., object]) -> str:
    # A view and its decorated versions have the same name.
    return f"{view.__module__}.{view.__qualname__}"


def _headers(config: Settings) -> dict[str, str]:
    # Browsers apply form-action also to the redirect after a form, which here leads to HubSpot.
    regions = {*HUBLETS, *(each.region for each in config.profiles if each.region)}
    origins = regional_origins(config.authorization_endpoint, tuple(sorted(regions)))
    destinations = " ".join(sorted(origins))
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": f"'self' {destinations}",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",  # files of `static` have their own
    }
    if config.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def _to_public_url(public_url: str, netloc: str) -> BaseResponse | None:
    """Redirect from 127.0.0.1 to localhost, or vice versa, because they don't share cookies.

    Only for a PUBLIC_URL on this machine: behind a proxy the Host header may legitimately differ.
    """
    if request.environ.get("HTTP_HOST") == netloc:
        return None
    is_page = request.method == "GET" and request.blueprint in (
        "connect",
        "attempts",
        "support",
        "check",
        "setup",
    )
    is_page = is_page or request.endpoint == "proxy.authorize"
    if is_page and request.host != netloc:
        query = request.query_string.decode("ascii", "replace")
        address = public_url + quote(request.path) + (f"?{query}" if query else "")
        return redirect(address, 302)
    return None
