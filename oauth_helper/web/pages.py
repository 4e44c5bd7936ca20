"""All that browsers and programs meet, put onto the application: pages, API, their guards."""

from __future__ import annotations

from flask import Flask

from oauth_helper.config import Config
from oauth_helper.web import (
    api,
    api_connections,
    attempts,
    connect,
    embed,
    errors,
    languages,
    markup,
    operations,
    proxy,
    security,
    setup,
    staff,
    times,
)
from oauth_helper.web.services import SESSION_LIFETIME

_BLUEPRINTS = (
    connect.blueprint,
    attempts.blueprint,
    embed.blueprint,
    setup.blueprint,
    staff.blueprint,
    staff.check.blueprint,
    api.blueprint,
    api_connections.blueprint,
    operations.blueprint,
    proxy.blueprint,
)


def install(app: Flask, config: Config, limits: tuple[str, dict[str, str]]) -> None:
    """Puts every page onto `app`, whose services are installed already.

    `limits` are the address and the options of where requests are counted.
    """
    app.config["PERMANENT_SESSION_LIFETIME"] = SESSION_LIFETIME
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    app.jinja_env.globals["sandbox"] = config.sandbox
    operations.install(app)
    security.protect(app, config, limits)
    errors.install(app)
    times.install(app)
    markup.install(app)
    languages.install(app, secure=config.is_secure)
    staff.sessions.install(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
