"""The authorization endpoint's part: who asks, where the answer goes, and which scopes are known.

Authlib's grant does the checks of RFC 6749 and RFC 7636. It writes what clients sent into its error
texts and gives up where that is no ASCII, so those that do are replaced here.
"""

from __future__ import annotations

import re
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

# Characters of scope, state and redirect URI together, percent-encoded: all has to fit into one
# cookie.
_MOST_CHARACTERS = 3000

# Some libraries join by commas, and some encode the plus sign of a query once more.
_BETWEEN_SCOPES = re.compile(r"[\s,+]+")

# What SHA-256 makes in URL-safe base64 (RFC 7636 section 4.2): nothing else is ever matched.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

_NAMED = 10


class UnknownScopesRequestedError(InvalidScopeError):  # type: ignore[misc]  # Authlib has no types
    """A client asked for what its profile's catalogue does not have: `names`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        shown = ", ".join(name[:100] for name in names[:_NAMED])
        super().__init__(error_description(f"These scopes are not known here: {shown}{more}."))


class RegisteredClient(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A client as Authlib asks about it, with the profile that it connects to."""

    def __init__(self, client: OAuthClient, profile: Profile) -> None:
        self.client = client
        self.profile = profile

    def get_client_id(self) -> str:
        """Its id."""
        return self.client.id

    def get_default_redirect_uri(self) -> str | None:
        """Where the answer goes when the request does not say: only one place will do."""
        return self.client.redirect_uris[0] if len(self.client.redirect_uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether it is registered."""
        return self.client.has_registered(redirect_uri)

    def check_response_type(self, response_type: str) -> bool:
        """Codes only."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:  # noqa: ARG002 - Authlib's interface
        """Every grant there is here."""
        return True

    def get_allowed_scope(self, scope: str | None) -> str:
        """The known ones of what is asked for. Raises `UnknownScopesRequestedError`."""
        known, unknown = self.split(scope or "")
        if unknown and self.client.unknown_scopes == "refuse":
            raise UnknownScopesRequestedError(unknown)
        return " ".join(known)

    def wanted(self, scope: str) -> tuple[str, ...] | None:
        """What a request asks for, as far as it is known; None when it leaves that to us."""
        return self.split(scope)[0] if scope.strip() else None

    def split(self, scope: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names in a `scope` parameter: those that the catalogue has, and the others."""
        names = tuple(dict.fromkeys(filter(None, _BETWEEN_SCOPES.split(scope))))
        known = tuple(name for name in names if name == OAUTH or name in self.profile.catalogue)
        return known, tuple(name for name in names if name not in known)


class AuthorizationEndpointGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    """The code grant (RFC 6749 section 4.1) at the authorization endpoint."""

    @staticmethod
    def validate_authorization_redirect_uri(
        request: ServerRequest, client: RegisteredClient
    ) -> str:
        """Where the answer goes. Raises an error that leads nowhere."""
        redirect_uri = request.payload.redirect_uri or client.get_default_redirect_uri()
        if not redirect_uri:
            raise InvalidRequestError("The request names no redirect_uri.")
        if request.payload.redirect_uri and not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client.")
        return str(redirect_uri)

    def create_authorization_response(
        self, redirect_uri: str, grant_user: IssuedCode
    ) -> tuple[int, str, list[tuple[str, str]]]:
        """The answer with a code. Authlib would write the query of the redirect URI anew."""
        self.request.user = grant_user
        code = self.generate_authorization_code()
        self.save_authorization_code(code, self.request)
        state = self.request.payload.state
        parameters = [("code", code), *([("state", state)] if state else [])]
        return 302, "", [("Location", with_parameters(redirect_uri, parameters))]

    def validate_requested_scope(self) -> None:
        """That the request is not too long; the scopes themselves are looked at with the client."""
        payload = self.request.payload
        parts = (payload.scope, payload.state, payload.redirect_uri)
        if sum(len(quote(part or "", safe="")) for part in parts) > _MOST_CHARACTERS:
            raise InvalidRequestError(
                f"scope, state and redirect_uri have more than {_MOST_CHARACTERS} characters, as "
                "they stand in an address."
            )


class S256(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """PKCE (RFC 7636) with the one method that does not give its secret away (RFC 9700)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: BaseGrant, redirect_uri: str) -> None:
        """That there is a challenge where the client needs one, and that it is of this method."""
        data = grant.request.payload.data
        if data.get("code_challenge"):
            if data.get("code_challenge_method") != "S256":
                raise InvalidRequestError("code_challenge_method has to be S256.")
            if not _S256_CHALLENGE.fullmatch(data["code_challenge"]):
                raise InvalidRequestError("code_challenge is none of method S256.")
        elif grant.request.client.client.needs_pkce:
            raise InvalidRequestError("The request needs a code_challenge of method S256.")
        super().validate_code_challenge(grant, redirect_uri)


def read_request(grant: AuthorizationEndpointGrant) -> ClientRequest:
    """What is kept of a request that Authlib has found to be in order."""
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
    """The client. Raises Authlib's error for one that nobody has registered."""
    if client is None:
        raise InvalidClientError("There is no client with this client_id here.")
    return client
