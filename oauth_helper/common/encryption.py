"""Encrypt and authenticate what leaves the program or is written down.

AES-256-GCM (NIST SP 800-38D) of the library `cryptography`, with a key for each purpose, derived
from the values of SECRET_KEY by HKDF (RFC 5869). The newest value encrypts, every value decrypts,
which is how a key is rotated. Nonces are random: one key is good for 2**32 values, which are three
years of forty a second.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from oauth_helper.common.secrets import Secret

_NONCE_BYTES = 12
_TAG_BYTES = 16


class DecryptionError(ValueError):
    """Encrypted with an unknown key, altered, cut, or never encrypted at all."""


class Encryptor:
    """Encrypts for one purpose; what was encrypted for another doesn't decrypt."""

    def __init__(self, secret_keys: Sequence[Secret], *, purpose: str) -> None:
        if not secret_keys:
            raise ValueError("encryption needs a key")
        keys = (base64.urlsafe_b64decode(derive_key(key, purpose)) for key in secret_keys)
        self._ciphers = [AESGCM(key) for key in keys]

    def encrypt(self, plain: bytes) -> bytes:
        """Return `plain` as URL-safe text that only this program can read."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._ciphers[0].encrypt(nonce, plain, None))

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return what `encrypt` was given. Raises `DecryptionError`.

        There is one spelling for it: base64 otherwise reads whatever follows its end.
        """
        try:
            raw = base64.urlsafe_b64decode(encrypted)
        except binascii.Error as error:
            raise DecryptionError("cannot be opened") from error
        if base64.urlsafe_b64encode(raw) != encrypted or len(raw) < _NONCE_BYTES + _TAG_BYTES:
            raise DecryptionError("cannot be opened")
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
            except InvalidTag:
                continue
        raise DecryptionError("cannot be opened")


def derive_key(secret_key: Secret, purpose: str) -> bytes:
    """Return 32 bytes in URL-safe base64 for one purpose (RFC 5869)."""
    kdf = HKDF(SHA256(), length=32, salt=None, info=f"oauth_helper {purpose}".encode())
    return base64.urlsafe_b64encode(kdf.derive(secret_key.reveal().encode()))
