"""Wrap texts that must not be shown by accident, and recognise password hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret text. Only `reveal()` shows it, not printing or formatting."""

    _text: str

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)" if self._text else "Secret(empty)"

    __str__ = __repr__


def is_password_hash(text: str) -> bool:
    """Return whether Werkzeug can check a password against this hash; it raises for others."""
    if found := re.fullmatch(r"scrypt:([0-9]{1,7}):[0-9]{1,2}:[0-9]\$[^$]+\$[0-9a-f]{128}", text):
        cost = int(found[1])
        return cost > 1 and cost & (cost - 1) == 0
    return bool(
        re.fullmatch(
            r"pbkdf2:sha(256|512):[1-9][0-9]{0,7}\$[^$]+\$([0-9a-f]{64}|[0-9a-f]{128})", text
        )
    )
