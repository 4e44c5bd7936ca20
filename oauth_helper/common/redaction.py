"""Keeping secrets out of what is recorded: texts from outside may echo what they were sent.

What people paste comes from addresses, pages, JSON and e-mails, so a secret may be escaped, once or
several times over. It is looked for in the text as it is, and in copies of it that are easier to
read. Every pattern takes time that grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html.entities import html5
from urllib.parse import unquote

HIDDEN = "[hidden]"

_EMAIL = re.compile(
    # =40 is how e-mails themselves spell it; a number such as =401.5 is none.
    r"[\w.%+'!#$*^~-]{1,64}(?:@|%40|=40(?=[A-Za-z]))[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
)
# Tokens are long runs without a dot or a blank; scope names and correlation ids are shorter. The
# two digits of %3D are no part of one.
_BLOB = re.compile(r"(?<!%)(?<!%[0-9A-Fa-f])[A-Za-z0-9_+/-]{40,}={0,2}")
# Paths and lists of scopes are runs too: of these pieces, between / or +.
_PIECE = re.compile(
    r"[a-z]{0,20}(?:[_-][a-z]{1,20}){0,6}|v?\d{1,12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]+(?:\.[\w-]+){1,4}")
# A basic plan is none, nor are bearer tokens as such.
_BEARER = re.compile(
    r"""(?ix) \b
    (   bearer [\s:+]{1,3} (?! (?:auth[a-z]*|credentials?|tokens?) (?![\w-]))
      | basic [\s:+]{1,3} (?! (?-i:[A-Z]?[a-z]{1,20}) (?:[\s.,;:!?)"'<]|$))
    ) [^\s"'<>,;]{6,}"""
)
# code=…, "code": "…", code = '…', \"code\":\"…\", code[]=…; `about` is what makes it another code.
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
# What is left of a word of which a part was hidden before the rest of it could be read.
_TORN = re.compile(r"(?<![\w.+-])[\w.+-]*\[hidden\](?:[\w.+-]*\[hidden\])*\w*")

_PERCENT = re.compile("%(?:25)+")
_JSON_ESCAPE = re.compile(r"(?:(?<!\\)\\+|%)u([0-9A-Fa-f]{4})|(?<!\\)\\+([nrt\"'/])")
_HTML_ESCAPE = re.compile(r"&(?:#0*(\d{1,7});?|#[xX]0*([0-9A-Fa-f]{1,6});?|([A-Za-z]\w{1,31};))")
_INLINE_TAG = re.compile(
    r"(?i)</?(?:a|abbr|b|bdi|bdo|big|code|em|font|i|kbd|mark|s|small|span|strong|sub|sup|tt|u|wbr)"
    r"\b[^<>]*>|<!--[^<>]*>"
)
# Drawn as nothing: Default_Ignorable_Code_Point in Unicode 16 without what `harmless` takes anyway.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
# Accents upon accents: sorting them takes time that grows with the square of their number.
_MOST_MARKS = 30
# Each of these two is a whole sentence once it is spelt out.
_PHRASES = "\ufdfa\ufdfb"

# So often one escape inside another is undone at a time, and so often at most.
_LAYERS, _ROUNDS = 3, 6


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given secrets, e-mail addresses and anything that looks like a token.

    Characters that steer a terminal or turn the direction of a line go too. Where a secret is
    escaped, all of the text comes back as it reads without its escapes; a text with more escapes
    inside escapes than anything sends comes back as `HIDDEN` alone.
    """
    hidden = _spellings(secrets)
    text = _visible(text)
    for _ in range(_ROUNDS):
        text = _hide(text, hidden)
        revealed = _revealed(text, hidden)
        if revealed is None:
            return text
        text = revealed
    return HIDDEN


def harmless(text: str) -> str:
    """`text` without characters that steer a terminal or turn the direction of a line."""
    return "".join(char for char in text if char in "\n\t" or not _steers(char))


def _steers(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _spellings(secrets: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """A pattern for each secret, as it is and as it reads without escapes.

    The longest first: of a secret that holds another one, nothing may be left over.
    """
    given = set(secrets)
    # A short one would be found in ordinary words.
    read = {plain for each in given if len(plain := _decoded(each)) >= 6}
    every = sorted(given | read | {_visible(each) for each in given}, key=len, reverse=True)
    # What is hidden is found as well, so that it is not looked into.
    return tuple(re.compile(re.escape(HIDDEN) + "|" + re.escape(each)) for each in every if each)


def _hide(text: str, secrets: tuple[re.Pattern[str], ...]) -> str:
    return _BLOB.sub(_without_token, _hide_named(text, secrets))


def _hide_named(text: str, secrets: tuple[re.Pattern[str], ...]) -> str:
    """`text` without what it says to be a secret, and without e-mail addresses."""
    for pattern in (*secrets, _EMAIL, _JWT):
        text = pattern.sub(HIDDEN, text)
    return _PARAMETER.sub(_without_value, _BEARER.sub(rf"\1{HIDDEN}", text))


def _without_token(run: re.Match[str]) -> str:
    pieces = re.split("[/+]", run[0])
    ordinary = len(pieces) > 1 and all(_PIECE.fullmatch(piece) for piece in pieces)
    return run[0] if ordinary else HIDDEN


def _without_value(parameter: re.Match[str]) -> str:
    """The parameter without its value; the number of an error is none."""
    value, about = parameter["value"], parameter["about"]
    prose = about or (parameter["name"].lower() == "code" and parameter["sign"] != "=")
    if (prose and _SHORT_NUMBER.fullmatch(value)) or (about and _WORDS.fullmatch(value)):
        return parameter[0]
    return parameter["begin"] + HIDDEN


def _revealed(text: str, secrets: tuple[re.Pattern[str], ...]) -> str | None:
    """The first reading of `text` that still has something to hide, without it."""
    if (hidden := _hide(text, secrets)) != text:
        return hidden
    decoded = _decoded(text)
    # Without tags, two words may make one that is as long as a token.
    for plain, hide in ((decoded, _hide), (_INLINE_TAG.sub("", decoded), _hide_named)):
        hidden = _TORN.sub(HIDDEN, hide(plain, secrets))
        if hidden != plain:
            return hidden
    return None


def _decoded(text: str) -> str:
    """`text` as it reads once escapes and look-alikes of letters are undone."""
    for _ in range(_LAYERS):
        plain = _HTML_ESCAPE.sub(_html_character, text)
        plain = _JSON_ESCAPE.sub(_json_character, plain)
        plain = unquote(_PERCENT.sub("%", plain))
        plain = _visible(unicodedata.normalize("NFKC", _few_marks(plain)))
        if plain == text:
            break
        text = plain
    return text


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
    """`text` with at most `_MOST_MARKS` accents on one letter, and without `_PHRASES`."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS and char not in _PHRASES:
            kept.append(char)
    return "".join(kept)


def _visible(text: str) -> str:
    return _IGNORABLE.sub("", harmless(text))
