"""What a message means: of HubSpot's pages in several languages, of its token endpoint, its API.

HubSpot shows most mismatches on a page of its own, so the text that somebody read there, and pasted
or read out, is often the only evidence. Texts are compared after folding of quotation marks, white
space and case.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.message_rules import RULES
from oauth_helper.scopes import is_scope_token

#: Longer texts are cut; HubSpot's messages have a few hundred characters.
MAX_TEXT = 4000

_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "`": "'", "\u00b4": "'"}
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d", '"')
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text may mean, the likeliest first, and the scopes that it names."""

    causes: tuple[Cause, ...]
    why: str
    scopes: tuple[str, ...] = ()


def read_message(text: str, stage: Stage) -> Reading | None:
    """What `text` means, or None when nothing in it is known."""
    folded = fold(text)
    scopes = scopes_named(text)
    for rule in RULES:
        if rule.pattern.search(folded):
            return Reading(rule.causes, f"The message is the one of {rule.name}.", scopes)
    if reading := _by_structure(folded, scopes):
        return reading
    return _by_stage(folded, stage)


def fold(text: str) -> str:
    """`text` as it is compared: one kind of quotation mark, single blanks, no case."""
    plain = unicodedata.normalize("NFKC", text[:MAX_TEXT]).translate(_QUOTES)
    return " ".join(plain.split()).casefold()


def scopes_named(text: str) -> tuple[str, ...]:
    """The scopes that a message names, in order, each once.

    Those in square brackets, as HubSpot's pages list them since 2026; those in the `context` of an
    API error (`requiredScopes`, `requiredGranularScopes`); those after "scopes are missing".
    """
    found: list[str] = []
    for listed in re.findall(r"\[([^\[\]]{1,3000})\]", text[:MAX_TEXT]):
        names = [name.strip().strip("'\"") for name in listed.split(",")]
        if all(_is_scope_name(name) for name in names):
            found += names
    found += _scopes_in_context(text)
    if not found and (match := re.search(r"scopes are missing ([^\[]{1,200})", text[:MAX_TEXT])):
        found += _spelt_out(match[1])
    return tuple(dict.fromkeys(found))


def _is_scope_name(name: str) -> bool:
    return bool(re.fullmatch(r"[a-z][a-z0-9._-]{2,99}", name)) and is_scope_token(name)


def _spelt_out(text: str) -> Iterator[str]:
    """`crm.x.read/write` names two scopes."""
    for name in re.findall(r"[a-z][\w-]*(?:\.[\w-]+)+(?:/[a-z]+)?", text):
        first, _, other = name.partition("/")
        yield first
        if other:
            yield f"{first.rpartition('.')[0]}.{other}"


def _scopes_in_context(text: str) -> list[str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    errors = document.get("errors") if isinstance(document, dict) else None
    found: list[str] = []
    for error in errors if isinstance(errors, list) else []:
        context = error.get("context") if isinstance(error, dict) else None
        for key in ("requiredGranularScopes", "requiredScopes"):
            names = context.get(key) if isinstance(context, dict) else None
            if isinstance(names, list):
                found += [name for name in names if isinstance(name, str) and _is_scope_name(name)]
    return found


def _by_structure(folded: str, scopes: tuple[str, ...]) -> Reading | None:
    """What stays the same in every language: names in brackets, a URL in quotes, `client_id`."""
    if re.search(r"client[ _-]?id", folded):
        why = "The language is not known, but the message speaks of the client id."
        return Reading((Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION), why)
    if re.search(r"[\"'](https?://|http%3a)[^\"']{3,300}[\"']", folded):
        why = (
            "The language is not known, but the message quotes a URL, as the one on redirect URLs."
        )
        return Reading((Cause.REDIRECT_URI_MISMATCH,), why)
    if scopes:
        why = "The language is not known, but the message lists scopes in brackets."
        causes = (
            Cause.URL_MISSING_REQUIRED_SCOPE,
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.APP_NOT_APPROVED,
        )
        return Reading(causes, why, scopes)
    return None


def _by_stage(folded: str, stage: Stage) -> Reading | None:
    """What a bare HTTP status says where it came up."""
    if stage is Stage.API and re.search(r"\b403\b", folded):
        why = "HubSpot's API answered 403, which it does when a scope is missing."
        causes = (
            Cause.TOKEN_LACKS_SCOPE,
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        )
        return Reading(causes, why)
    if stage is Stage.API and re.search(r"\b401\b", folded):
        return Reading(
            (Cause.TOKEN_EXPIRED, Cause.REFRESH_TOKEN_INVALID), "HubSpot's API answered 401."
        )
    if stage is Stage.TOKEN and re.search(r"\b40[01]\b", folded):
        why = (
            "The token endpoint refused, and nothing tells why; most often it is the client secret."
        )
        causes = (
            Cause.CLIENT_SECRET_INVALID,
            Cause.CODE_EXPIRED_OR_REUSED,
            Cause.REDIRECT_URI_MISMATCH,
        )
        return Reading(causes, why)
    if re.search(r"\b5\d\d\b|timed? ?out|gateway", folded):
        return Reading((Cause.HUBSPOT_UNAVAILABLE,), "The message is one of a server in trouble.")
    return None
