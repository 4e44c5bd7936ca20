"""Redeem codes, refresh tokens and revoke them, with Authlib's grants.

Authlib does the checks of RFC 6749, 7636 and 7009 in their order: first it authenticates the
client, then it checks whom the code or token was issued to. A code is used up last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import RefreshTokenGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint

from oauth_helper.diagnosis import ClientError
from oauth_helper.models import IssuedCode
from oauth_helper.oauth.server.authorization_endpoint import (
    AuthorizationEndpointGrant,
    RegisteredClient,
)
from oauth_helper.oauth.server.dependencies import ServerDependencies
from oauth_helper.oauth.server.messages import ServerRequest, TokenError, error_description
from oauth_helper.oauth.server.refresh_tokens import RefreshToken
from oauth_helper.oauth.server.token_endpoint import TokenIssuer
from oauth_helper.store.authorization_codes import REDEEMING
from oauth_helper.store.outbox.writer import ignore_outage


class GrantServer(Protocol):
    """The server that Authlib hands to its grants."""

    parts: ServerDependencies
    issuing: TokenIssuer


AUTHENTICATION_METHODS = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True, slots=True)
class _Code:
    """An authorization code behind Authlib's interface."""

    code: str
    issued: IssuedCode

    @property
    def code_challenge(self) -> str | None:
        """Return the challenge of the authorization request."""
        client_request = self.issued.pending.client_request
        return client_request.code_challenge if client_request else None

    @property
    def code_challenge_method(self) -> str:
        """Return S256, the only method."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """Return the redirect URI that the authorization request named; empty without one."""
        client_request = self.issued.pending.client_request
        return (
            client_request.redirect_uri
            if client_request and client_request.sent_redirect_uri
            else ""
        )

    def get_scope(self) -> str:
        """Return nothing: HubSpot's token response names the granted scopes."""
        return ""


class CodeGrant(AuthorizationEndpointGrant):
    """The code grant (RFC 6749 section 4.1), at both endpoints."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: GrantServer

    def save_authorization_code(self, code: str, request: ServerRequest) -> None:
        """Save the connection and tokens that the code stands for."""
        self.server.parts.codes.save(code, request.user)

    def validate_token_request(self) -> None:
        """Run Authlib's checks, and log what a client does wrong with a valid code."""
        self._found: IssuedCode | None = None
        try:
            super().validate_token_request()
            if self._names_other_redirect_uri():
                raise InvalidGrantError("The redirect_uri differs from the authorization request.")
        except OAuth2Error as error:
            if self._found is not None:
                raise self._log_error(error, self._found) from None
            raise

    def query_authorization_code(self, code: str, client: RegisteredClient) -> _Code | None:
        """Return the code if it was issued to this client and is unused."""
        issued = self.server.parts.codes.get(code)
        if issued is None:
            self._reject_reuse(code, client)
            return None
        self._found = issued
        client_request = issued.pending.client_request
        is_theirs = client_request is not None and client_request.client_id == client.client.id
        return _Code(code, issued) if is_theirs else None

    def authenticate_user(self, authorization_code: _Code) -> IssuedCode:
        """Return what a code stands for. Raises if another request is redeeming it."""
        if not self.server.parts.codes.begin_redeeming(authorization_code.code):
            raise TokenError(
                "temporarily_unavailable",
                "Another request is redeeming this code.",
                status=503,
                retry_after=REDEEMING,
            )
        return authorization_code.issued

    def generate_token(self, *args: Any, **kwargs: Any) -> dict[str, object]:  # noqa: ANN401, ARG002 - Authlib's interface
        """Return the body of the token response."""
        return self.server.issuing.first(self.request.client, self.request.user)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """Use up the code, whose success is written now.

        If Redis or this worker dies before, the client's next try gets the same. The code is valid
        for a short time only.
        """
        ignore_outage(
            lambda: self.server.parts.codes.use_up(
                authorization_code.code,
                client_id=self.request.client.client.id,
                grant=authorization_code.issued.pending.reference,
            )
        )

    def _names_other_redirect_uri(self) -> bool:
        """Return whether the token request names another redirect URI than the response went to.

        Authlib checks only requests whose authorization request named one.
        """
        named = self.request.payload.redirect_uri
        client_request = self._found.pending.client_request if self._found else None
        return bool(named and client_request and named != client_request.redirect_uri)

    def _log_error(self, error: OAuth2Error, issued: IssuedCode) -> OAuth2Error:
        """Log a client's error with a valid code, and return it with the reference."""
        client: RegisteredClient = self.request.client or self._authenticated()
        client_request = issued.pending.client_request
        if client_request is None or client_request.client_id != client.client.id:
            client_error, text = ClientError.OTHER_CLIENT, "The code was issued to another client."
        elif self._differs_in_redirect_uri():
            client_error = ClientError.WRONG_REDIRECT_URI
            text = "The redirect_uri differs from the authorization request."
        else:
            client_error, text = ClientError.WRONG_VERIFIER, error.get_error_description()
        reference = self.server.parts.code_redemption.client_error(
            issued, client_error, client=client.client.name
        )
        return type(error)(error_description(text, reference))

    def _authenticated(self) -> RegisteredClient:
        client: RegisteredClient = self.authenticate_token_endpoint_client()
        return client

    def _differs_in_redirect_uri(self) -> bool:
        client_request = self._found.pending.client_request if self._found else None
        named = self.request.payload.redirect_uri
        is_needed = client_request is not None and client_request.sent_redirect_uri
        return bool(
            (named or is_needed) and client_request and named != client_request.redirect_uri
        )

    def _reject_reuse(self, code: str, client: RegisteredClient) -> None:
        """Revoke the grant that this client already got for the code (RFC 6749 section 4.1.2).

        Raises `InvalidGrantError` if there is one.
        """
        grant = self.server.parts.codes.grant_for(code, client_id=client.client.id)
        if grant is None:
            return
        self.server.parts.codes.revoke_grant(grant)
        reference = self.server.parts.code_redemption.code_reuse(
            profile=client.profile.name, client=client.client.name, grant=grant
        )
        raise InvalidGrantError(
            error_description("The code has already been used, so its grant is revoked.", reference)
        )


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    """The refresh token grant (RFC 6749 section 6)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: GrantServer

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        """Return the decrypted refresh token, None when it is invalid."""
        return self.server.parts.refresh_tokens.read(refresh_token)

    def _validate_request_token(self, client: RegisteredClient) -> RefreshToken:
        text = self.request.form.get("refresh_token")
        if text is None:
            raise InvalidRequestError("The request has no refresh_token.")
        token = self.authenticate_refresh_token(text)
        if token is None or not token.check_client(client.client):
            raise InvalidGrantError("The refresh token was not issued to this client.")
        return token

    def _validate_token_scope(self, token: RefreshToken) -> None:
        """Do nothing yet: HubSpot's response to the refresh names the scopes."""

    def authenticate_user(self, refresh_token: RefreshToken) -> RefreshToken:
        """Return the token itself, which names its grant."""
        return refresh_token

    def issue_token(self, user: RefreshToken, refresh_token: RefreshToken) -> dict[str, object]:  # noqa: ARG002 - Authlib's interface
        """Return the body of the token response, after a refresh at HubSpot."""
        return self.server.issuing.following(
            self.request.client, refresh_token, self.request.payload.scope or ""
        )

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Do nothing: its generation marks the old token as replaced."""


class Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Revocation (RFC 7009) of refresh tokens. Access tokens stay valid for up to half an hour."""

    CLIENT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: GrantServer

    def authenticate_token(
        self, request: ServerRequest, client: RegisteredClient
    ) -> RefreshToken | None:
        """Return the token; None for an invalid one, which counts as revoked (RFC 7009)."""
        if "token" not in request.form:
            raise InvalidRequestError("The request has no token.")
        token = self.server.parts.refresh_tokens.read(request.form["token"])
        if token is None and request.form.get("token_type_hint") == "access_token":
            raise OAuth2Error(
                error="unsupported_token_type",
                description="HubSpot's access tokens cannot be revoked; they expire.",
            )
        if token is not None and not token.check_client(client.client):
            raise InvalidGrantError("The token was not issued to this client.")
        return token

    def revoke_token(self, token: RefreshToken, request: ServerRequest) -> None:  # noqa: ARG002 - Authlib's interface
        """Revoke the token at HubSpot and end its grant here."""
        self.server.issuing.end(token)
