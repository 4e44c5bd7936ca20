"""Which texts of our TOML files are to be translated, for `pybabel extract`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import IO, Any

from oauth_helper.scopes import parse_catalogue

# What customers read; support staff and developers read English.
_READ_BY_CUSTOMERS = ("customer", "account_admin")

_Message = tuple[int, None, str, list[str]]


def wording(
    file: IO[bytes],
    keywords: object,  # noqa: ARG001 - pybabel's
    comment_tags: object,  # noqa: ARG001
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[_Message]:
    """Return what customers are told about each cause."""
    for cause, table in tomllib.loads(file.read().decode()).items():
        if "customer" in table:
            yield 1, None, table["customer"], [f"The cause {cause}"]
        for fix in table.get("fix", ()):
            if fix["who"] in _READ_BY_CUSTOMERS:
                for step in fix["steps"]:
                    text = step if isinstance(step, str) else step["say"]
                    yield 1, None, text, [f"A step for {cause}; what is in {{}} stays as it is"]


def known_messages(
    file: IO[bytes],
    keywords: object,  # noqa: ARG001 - pybabel's
    comment_tags: object,  # noqa: ARG001
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[_Message]:
    """Return HubSpot's usual messages in plain words."""
    for table in tomllib.loads(file.read().decode())["message"]:
        yield 1, None, table["says"], [f"HubSpot's page says: {table['text']}"]


def catalogue(
    file: IO[bytes],
    keywords: object,  # noqa: ARG001 - pybabel's
    comment_tags: object,  # noqa: ARG001
    options: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[_Message]:
    """Return what the scopes of the shipped catalogue open, and which subscription they need."""
    scopes = parse_catalogue(file.read().decode(), origin="the shipped catalogue").scopes
    for scope in scopes:
        yield 1, None, scope.opens, [f"What the scope {scope.name} opens"]
    for subscription in dict.fromkeys(scope.subscription for scope in scopes):
        if subscription:
            yield 1, None, subscription, ["A subscription that HubSpot sells"]
