"""Requests to the token endpoint and to the endpoints below it.

HubSpot takes form bodies only, and wants its client credentials there too. As of 2026-11:
https://developers.hubspot.com/docs/api-reference/auth-oauth-v1/tokens
"""

from __future__ import annotations

from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_token_request

from oauth_helper.secret import Secret


def code_request(
    *,
    client_id: str,
    client_secret: Secret,
    redirect_uri: str,
    code: str,
    code_verifier: str | None,
) -> str:
    """The form body that exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    body: str = prepare_token_request(
        "authorization_code",
        redirect_uri=redirect_uri,
        client_id=client_id,
        client_secret=client_secret.reveal(),
        code=code,
        code_verifier=code_verifier,
    )
    return body


def refresh_request(*, client_id: str, client_secret: Secret, refresh_token: Secret) -> str:
    """The form body that asks for a new access token (RFC 6749 section 6)."""
    body: str = prepare_token_request(
        "refresh_token",
        client_id=client_id,
        client_secret=client_secret.reveal(),
        refresh_token=refresh_token.reveal(),
    )
    return body


def token_in_form(
    *, client_id: str, client_secret: Secret, token: str, token_type_hint: str
) -> str:
    """The form body that introspects or revokes a token (RFC 7662, RFC 7009)."""
    return urlencode(
        {
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
            "token": token,
            "token_type_hint": token_type_hint,
        }
    )
