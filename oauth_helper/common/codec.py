"""Encode values that only this program reads: cookies, outbox entries, authorization codes.

The format is compressed JSON, which is smaller than compressed MessagePack. A new field needs a
default and nothing else; then values of the previous version can still be read.
"""

from __future__ import annotations

import zlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from oauth_helper.common.secrets import Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def encode(value: object) -> bytes:
    """Return a dataclass encoded as bytes."""
    return zlib.compress(_encoder.encode(value), 9)


def decode(data: bytes, as_type: type[T]) -> T:
    """Return the `as_type` that `encode` encoded.

    Raises ValueError for anything else, including values of an incompatible version.
    """
    return _decode(_decompress(data), as_type)


def encode_tagged(value: DataclassInstance) -> bytes:
    """Return a dataclass encoded with the name of its type, but without its field names."""
    values = [getattr(value, field.name) for field in fields(value)]
    return encode((type(value).__name__, values))


def decode_tagged(data: bytes, types: tuple[type, ...]) -> Any:  # noqa: ANN401 - one of `types`
    """Return the value that `encode_tagged` encoded, one of `types`. Raises ValueError."""
    name, values = decode(data, tuple[str, list[Any]])
    for each in types:
        if each.__name__ == name:
            names = (field.name for field in fields(each))
            # Values of the previous version may have fewer fields.
            named = dict(zip(names, values, strict=False))
            try:
                return msgspec.convert(named, each, dec_hook=_read_secret)
            except msgspec.MsgspecError as error:
                raise ValueError(f"not a readable {name}") from error
    raise ValueError(f"not a readable value: unknown type {name[:40]}")


def _decode(data: bytes | msgspec.Raw, as_type: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=as_type, dec_hook=_read_secret)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a readable {as_type.__name__}") from error


def _decompress(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError("not a readable value") from error


def _write_secret(value: Any) -> str:  # noqa: ANN401 - msgspec asks about any type it doesn't know
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"{type(value).__name__} cannot be encoded")


def _read_secret(as_type: type, value: str) -> Secret:
    if as_type is Secret:
        return Secret(value)
    raise NotImplementedError(f"{as_type.__name__} cannot be decoded")


_encoder = msgspec.json.Encoder(enc_hook=_write_secret)
