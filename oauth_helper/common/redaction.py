"""Keep secrets out of records: texts from outside may repeat secrets that they were sent.

Customers paste addresses, pages, JSON and e-mails, in which a secret may be escaped, even twice. It
is searched for in the text as it is, without escapes, and without tags. The time that each pattern
takes is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial
from html.entities import html5
from urllib.parse import unquote

HIDDEN = "[hidden]"

_EMAIL = re.compile(
    # E-mails themselves write =40; a number such as =401.5 isn't one.
    r"[\w.%+'!#$*^~-]{1,64}(?:@|%40|=40(?=[A-Za-z]))[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
# Tokens are long runs without dots and blanks; scope names and correlation ids are shorter. The two
# digits of %3D don't belong to one. What follows its = may be the value of a parameter whose name
# the run swallowed.
_BLOB = re.compile(r"(?<!%)(?<!%[0-9A-Fa-f])([A-Za-z0-9_+/-]{40,})(?:={1,2}[\w.~+/-]*)?")
# Paths and lists of scopes are runs too, but of these pieces between / or +.
_PIECE = re.compile(
    r"[a-z]{0,20}(?:[_-][a-z]{1,20}){0,6}|v?\d{1,12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]+(?:\.[\w-]+){1,4}")
# Not a basic plan, and not "bearer tokens" in general.
_BEARER = re.compile(
    r"""(?ix) \b
    (   bearer [\s:+]{1,3} (?! (?:auth[a-z]*|credentials?|tokens?) (?![\w-]))
      | basic [\s:+]{1,3} (?! (?-i:[A-Z]?[a-z]{1,20}) (?:[\s.,;:!?)"'<]|$))
    ) [^\s"'<>,;]{6,}"""
)
# code=…, "code": "…", code = '…', \"code\":\"…\", code[]=…; `about` makes it the code of an error.
_PARAMETER = re.compile(
    r"""(?ix) (?<!\w)
    (?P<begin>
        (?P<about> (?:error|status) [\s_-]{0,3} )?
        (?P<name>
            (?:auth(?:ori[sz]ation)? [\s_-]?)? code | code [\s_-]? verifier | client [\s_-]? secret
            | (?:(?:access|refresh|id) [\s_-]?)? token | state | hapikey
        )
        (?:\[\])? \\{0,9} ["'`]?
        (?P<sign> \s{0,9} (?:=>|={1,3}|:) \s{0,9} )
        \\{0,9} ["'`]? (?:(?:\{|\[(?!hidden\])) \s? \\{0,9} ["'`]?)?
    )
    (?P<value> (?:[^&\s"'`<>,;}\\]|\\(?!\\{0,9}["'`]))+ )"""
)
_SHORT_NUMBER = re.compile(r"\d{1,5}[\\.:!?)\]]{0,9}")
_WORDS = re.compile(r"[A-Za-z]{1,30}(?:[_-][A-Za-z]{1,30}){0,9}[\\.:!?)\]]{0,9}")
# The rest of a word of which a part was hidden.
_TORN = re.compile(r"(?<![\w.+-])[\w.+-]*\[hidden\](?:[\w.+-]*\[hidden\])*\w*")

_PERCENT = re.compile("%(?:25)+")
_JSON_ESCAPE = re.compile(r"(?:(?<!\\)\\+|%)u([0-9A-Fa-f]{4})|(?<!\\)\\+([nrt\"'/])")
_HTML_ESCAPE = re.compile(r"&(?:#0*(\d{1,7});?|#[xX]0*([0-9A-Fa-f]{1,6});?|([A-Za-z]\w{1,31};))")
_INLINE_TAG = re.compile(
    r"(?i)</?(?:a|abbr|b|bdi|bdo|big|code|em|font|i|kbd|mark|s|small|span|strong|sub|sup|tt|u|wbr)"
    r"\b[^<>]*>|<!--[^<>]*>"
)
# Invisible: Default_Ignorable_Code_Point in Unicode 16, without what `harmless` removes anyway.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
# Accents on one letter: sorting them takes quadratic time.
_MAX_MARKS = 30
# Normalised, each of these becomes a whole sentence.
_PHRASES = "\ufdfa\ufdfb"

#: Characters of a text that are read.
_MAX_LENGTH = 5000
# How many layers of escapes are undone, and how many rounds hide secrets.
_LAYERS = _ROUNDS = 2


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets, e-mail addresses and what looks like a token.

    Characters that control a terminal or reverse the direction of a line are removed too. If a
    secret is escaped, the text is returned without its escapes. A text that is escaped more than
    twice is returned as `HIDDEN` alone. Of a long text, the beginning is returned.
    """
    return redactor(secrets)(text)


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return `redact` for many texts with the same secrets."""
    return partial(_redact, secrets=_spellings(secrets))


def _redact(text: str, secrets: tuple[str, ...]) -> str:
    text = _visible(_beginning(text))
    for _ in range(_ROUNDS):
        before, text = text, _redact_once(text, secrets)
        if text == before:
            return text
    return text if _redact_once(text, secrets) == text else HIDDEN


def _beginning(text: str) -> str:
    """Return the words in the first `_MAX_LENGTH` characters: the next may be half a secret."""
    if len(text) <= _MAX_LENGTH:
        return text
    return f"{text[:_MAX_LENGTH].rpartition(' ')[0]} {HIDDEN}"


def _redact_once(text: str, secrets: tuple[str, ...]) -> str:
    """Return `text` redacted, without its escapes or tags where only that shows a secret."""
    text = _hide(text, secrets)
    plain = _decoded(text)
    if plain is None:
        return HIDDEN
    hidden = _TORN.sub(HIDDEN, _hide(plain, secrets)) if plain != text else plain
    if hidden != plain:
        return hidden
    untagged = _INLINE_TAG.sub("", plain)
    # Without tags, two words may become one that is as long as a token.
    hidden = _TORN.sub(HIDDEN, _hide_named(untagged, secrets)) if untagged != plain else untagged
    return hidden if hidden != untagged else text


def harmless(text: str) -> str:
    """Return `text` without characters that control a terminal or reverse a line's direction."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    controls = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(
        char for char in text if char in "\n\t" or unicodedata.category(char) not in controls
    )


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return each secret as it is and as it reads without escapes.

    The longest comes first, because a secret may contain another one.
    """
    given = set(secrets)
    # A short one would be found in ordinary words.
    read = {plain for each in given if len(plain := _decoded(each) or "") >= 6}
    every = given | read | {_visible(each) for each in given}
    return tuple(sorted(filter(None, every), key=len, reverse=True))


def _hide(text: str, secrets: tuple[str, ...]) -> str:
    return _BLOB.sub(_without_token, _hide_named(text, secrets))


def _hide_named(text: str, secrets: tuple[str, ...]) -> str:
    """Return `text` without what names itself as a secret, and without e-mail addresses."""
    for secret in secrets:
        # The placeholder itself is left alone.
        text = HIDDEN.join(part.replace(secret, HIDDEN) for part in text.split(HIDDEN))
    text = _JWT.sub(HIDDEN, _EMAIL.sub(HIDDEN, text))
    return _PARAMETER.sub(_without_value, _BEARER.sub(rf"\1{HIDDEN}", text))


def _without_token(run: re.Match[str]) -> str:
    pieces = re.split("[/+]", run[1])
    ordinary = len(pieces) > 1 and all(_PIECE.fullmatch(piece) for piece in pieces)
    return run[0] if ordinary else HIDDEN


def _without_value(parameter: re.Match[str]) -> str:
    """Return the parameter without its value, unless that is the number of an error."""
    value, about = parameter["value"], parameter["about"]
    prose = about or (parameter["name"].lower() == "code" and parameter["sign"] != "=")
    if (prose and _SHORT_NUMBER.fullmatch(value)) or (about and _WORDS.fullmatch(value)):
        return parameter[0]
    return parameter["begin"] + HIDDEN


def _decoded(text: str) -> str | None:
    """Return `text` without escapes and look-alikes of letters; None if it has too many layers."""
    for _ in range(_LAYERS + 1):
        plain = _HTML_ESCAPE.sub(_html_character, text)
        plain = _JSON_ESCAPE.sub(_json_character, plain)
        plain = unquote(_PERCENT.sub("%", plain))
        plain = _visible(unicodedata.normalize("NFKC", _few_marks(plain)))
        if plain == text:
            return plain
        text = plain
    return None


def _html_character(escape: re.Match[str]) -> str:
    decimal, hexadecimal, name = escape.groups()
    if name:
        return html5.get(name, escape[0])
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if number <= 0x10FFFF else escape[0]


def _json_character(escape: re.Match[str]) -> str:
    number, char = escape.groups()
    if number:
        return chr(int(number, 16))
    return "\n" if char in "nrt" else str(char)


def _few_marks(text: str) -> str:
    """Return `text` with at most `_MAX_MARKS` accents on a letter, and without `_PHRASES`."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MAX_MARKS and char not in _PHRASES:
            kept.append(char)
    return "".join(kept)


def _visible(text: str) -> str:
    return _IGNORABLE.sub("", harmless(text))
