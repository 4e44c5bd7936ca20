"""Validate authorization requests: the client, its redirect URI, its scopes and PKCE.

Authlib's grant does the checks of RFC 6749 and RFC 7636. Some of its error texts repeat what the
client sent and fail on non-ASCII text, so this module replaces those checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from authlib.oauth2.rfc6749 import (
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from oauth_helper.config.oauth_clients import OAuthClient
from oauth_helper.config.profiles import Profile
from oauth_helper.config.redirect_uri import with_parameters
from oauth_helper.models import ClientRequest, IssuedCode
from oauth_helper.oauth.server.messages import ServerRequest, error_description
from oauth_helper.scopes import OAUTH

if TYPE_CHECKING:
    from authlib.oauth2.rfc6749.grants import BaseGrant

# Characters of scope, state and redirect URI together, percent-encoded. They must fit into one
# cookie.
_MAX_CHARACTERS = 3000

# Some libraries separate scopes by commas, and some encode the plus sign of a query twice.
_SCOPE_SEPARATORS = re.compile(r"[\s,+]+")

# A SHA-256 digest in URL-safe base64 (RFC 7636 section 4.2). No verifier matches anything else.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

# Unknown scopes that the error names.
_MAX_NAMED = 10


def standard_parameters(parameters: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the query of an authorization request in the form of RFC 6749.

    Clients made for HubSpot also send its `optional_scope` (Airbyte, Pipedream, Composio), and
    HubSpot's own SDKs send no `response_type` (2026-11).
    """
    standard = dict(parameters)
    if not any(standard.get("response_type", [])):
        standard["response_type"] = ["code"]
    optional = standard.get("optional_scope", [])
    if len(optional) == 1 and len(standard.get("scope", [])) < 2:
        scope = standard.get("scope", [])
        standard["scope"] = [" ".join(filter(None, (*scope, *optional)))]
    return standard


class UnknownScopesRequestedError(InvalidScopeError):  # type: ignore[misc]  # Authlib has no types
    """A client requested scopes that its profile's catalogue doesn't have: `names`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
        shown = ", ".join(name[:100] for name in names[:_MAX_NAMED])
        super().__init__(error_description(f"Unknown scopes: {shown}{more}."))


class RegisteredClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A registered client behind Authlib's interface, with the profile that it connects to."""

    def __init__(self, client: OAuthClient, profile: Profile) -> None:
        self.client = client
        self.profile = profile

    def get_client_id(self) -> str:
        """Return the client's id."""
        return self.client.id

    def get_default_redirect_uri(self) -> str | None:
        """Return the redirect URI of a request that names none; None unless exactly one exists."""
        return self.client.redirect_uris[0] if len(self.client.redirect_uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Return whether `redirect_uri` is registered for the client."""
        return self.client.has_registered(redirect_uri)

    def check_response_type(self, response_type: str) -> bool:
        """Return whether the response type is allowed: only `code` is."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:  # noqa: ARG002 - Authlib's interface
        """Return True: every client may use every grant."""
        return True

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return the known scopes in `scope`. Raises `UnknownScopesRequestedError`."""
        known, unknown = self.split(scope or "")
        if unknown and self.client.unknown_scopes == "refuse":
            raise UnknownScopesRequestedError(unknown)
        return " ".join(known)

    def wanted(self, scope: str) -> tuple[str, ...] | None:
        """Return the known scopes that a request names; None when it names none at all."""
        return self.split(scope)[0] if scope.strip() else None

    def split(self, scope: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names in a `scope` parameter: those in the catalogue, then the others."""
        names = tuple(dict.fromkeys(filter(None, _SCOPE_SEPARATORS.split(scope))))
        known = tuple(name for name in names if name == OAUTH or name in self.profile.catalogue)
        return known, tuple(name for name in names if name not in known)


class AuthorizationEndpointGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """The code grant (RFC 6749 section 4.1) at the authorization endpoint."""

    @staticmethod
    def validate_authorization_redirect_uri(
        request: ServerRequest, client: RegisteredClient
    ) -> str:
        """Return the redirect URI. Raises an error that must not redirect the browser."""
        redirect_uri = request.payload.redirect_uri or client.get_default_redirect_uri()
        if not redirect_uri:
            raise InvalidRequestError("The request has no redirect_uri.")
        if request.payload.redirect_uri and not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client.")
        return str(redirect_uri)

    def create_authorization_response(
        self, redirect_uri: str, grant_user: IssuedCode
    ) -> tuple[int, str, list[tuple[str, str]]]:
        """Return the redirect with a code. Authlib's would re-encode the redirect URI's query."""
        self.request.user = grant_user
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        state = self.request.payload.state
        parameters = [("code", code), *([("state", state)] if state else [])]
        return 302, "", [("Location", with_parameters(redirect_uri, parameters))]

    def validate_requested_scope(self) -> None:
        """Check the length of the request. `RegisteredClient` checks the scopes themselves."""
        payload = self.request.payload
        parts = (payload.scope, payload.state, payload.redirect_uri)
        if sum(len(quote(part or "", safe="")) for part in parts) > _MAX_CHARACTERS:
            raise InvalidRequestError(
                f"scope, state and redirect_uri together exceed {_MAX_CHARACTERS} percent-encoded "
                "characters."
            )


class S256(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """PKCE (RFC 7636) with S256, the only method that doesn't reveal the verifier (RFC 9700)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: BaseGrant, redirect_uri: str) -> None:
        """Check that the challenge uses S256, and that a client that needs one sent it."""
        data = grant.request.payload.data
        if data.get("code_challenge"):
            if data.get("code_challenge_method") != "S256":
                raise InvalidRequestError("code_challenge_method must be S256.")
            if not _S256_CHALLENGE.fullmatch(data["code_challenge"]):
                raise InvalidRequestError("code_challenge is not a valid S256 challenge.")
        elif grant.request.client.client.needs_pkce:
            raise InvalidRequestError("This client must send a code_challenge of method S256.")
        super().validate_code_challenge(grant, redirect_uri)


def read_request(grant: AuthorizationEndpointGrant) -> ClientRequest:
    """Return the request that Authlib validated, as this program stores it."""
    client: RegisteredClient = grant.request.client
    payload = grant.request.payload
    return ClientRequest(
        client_id=client.client.id,
        client=client.client.name,
        redirect_uri=grant.redirect_uri,
        sent_redirect_uri=bool(payload.redirect_uri),
        scope=payload.scope or "",
        dropped=client.split(payload.scope or "")[1],
        state=payload.state,
        code_challenge=payload.data.get("code_challenge"),
    )


def client_or_error(client: RegisteredClient | None) -> RegisteredClient:
    """Return the client. Raises Authlib's `InvalidClientError` when it is None."""
    if client is None:
        raise InvalidClientError("No client is registered with this client_id.")
    return client
