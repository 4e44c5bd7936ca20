"""What a message means: HubSpot's pages in several languages, its token endpoint, its API.

HubSpot shows most mismatches on its own page, so the text that the customer read there and pasted
or typed is often the only evidence. The protocol's own words are looked for first, then HubSpot's
pages, then what stays the same in every language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.error_pages import ErrorPage, pages_in
from oauth_helper.diagnosis.evidence import Candidate
from oauth_helper.diagnosis.message_rules import EXACT, LAST, WEAK, MessageRule
from oauth_helper.diagnosis.named_scopes import scopes_named
from oauth_helper.diagnosis.normalize import MAX_TEXT, QUOTED_URL, fold, respelt, without_wrapping

__all__ = ["MAX_TEXT", "Reading", "fold", "read_exactly", "read_message", "scopes_named"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text may mean, the likeliest first, and the scopes that it names.

    `situation` and `detail` are those of the likeliest; see `Candidate`.
    """

    causes: tuple[Cause, ...]
    why: str
    scopes: tuple[str, ...] = ()
    situation: str = ""
    detail: str = ""

    def candidates(self, before: str = "") -> tuple[Candidate, ...]:
        """Return a candidate for each cause; `before` is other evidence, named first."""
        why = f"{before} {self.why}".strip()
        return tuple(
            Candidate(
                cause,
                why,
                self.scopes if cause in ABOUT_SCOPES else (),
                "" if number else self.situation,
                "" if number else self.detail,
            )
            for number, cause in enumerate(self.causes)
        )


#: The causes that scopes named in a message belong to.
ABOUT_SCOPES = frozenset(
    {
        Cause.URL_MISSING_REQUIRED_SCOPE,
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.INVALID_SCOPE_NAME,
        Cause.DEPRECATED_SCOPE,
        Cause.ACCOUNT_LACKS_FEATURE,
        Cause.APP_NOT_APPROVED,
        Cause.TOKEN_LACKS_SCOPE,
        Cause.GRANTED_MISSING_REQUIRED,
        Cause.GRANTED_MISSING_OPTIONAL,
    }
)


def read_message(text: str, stage: Stage) -> Reading | None:
    """Return what `text` means, or None when nothing in it is known."""
    if exact := read_exactly(text, stage):
        return exact
    folded = fold(without_wrapping(text))
    scopes = scopes_named(text)
    return (
        _by_pages(folded, stage, scopes)
        or _by_pages(respelt(folded), stage, scopes)
        or _by_rules(WEAK, folded, stage, scopes)
        or _by_structure(folded, stage, scopes)
        or _by_rules(LAST, folded, stage, scopes)
    )


def read_exactly(text: str, stage: Stage) -> Reading | None:
    """Return what `text` means when it has words that only one of HubSpot's answers has."""
    return _by_rules(EXACT, fold(without_wrapping(text)), stage, scopes_named(text))


# Folded: without accents, in small letters. English, French, Italian and Japanese are from where
# `error_pages.toml` has its sentences; others are worked out.
_TITLE = re.compile(
    "couldn'?t complete the connection|impossible de terminer la connexion"
    "|impossibile completare la connessione|接続を完了できませんでした"
    "|(?:die )?verbindung konnte nicht (?:hergestellt|abgeschlossen) werden"
    "|no se pudo completar la conexion|nao foi possivel concluir a conexao"
)


def is_title_only(text: str) -> bool:
    """Return whether `text` is the title of HubSpot's error page and nothing that tells more."""
    folded = fold(without_wrapping(text))
    return bool(_TITLE.search(folded)) and len(_TITLE.sub("", folded).strip(" .:!-")) < 20


def _by_rules(
    rules: tuple[MessageRule, ...], folded: str, stage: Stage, scopes: tuple[str, ...]
) -> Reading | None:
    for rule in rules:
        if stage in rule.stages and (match := rule.pattern.search(folded)):
            detail = next((each for each in match.groups() if each), "") if rule.captures else ""
            if rule.captures and not detail:
                continue
            why = f"HubSpot's words match “{rule.name}”."
            return Reading(rule.causes, why, scopes, rule.situation, detail)
    return None


def _by_pages(folded: str, stage: Stage, scopes: tuple[str, ...]) -> Reading | None:
    """Return what the pages mean that `folded` quotes: first the likeliest cause of each."""
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
    why = _words_match(page, languages)
    return Reading(tuple(dict.fromkeys(causes)), why, scopes, page.situation)


# At the API the same words speak of the token: there is neither a link nor a customer.
_OF_THE_URL = frozenset({Cause.URL_MISSING_REQUIRED_SCOPE, Cause.USER_LACKS_PERMISSION})


def _words_match(page: ErrorPage, languages: tuple[str, ...]) -> str:
    """Return which page it is; its language where it isn't English and no other fits."""
    foreign = len(languages) == 1 and languages[0] != "English"
    return f"HubSpot's message matches “{page.name}”{f', in {languages[0]}' if foreign else ''}."


# Asked by a person and not said by HubSpot.
_QUESTION = re.compile(r"\b(?:where|how|what|which) (?:do|can|is|are|does|should)\b")


def _by_structure(folded: str, stage: Stage, scopes: tuple[str, ...]) -> Reading | None:
    """Return what stays the same in every language: brackets, a URL in quotes, `client_id`."""
    if scopes and stage is Stage.API:
        causes = (Cause.TOKEN_LACKS_SCOPE, Cause.ACCOUNT_LACKS_FEATURE, Cause.DEPRECATED_SCOPE)
        return Reading(causes, "The message of the API names scopes.", scopes)
    if scopes:
        why = "The language isn't known, but the message lists scopes."
        causes = (
            Cause.URL_MISSING_REQUIRED_SCOPE,
            Cause.ACCOUNT_LACKS_FEATURE,
            Cause.APP_NOT_APPROVED,
        )
        return Reading(causes, why, scopes)
    if re.search(r"client[ _-]?id", folded) and not _QUESTION.search(folded):
        why = "The language isn't known, but the message mentions the client ID."
        return Reading((Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION), why)
    if QUOTED_URL in folded:
        why = "The language isn't known, but the message quotes a URL, as the one on redirect URLs."
        return Reading((Cause.REDIRECT_URI_MISMATCH,), why)
    return None
