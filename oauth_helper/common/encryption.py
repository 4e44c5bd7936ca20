"""Sealing: encrypting and signing what leaves the program or is written down.

Fernet (AES-128-CBC and HMAC-SHA256) of the library `cryptography`, with a key of its own for each
purpose, derived from the values of SECRET_KEY by HKDF (RFC 5869). The newest value seals, every
value opens, which is how a key is rotated.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from oauth_helper.common.secrets import Secret


class DecryptionError(ValueError):
    """Sealed with a key that is not known, altered, cut, or never sealed at all."""


class Encryptor:
    """Seals for one purpose; what was sealed for another does not open."""

    def __init__(self, secret_keys: Sequence[Secret], *, purpose: str) -> None:
        if not secret_keys:
            raise ValueError("sealing needs a key")
        self._fernet = MultiFernet([Fernet(derive_key(key, purpose)) for key in secret_keys])

    def encrypt(self, plain: bytes) -> bytes:
        """`plain` as URL-safe text that only this program can read."""
        return self._fernet.encrypt(plain)

    def decrypt(self, encrypted: bytes) -> bytes:
        """What `encrypt` was given. Raises `DecryptionError`.

        There is one spelling for it: base64 is else read with whatever follows its end.
        """
        try:
            if base64.urlsafe_b64encode(base64.urlsafe_b64decode(encrypted)) != encrypted:
                raise DecryptionError("cannot be opened")
            return self._fernet.decrypt(encrypted)
        except (InvalidToken, binascii.Error) as error:
            raise DecryptionError("cannot be opened") from error


def derive_key(secret_key: Secret, purpose: str) -> bytes:
    """32 bytes in URL-safe base64 for one purpose (RFC 5869)."""
    kdf = HKDF(SHA256(), length=32, salt=None, info=f"oauth_helper {purpose}".encode())
    return base64.urlsafe_b64encode(kdf.derive(secret_key.reveal().encode()))
