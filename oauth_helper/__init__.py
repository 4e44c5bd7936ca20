"""oauth_helper: connects customers to HubSpot, follows each attempt to its end, explains failures.

`create_app` puts the program together; everything else is in the modules that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from oauth_helper.config import Config

__version__ = "0.1.0"


def create_app(config: Config, *, clock: Callable[[], float] | None = None) -> Flask:
    """The WSGI application for `config`, whose `redis_url` and `secret_keys` have to be there.

    `clock` gives Unix seconds and is the system's unless a test hands in another one.
    """
    # Imported here and not above: whoever imports `oauth_helper.scopes` runs this file too, and the
    # core and the command line are to start without Flask and Redis.
    import secrets
    import threading
    import time

    from flask import Flask

    from oauth_helper.connecting import Connecting
    from oauth_helper.hubspot import HubSpot
    from oauth_helper.openid import OpenIdProvider
    from oauth_helper.reporting import Reporting
    from oauth_helper.sandbox import create_blueprint
    from oauth_helper.sandbox_settings import sandbox_for
    from oauth_helper.sealing import Sealer, derive_key
    from oauth_helper.storage.attempts import Attempts
    from oauth_helper.storage.client import connect, raises_unavailable
    from oauth_helper.storage.connections import Connections
    from oauth_helper.storage.deeds import Deeds
    from oauth_helper.storage.exports import Exports
    from oauth_helper.storage.failures import Failures
    from oauth_helper.storage.sandbox_state import RedisSandboxState
    from oauth_helper.storage.staff_sessions import StaffSessions
    from oauth_helper.storage.tallies import Tallies
    from oauth_helper.sweeping import Sweeping
    from oauth_helper.web import pages, security
    from oauth_helper.web.attempt_cookies import AttemptCookies
    from oauth_helper.web.services import SESSION_LIFETIME, Services

    app = Flask(__name__)
    # Werkzeug's own redirects are made from the Host header.
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    now = clock or time.time

    newest, *older = (derive_key(key, "session").decode() for key in config.secret_keys)
    app.config.update(SECRET_KEY=newest, SECRET_KEY_FALLBACKS=older)

    redis = connect(config.redis_url.reveal())
    profiles = {profile.name: profile for profile in config.profiles}
    hubspot = HubSpot(config.api_url, config.api_version)
    callback = f"{config.public_url}/support/oidc/callback"
    openid = OpenIdProvider(config.openid, callback) if config.openid else None
    tokens = Sealer(config.secret_keys, purpose="tokens")
    attempts = Attempts(redis, retention_days=config.failure_retention_days)
    failures = Failures(redis, retention_days=config.failure_retention_days)
    connections = Connections(redis, seal=tokens.seal, unseal=tokens.unseal)
    connecting = Connecting(
        endpoint=config.authorization_endpoint,
        attempts=attempts,
        failures=failures,
        connections=connections,
        hubspot=hubspot,
        clock=now,
        chance=lambda length: secrets.token_urlsafe(length)[:length],
        choose=secrets.choice,
        attempt_timeout=config.attempt_timeout,
    )
    Services(
        config=config,
        profiles=profiles,
        connecting=connecting,
        reporting=Reporting(attempts=attempts, failures=failures, clock=now),
        sweeping=Sweeping(attempts=attempts, failures=failures, profiles=profiles, clock=now),
        cookies=AttemptCookies(
            Sealer(config.secret_keys, purpose="attempts"), secure=config.is_secure
        ),
        attempts=attempts,
        failures=failures,
        tallies=Tallies(redis),
        deeds=Deeds(redis),
        connections=connections,
        exports=Exports(redis),
        # Each holds a thread for as long as its reader takes.
        export_places=threading.BoundedSemaphore(max(1, config.threads // 4)),
        hubspot=hubspot,
        staff_sessions=StaffSessions(redis, lifetime=SESSION_LIFETIME),
        openid=openid,
        sign_ins=Sealer(config.secret_keys, purpose="sign-ins"),
        ping=raises_unavailable(redis.ping),
        clock=now,
    ).install(app)

    pages.install(app, config)
    if config.sandbox:
        sandbox = create_blueprint(sandbox_for(config, RedisSandboxState(redis), clock=now))
        security.limit_blueprint(sandbox, "600 per minute")
        # Its token endpoint is for programs, and its forms guard themselves.
        security.csrf.exempt(sandbox)
        app.register_blueprint(sandbox, url_prefix="/sandbox")
    return app
