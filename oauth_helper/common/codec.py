"""Encode values that only this program reads: cookies, outbox entries, authorization codes.

JSON of the dataclass, compressed (which is smaller than compressed MessagePack). A new field needs a default and nothing else, so that
values of the version before can still be read.
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
    """Return a dataclass as bytes."""
    return zlib.compress(_encoder.encode(value), 9)


def decode(data: bytes, as_type: type[T]) -> T:
    """Return the `as_type` that `encode` was given.

    Raises ValueError for anything else, also for a value of a version that is not compatible.
    """
    return _decode(_decompress(data), as_type)


def encode_tagged(value: DataclassInstance) -> bytes:
    """Return a dataclass as bytes that tell its type, without the names of its fields."""
    values = [getattr(value, field.name) for field in fields(value)]
    return encode((type(value).__name__, values))


def decode_tagged(data: bytes, types: tuple[type, ...]) -> Any:  # noqa: ANN401 - one of `types`
    """Return the value that `encode_tagged` was given, one of `types`. Raises ValueError."""
    name, values = decode(data, tuple[str, list[Any]])
    for each in types:
        if each.__name__ == name:
            names = (field.name for field in fields(each))
            # Values of the version before may have fewer fields.
            named = dict(zip(names, values, strict=False))
            try:
                return msgspec.convert(named, each, dec_hook=_read_secret)
            except msgspec.MsgspecError as error:
                raise ValueError(f"not a {name} that can be read") from error
    raise ValueError(f"not a value that can be read: of the unknown type {name[:40]}")


def _decode(data: bytes | msgspec.Raw, as_type: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=as_type, dec_hook=_read_secret)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a {as_type.__name__} that can be read") from error


def _decompress(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError("not a value that can be read") from error


def _write_secret(value: Any) -> str:  # noqa: ANN401 - msgspec asks about any type it doesn't know
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"{type(value).__name__} cannot be encoded")


def _read_secret(as_type: type, value: str) -> Secret:
    if as_type is Secret:
        return Secret(value)
    raise NotImplementedError(f"{as_type.__name__} cannot be decoded")


_encoder = msgspec.json.Encoder(enc_hook=_write_secret)
