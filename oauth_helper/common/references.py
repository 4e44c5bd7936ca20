"""References: the short name of an attempt that a customer reads out to support.

`3CK7-94MQ-TRWQ`: three characters for the day, eight by chance, one to check. The alphabet leaves
out vowels and all but one of what looks or sounds alike (0 O, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V,
M N). The check character catches every single wrong character and every swap of two neighbours.
There are 23**8 (78 thousand million) references a day, so none is guessed in any useful time; they
open nothing by themselves.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import date, timedelta

ALPHABET = "2345789CDFGHJKMPQRTVWXY"
_BASE = len(ALPHABET)  # 23, a prime: the weighted sum below needs that
_FIRST_DAY = date(2026, 1, 1)
_LENGTH = 12

#: Random characters in a reference.
CHANCE = 8

# What people write or hear for a character that the alphabet leaves out.
_READ_AS = str.maketrans({"6": "G", "B": "8", "N": "M", "S": "5", "U": "V", "Z": "2"})


# Three groups of four, with anything that people and programs put between them.
_BETWEEN = "[-_.\\s\u2010-\u2015]?"
_WRITTEN = re.compile(rf"(?<!\w)\w{{4}}{_BETWEEN}\w{{4}}{_BETWEEN}\w{{4}}(?!\w)")


def new_reference(day: date, choose: Callable[[str], str] = secrets.choice) -> str:
    """Return a new reference for an attempt that starts on `day` (UTC).

    `choose` picks one character of a text at random.
    """
    number = (day - _FIRST_DAY).days
    characters = [ALPHABET[number // _BASE**place % _BASE] for place in (2, 1, 0)]
    characters += [choose(ALPHABET) for _ in range(CHANCE)]
    characters.append(_check_character(characters))
    text = "".join(characters)
    return "-".join((text[:4], text[4:8], text[8:]))


def parse_reference(text: str) -> str | None:
    """The reference that somebody typed, in its usual form; None when it cannot be one.

    Case, blanks and hyphens do not matter, and look-alikes are read as what they stand for.
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
    """The reference that somebody pasted with words around it; None when there is none."""
    if whole := parse_reference(text):
        return whole
    found = (parse_reference(match[0]) for match in _WRITTEN.finditer(text[:500]))
    return next((reference for reference in found if reference), None)


def is_mistyped(text: str) -> bool:
    """Whether `text` has the form of a reference and cannot be one."""
    return _WRITTEN.fullmatch(text.strip()) is not None and parse_reference(text) is None


def day_of(reference: str) -> date:
    """The day (UTC) on which the attempt of a parsed reference began."""
    number = 0
    for char in reference[:3]:
        number = number * _BASE + ALPHABET.index(char)
    return _FIRST_DAY + timedelta(days=number)


def _check_character(characters: Sequence[str]) -> str:
    # Weights that differ and are no multiples of the prime base: ISO 7064 works the same way.
    total = sum(place * ALPHABET.index(char) for place, char in enumerate(characters, 1))
    return ALPHABET[total % _BASE]
