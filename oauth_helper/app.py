"""Puts the program together: imports everything, and nothing but `create_app` imports it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

from oauth_helper.common.encryption import Encryptor, derive_key
from oauth_helper.common.logging import keep_libraries_quiet
from oauth_helper.common.metrics import (
    CountedAttempts,
    CountedFailures,
    CountedHubSpot,
    CountedOutbox,
    Metrics,
)
from oauth_helper.config.profiles import Profile
from oauth_helper.config.sandbox_app import sandbox_for
from oauth_helper.config.settings import Config
from oauth_helper.oauth.client.callback import Callback, Failing
from oauth_helper.oauth.client.expiry import AttemptExpiry
from oauth_helper.oauth.client.refresh import RefreshFailures, TokenRefresher
from oauth_helper.oauth.client.report import Reports
from oauth_helper.oauth.client.start import Authorizer
from oauth_helper.oauth.server import Parts, ProxyServer, RefreshTokens
from oauth_helper.oauth.server.completion import CodeRedemption
from oauth_helper.sandbox import create_blueprint
from oauth_helper.store.authorization_codes import Codes
from oauth_helper.store.bulk_actions import BulkActions
from oauth_helper.store.connections import Connections
from oauth_helper.store.counters import Counters
from oauth_helper.store.export_progress import Exports
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.outbox.writer import EventWriter
from oauth_helper.store.rate_limits import rate_limit_storage
from oauth_helper.store.redis import Client, RedisServer, connect
from oauth_helper.store.redis_clients import on_error
from oauth_helper.store.refresh_locks import RefreshLocks
from oauth_helper.store.sandbox_state import RedisSandboxState
from oauth_helper.store.staff_sessions import StaffSessions
from oauth_helper.web import routes, security
from oauth_helper.web.customer.cookies import AttemptCookies
from oauth_helper.web.services import SESSION_LIFETIME, Services
from oauth_helper.web.support.oidc_client import OidcProvider


def assemble(config: Config, clock: Callable[[], float] | None) -> Flask:
    """The WSGI application for `config`; `clock` gives Unix seconds, None is the system's."""
    keep_libraries_quiet()
    app = _Application("oauth_helper.web")
    # Werkzeug's own redirects are made from the Host header.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    newest, *older = (derive_key(key, "session").decode() for key in config.secret_keys)
    app.config.update(SECRET_KEY=newest, SECRET_KEY_FALLBACKS=older)

    metrics = Metrics()
    on_error(lambda name: metrics.store_errors.labels(name).inc())
    redis = connect(config.redis_url.reveal())
    core = _Core(
        config=config,
        profiles={profile.name: profile for profile in config.profiles},
        hubspot=CountedHubSpot(config.api_url, config.api_version, threads=config.threads),
        redis=redis,
        metrics=metrics,
        clock=clock or time.time,
    )
    _services(core).install(app)
    if config.otlp_endpoint:
        from oauth_helper.common.tracing import Tracing  # noqa: PLC0415 - its packages are an option

        tracing = Tracing(config.otlp_endpoint)
        tracing.install(app)
        core.hubspot.span = tracing.span
        app.extensions["oauth_helper_tracing"] = tracing
    routes.install(app, config, rate_limit_storage(config.redis_url.reveal()))
    if config.sandbox:
        sandbox = create_blueprint(sandbox_for(config, RedisSandboxState(redis), clock=core.clock))
        security.limit_blueprint(sandbox, "600 per minute")
        # Its token endpoint is for programs, and its forms guard themselves.
        security.csrf.exempt(sandbox)
        app.register_blueprint(sandbox, url_prefix="/sandbox")
    return app


class _Application(Flask):
    """Flask, which looks at each view and hook at each request whether it is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is: there are no coroutines here."""
        return func


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    """What nearly every part works with."""

    config: Config
    profiles: Mapping[str, Profile]
    hubspot: CountedHubSpot
    redis: Client
    metrics: Metrics
    clock: Callable[[], float]

    def encryptor(self, purpose: str) -> Encryptor:
        """What seals for one purpose only."""
        return Encryptor(self.config.secret_keys, purpose=purpose)


def _services(core: _Core) -> Services:
    config, redis, clock = core.config, core.redis, core.clock
    tokens = core.encryptor("tokens")
    core.hubspot.metrics = core.metrics
    attempts = CountedAttempts(redis, retention_days=config.failure_retention_days)
    failures = CountedFailures(redis, retention_days=config.failure_retention_days)
    attempts.metrics = failures.metrics = core.metrics
    connections = Connections(redis, encrypt=tokens.encrypt, decrypt=tokens.decrypt)
    server, outbox = RedisServer(redis), _outbox(core)
    noting = EventWriter(
        attempts=attempts,
        failures=failures,
        connections=connections,
        outbox=outbox,
        identity=server.identity,
        clock=clock,
    )
    refreshing = _refreshing(core, failures, connections)
    proxy = _proxy(core, noting, connections, refreshing.recording)
    failing = Failing(notes=noting, clients=proxy, clock=clock)
    connecting = Authorizer(
        endpoint=config.authorization_endpoint,
        notes=noting,
        failing=failing,
        clock=clock,
        chance=_chance,
        choose=secrets.choice,
        attempt_timeout=config.attempt_timeout,
    )
    finishing = Callback(
        attempts=attempts,
        notes=noting,
        clients=proxy,
        failing=failing,
        hubspot=core.hubspot,
        clock=clock,
        chance=_chance,
    )
    callback = f"{config.public_url}/support/oidc/callback"
    return Services(
        config=config,
        profiles=core.profiles,
        connecting=connecting,
        finishing=finishing,
        reporting=Reports(attempts=attempts, failures=failures, outbox=outbox, clock=clock),
        sweeping=AttemptExpiry(
            attempts=attempts, failures=failures, profiles=core.profiles, clock=clock
        ),
        noting=noting,
        outbox=outbox,
        metrics=core.metrics,
        cookies=AttemptCookies(core.encryptor("attempts"), secure=config.is_secure),
        attempts=attempts,
        failures=failures,
        counters=Counters(redis),
        bulk_actions=BulkActions(redis),
        connections=connections,
        refreshing=refreshing,
        exports=Exports(redis),
        # Each holds a thread for as long as its reader takes.
        export_places=threading.BoundedSemaphore(max(1, config.threads // 4)),
        hubspot=core.hubspot,
        proxy=proxy if config.oauth_clients else None,
        staff_sessions=StaffSessions(redis, lifetime=SESSION_LIFETIME),
        openid=OidcProvider(config.openid, callback) if config.openid else None,
        sign_ins=core.encryptor("sign-ins"),
        ping=server.ping,
        clock=clock,
    )


def _chance(length: int) -> str:
    """So many URL-safe characters, fit for secrets."""
    return secrets.token_urlsafe(length)[:length]


def _outbox(core: _Core) -> Outbox:
    """Where notes wait while the store is down."""
    encryptor = core.encryptor("outbox")
    outbox = CountedOutbox(
        core.config.data_dir / "outbox", encrypt=encryptor.encrypt, decrypt=encryptor.decrypt
    )
    outbox.metrics = core.metrics
    return outbox


def _refreshing(core: _Core, failures: Failures, connections: Connections) -> TokenRefresher:
    """What hands out access tokens, with the turns that all workers share."""
    refreshes = RefreshLocks(core.redis)
    return TokenRefresher(
        connections=connections,
        profiles=core.profiles,
        hubspot=core.hubspot,
        turns=refreshes,
        recording=RefreshFailures(
            failures=failures, firsts=refreshes, clock=core.clock, choose=secrets.choice
        ),
        clock=core.clock,
    )


def _proxy(
    core: _Core,
    noting: EventWriter,
    connections: Connections,
    refresh_failures: RefreshFailures,
) -> ProxyServer:
    """The authorization server for clients; where none is registered nobody gets to it."""
    codes = core.encryptor("codes")
    code_redemption = CodeRedemption(
        notes=noting,
        firsts=refresh_failures.firsts,
        connections=connections,
        profiles=core.profiles,
        clock=core.clock,
        choose=secrets.choice,
    )
    return ProxyServer(
        Parts(
            issuer=core.config.public_url,
            clients=core.config.oauth_clients,
            profiles=core.profiles,
            codes=Codes(core.redis, encrypt=codes.encrypt, decrypt=codes.decrypt),
            refresh_tokens=RefreshTokens(core.encryptor("refresh tokens")),
            connections=connections,
            hubspot=core.hubspot,
            code_redemption=code_redemption,
            refresh_failures=refresh_failures,
            clock=core.clock,
            key=secrets.token_bytes(32),
        )
    )
