"""What a message means: of HubSpot's pages in several languages, of its token endpoint, its API.

HubSpot shows most mismatches on a page of its own, so the text that somebody read there, and pasted
or read out, is often the only evidence. What is said in the protocol's own words is looked for
first, then HubSpot's pages, then what stays the same in every language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.error_pages import Page, pages_in
from oauth_helper.diagnosis.message_rules import EXACT, LAST, WEAK, MessageRule
from oauth_helper.diagnosis.normalize import MAX_TEXT, QUOTED_URL, fold, respelt, without_wrapping
from oauth_helper.scopes import is_scope_token, shipped_catalogue

__all__ = ["MAX_TEXT", "Reading", "fold", "read_message", "scopes_named"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text may mean, the likeliest first, and the scopes that it names."""

    causes: tuple[Cause, ...]
    why: str
    scopes: tuple[str, ...] = ()


def read_message(text: str, stage: Stage) -> Reading | None:
    """What `text` means, or None when nothing in it is known."""
    folded = fold(without_wrapping(text))
    scopes = scopes_named(text)
    return (
        _by_rules(EXACT, folded, stage, scopes)
        or _by_pages(folded, stage, scopes)
        or _by_pages(respelt(folded), stage, scopes)
        or _by_rules(WEAK, folded, stage, scopes)
        or _by_structure(folded, stage, scopes)
        or _by_rules(LAST, folded, stage, scopes)
    )


# Folded: without accents, in small letters. English, French, Italian and Japanese are from where
# `error_pages.toml` has its sentences; others are worked out.
_TITLE = re.compile(
    "couldn'?t complete the connection|impossible de terminer la connexion"
    "|impossibile completare la connessione|接続を完了できませんでした"
    "|(?:die )?verbindung konnte nicht (?:hergestellt|abgeschlossen) werden"
    "|no se pudo completar la conexion|nao foi possivel concluir a conexao"
)


def is_title_only(text: str) -> bool:
    """Whether `text` is the title of HubSpot's error page and nothing that tells more."""
    folded = fold(without_wrapping(text))
    return bool(_TITLE.search(folded)) and len(_TITLE.sub("", folded).strip(" .:!-")) < 20


def _by_rules(
    rules: tuple[MessageRule, ...], folded: str, stage: Stage, scopes: tuple[str, ...]
) -> Reading | None:
    for rule in rules:
        if stage in rule.stages and rule.pattern.search(folded):
            return Reading(rule.causes, f"The message is the one of {rule.name}.", scopes)
    return None


def _by_pages(folded: str, stage: Stage, scopes: tuple[str, ...]) -> Reading | None:
    """What the pages mean that `folded` quotes: first the likeliest cause of each."""
    found = list(pages_in(folded))
    if not found:
        return None
    if scopes:
        # Of two messages, the one that names its scopes is the one to act on.
        found.sort(key=lambda hit: not hit[0].lists)
    page, languages = found[0]
    causes = [page.causes[0] for page, _ in found]
    causes += [cause for page, _ in found for cause in page.causes]
    if stage is Stage.API and page.causes[0] in _OF_THE_URL:
        causes.insert(0, Cause.TOKEN_LACKS_SCOPE)
    return Reading(tuple(dict.fromkeys(causes)), _told(page, languages), scopes)


# The API has no link and no person before it: there the same words speak of the token.
_OF_THE_URL = frozenset({Cause.URL_MISSING_REQUIRED_SCOPE, Cause.USER_LACKS_PERMISSION})


def _told(page: Page, languages: tuple[str, ...]) -> str:
    """Which message it is; the language only where it is another one and no other fits."""
    foreign = len(languages) == 1 and languages[0] != "English"
    return f"The message is the one of {page.name}{f', in {languages[0]}' if foreign else ''}."


def _by_structure(folded: str, stage: Stage, scopes: tuple[str, ...]) -> Reading | None:
    """What stays the same in every language: names in brackets, a URL in quotes, `client_id`."""
    if scopes and stage is Stage.API:
        causes = (Cause.TOKEN_LACKS_SCOPE, Cause.ACCOUNT_LACKS_FEATURE, Cause.DEPRECATED_SCOPE)
        return Reading(causes, "The message of the API names scopes.", scopes)
    if scopes:
        why = "The language is not known, but the message lists scopes."
        causes = (
            Cause.URL_MISSING_REQUIRED_SCOPE,
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.APP_NOT_APPROVED,
        )
        return Reading(causes, why, scopes)
    if re.search(r"client[ _-]?id", folded):
        why = "The language is not known, but the message speaks of the client id."
        return Reading((Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION), why)
    if QUOTED_URL in folded:
        why = (
            "The language is not known, but the message quotes a URL, as the one on redirect URLs."
        )
        return Reading((Cause.REDIRECT_URI_MISMATCH,), why)
    return None


def scopes_named(text: str) -> tuple[str, ...]:
    """The scopes that a message names, in order, each once.

    Those in square brackets, as HubSpot's pages list them since 2026 and API errors in their
    `context` (`requiredScopes`, `requiredGranularScopes`); else those after "scopes are missing".
    """
    plain = without_wrapping(text)
    found: list[str] = []
    for listed in re.findall(r"\[([^\[\]]{1,3000})\]", plain):
        names = (name.strip("'\"") for name in re.split(r"[,;\s]+", listed))
        found += [name for name in map(_small, names) if _is_scope_name(name)]
    if not found and (match := re.search(r"(?is)(?:missing|required)(.{1,200})", plain)):
        found += _spelt_out(match[1])
    return tuple(dict.fromkeys(found))


def _small(name: str) -> str:
    return name.lower() if name.isupper() else name


def _is_scope_name(name: str) -> bool:
    """Whether `name` looks like one of HubSpot's: it ends in what it allows, or is an old one."""
    if not re.fullmatch(r"[a-z][a-z0-9._-]{2,99}", name) or not is_scope_token(name):
        return False
    return name in _old_names() or bool(re.search(rf"\.({_ALLOWS})$", name))


_ALLOWS = "access|create|delete|execute|export|import|manage|publish|read|read_write|send|write"


@lru_cache(maxsize=1)
def _old_names() -> frozenset[str]:
    # The last three are in microsoft/PowerPlatformConnectors#2309 and in no catalogue any more.
    return frozenset(shipped_catalogue().by_name) | {"contacts", "reports", "actions"}


def _spelt_out(text: str) -> Iterator[str]:
    """`crm.x.read/write` names two scopes."""
    for name in re.findall(rf"\b[a-z][\w-]*(?:\.[\w-]+)*\.(?:{_ALLOWS})\b(?:/[a-z]+)?", text):
        first, _, other = name.partition("/")
        yield first
        if other:
            yield f"{first.rpartition('.')[0]}.{other}"
