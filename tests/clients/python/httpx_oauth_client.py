"""httpx-oauth, by its documentation: https://frankie567.github.io/httpx-oauth/oauth2/"""

import asyncio
import secrets

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from clients.registration import Registration
from flask import Flask, redirect, request, session, url_for
from httpx_oauth.oauth2 import OAuth2, OAuth2RequestError


def create_app(registered: Registration) -> Flask:
    app = Flask(__name__)
    app.secret_key = "only for tests"
    client = OAuth2(
        registered.client_id,
        registered.client_secret,
        f"{registered.issuer}/oauth/authorize",
        f"{registered.issuer}/oauth/token",
        refresh_token_endpoint=f"{registered.issuer}/oauth/token",
        revoke_token_endpoint=f"{registered.issuer}/oauth/revoke",
        revocation_endpoint_auth_method="client_secret_post",
    )

    @app.get("/login")
    def login():
        # It keeps neither state nor verifier; both are the caller's.
        state, code_verifier = secrets.token_urlsafe(), secrets.token_urlsafe(48)
        session.update(state=state, code_verifier=code_verifier)
        url = client.get_authorization_url(
            url_for("callback", _external=True),
            state=state,
            scope=registered.scope.split(),
            code_challenge=create_s256_code_challenge(code_verifier),
            code_challenge_method="S256",
        )
        return redirect(asyncio.run(url))

    @app.get("/callback")
    def callback():
        if request.args.get("state") != session["state"]:
            return {"error": "other state"}, 400
        if "error" in request.args:
            names = ("error", "error_description")
            return {name: request.args.get(name) for name in names}, 400
        token = client.get_access_token(
            request.args["code"], url_for("callback", _external=True), session["code_verifier"]
        )
        session["token"] = asyncio.run(token)
        return {"tokens": session["token"]}

    @app.get("/refresh")
    def refresh():
        session["token"] = asyncio.run(client.refresh_token(session["token"]["refresh_token"]))
        return {"tokens": session["token"]}

    @app.errorhandler(OAuth2RequestError)
    def failed(error):
        # It says no more than the status; the server's words are in the response.
        answer = error.response.json()
        return {name: answer.get(name) for name in ("error", "error_description")}, 400

    return app
