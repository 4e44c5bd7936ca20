"""Adapter: an OpenID provider over HTTP, at which the support staff sign in.

Nothing is asked before somebody signs in, so a provider that is down keeps nobody else out. What
it says of itself is kept for an hour; its keys are asked for anew when one is not known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from joserfc.jwk import KeySet

from oauth_helper.common.http import HttpClient, HttpResponse, RequestError, Timeouts
from oauth_helper.config.staff_access import OpenIdSettings
from oauth_helper.web.support.oidc_id_token import UnknownKeyError, read_id_token, read_keys
from oauth_helper.web.support.oidc_metadata import (
    NotAcceptedError,
    ProviderDownError,
    ProviderMetadata,
    metadata_address,
    read_json,
    read_metadata,
)

# Seconds.
_KEPT_FOR = 3600.0

_EMAIL, _VERIFIED = "email", "email_verified"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider said of itself, and when by the monotonic clock."""

    metadata: ProviderMetadata
    keys: KeySet
    at: float


@dataclass(frozen=True, slots=True)
class _Tokens:
    id_token: object
    access_token: str


class OidcProvider:
    """The provider. Methods raise `ProviderDownError` when it does not answer as one does."""

    def __init__(
        self, settings: OpenIdSettings, redirect_uri: str, timeouts: Timeouts | None = None
    ) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._outgoing = HttpClient(timeouts or Timeouts(connect=3, read=5, total=8))
        self._kept: _Known | None = None
        # An address that nobody has verified lets nobody in.
        verified = {_VERIFIED} if _EMAIL in settings.claims else set()
        self._wanted = settings.claims | verified

    def authorization_url(self, *, state: str, nonce: str, code_verifier: str) -> str:
        """Where to send the browser: code flow with PKCE (RFC 7636)."""
        metadata = self._known().metadata
        client = OAuth2Client(
            session=None,
            client_id=self._settings.client_id,
            redirect_uri=self._redirect_uri,
            scope=metadata.scope_for(self._settings.claims),
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            metadata.authorization_endpoint, state=state, nonce=nonce, code_verifier=code_verifier
        )
        return str(url)

    def is_issuer(self, iss: list[str]) -> bool:
        """Whether a response with these `iss` parameters is this provider's (RFC 9207)."""
        if not iss:
            return not self._known().metadata.names_itself
        return iss == [self._settings.issuer]

    def claims(self, code: str, *, nonce: str, code_verifier: str, now: float) -> dict[str, Any]:
        """What the provider says of the person whose code it is. Raises `NotAcceptedError`."""
        known = self._known()
        tokens = self._exchange(known.metadata, code, code_verifier)
        try:
            claims = self._read(tokens, known.keys, nonce, now)
        except UnknownKeyError:
            self._kept = None  # it may have a new key; once, since the next answer is final
            claims = self._read(tokens, self._known().keys, nonce, now)
        if self._wanted <= claims.keys() or not known.metadata.userinfo_endpoint:
            return claims
        return _merged(claims, self._userinfo(known.metadata.userinfo_endpoint, tokens))

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._outgoing.close()

    def _read(self, tokens: _Tokens, keys: KeySet, nonce: str, now: float) -> dict[str, Any]:
        return read_id_token(
            tokens.id_token,
            keys=keys,
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            access_token=tokens.access_token,
            now=now,
        )

    def _known(self) -> _Known:
        kept = self._kept
        if kept is None or time.monotonic() - kept.at > _KEPT_FOR:
            found = self._get(metadata_address(self._settings.issuer), "the metadata")
            metadata = read_metadata(found.body, self._settings.issuer)
            keys = read_json(self._get(metadata.jwks_uri, "the key set").body, "the key set")
            kept = self._kept = _Known(metadata, read_keys(keys), time.monotonic())
        return kept

    def _exchange(self, metadata: ProviderMetadata, code: str, code_verifier: str) -> _Tokens:
        """The tokens for a code (RFC 6749 section 4.1.3)."""
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=self._redirect_uri,
            code=code,
            code_verifier=code_verifier,
        )
        url, headers, body = self._client(metadata).prepare(
            "POST",
            metadata.token_endpoint,
            {"Content-Type": "application/x-www-form-urlencoded"},
            body,
        )
        answer = self._ask("POST", url, "the token endpoint", headers, body)
        if answer.status >= 500 or answer.status == 429:
            raise ProviderDownError(f"the token endpoint answers {answer.status}")
        document = read_json(answer.body, "the token endpoint's answer")
        access_token = document.get("access_token")
        if answer.status != 200 or not isinstance(access_token, str) or not access_token.isascii():
            error = str(document.get("error", ""))[:60]
            raise NotAcceptedError(f"the token endpoint answers {answer.status} {error!r}")
        return _Tokens(document.get("id_token"), access_token)

    def _client(self, metadata: ProviderMetadata) -> ClientAuth:
        client_id, secret = self._settings.client_id, self._settings.client_secret.reveal()
        if metadata.takes_basic:
            # RFC 6749 section 2.3.1: percent-encoded before they are put together.
            encoded = (quote(each, safe="") for each in (client_id, secret))
            return ClientAuth(*encoded, "client_secret_basic")
        return ClientAuth(client_id, secret, "client_secret_post")

    def _userinfo(self, endpoint: str, tokens: _Tokens) -> dict[str, Any]:
        authorization = {"Authorization": f"Bearer {tokens.access_token}"}
        answer = self._get(endpoint, "the UserInfo endpoint", authorization)
        return read_json(answer.body, "the UserInfo endpoint's answer")

    def _get(self, url: str, what: str, headers: dict[str, str] | None = None) -> HttpResponse:
        answer = self._ask("GET", url, what, headers or {})
        if answer.status != 200:
            raise ProviderDownError(f"{what} answers {answer.status}")
        return answer

    def _ask(
        self, method: str, url: str, what: str, headers: dict[str, str], body: str | None = None
    ) -> HttpResponse:
        try:
            return self._outgoing.request(method, url, headers=headers, body=body)
        except (RequestError, ValueError) as error:
            raise ProviderDownError(f"{what}: {type(error).__name__}") from error


def _merged(claims: dict[str, Any], userinfo: dict[str, Any]) -> dict[str, Any]:
    """All that is known of a person; what is signed wins."""
    if userinfo.get("sub") != claims["sub"]:  # OpenID Connect Core section 5.3.2
        raise NotAcceptedError("the UserInfo endpoint tells of somebody else")
    others = {name: value for name, value in userinfo.items() if name not in claims}
    if claims.get(_EMAIL, userinfo.get(_EMAIL)) != userinfo.get(_EMAIL):
        others.pop(_VERIFIED, None)  # it is about another address than the one that is signed
    return {**others, **claims}
