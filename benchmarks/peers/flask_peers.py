"""Serve a bare redirect, or Authlib's Flask client with its state in Redis, with granian.

Usage: `python -m benchmarks.peers.flask_peers bare|authlib PORT REDIS_URL HUBSPOT_URL THREADS`
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import redis
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, url_for
from granian.constants import HTTPModes, Interfaces
from granian.server import MPServer

from oauth_helper.scopes import shipped_catalogue


def bare(_redis_url: str, hubspot: str) -> Flask:
    """Return an application that redirects to one address."""
    app = Flask("bare")
    scopes = "%20".join(shipped_catalogue().by_name)
    address = f"{hubspot}/oauth/authorize?response_type=code&client_id=c&scope={scopes}"

    @app.get("/start")
    def start() -> Any:  # noqa: ANN401
        return redirect(address, 302)

    return app


class _Cache:
    """Authlib's cache interface on redis-py."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def get(self, key: str) -> Any:  # noqa: ANN401
        """Return the cached value."""
        return self._client.get(key)

    def set(self, key: str, value: str, expires: int | None = None) -> None:
        """Cache a value."""
        self._client.set(key, value, ex=expires)

    def delete(self, key: str) -> None:
        """Delete a cached value."""
        self._client.delete(key)


def authlib(redis_url: str, hubspot: str) -> Flask:
    """Return a client as in Authlib's documentation, with PKCE. It discards the tokens."""
    app = Flask("authlib")
    app.secret_key = "k" * 40
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    oauth = OAuth(app, cache=_Cache(client))
    oauth.register(
        "hubspot",
        client_id="c",
        client_secret="s",  # noqa: S106
        authorize_url=f"{hubspot}/oauth/authorize",
        access_token_url=f"{hubspot}/oauth/2026-09/token",
        client_kwargs={
            "scope": " ".join(shipped_catalogue().by_name),
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": "client_secret_post",
        },
    )

    @app.get("/start")
    def start() -> Any:  # noqa: ANN401
        return oauth.hubspot.authorize_redirect(url_for("callback", _external=True))

    @app.get("/callback")
    def callback() -> Any:  # noqa: ANN401
        token = oauth.hubspot.authorize_access_token()
        return redirect(f"/done/{token['hub_id']}", 303)

    return app


def main(name: str, port: int, redis_url: str, hubspot: str, threads: int) -> None:
    """Serve one of the two like the program itself: with one worker of granian."""
    app = {"bare": bare, "authlib": authlib}[name](redis_url, hubspot)
    MPServer(
        "peer",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=threads,
        backlog=1024,
        backpressure=512,
        log_enabled=False,
    ).serve(target_loader=lambda: app, wrap_loader=False)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork", force=True)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
