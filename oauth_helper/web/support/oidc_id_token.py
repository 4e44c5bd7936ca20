"""The ID token (OpenID Connect Core 1.0 section 2), and who may have signed it."""

from __future__ import annotations

from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidClaimError, InvalidKeyIdError, JoseError, MissingClaimError
from joserfc.jwk import JWKRegistry, Key, KeySet

from oauth_helper.web.support.oidc_metadata import NotAcceptedError, ProviderDownError

# Signatures that only the holder of a private key can have made. With HS256 the key would be
# something that others know as well, and `none` is no signature.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")

# Seconds by which the provider's clock may differ from ours.
_LEEWAY = 60


class UnknownKeyError(NotAcceptedError):
    """It is signed with a key that is not among those known; the provider may have a new one."""


def read_keys(document: dict[str, Any]) -> KeySet:
    """The keys of a JWK Set (RFC 7517) that can sign. Raises `ProviderDownError` without one."""
    found = document.get("keys")
    keys = [_key(each) for each in found[:100]] if isinstance(found, list) else []
    usable = [key for key in keys if key is not None]
    if not usable:
        raise ProviderDownError("the key set has no key that can be used")
    return KeySet(usable)


def read_id_token(
    token: object,
    *,
    keys: KeySet,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str,
    now: float,
) -> dict[str, Any]:
    """The claims of an ID token, after all that section 3.1.3.7 wants checked.

    Raises `NotAcceptedError`, and of these `UnknownKeyError` when the key is not known.
    """
    if not isinstance(token, str):
        raise NotAcceptedError("there is no ID token")
    try:
        decoded = jwt.decode(token, keys, algorithms=list(_ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": issuer},
                "sub": {"essential": True},
                "aud": {"essential": True, "value": client_id},
            },
            params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(now=int(now), leeway=_LEEWAY)
    except InvalidKeyIdError as error:
        raise UnknownKeyError("its key is not known") from error
    except (InvalidClaimError, MissingClaimError) as error:
        raise NotAcceptedError(f"{error.description} in the ID token") from error
    except (JoseError, ValueError, TypeError, AttributeError) as error:
        # The last three: parts of a type that nobody would expect there.
        raise NotAcceptedError(f"{type(error).__name__} in the ID token") from error
    return dict(claims)


def _key(document: object) -> Key | None:
    """One key of a set; None for what is of no use here, which need not spoil the others."""
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    if document.get("kty") not in ("RSA", "EC"):
        return None
    try:
        key = JWKRegistry.import_key(document)
        key.ensure_kid()
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key
