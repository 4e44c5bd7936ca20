"""A text as people paste it, made comparable: without escapes, tags, URLs, accents and slips."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote, unquote_plus

#: Longer texts are cut; HubSpot's messages have a few hundred characters.
MAX_TEXT = 4000

#: Stands in for a URL in quotation marks, as HubSpot quotes the redirect URL.
QUOTED_URL = "'<url>'"

_QUOTES = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032`\u00b4", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f", '"')
)

# Letters without an accent to take off.
_LETTERS = str.maketrans({"\u00f8": "o", "\u00e6": "ae", "\u0142": "l", "\u0153": "oe"})

_URL = r"https?(?:://|%3a%2f%2f)[!#-&(-;=?-~]{1,4000}"
_URLS = re.compile(_URL, re.IGNORECASE)
# Not in code, JSON or HTML, where every URL has quotation marks: `get("https://…")`, `"url": "…"`.
_QUOTED_URLS = re.compile(
    rf"(?<![:=(,{{\['\"])(?<![:=(,{{\['\"] )[\"']\s?({_URL})\s?[\"']", re.IGNORECASE
)
_HUBSPOTS = re.compile(r"hub(spot|api)\.com\b", re.IGNORECASE)
_PARAMETERS = re.compile(
    r"\b(?:client_id|redirect_uri|(?:optional_)?scope|state)=[^\s&]*"
    r'|"(?:client_id|redirect_uri|(?:optional_)?scope|state)": ?"[^"]*"'
)


def quoted_url(text: str) -> str:
    """Return the first URL in quotation marks in `text` that isn't HubSpot's; empty without one."""
    found = _QUOTED_URLS.finditer(_unescaped(text[:MAX_TEXT]).translate(_QUOTES))
    return next((match[1] for match in found if not _HUBSPOTS.search(match[1])), "")


def fold(text: str) -> str:
    """Return `text` as compared: one kind of quotation mark, no accents, single blanks, no case."""
    plain = text[:MAX_TEXT].translate(_QUOTES)
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", plain).casefold())
    # 200 and above are the accents of Latin letters; Japanese voicing marks are below.
    bare = "".join(letter for letter in plain if unicodedata.combining(letter) < 200)
    folded = unicodedata.normalize("NFKC", bare).translate(_LETTERS).translate(_QUOTES)
    return " ".join(folded.split())[:MAX_TEXT].rstrip()


def without_wrapping(text: str) -> str:
    """Return the sentences of `text`, without escapes, tags, URLs and a URL's parameters.

    Otherwise a pasted authorize URL would speak of client ID and redirect URI. Of a
    callback's URL the error stays, of a quoted URL `QUOTED_URL`.
    """
    plain = _unescaped(text[:MAX_TEXT])
    plain = re.sub(r"</?[a-zA-Z][^<>]{0,300}>", " ", plain).translate(_QUOTES)
    plain = _QUOTED_URLS.sub(lambda match: _stand_in(match[1]), plain)
    plain = _URLS.sub(lambda match: _errors(match[0]), plain)
    plain = _PARAMETERS.sub(" ", plain)
    if plain.count("+") > 1 and len(plain.split()) == 1:
        return unquote_plus(plain)
    return unquote(plain)


def _unescaped(text: str) -> str:
    """Return `text` without the escapes of JSON, also within JSON, and of HTML."""
    plain = re.sub(r"\\{1,8}u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
    plain = re.sub(r"\\{1,8}[nrt]", " ", plain)
    return html.unescape(re.sub(r"\\{1,8}([\"'/])", r"\1", plain))


def _stand_in(url: str) -> str:
    """Return what stands in for `url`: a redirect URL is never HubSpot's own."""
    return " " if _HUBSPOTS.search(url) else f" {QUOTED_URL} "


def _errors(url: str) -> str:
    told = re.findall(r"[?&#](?:error|error_description|message)=([^&#]{1,1000})", url)
    return f" {'. '.join(unquote_plus(value) for value in told)} "


# The words of the English messages that are retyped wrongly, or read wrongly off a screenshot.
_ENGLISH = (
    "acceptable", "access", "account", "approved", "authorization", "configured", "connect",
    "developer", "feature", "insufficient", "integration", "invalid", "lacks", "mismatch",
    "missing", "permission", "permissions", "provided", "redirect", "registered", "required",
    "scopes",
)  # fmt: skip

# As a screenshot is read, besides "rn" for "m"
_MISREAD = str.maketrans("0135", "oles")


def respelt(folded: str) -> str:
    """Return `folded` with each word corrected that is one slip from an English one of HubSpot's.

    Other languages suffer from it, so it comes second.
    """
    return re.sub(r"\b[a-z0-9]{5,15}\b", lambda match: _word(match[0]), folded)


def _word(word: str) -> str:
    if word in _ENGLISH:
        return word
    word = word.replace("rn", "m").translate(_MISREAD)
    near = (_known()[less] for less in _one_letter_less(word) if less in _known())
    return next((known for known in near if _one_slip(word, known)), word)


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    return {less: word for word in _ENGLISH for less in _one_letter_less(word)}


def _one_letter_less(word: str) -> tuple[str, ...]:
    """Return `word` itself and all that is left of it without one letter."""
    return (word, *(word[:at] + word[at + 1 :] for at in range(len(word))))


def _one_slip(word: str, known: str) -> bool:
    """Return whether two words that are equal without one letter differ in one place only."""
    if len(word) != len(known):
        return True
    places = [at for at, letters in enumerate(zip(word, known, strict=True)) if len({*letters}) > 1]
    return len(places) == 1 or (len(places) == 2 and sorted(word) == sorted(known))
