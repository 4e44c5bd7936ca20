"""Translate HubSpot's responses for clients: token response bodies and RFC error codes."""

from __future__ import annotations

from pydantic import SecretStr

from oauth_helper.config.oauth_clients import OAuthClient
from oauth_helper.diagnosis import Cause
from oauth_helper.scopes import join_scope


def token_body(
    client: OAuthClient,
    *,
    access_token: SecretStr,
    refresh_token: str,
    expires_in: int,
    granted: tuple[str, ...] | None,
    hub_id: int | None,
    requested: str = "",
    dropped: tuple[str, ...] = (),
) -> dict[str, object]:
    """Return a token response body (RFC 6749 section 5.1), with HubSpot's `hub_id` and `scopes`.

    The client's `scope_response` decides about `scope`: the granted scopes as in the RFC, when
    known; an echo of `requested`, for clients that reject anything else; or absent, as at HubSpot.
    `unknown_scopes` lists the `dropped` ones.
    """
    body: dict[str, object] = {
        "access_token": access_token.get_secret_value(),
        "token_type": "bearer",
        "expires_in": max(1, expires_in),
        "refresh_token": refresh_token,
    }
    if client.scope_response == "rfc" and granted is not None:
        body["scope"] = join_scope(granted)
    if client.scope_response == "echo" and requested:
        body["scope"] = requested
    if hub_id is not None:
        body["hub_id"] = hub_id
    if granted is not None:
        body["scopes"] = list(granted)
    if dropped:
        body["unknown_scopes"] = list(dropped)
    return body


def authorization_error(cause: Cause) -> str:
    """Return the error code of RFC 6749 section 4.1.2.1 for a cause."""
    if cause in _DENIED:
        return "access_denied"
    if cause in _SCOPES:
        return "invalid_scope"
    return "temporarily_unavailable" if cause in _TEMPORARY else "server_error"


_DENIED = frozenset(
    {
        Cause.USER_DENIED,
        Cause.USER_LACKS_PERMISSION,
        Cause.ACCOUNT_LACKS_FEATURE,
        Cause.APP_NOT_APPROVED,
        Cause.NEVER_RETURNED,
    }
)

_SCOPES = frozenset(
    {
        Cause.URL_MISSING_REQUIRED_SCOPE,
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.MISSING_OAUTH_SCOPE,
        Cause.INVALID_SCOPE_NAME,
        Cause.DEPRECATED_SCOPE,
        Cause.SCOPES_BADLY_ENCODED,
        Cause.GRANTED_MISSING_REQUIRED,
        Cause.GRANTED_MISSING_OPTIONAL,
    }
)

_TEMPORARY = frozenset({Cause.RATE_LIMITED, Cause.HUBSPOT_UNAVAILABLE})
