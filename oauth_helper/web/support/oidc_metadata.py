"""What an OpenID provider says about itself (OpenID Connect Discovery 1.0 section 3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from oauth_helper.common.urls import is_loopback, parse_web_url


class ProviderDownError(Exception):
    """The provider does not answer, or not as a provider does; the message says how."""


class NotAcceptedError(ValueError):
    """What the provider says about a person cannot be accepted; the message says why."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """Where the provider does what, and what it can. `userinfo_endpoint` may be empty."""

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str
    scopes: frozenset[str] | None
    takes_basic: bool
    names_itself: bool

    def scope_for(self, claims: frozenset[str]) -> str:
        """The scope to ask for, to learn of `claims`."""
        if self.scopes is None:
            return "openid email profile"
        wanted = dict.fromkeys(("email", "profile", *sorted(claims)))
        return " ".join(("openid", *(each for each in wanted if each in self.scopes)))


def metadata_address(issuer: str) -> str:
    """Where a provider keeps its metadata."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_json(body: bytes, what: str) -> dict[str, Any]:
    """The object in an answer. Raises `ProviderDownError`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProviderDownError(f"{what} is no JSON object")
    return document


def read_metadata(body: bytes, issuer: str) -> ProviderMetadata:
    """The metadata in an answer. Raises `ProviderDownError` if it is not this issuer's."""
    document = read_json(body, "the metadata")
    if document.get("issuer") != issuer:
        # Discovery section 4.3: to the letter, a slash at the end included.
        raise ProviderDownError(f"the metadata is of another issuer than OIDC_ISSUER, {issuer}")
    methods = _texts(document, "token_endpoint_auth_methods_supported")
    return ProviderMetadata(
        authorization_endpoint=_endpoint(document, "authorization_endpoint"),
        token_endpoint=_endpoint(document, "token_endpoint"),
        userinfo_endpoint=(
            _endpoint(document, "userinfo_endpoint") if "userinfo_endpoint" in document else ""
        ),
        jwks_uri=_endpoint(document, "jwks_uri"),
        scopes=_texts(document, "scopes_supported"),
        takes_basic=(
            methods is None
            or "client_secret_basic" in methods
            or "client_secret_post" not in methods
        ),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(document: dict[str, Any], name: str) -> str:
    address = document.get(name)
    parts = parse_web_url(str(address))
    if parts is None or parts.fragment:
        raise ProviderDownError(f"the metadata has no usable {name}")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ProviderDownError(f"the metadata has a {name} that is not https")
    return str(address)


def _texts(document: dict[str, Any], name: str) -> frozenset[str] | None:
    found = document.get(name)
    if not isinstance(found, list):
        return None
    return frozenset(each for each in found if isinstance(each, str))
