"""The token endpoint's part: codes and refresh tokens for access tokens, and the end of them.

Authlib's grants do the checks of RFC 6749, 7636 and 7009 in their order: first who the client is,
then whose the code or the token is, and only then is anything used up.
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
from oauth_helper.oauth.server.messages import ServerRequest, error_description
from oauth_helper.oauth.server.refresh_tokens import RefreshToken
from oauth_helper.oauth.server.token_endpoint import TokenIssuer


class GrantServer(Protocol):
    """The server that Authlib hands to its grants."""

    parts: ServerDependencies
    issuing: TokenIssuer


AUTHENTICATION_METHODS = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True, slots=True)
class _Code:
    """A code as Authlib asks about it."""

    code: str
    issued: IssuedCode

    @property
    def code_challenge(self) -> str | None:
        """The challenge of the authorization request."""
        client_request = self.issued.pending.client_request
        return client_request.code_challenge if client_request else None

    @property
    def code_challenge_method(self) -> str:
        """There is one only."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """The redirect URI that the authorization request named; empty when it named none."""
        client_request = self.issued.pending.client_request
        return (
            client_request.redirect_uri
            if client_request and client_request.sent_redirect_uri
            else ""
        )

    def get_scope(self) -> str:
        """Not told: HubSpot says what was granted."""
        return ""


class CodeGrant(AuthorizationEndpointGrant):
    """The code grant (RFC 6749 section 4.1), at both endpoints."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: GrantServer

    def save_authorization_code(self, code: str, request: ServerRequest) -> None:
        """Keeps what the code stands for."""
        self.server.parts.codes.keep(code, request.user)

    def validate_token_request(self) -> None:
        """Authlib's checks; what is wrong with a good code goes into the log."""
        self._found: IssuedCode | None = None
        try:
            super().validate_token_request()
            if self._names_other_redirect_uri():
                raise InvalidGrantError(
                    "The redirect_uri is not that of the authorization request."
                )
        except OAuth2Error as error:
            if self._found is not None:
                raise self._recorded(error, self._found) from None
            raise

    def query_authorization_code(self, code: str, client: RegisteredClient) -> _Code | None:
        """The code, if it was given to this client and not used. Nothing is used up yet."""
        issued = self.server.parts.codes.find(code)
        if issued is None:
            self._refuse_replay(code, client)
            return None
        self._found = issued
        client_request = issued.pending.client_request
        is_theirs = client_request is not None and client_request.client_id == client.client.id
        return _Code(code, issued) if is_theirs else None

    def authenticate_user(self, authorization_code: _Code) -> IssuedCode:
        """Uses the code up, and gives what it stands for. Raises when somebody was faster."""
        issued = authorization_code.issued
        client: RegisteredClient = self.request.client
        taken = self.server.parts.codes.take(
            authorization_code.code, by=client.client.id, grant=issued.pending.reference
        )
        if not taken:
            self._refuse_replay(authorization_code.code, client)
            raise InvalidGrantError("The code was used already.")
        return issued

    def generate_token(self, *args: Any, **kwargs: Any) -> dict[str, object]:  # noqa: ANN401, ARG002 - Authlib's interface
        """The token response."""
        return self.server.issuing.first(self.request.client, self.request.user)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        """Nothing: it was used up before."""

    def _names_other_redirect_uri(self) -> bool:
        """Whether the token request names one although the authorization request did not."""
        named = self.request.payload.redirect_uri
        client_request = self._found.pending.client_request if self._found else None
        return bool(named and client_request and named != client_request.redirect_uri)

    def _recorded(self, error: OAuth2Error, issued: IssuedCode) -> OAuth2Error:
        client: RegisteredClient = self.request.client or self._authenticated()
        client_request = issued.pending.client_request
        if client_request is None or client_request.client_id != client.client.id:
            client_error, text = ClientError.OTHER_CLIENT, "The code was given to another client."
        elif self._differs_in_redirect_uri():
            client_error = ClientError.WRONG_REDIRECT_URI
            text = "The redirect_uri is not that of the authorization request."
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

    def _refuse_replay(self, code: str, client: RegisteredClient) -> None:
        """Ends what this client got for the code before, if it did (RFC 6749 section 4.1.2)."""
        grant = self.server.parts.codes.used_for(code, by=client.client.id)
        if grant is None:
            return
        self.server.parts.codes.withdraw(grant)
        reference = self.server.parts.code_redemption.code_reuse(
            profile=client.profile.name, client=client.client.name, grant=grant
        )
        raise InvalidGrantError(
            error_description(
                "The code was used already; what it gave out is withdrawn.", reference
            )
        )


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # Authlib has no types
    """Refreshing (RFC 6749 section 6)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: GrantServer

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        """What the text stands for."""
        return self.server.parts.refresh_tokens.read(refresh_token)

    def _validate_request_token(self, client: RegisteredClient) -> RefreshToken:
        text = self.request.form.get("refresh_token")
        if text is None:
            raise InvalidRequestError("The request has no refresh_token.")
        token = self.authenticate_refresh_token(text)
        if token is None or not token.check_client(client.client):
            raise InvalidGrantError("The refresh token is not one of this client.")
        return token

    def _validate_token_scope(self, token: RefreshToken) -> None:
        """Nothing yet: HubSpot tells with the new token what it is good for."""

    def authenticate_user(self, refresh_token: RefreshToken) -> RefreshToken:
        """Whose it is stands in it."""
        return refresh_token

    def issue_token(self, user: RefreshToken, refresh_token: RefreshToken) -> dict[str, object]:  # noqa: ARG002 - Authlib's interface
        """The token response, by HubSpot's answer."""
        return self.server.issuing.following(
            self.request.client, refresh_token, self.request.payload.scope or ""
        )

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Nothing: what was replaced is counted by its generation."""


class Revocation(RevocationEndpoint):  # type: ignore[misc]  # Authlib has no types
    """Revocation (RFC 7009) of refresh tokens. HubSpot's access tokens live on for half an hour."""

    CLIENT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: GrantServer

    def authenticate_token(
        self, request: ServerRequest, client: RegisteredClient
    ) -> RefreshToken | None:
        """The token; None when there is nothing to revoke, which is as good as revoked."""
        if "token" not in request.form:
            raise InvalidRequestError("The request has no token.")
        token = self.server.parts.refresh_tokens.read(request.form["token"])
        if token is None and request.form.get("token_type_hint") == "access_token":
            raise OAuth2Error(
                error="unsupported_token_type",
                description="HubSpot's access tokens cannot be revoked; they end by themselves.",
            )
        if token is not None and not token.check_client(client.client):
            raise InvalidGrantError("The token is not one of this client.")
        return token

    def revoke_token(self, token: RefreshToken, request: ServerRequest) -> None:  # noqa: ARG002 - Authlib's interface
        """Ends it at HubSpot and here."""
        self.server.issuing.end(token)
