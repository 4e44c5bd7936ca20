"""Requests to HubSpot's token endpoint and to the endpoints below it, as form bodies.

HubSpot takes form bodies only, and wants its client credentials there too. As of 2026-11:
https://developers.hubspot.com/docs/api-reference/auth-oauth-v1/tokens
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_token_request

from oauth_helper.common.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """What a HubSpot app proves itself with at the token endpoint."""

    client_id: str
    client_secret: Secret
    redirect_uri: str


def code_form(app: AppCredentials, code: str, code_verifier: str | None) -> str:
    """Return the form that exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    form: str = prepare_token_request(
        "authorization_code",
        redirect_uri=app.redirect_uri,
        client_id=app.client_id,
        client_secret=app.client_secret.reveal(),
        code=code,
        code_verifier=code_verifier,
    )
    return form


def refresh_form(app: AppCredentials, refresh_token: Secret) -> str:
    """Return the form that requests a new access token (RFC 6749 section 6)."""
    form: str = prepare_token_request(
        "refresh_token",
        client_id=app.client_id,
        client_secret=app.client_secret.reveal(),
        refresh_token=refresh_token.reveal(),
    )
    return form


def token_form(app: AppCredentials, token: Secret, token_type_hint: str) -> str:
    """Return the form that introspects or revokes a token (RFC 7662, RFC 7009)."""
    return urlencode(
        {
            "client_id": app.client_id,
            "client_secret": app.client_secret.reveal(),
            "token": token.reveal(),
            "token_type_hint": token_type_hint,
        }
    )
