"""requests-oauthlib, by its documentation: https://requests-oauthlib.readthedocs.io

The environment has OAUTHLIB_INSECURE_TRANSPORT=1, its switch for tests without https.
"""

from clients.registration import Registration
from flask import Flask, redirect, request, session, url_for
from oauthlib.oauth2 import OAuth2Error
from requests_oauthlib import OAuth2Session


def create_app(registered: Registration) -> Flask:
    app = Flask(__name__)
    app.secret_key = "only for tests"
    authorization_base_url = f"{registered.issuer}/oauth/authorize"
    token_url = f"{registered.issuer}/oauth/token"

    def new_client(**more):
        redirect_uri = url_for("callback", _external=True)
        return OAuth2Session(registered.client_id, redirect_uri=redirect_uri, **more)

    @app.get("/login")
    def login():
        with new_client(scope=registered.scope.split()) as oauth:
            authorization_url, state = oauth.authorization_url(authorization_base_url)
        session["oauth_state"] = state
        return redirect(authorization_url)

    @app.get("/callback")
    def callback():
        # The scope is given here too, since it compares what comes back with it.
        with new_client(scope=registered.scope.split(), state=session["oauth_state"]) as oauth:
            token = oauth.fetch_token(
                token_url,
                client_secret=registered.client_secret,
                authorization_response=request.url,
            )
        session["oauth_token"] = token
        return {"tokens": token}

    @app.get("/refresh")
    def refresh():
        with new_client(token=session["oauth_token"]) as oauth:
            token = oauth.refresh_token(
                token_url,
                client_id=registered.client_id,
                client_secret=registered.client_secret,
            )
        session["oauth_token"] = token
        return {"tokens": token}

    @app.errorhandler(OAuth2Error)
    def failed(error):
        return {"error": error.error, "error_description": error.description}, 400

    return app
