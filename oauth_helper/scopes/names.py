"""Scope names: which are legal, how to read a list, and what a misspelt one probably means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")

#: HubSpot adds it to every app as required, and it can't be removed. As of 2026-11:
#: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
OAUTH = "oauth"

# A part of at least this many letters may have two slips, a shorter part one.
_LONG_PART = 8

# Longer names aren't compared: real scopes are much shorter.
_LONGEST = 100


def is_scope_token(name: str) -> bool:
    """Return whether `name` is a legal scope by RFC 6749 section 3.3."""
    return _SCOPE_TOKEN.fullmatch(name) is not None


def is_one_scope(name: str) -> bool:
    """Return whether `name` can be one scope."""
    return is_scope_token(name) and not is_joined(name)


def is_joined(name: str) -> bool:
    """Return whether `name` is several in one. "%" or "+" shows a list that was encoded twice."""
    return any(char in name for char in ",;%+")


def parse_scope(value: str) -> tuple[str, ...]:
    """Return the names in a `scope` parameter (RFC 6749 section 3.3), in order, each once.

    Any run of white space separates; an empty or blank value has none. Nothing is checked or
    corrected: a comma, for example, stays inside a name, because HubSpot doesn't split there
    either.
    """
    return tuple(dict.fromkeys(value.split()))


def join_scope(names: Iterable[str]) -> str:
    """Return the value of a `scope` parameter with `names` (RFC 6749 section 3.3)."""
    return " ".join(names)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `name` probably means; for keys and URLs, not scopes."""
    folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.8)
    return folded[found[0]] if found else None


def misspelt(name: str, known: Iterable[str]) -> str | None:
    """Return the scope of `known` that `name` misspells, or None.

    All parts between the dots must be equal except for one, which may differ by one letter (a long
    one by two): `crm.objects.products.read` is another scope than `…contacts.read`, not a slip.
    """
    return None if len(name) > _LONGEST else _misspelt(name, tuple(known))


@lru_cache(maxsize=256)
def _misspelt(name: str, known: tuple[str, ...]) -> str | None:
    parts = name.casefold().split(".")
    for candidate in known:
        theirs = candidate.casefold().split(".")
        if len(theirs) != len(parts):
            continue
        differing = [pair for pair in zip(parts, theirs, strict=True) if pair[0] != pair[1]]
        if not differing or (len(differing) == 1 and _is_slip(*differing[0])):
            return candidate
    return None


def _is_slip(part: str, meant: str) -> bool:
    allowed = 2 if min(len(part), len(meant)) >= _LONG_PART else 1
    if abs(len(part) - len(meant)) > allowed:
        return False
    return _distance(part, meant) <= allowed


def _distance(one: str, other: str) -> int:
    """Return how many letters are added, missing, replaced or swapped with their neighbour."""
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, theirs in enumerate(other, 1):
            best = min(last[column] + 1, here[-1] + 1, last[column - 1] + (letter != theirs))
            if row > 1 and column > 1 and letter == other[column - 2] and theirs == one[row - 2]:
                best = min(best, before_last[column - 2] + 1)
            here.append(best)
        before_last, last = last, here
    return last[-1]
