"""Register every page and API endpoint, and their protection, on the application."""

from __future__ import annotations

from flask import Flask

from oauth_helper.config.settings import Settings
from oauth_helper.store.rate_limits import RateLimits
from oauth_helper.web import (
    errors,
    health,
    i18n,
    oauth_endpoints,
    security,
    support,
    template_filters,
)
from oauth_helper.web.api import audit, connect_links, connections, docs, erasure, failures
from oauth_helper.web.customer import attempts, connect, embed, setup
from oauth_helper.web.support.staff_session import SESSION_LIFETIME

_BLUEPRINTS = (
    connect.blueprint,
    attempts.blueprint,
    embed.blueprint,
    setup.blueprint,
    *support.blueprints,
    failures.blueprint,
    connections.blueprint,
    connect_links.blueprint,
    erasure.blueprint,
    audit.blueprint,
    docs.blueprint,
    health.blueprint,
    oauth_endpoints.blueprint,
)


def install(app: Flask, config: Settings, limits: RateLimits) -> None:
    """Register everything on `app`, whose services are already installed."""
    app.config["PERMANENT_SESSION_LIFETIME"] = SESSION_LIFETIME
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    app.jinja_env.globals.update(
        sandbox=config.sandbox,
        settings=config,
        has_webhooks=bool(config.webhook_urls or config.notify_urls),
    )
    health.install(app)
    security.protect(app, config, limits)
    errors.install(app)
    template_filters.install(app)
    i18n.install(app, secure=config.is_secure)
    support.staff_session.install(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
