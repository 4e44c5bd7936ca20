"""Who a client is: its credentials, wherever and however it sends them.

RFC 6749 section 2.3.1 wants id and secret form-encoded before they are joined for the Basic scheme.
Half of the libraries do that, the other half send them as they are; both are understood.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from werkzeug.security import check_password_hash

from oauth_helper.common.secrets import Secret
from oauth_helper.config.oauth_clients import OAuthClient

# Longer ones are no secrets that anybody has registered, and hashing them costs.
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Given:
    """The credentials of one request. `pairs` are the ways to read id and secret; never none."""

    pairs: tuple[tuple[str, Secret], ...]

    @property
    def client_id(self) -> str:
        """The id that the client claims to have."""
        return self.pairs[0][0]


class Credentials:
    """Checks the credentials of registered clients. `key` is 32 bytes by chance.

    A secret that was right is remembered by a keyed hash, because its slow one takes longer than
    everything else in a token request.
    """

    def __init__(self, clients: Mapping[str, OAuthClient], key: bytes) -> None:
        self._clients = clients
        self._key = key
        self._right: dict[str, bytes] = {}

    def authenticate(self, headers: Mapping[str, str], form: Mapping[str, str]) -> OAuthClient:
        """The client that a request comes from.

        Raises Authlib's `InvalidClientError`, and `InvalidRequestError` for credentials in two
        places (RFC 6749 section 2.3).
        """
        given = read_credentials(headers, form)
        for client_id, secret in given.pairs:
            client = self._clients.get(client_id)
            if client and self._is_right(client, secret):
                return client
        raise InvalidClientError("The client id or the client secret is wrong.", status_code=401)

    def _is_right(self, client: OAuthClient, secret: Secret) -> bool:
        if client.secret_hash is None:
            return not secret
        text = secret.reveal()
        if not text or len(text) > _LONGEST:
            return False
        mark = hmac.digest(self._key, text.encode("utf-8", "replace"), "sha256")
        if hmac.compare_digest(self._right.get(client.id, b""), mark):
            return True
        is_right = check_password_hash(client.secret_hash.reveal(), text)
        if is_right:
            self._right[client.id] = mark
        return is_right


def read_credentials(headers: Mapping[str, str], form: Mapping[str, str]) -> Given:
    """The credentials in the Authorization header or in the form.

    Raises Authlib's `InvalidClientError` and `InvalidRequestError`.
    """
    header = headers.get("Authorization", "")
    in_form = form.get("client_id", "")
    if not header:
        if not in_form:
            raise InvalidClientError("The request has no client credentials.", status_code=401)
        return Given(((in_form, Secret(form.get("client_secret", ""))),))
    given = Given(_basic(header))
    if form.get("client_secret"):
        raise InvalidRequestError("Client credentials stand in the header and in the body.")
    if in_form and in_form not in [client_id for client_id, _ in given.pairs]:
        raise InvalidRequestError("The client_id in the body is another one than in the header.")
    return given


def _basic(header: str) -> tuple[tuple[str, Secret], ...]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError(
            "The Authorization header is not of scheme Basic.", status_code=401
        )
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidClientError(
            "The Authorization header is not readable.", status_code=401
        ) from None
    client_id, colon, secret = text.partition(":")
    if not colon or len(text) > 2 * _LONGEST:
        raise InvalidClientError("The Authorization header is not readable.", status_code=401)
    pairs = {(client_id, secret), (unquote_plus(client_id), unquote_plus(secret))}
    # Raw first: a secret that holds a percent sign would read as another one.
    ordered = sorted(pairs, key=lambda pair: pair != (client_id, secret))
    return tuple((each, Secret(text)) for each, text in ordered)
