"""The OpenID provider at which the support staff sign in: Authlib's Flask client with bounds.

Authlib does the protocol. Added here is what it leaves open: only the configured issuer counts,
endpoints use https, signatures are asymmetric, bodies are small, and nothing is redirected.
Nothing is requested before a sign-in, so a provider that is down doesn't affect passwords.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from authlib.common.security import generate_token
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App, OAuthError
from authlib.oauth2.auth import ClientAuth
from flask import abort, current_app
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from requests import RequestException, Response
from urllib3.exceptions import HTTPError

from oauth_helper.common.http import POOLS, time_limit
from oauth_helper.common.problems import in_words
from oauth_helper.common.urls import is_loopback, parse_web_url
from oauth_helper.config.staff_access import OpenIdSettings

# Signatures that only the holder of a private key can make: with HS256 others know the key too,
# and `none` is no signature.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")

# Seconds: to connect and to wait for the next bytes; for all requests of one step of a sign-in;
# until metadata and keys are fetched again; and by which the provider's clock may be off.
_TIMEOUT, _TOTAL_TIMEOUT, _MAX_AGE, _LEEWAY = (3, 5), 12.0, 3600, 60

# Bytes of a response.
_MAX_BODY = 256 * 1024

_EMAIL, _VERIFIED = "email", "email_verified"


class ProviderUnavailableError(Exception):
    """The provider doesn't answer, or not as an OpenID provider does; the text says how."""


class SignInRejectedError(Exception):
    """What the provider says about this sign-in can't be accepted; the text says why."""


class OidcProvider(FlaskOAuth2App):  # type: ignore[misc]
    """The provider. `start` and `complete` end the request in 503 or 403 when it fails or refuses.

    Methods that override Authlib's raise `ProviderUnavailableError` or an error of `requests`.
    """

    def __init__(self, settings: OpenIdSettings, redirect_uri: str) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        # An address that isn't verified matches no rule.
        verified = {_VERIFIED} if _EMAIL in settings.claims else set()
        self._needed_claims = settings.claims | verified
        self.server_metadata: dict[str, Any]
        super().__init__(
            FlaskIntegration("oidc"),
            client_id=settings.client_id,
            client_secret=settings.client_secret.get_secret_value(),
            client_kwargs={
                "code_challenge_method": "S256",
                "default_timeout": _TIMEOUT,
                "hooks": {"response": _read_bounded},
                "max_redirects": 0,
                "trust_env": False,  # no passwords from ~/.netrc
            },
            client_auth_methods=[("client_secret_basic", _encode_basic)],
            user_agent="oauth_helper",
        )

    def start(self) -> dict[str, str]:
        """Return a new sign-in: the `url` to open, and its `state`, `nonce`, `code_verifier`."""
        with _failures_as_pages():
            self.fetch_jwk_set()  # without usable keys there is no point in sending anyone there
            sign_in: dict[str, str] = self.create_authorization_url(
                self._redirect_uri, state=generate_token(43), nonce=generate_token(43)
            )
            return sign_in

    def complete(
        self, response: dict[str, list[str]], *, nonce: str, code_verifier: str
    ) -> dict[str, Any]:
        """Return the claims about the user, from the parameters of the provider's response."""
        with _failures_as_pages():
            metadata, issuer = self.load_server_metadata(), self._settings.issuer
            named = response.get("iss", [])  # RFC 9207
            if named != [issuer] and (named or metadata["names_itself"]):
                raise SignInRejectedError("the response is of another issuer")
            if "error" in response:
                raise SignInRejectedError(f"the response says {_shown(response['error'][0])}")
            try:
                return self._claims(response.get("code", [""])[0][:4000], nonce, code_verifier)
            except OAuthError as error:
                raise SignInRejectedError(f"the provider says {_shown(error.error)}") from error
            except (JoseError, ValueError, TypeError, AttributeError, KeyError) as error:
                # All but the first: a value of another type than the standard's.
                reason = getattr(error, "description", None) or "a value of a wrong type"
                raise SignInRejectedError(f"{reason} in the ID token") from error

    def _claims(self, code: str, nonce: str, code_verifier: str) -> dict[str, Any]:
        token = self.fetch_access_token(self._redirect_uri, code=code, code_verifier=code_verifier)
        expected = {
            "iss": {"essential": True, "value": self._settings.issuer},
            "sub": {"essential": True},
            "aud": {"essential": True, "value": self.client_id},
        }
        claims = self.parse_id_token(token, nonce, expected, leeway=_LEEWAY)
        if claims is None:
            raise SignInRejectedError("there is no ID token")
        if self._needed_claims <= claims.keys():
            return dict(claims)
        if "userinfo_endpoint" not in self.load_server_metadata():
            return dict(claims)
        return _merge(claims, self.userinfo(token=token))

    def load_server_metadata(self) -> dict[str, Any]:
        """Return the provider's metadata, checked and at most an hour old."""
        if time.monotonic() - self.server_metadata.get("fetched_at", -_MAX_AGE) >= _MAX_AGE:
            issuer = self._settings.issuer.rstrip("/")
            document = self._get_json(f"{issuer}/.well-known/openid-configuration")
            # Only what is known: Authlib hands all of it to its HTTP session as options.
            self.server_metadata = _checked(document, self._settings)
        return self.server_metadata

    def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - Authlib's
        """Return the provider's usable public keys (RFC 7517); `force` fetches them again."""
        metadata = self.load_server_metadata()
        if force or "jwks" not in metadata:
            found = self._get_json(metadata["jwks_uri"]).get("keys")
            keys = (
                [key for key in found[:100] if _can_verify(key)] if isinstance(found, list) else []
            )
            if not keys:
                raise ProviderUnavailableError("the key set has no usable key")
            metadata["jwks"] = {"keys": keys}
        return dict(metadata["jwks"])

    def _get_session(self) -> Any:  # noqa: ANN401 - Authlib's
        session = super()._get_session()
        for scheme in ("https://", "http://"):
            session.get_adapter(scheme).poolmanager.pool_classes_by_scheme = POOLS
        return session

    def _get_json(self, url: str) -> dict[str, Any]:
        with self._get_session() as session:
            response = session.get(url, withhold_token=True)
        response.raise_for_status()
        document = response.json()
        if not isinstance(document, dict):
            raise ProviderUnavailableError(f"{url} is not a JSON object")
        return document


def _read_bounded(response: Response, **_options: object) -> None:
    """Read the body with bounds on size and time; an overloaded provider gets no further."""
    if response.status_code >= 500 or response.status_code == 429:
        raise ProviderUnavailableError(f"{response.url} answers {response.status_code}")
    body = b""
    while chunk := response.raw.read1(65_536, decode_content=True):
        body += chunk
        if len(body) > _MAX_BODY:
            raise ProviderUnavailableError(f"{response.url} answers far too much")
    response.raw = io.BytesIO(body)


@contextmanager
def _failures_as_pages() -> Iterator[None]:
    """End the request with an error page when the provider fails or rejects the sign-in."""
    try:
        with time_limit(_TOTAL_TIMEOUT) as limit:
            yield
            if limit.is_over:
                raise ProviderUnavailableError("answers too slowly")  # noqa: TRY301 - one page for all
    except (ProviderUnavailableError, RequestException, HTTPError, RecursionError) as error:
        # The last one: JSON that is nested too deeply.
        reason = str(error) if isinstance(error, ProviderUnavailableError) else in_words(error)
        current_app.logger.warning("OpenID provider unavailable: %s", reason)
        abort(503, "The sign-in service does not answer. Try again in a moment.")
    except SignInRejectedError as error:
        current_app.logger.warning("OpenID sign-in rejected: %s", error)
        abort(403, "The sign-in service did not sign you in. Please try again.")


def _shown(code: object) -> str:
    """Return an error code for the log; a response can contain any text instead."""
    return (
        code if isinstance(code, str) and re.fullmatch("[a-z_]{1,40}", code) else "an unknown error"
    )


def _checked(document: dict[str, Any], settings: OpenIdSettings) -> dict[str, Any]:
    """Return the parts of the metadata that are used (OpenID Connect Discovery 1.0 section 3)."""
    if document.get("issuer") != settings.issuer:  # section 4.3: exactly, with a slash at the end
        raise ProviderUnavailableError("the metadata's issuer is not OIDC_ISSUER")
    names = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
    names += ["userinfo_endpoint"] if "userinfo_endpoint" in document else []
    scopes = document.get("scopes_supported")
    needed = dict.fromkeys((_EMAIL, "profile", *sorted(settings.claims)))
    methods = document.get("token_endpoint_auth_methods_supported")
    accepted = methods if isinstance(methods, list) else ["client_secret_basic"]
    posts = "client_secret_post" in accepted and "client_secret_basic" not in accepted
    return {
        **{name: _endpoint(document, name) for name in names},
        "scope": (
            " ".join(("openid", *(each for each in needed if each in scopes)))
            if isinstance(scopes, list)
            else "openid email profile"
        ),
        "token_endpoint_auth_method": "client_secret_post" if posts else "client_secret_basic",
        "id_token_signing_alg_values_supported": _ALGORITHMS,
        "names_itself": document.get("authorization_response_iss_parameter_supported") is True,
        "fetched_at": time.monotonic(),
    }


def _endpoint(document: dict[str, Any], name: str) -> str:
    address = str(document.get(name))
    parts = parse_web_url(address)
    is_secure = parts and (parts.scheme == "https" or is_loopback(parts.hostname or ""))
    if parts is None or parts.fragment or not is_secure:
        raise ProviderUnavailableError(f"the metadata has no usable {name}")
    return address


def _can_verify(document: object) -> bool:
    """Return whether this is a public key for signatures. An unusable one is skipped."""
    if not isinstance(document, dict) or document.get("kty") not in ("RSA", "EC"):
        return False
    try:
        JWKRegistry.import_key(document).ensure_kid()
    except (JoseError, ValueError, TypeError, KeyError):
        return False
    return bool(document.get("use", "sig") == "sig")


def _encode_basic(
    client: ClientAuth, method: str, url: str, headers: dict[str, str], body: str
) -> tuple[str, dict[str, str], str]:
    """Authenticate with id and secret percent-encoded first (RFC 6749 section 2.3.1)."""
    encoded = ClientAuth(
        *(quote(each, safe="") for each in (client.client_id, client.client_secret))
    )
    prepared: tuple[str, dict[str, str], str] = encoded.prepare(method, url, headers, body)
    return prepared


def _merge(claims: dict[str, Any], userinfo: dict[str, Any]) -> dict[str, Any]:
    """Return all claims about the user; signed ones win."""
    if userinfo.get("sub") != claims["sub"]:  # OpenID Connect Core section 5.3.2
        raise SignInRejectedError("the UserInfo endpoint describes another user")
    others = {name: value for name, value in userinfo.items() if name not in claims}
    if claims.get(_EMAIL, userinfo.get(_EMAIL)) != userinfo.get(_EMAIL):
        others.pop(_VERIFIED, None)  # it is about another address than the signed one
    return {**others, **claims}
