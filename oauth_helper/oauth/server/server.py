"""Run Authlib's authorization server with the registered clients, codes and HubSpot's tokens."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidRequestError,
)
from authlib.oauth2.rfc9207 import IssuerParameter

from oauth_helper.config.oauth_clients import OAuthClient
from oauth_helper.config.redirect_uri import with_parameters
from oauth_helper.diagnosis import Cause, ClientError, wording
from oauth_helper.models import ClientRequest, IssuedCode
from oauth_helper.oauth.server.authorization_endpoint import (
    S256,
    RegisteredClient,
    client_or_error,
    read_request,
)
from oauth_helper.oauth.server.client_authentication import Credentials, read_credentials
from oauth_helper.oauth.server.dependencies import ServerDependencies
from oauth_helper.oauth.server.grants import (
    AUTHENTICATION_METHODS,
    CodeGrant,
    RefreshGrant,
    Revocation,
)
from oauth_helper.oauth.server.messages import ServerRequest, ServerResponse, error_description
from oauth_helper.oauth.server.token_endpoint import TokenIssuer
from oauth_helper.oauth.server.token_response import authorization_error

_GRANT_TYPES = ("authorization_code", "refresh_token")

# Authlib logs tokens and verifiers at DEBUG.
logging.getLogger("authlib").setLevel(logging.WARNING)


class ProxyServer(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """The endpoints of the proxy, with values instead of HTTP.

    Methods raise `StoreUnavailableError`: without Redis no code can be saved or found.
    """

    def __init__(self, parts: ServerDependencies) -> None:
        super().__init__()
        self.issuer = parts.issuer
        self.parts = parts
        self.issuing = TokenIssuer(parts)
        self._clients = {client.id: client for client in parts.clients}
        self._credentials = Credentials(self._clients, parts.key)
        self.register_grant(CodeGrant, [S256(required=True)])
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.register_extension(_Issuer(parts.issuer))

    # Called by the views.

    def check(self, message: ServerRequest) -> tuple[ClientRequest, RegisteredClient]:
        """Return a valid authorization request and its client.

        Raises Authlib's `OAuth2Error`. Its `redirect_uri` is None when the browser must not be
        redirected to the client with the error.
        """
        client = client_or_error(self.query_client(message.payload.client_id or ""))
        if message.repeated:
            raise InvalidRequestError(_repeated(message))
        if message.payload.response_type != "code":
            # Authlib's error text repeats what the client sent, and fails on non-ASCII text.
            raise OAuth2Error(
                error="unsupported_response_type",
                description="response_type must be code.",
                redirect_uri=CodeGrant.validate_authorization_redirect_uri(message, client),
                state=message.payload.state,
            )
        grant = self.get_consent_grant(message)
        return read_request(grant), client

    def error_response(
        self, message: ServerRequest, error: OAuth2Error, reference: str = ""
    ) -> ServerResponse:
        """Return the error response for the client, a redirect if the error has a redirect URI."""
        error.description = error_description(error.get_error_description(), reference)
        answer = self.handle_error_response(message, error)
        self.execute_hook("after_create_authorization_response", answer)
        return answer

    def code_redirect_url(self, client_request: ClientRequest, issued: IssuedCode) -> str | None:
        """Return the address that redirects to the client with a code for `issued`.

        Returns None when the client is no longer registered.
        """
        message = ServerRequest(
            "GET", f"{self.issuer}/oauth/authorize", _parameters(client_request)
        )
        if self._client_of(client_request) is None:
            return None
        grant = self.get_authorization_grant(message)
        answer: ServerResponse = self.create_authorization_response(
            message, grant_user=issued, grant=grant
        )
        return answer.location

    def error_redirect_url(
        self, client_request: ClientRequest, cause: Cause, reference: str, *, title: str = ""
    ) -> str | None:
        """Return the address that redirects to the client with an error.

        Returns None when the client is no longer registered. `title` summarizes the failure; when
        empty, it is the title of the cause.
        """
        if self._client_of(client_request) is None:
            return None
        title = (title or wording(cause).title).replace("`", "")
        error = OAuth2Error(
            error=authorization_error(cause),
            description=error_description(f"HubSpot was not connected: {title} ({cause})."),
            redirect_uri=client_request.redirect_uri,
            state=client_request.state,
        )
        message = ServerRequest("GET", f"{self.issuer}/oauth/authorize", {})
        return self.error_response(message, error, reference).location

    def token(self, message: ServerRequest) -> ServerResponse:
        """Return the response of the token endpoint (RFC 6749 section 3.2)."""
        if error := _form_error(message, "grant_type"):
            return self._error(message, error)
        return cast("ServerResponse", self.create_token_response(message))

    def revocation(self, message: ServerRequest) -> ServerResponse:
        """Return the response of the revocation endpoint (RFC 7009)."""
        if error := _form_error(message, "token"):
            return self._error(message, error)
        return cast("ServerResponse", self.create_endpoint_response("revocation", message))

    def metadata(self) -> dict[str, object]:
        """Return the server metadata that clients can discover (RFC 8414, RFC 9207)."""
        methods = list(AUTHENTICATION_METHODS)
        names = (self.parts.profiles[each.profile].catalogue for each in self._clients.values())
        scopes = dict.fromkeys(scope.name for catalogue in names for scope in catalogue.scopes)
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/oauth/authorize",
            "token_endpoint": f"{self.issuer}/oauth/token",
            "revocation_endpoint": f"{self.issuer}/oauth/revoke",
            "scopes_supported": list(scopes),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(_GRANT_TYPES),
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    # Called by Authlib.

    def query_client(self, client_id: str) -> RegisteredClient | None:
        """Return the client with this id, None when it isn't registered."""
        client = self._clients.get(client_id)
        return RegisteredClient(client, self.parts.profiles[client.profile]) if client else None

    def authenticate_client(
        self,
        request: ServerRequest,
        methods: Sequence[str],  # noqa: ARG002 - every client may use each method
        endpoint: str = "token",  # noqa: ARG002 - at every endpoint
    ) -> RegisteredClient:
        """Return the client that sent a request. A wrong secret with a valid code is logged."""
        try:
            client = self._credentials.authenticate(request.headers, request.form)
        except InvalidClientError as error:
            raise self._with_reference(request, error) from None
        request.auth_method = "none" if client.is_public else "client_secret_basic"
        return client_or_error(self.query_client(client.id))

    def create_oauth2_request(self, request: ServerRequest) -> ServerRequest:
        """Return the request, which already has the type that Authlib needs."""
        return request

    def handle_response(
        self, status: int, body: dict[str, object] | str, headers: list[tuple[str, str]]
    ) -> ServerResponse:
        """Return a response as a value."""
        location = next((value for name, value in headers if name == "Location"), None)
        others = [(name, value) for name, value in headers if name != "Location"]
        return ServerResponse(status, body if isinstance(body, dict) else {}, others, location)

    def handle_error_response(self, request: ServerRequest, error: OAuth2Error) -> ServerResponse:  # noqa: ARG002 - Authlib's interface
        """Return an error response as a value; the RFC limits its description."""
        if error.redirect_uri:
            return ServerResponse(
                302, location=with_parameters(error.redirect_uri, error.get_body())
            )
        answer = self.handle_response(*error())
        if description := answer.body.get("error_description"):
            answer.body["error_description"] = error_description(str(description))
        if answer.status == 401:
            # The challenge repeats the body: of a 401 some libraries read only this header.
            parameters = [("realm", "oauth_helper"), *answer.body.items()]
            challenge = ", ".join(f'{name}="{value}"' for name, value in parameters)
            answer.headers = [each for each in answer.headers if each[0] != "WWW-Authenticate"]
            answer.headers.append(("WWW-Authenticate", f"Basic {challenge}"))
        return answer

    def save_token(self, token: dict[str, Any], request: ServerRequest) -> None:
        """Do nothing: only the client stores its tokens."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Do nothing: no code listens for signals."""

    def _error(self, message: ServerRequest, error: OAuth2Error) -> ServerResponse:
        return self.handle_error_response(message, error)

    def _client_of(self, client_request: ClientRequest) -> OAuthClient | None:
        """Return the client if it and its redirect URI are still registered."""
        client = self._clients.get(client_request.client_id)
        return client if client and client.has_registered(client_request.redirect_uri) else None

    def _with_reference(self, request: ServerRequest, error: OAuth2Error) -> OAuth2Error:
        """Return a failed client authentication, with a reference if it was logged.

        It is logged only with a valid code of that client; otherwise anyone could fill the log.
        """
        code = request.form.get("code")
        issued = self.parts.codes.get(code) if code else None
        client_request = issued.pending.client_request if issued else None
        if issued is None or client_request is None:
            return error
        try:
            claimed = read_credentials(request.headers, request.form).client_id
        except OAuth2Error:
            claimed = client_request.client_id
        if claimed != client_request.client_id and claimed in self._clients:
            return error
        reference = self.parts.code_redemption.client_error(
            issued, ClientError.WRONG_SECRET, client=client_request.client
        )
        return InvalidClientError(
            error_description(error.get_error_description(), reference), status_code=401
        )


class _Issuer(IssuerParameter):  # type: ignore[misc]  # Authlib has no types
    """The `iss` of every authorization response (RFC 9207)."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def add_issuer_parameter(
        self,
        authorization_server: ProxyServer,  # noqa: ARG002 - Authlib's interface
        response: ServerResponse,
    ) -> None:
        """Add the `iss` to a redirect to a client."""
        if response.location:
            response.location = with_parameters(response.location, [("iss", self._issuer)])

    def get_issuer(self) -> str:
        """Return PUBLIC_URL, the issuer that clients know."""
        return self._issuer


def _parameters(client_request: ClientRequest) -> dict[str, list[str]]:
    """Return those parameters of the authorization request that its response depends on."""
    parameters = {
        "response_type": "code",
        "client_id": client_request.client_id,
        "redirect_uri": client_request.redirect_uri if client_request.sent_redirect_uri else None,
        "state": client_request.state,
        "code_challenge": client_request.code_challenge,
        "code_challenge_method": "S256" if client_request.code_challenge else None,
    }
    return {name: [value] for name, value in parameters.items() if value}


def _form_error(message: ServerRequest, needed: str) -> OAuth2Error | None:
    """Return what is wrong with the form itself, None when it can be processed."""
    if message.repeated:
        return InvalidRequestError(_repeated(message))
    if needed not in message.form:
        return InvalidRequestError(f"The request has no {needed}.")
    if needed == "grant_type" and message.form[needed] not in _GRANT_TYPES:
        return OAuth2Error(
            error="unsupported_grant_type",
            description=f"grant_type must be one of {', '.join(_GRANT_TYPES)}.",
        )
    return None


def _repeated(message: ServerRequest) -> str:
    return error_description(
        f"The request repeats these parameters: {', '.join(message.repeated)}."
    )
