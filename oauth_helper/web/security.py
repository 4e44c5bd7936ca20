"""What guards every page: headers, rate limits, forged posts, and one address for browsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, redirect, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from oauth_helper.config import Config
from oauth_helper.recognising import issuers_of
from oauth_helper.urls import is_loopback

View = TypeVar("View", bound=Callable[..., object])

csrf = CSRFProtect()

# The decorators below are read when the views are defined; each application has its own counters.
_limiter = Limiter(get_remote_address)

# Seconds; counting requests must not hold them up.
_LIMITS_TIMEOUTS = {"socket_connect_timeout": 1, "socket_timeout": 1}

# Their answers hold what no cache may keep.
_CACHEABLE = ("static", "sandbox.static")


def limit(rate: str) -> Callable[[View], View]:
    """Allows a view so many requests from one address, such as `120 per minute`."""
    return cast("Callable[[View], View]", _limiter.limit(rate))


def limit_refusals(rate: str, *, of: Callable[[], str]) -> Callable[[View], View]:
    """Allows a view so many answers of 401 for one name, from wherever they are asked for."""
    limited = _limiter.limit(
        rate, key_func=of, deduct_when=lambda response: response.status_code == 401
    )
    return cast("Callable[[View], View]", limited)


def protect(app: Flask, config: Config) -> None:
    """Puts everything in this module to work for `app`."""
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    counted_at = _limits_storage(config.redis_url.reveal())
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if config.is_secure else "session",
        SESSION_COOKIE_SECURE=config.is_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=2 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session; a form left open must not lose its text
        # It compares a Referer, which our own policy keeps browsers from sending.
        WTF_CSRF_SSL_STRICT=False,
        RATELIMIT_ENABLED=config.rate_limits,
        RATELIMIT_STORAGE_URI=counted_at,
        RATELIMIT_STORAGE_OPTIONS={} if counted_at == "memory://" else _LIMITS_TIMEOUTS,
        RATELIMIT_KEY_PREFIX="oh:limit",
        # Without the store each worker counts for itself.
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
    )
    _limiter.init_app(app)  # before the next, so that forged posts count too
    csrf.init_app(app)
    headers = _headers(config)

    @app.after_request
    def set_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.endpoint not in _CACHEABLE:
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    if is_loopback(urlsplit(config.public_url).hostname or ""):
        app.before_request(lambda: _to_public_url(config.public_url))


def _headers(config: Config) -> dict[str, str]:
    # Browsers apply form-action to the redirect that answers a form: the way to HubSpot.
    destinations = " ".join(sorted(issuers_of(config.authorization_endpoint)))
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
    }
    if config.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def _to_public_url(public_url: str) -> Response | None:
    """From 127.0.0.1 to localhost, or the other way: cookies of one are not seen at the other.

    Only while trying the program out; behind a proxy the Host header may rightly be another one.
    """
    is_page = request.method == "GET" and request.blueprint in ("connect", "support", "setup")
    if is_page and request.host != urlsplit(public_url).netloc:
        return redirect(public_url + request.full_path.rstrip("?"), 302)
    return None


def _limits_storage(redis_url: str) -> str:
    """Where requests are counted, in the words of the library `limits`.

    It has other words than we for Sentinel and Cluster, and asks them at start; there each worker
    counts for itself.
    """
    if redis_url.startswith("unix://"):
        return "redis+" + redis_url
    return redis_url if redis_url.startswith(("redis://", "rediss://")) else "memory://"
