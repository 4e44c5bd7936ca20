"""Encrypt and authenticate what leaves the program or is stored.

AES-256-GCM (NIST SP 800-38D) of the library `cryptography`, with a key for each purpose, derived
from the values of SECRET_KEY by HKDF (RFC 5869). The newest value encrypts, every value decrypts,
which is how a key is rotated. Nonces are random, so a key is good for 2**32 values: three years at
forty a second.

Dataclasses are written as JSON without the names of their fields and without what their last fields
have by default. A new field comes last and has a default, so that values of the version before can
still be read. Large ones are compressed.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NONCE_BYTES = 12
_TAG_BYTES = 16

# More bytes than this are compressed. zlib's format never begins like JSON.
_LARGE = 500
_COMPRESSED = b"x"

# The key of what stands for a known value.
_KNOWN = "="


class DecryptionError(ValueError):
    """Encrypted with an unknown key, altered, cut, or never encrypted at all."""


class Encryptor:
    """Encrypts for one purpose; what was encrypted for another doesn't decrypt.

    `known` names the values of fields that are so usual that only the name is written.
    """

    def __init__(
        self,
        secret_keys: Sequence[SecretStr],
        *,
        purpose: str,
        known: Mapping[str, object] | None = None,
    ) -> None:
        if not secret_keys:
            raise ValueError("encryption needs a key")
        keys = (base64.urlsafe_b64decode(derive_key(key, purpose)) for key in secret_keys)
        self._ciphers = [AESGCM(key) for key in keys]
        self._known = known or {}
        self._marks = {id(value): {_KNOWN: name} for name, value in self._known.items()}

    def encrypt_value(self, value: DataclassInstance) -> str:
        """Return a dataclass as URL-safe text that only this program can read."""
        read, defaults = _shape_of(type(value))
        values = [self._marks.get(id(each), each) for each in read(value)]
        while values and values[-1] == defaults[len(values) - 1]:
            values.pop()
        plain = _encoder.encode((type(value).__name__, values))
        return self.encrypt(zlib.compress(plain, 9) if len(plain) > _LARGE else plain).decode()

    def decrypt_value(self, text: str, *types: type) -> Any:  # noqa: ANN401 - one of `types`
        """Return the value that `encrypt_value` was given, one of `types`.

        Raises `DecryptionError`, also for a value of a version that isn't compatible.
        """
        plain = self.decrypt(text.encode("utf-8", "replace"))
        try:
            if plain.startswith(_COMPRESSED):
                plain = zlib.decompress(plain)
            name, values = _decoder.decode(plain)
            (as_type,) = (each for each in types if each.__name__ == name)
            names = (field.name for field in fields(as_type))
            # There are fewer values than fields: the last had their defaults, or were not there.
            named = dict(zip(names, map(self._of_mark, values), strict=False))
            with _converting if as_type not in _converted else nullcontext():
                value: object = msgspec.convert(named, as_type, dec_hook=_read_secret)
        except (ValueError, zlib.error) as error:  # msgspec's errors are ValueErrors
            raise DecryptionError("not a value of this version") from error
        _converted.add(as_type)
        return value

    def _of_mark(self, value: object) -> object:
        """Return the known value that a mark stands for. Raises ValueError for one not known."""
        if not isinstance(value, dict) or _KNOWN not in value:
            return value
        if value[_KNOWN] not in self._known:
            raise ValueError("unknown mark")
        return self._known[value[_KNOWN]]

    def encrypt(self, plain: bytes) -> bytes:
        """Return `plain` as URL-safe text that only this program can read."""
        return base64.urlsafe_b64encode(self.encrypt_bytes(plain))

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return what `encrypt` was given. Raises `DecryptionError`.

        Accepts one spelling only: a base64 decoder may ignore what follows the end.
        """
        try:
            raw = base64.urlsafe_b64decode(encrypted)
        except binascii.Error as error:
            raise DecryptionError("cannot be opened") from error
        if base64.urlsafe_b64encode(raw) != encrypted:
            raise DecryptionError("cannot be opened")
        return self.decrypt_bytes(raw)

    def encrypt_bytes(self, plain: bytes, context: bytes | None = None) -> bytes:
        """Return `plain` as bytes that only this program can read, given the same `context`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, plain, context)

    def decrypt_bytes(self, raw: bytes, context: bytes | None = None) -> bytes:
        """Return what `encrypt_bytes` was given. Raises `DecryptionError`."""
        if len(raw) >= _NONCE_BYTES + _TAG_BYTES:
            for cipher in self._ciphers:
                try:
                    return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context)
                except InvalidTag:
                    continue
        raise DecryptionError("cannot be opened")


def derive_key(secret_key: SecretStr, purpose: str) -> bytes:
    """Return 32 bytes in URL-safe base64 for one purpose (RFC 5869)."""
    kdf = HKDF(SHA256(), length=32, salt=None, info=f"oauth_helper {purpose}".encode())
    return base64.urlsafe_b64encode(kdf.derive(secret_key.get_secret_value().encode()))


def key_id(secret_key: SecretStr) -> str:
    """Return a name for a key that says nothing about it, to see whether two keys are the same."""
    return derive_key(secret_key, "key id")[:8].decode()


# msgspec crashes the process when several threads convert to a type for the first time.
_converting, _converted = threading.Lock(), set[type]()


def _write_secret(value: Any) -> str:  # noqa: ANN401 - msgspec asks about any type it doesn't know
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise NotImplementedError(f"{type(value).__name__} cannot be encrypted")


def _read_secret(as_type: type, value: str) -> SecretStr:
    if as_type is SecretStr:
        return SecretStr(value)
    raise NotImplementedError(f"{as_type.__name__} cannot be decrypted")


@cache
def _shape_of(as_type: type[DataclassInstance]) -> tuple[Callable[[Any], Any], tuple[object, ...]]:
    """Return what reads the values of all fields, and their defaults."""
    names = tuple(each.name for each in fields(as_type))
    # `attrgetter` of one name would return no tuple.
    read = attrgetter(*names, "__class__")
    return lambda value: read(value)[:-1], tuple(each.default for each in fields(as_type))


_encoder = msgspec.json.Encoder(enc_hook=_write_secret)
_decoder = msgspec.json.Decoder(tuple[str, list[Any]])
