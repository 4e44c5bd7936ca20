"""HubSpot's usual messages, for people who would rather pick one than paste it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """One message of HubSpot's page. See `known_messages.toml` for each field."""

    id: str
    says: str
    text: str


@lru_cache(maxsize=1)
def known_messages() -> tuple[KnownMessage, ...]:
    """Return the messages, the most frequent first."""
    text = resources.files(__package__).joinpath("known_messages.toml").read_text("utf-8")
    return tuple(KnownMessage(**table) for table in tomllib.loads(text)["message"])
