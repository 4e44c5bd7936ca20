"""Authenticate clients by the credentials in the header or in the form.

RFC 6749 section 2.3.1 requires id and secret to be form-encoded before they are joined for the
Basic scheme. Half of the libraries do that and the other half send them unencoded; both work.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from pydantic import SecretStr

from oauth_helper.common.passwords import check_password
from oauth_helper.config.oauth_clients import OAuthClient

# Characters. No registered secret is longer, and hashing long ones is expensive.
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Given:
    """The credentials of a request. `pairs` holds each way to read id and secret, at least one."""

    pairs: tuple[tuple[str, SecretStr], ...]

    @property
    def client_id(self) -> str:
        """Return the id that the client claims to have."""
        return self.pairs[0][0]


class Credentials:
    """Check the credentials of registered clients. `key` is 32 random bytes.

    A keyed hash of each valid secret is remembered, because checking the slow password hash takes
    longer than everything else in a token request.
    """

    def __init__(self, clients: Mapping[str, OAuthClient], key: bytes) -> None:
        self._clients = clients
        self._key = key
        self._verified: dict[str, bytes] = {}

    def authenticate(self, headers: Mapping[str, str], form: Mapping[str, str]) -> OAuthClient:
        """Return the client that sent a request.

        Raises Authlib's `InvalidClientError`, and `InvalidRequestError` for credentials in two
        places (RFC 6749 section 2.3). `TooManyChecksError` if too many secrets are being checked.
        """
        given = read_credentials(headers, form)
        for client_id, secret in given.pairs:
            client = self._clients.get(client_id)
            if client and self._is_valid(client, secret):
                return client
        raise InvalidClientError("The client_id or the client_secret is wrong.", status_code=401)

    def _is_valid(self, client: OAuthClient, secret: SecretStr) -> bool:
        if client.secret_hash is None:
            return not secret
        text = secret.get_secret_value()
        if not text or len(text) > _MAX_LENGTH:
            return False
        digest = hmac.digest(self._key, text.encode("utf-8", "replace"), "sha256")
        if hmac.compare_digest(self._verified.get(client.id, b""), digest):
            return True
        is_valid = check_password(client.secret_hash.get_secret_value(), text)
        if is_valid:
            self._verified[client.id] = digest
        return is_valid


def read_credentials(headers: Mapping[str, str], form: Mapping[str, str]) -> Given:
    """Return the credentials in the Authorization header or in the form.

    Raises Authlib's `InvalidClientError` and `InvalidRequestError`.
    """
    header = headers.get("Authorization", "")
    in_form = form.get("client_id", "")
    if not header:
        if not in_form:
            raise InvalidClientError("The request has no client credentials.", status_code=401)
        return Given(((in_form, SecretStr(form.get("client_secret", ""))),))
    given = Given(_basic(header))
    if form.get("client_secret"):
        raise InvalidRequestError("Client credentials are both in the header and in the body.")
    if in_form and in_form not in [client_id for client_id, _ in given.pairs]:
        raise InvalidRequestError("The client_id in the body differs from the one in the header.")
    return given


def _basic(header: str) -> tuple[tuple[str, SecretStr], ...]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError(
            "The Authorization header must use the Basic scheme.", status_code=401
        )
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidClientError(
            "The Authorization header is malformed.", status_code=401
        ) from None
    client_id, colon, secret = text.partition(":")
    if not colon or len(text) > 2 * _MAX_LENGTH:
        raise InvalidClientError("The Authorization header is malformed.", status_code=401)
    pairs = {(client_id, secret), (unquote_plus(client_id), unquote_plus(secret))}
    # Unencoded first: decoding would change a raw secret that contains a percent sign.
    ordered = sorted(pairs, key=lambda pair: pair != (client_id, secret))
    return tuple((each, SecretStr(text)) for each, text in ordered)
