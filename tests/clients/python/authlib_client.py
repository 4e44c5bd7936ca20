"""Authlib, by its documentation: https://docs.authlib.org/en/latest/client/oauth2.html"""

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from clients.registration import Registration
from flask import Flask, redirect, request, session, url_for


def create_app(registered: Registration) -> Flask:
    app = Flask(__name__)
    app.secret_key = "only for tests"
    authorization_endpoint = f"{registered.issuer}/oauth/authorize"
    token_endpoint = f"{registered.issuer}/oauth/token"

    def new_client(**more):
        return OAuth2Session(
            registered.client_id,
            registered.client_secret,
            scope=registered.scope,
            redirect_uri=url_for("callback", _external=True),
            code_challenge_method="S256",
            **more,
        )

    @app.get("/login")
    def login():
        code_verifier = generate_token(48)
        with new_client() as client:
            uri, state = client.create_authorization_url(
                authorization_endpoint, code_verifier=code_verifier
            )
        session.update(state=state, code_verifier=code_verifier)
        return redirect(uri)

    @app.get("/callback")
    def callback():
        # Without this, Authlib takes the missing code for a request by client credentials.
        if "error" in request.args:
            raise OAuthError(request.args["error"], request.args.get("error_description"))
        with new_client(state=session["state"]) as client:
            token = client.fetch_token(
                token_endpoint,
                authorization_response=request.url,
                code_verifier=session["code_verifier"],
            )
        session["token"] = token
        return {"tokens": token}

    @app.get("/refresh")
    def refresh():
        with new_client(token=session["token"]) as client:
            token = client.refresh_token(token_endpoint)
        session["token"] = token
        return {"tokens": token}

    @app.errorhandler(OAuthError)
    def failed(error):
        return {"error": error.error, "error_description": error.description}, 400

    return app
