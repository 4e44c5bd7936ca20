"""Read the text of each kind of setting. Errors say what a value must be, never what it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, SecretStr, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from oauth_helper.common.passwords import is_password_hash
from oauth_helper.common.urls import is_loopback, parse_web_url
from oauth_helper.config.toml_file import SettingsError
from oauth_helper.scopes import AppConfigurationError, CatalogueError

T = TypeVar("T")

#: What a validator gets: the earlier fields as `data`, the environment as `context`.
EnvironInfo: TypeAlias = ValidationInfo[Mapping[str, str]]

_STORE_SCHEMES = (
    "unix",
    *(name + kind for kind in ("", "+sentinel", "+cluster") for name in ("redis", "rediss")),
)


@dataclass(frozen=True, slots=True)
class Read:
    """Mark a field whose value is what `read` returns for its text; `read` raises ValueError.

    Pydantic's `PlainValidator` would also build a schema of the field's type, which takes 40 ms for
    profiles with their catalogues.
    """

    read: Callable[[str, ValidationInfo[Any]], object]

    def __get_pydantic_core_schema__(
        self, _type: object, _next: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return a schema that accepts text only, and calls `read`."""
        text = core_schema.str_schema(strict=True)
        return core_schema.with_info_after_validator_function(self.read, text)


def reads(read: Callable[[str], object]) -> Read:
    """Mark a field whose value depends on its text alone."""
    return Read(lambda text, _info: read(text))


def needed_with(*names: str) -> BeforeValidator:
    """Mark a field that may not be empty when one of the settings `names` is set."""

    def check(text: str, info: EnvironInfo) -> str:
        given = [name for name in names if is_set(name, info)]
        if given and not text:
            raise ValueError(f"is missing; {given[0]} is set")
        return text

    return BeforeValidator(check)


def is_set(name: str, info: EnvironInfo) -> bool:
    """Return whether the setting `name` has a value in the environment."""
    return bool(info.context.get(name, "").strip())


def whole_number(least: int, most: int) -> Read:
    """Mark a number in a range."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return reads(read)


def choice(values: Mapping[str, object]) -> Read:
    """Mark one of several words in any case; each stands for a value."""

    def read(text: str) -> object:
        if text.lower() not in values:
            *others, last = values
            raise ValueError(f"must be {', '.join(others)} or {last}")
        return values[text.lower()]

    return reads(read)


def matching(pattern: str, problem: str) -> Read:
    """Mark a text that matches `pattern`; `problem` is the problem with any other."""

    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(problem)
        return text

    return reads(read)


def parse_web_address(text: str) -> str:
    """Return an address without query and fragment, https or on this machine; empty for none."""
    if not text:
        return text
    parts = parse_web_url(text)
    if parts is None or parts.query or parts.fragment:
        raise ValueError("must be a web address without a query, such as https://api.example.com")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("must start with https://, because secrets travel there")
    return text


def parse_store_url(text: str) -> SecretStr:
    """Return the address of Redis, which may contain a password."""
    if text and text.partition("://")[0] not in _STORE_SCHEMES:
        raise ValueError(f"must start with one of {', '.join(_STORE_SCHEMES)} and ://")
    if text and not _is_store_address(text):
        raise ValueError("cannot be read; percent-encode / ? # and @ in its password")
    return SecretStr(text)


def parse_token(text: str) -> SecretStr:
    """Return a bearer token; empty when there is none."""
    if text and len(text) < 16:
        raise ValueError(f"has {len(text)} characters; it needs 16 or more")
    return SecretStr(text)


def parse_secret_hash(text: str) -> SecretStr:
    """Return the hash of a secret, as `hash-password` prints it."""
    if not is_password_hash(text):
        raise ValueError(
            "is not a hash; `python -m oauth_helper hash-password` makes one from a secret on stdin"
        )
    return SecretStr(text)


def parse_secret_keys(text: str) -> tuple[SecretStr, ...]:
    """Return the keys in a list, the newest first."""
    keys = [key.strip() for key in text.split(",") if key.strip()]
    problems = [
        f"number {number} has {len(key)} characters; it needs 32 or more"
        for number, key in enumerate(keys, 1)
        if len(key) < 32
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(map(SecretStr, keys))


# Kinds of images that browsers show, and the most bytes that a page loads for one.
_IMAGES = (".png", ".svg", ".jpg", ".jpeg", ".webp")
_MAX_IMAGE = 200_000


def read_image(path: Path) -> Path:
    """Return the path of an image that pages can show."""
    if path.suffix.lower() not in _IMAGES:
        raise ValueError(f"must be one of {', '.join(_IMAGES)}")
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if not 0 < size <= _MAX_IMAGE:
        raise ValueError(f"must be a file of 1 to {_MAX_IMAGE} bytes")
    return path.absolute()


#: An e-mail address, or nothing.
EMAIL = (r"([^\s@<>,;:?&]+@[^\s@<>,;:?&]+)?", "must be an e-mail address")


def load_file(load: Callable[[Path], T], path: Path) -> T:
    """Return the catalogue or app configuration at `path`. Raises `SettingsError`."""
    try:
        return load(path)
    except (CatalogueError, AppConfigurationError) as error:
        raise SettingsError([f"{error.origin}: {each}" for each in error.problems]) from error


def _is_store_address(text: str) -> bool:
    """Return whether host and port can be read, and aren't parts of a password."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if "@" in parts.path + parts.query + parts.fragment:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return all(
        re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?", host) for host in hosts
    )
