"""References: the short name of an attempt that a customer reads out to support.

`3CK7-94MQ-TRWQ`: three characters for the day, eight random ones, one to check. The alphabet has no
vowels, and one of each group that looks or sounds alike (0 O, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V, M N).
The check character catches every wrong character and every swap of two neighbours. There are 23**8
(78 billion) references a day, so guessing one takes too long; and a reference gives no access.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

ALPHABET = "2345789CDFGHJKMPQRTVWXY"
_BASE = len(ALPHABET)  # 23; the weighted sum below needs a prime
_FIRST_DAY = date(2026, 1, 1)
_LENGTH = 12

#: Random characters in a reference.
CHANCE = 8

# How to read characters that aren't in the alphabet: as what people confuse them with.
_READ_AS = str.maketrans({"6": "G", "B": "8", "N": "M", "S": "5", "U": "V", "Z": "2"})


# Three groups of four, with anything that people and programs put between them.
_BETWEEN = "[-_.\\s\u2010-\u2015]?"
_WRITTEN = re.compile(rf"(?<!\w)\w{{4}}{_BETWEEN}\w{{4}}{_BETWEEN}\w{{4}}(?!\w)")


def new_reference(day: date, choose: Callable[[str], str] | None = None) -> str:
    """Return a new reference for an attempt that starts on `day` (UTC).

    `choose` picks one character of a text in place of chance.
    """
    number = (day - _FIRST_DAY).days
    characters = [ALPHABET[number // _BASE**place % _BASE] for place in (2, 1, 0)]
    if choose:
        characters += [choose(ALPHABET) for _ in range(CHANCE)]
    else:
        chance = secrets.randbelow(_BASE**CHANCE)
        characters += [ALPHABET[chance // _BASE**place % _BASE] for place in range(CHANCE)]
    characters.append(_check_character(characters))
    text = "".join(characters)
    return "-".join((text[:4], text[4:8], text[8:]))


def parse_reference(text: str) -> str | None:
    """Return a typed reference in its usual form; None if it can't be one.

    Case, blanks and hyphens don't matter, and look-alikes are replaced.
    """
    if len(text) > 40:
        return None
    bare = re.sub(r"[-_.\s\u2010-\u2015]", "", text.upper())
    bare = bare.translate(_READ_AS)
    if len(bare) != _LENGTH or set(bare) - set(ALPHABET):
        return None
    if _check_character(bare[:-1]) != bare[-1]:
        return None
    return "-".join((bare[:4], bare[4:8], bare[8:]))


def find_reference(text: str) -> str | None:
    """Return the reference in a pasted text; None if there is none."""
    if whole := parse_reference(text):
        return whole
    found = (parse_reference(match[0]) for match in _WRITTEN.finditer(text[:500]))
    return next((reference for reference in found if reference), None)


def is_mistyped(text: str) -> bool:
    """Return whether `text` looks like a reference but can't be one."""
    return _WRITTEN.fullmatch(text.strip()) is not None and parse_reference(text) is None


def day_of(reference: str) -> date:
    """Return the day (UTC) on which the attempt of a parsed reference started."""
    return _day(reference[:3])


@lru_cache(maxsize=500)
def _day(characters: str) -> date:
    number = 0
    for char in characters:
        number = number * _BASE + ALPHABET.index(char)
    return _FIRST_DAY + timedelta(days=number)


def _check_character(characters: Sequence[str]) -> str:
    # Different weights, none a multiple of the prime base, as in ISO 7064.
    total = sum(place * ALPHABET.index(char) for place, char in enumerate(characters, 1))
    return ALPHABET[total % _BASE]


def midnight(day: date) -> datetime:
    """Return the start of a day (UTC)."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


#: Characters of the random part of a state; each holds six bits.
STATE_RANDOM_LENGTH = 43


def make_state(reference: str, random: str) -> str:
    """Return a state that names its attempt and can't be guessed."""
    return f"{reference}.{random}"


def reference_in_state(state: str) -> str | None:
    """Return the reference in a state, None when its format is not ours. Authenticates nothing."""
    reference, _, random = state.partition(".")
    return parse_reference(reference) if len(random) == STATE_RANDOM_LENGTH else None
