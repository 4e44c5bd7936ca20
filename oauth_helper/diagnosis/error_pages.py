"""HubSpot's own error pages: which of them a text quotes, in any wording and language.

A message is recognised by what it speaks of and what it says of that, near each other. The words
for these are in `error_pages.toml`, language by language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise

from oauth_helper.diagnosis.causes import Cause
from oauth_helper.diagnosis.message_rules import MISMATCH


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """A message of HubSpot's pages, in any language: what `name` says means `causes`.

    It speaks of `subject` and, near to that, of one of `said`; both are keys of
    `error_pages.toml`. A page that `lists` scopes has them in brackets since 2026. `situation` is
    that of the likeliest cause.
    """

    name: str
    causes: tuple[Cause, ...]
    subject: str
    said: tuple[str, ...] = ()
    lists: bool = False
    situation: str = ""


#: What HubSpot's pages say, the most specific first.
PAGES: tuple[ErrorPage, ...] = (
    # App Governance, since 2026-04
    ErrorPage(
        "app waiting for approval",
        (Cause.APP_NOT_APPROVED,),
        "unapproved",
        ("app",),
        lists=True,
    ),
    # Private apps, allowlists and caps, since 2025-09-22 (developers.hubspot.com/changelog)
    ErrorPage("account not eligible for the app", (Cause.ACCOUNT_NOT_ELIGIBLE,), "ineligible"),
    # HubSpot/sample-apps-oauth#23
    ErrorPage(
        "app blocked by HubSpot",
        (Cause.APP_BLOCKED, Cause.URL_MISSING_REQUIRED_SCOPE),
        "blocked",
    ),
    # PipedreamHQ/pipedream#20321
    ErrorPage(
        "unknown client ID",
        (Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION),
        "client",
        ("invalid", "missing"),
    ),
    # microsoft/PowerPlatformConnectors#3849, #3266; n8n-io/n8n#23581
    ErrorPage(
        "redirect URL not registered",
        (Cause.REDIRECT_URI_MISMATCH,),
        "redirect",
        ("mismatch", "invalid"),
    ),
    # HubSpot/oauth-quickstart-nodejs#29, SocialiteProviders/Providers#1188
    ErrorPage(
        "invalid scope name",
        (Cause.INVALID_SCOPE_NAME, Cause.SCOPES_BADLY_ENCODED, Cause.DEPRECATED_SCOPE),
        "scope",
        ("invalid",),
        lists=True,
    ),
    ErrorPage("scopes joined wrongly", (Cause.SCOPES_BADLY_ENCODED,), "scope", ("joined",)),
    ErrorPage(
        "scope out of use",
        (Cause.DEPRECATED_SCOPE, Cause.URL_REQUESTS_UNCONFIGURED_SCOPE),
        "scope",
        ("deprecated",),
    ),
    # PipedreamHQ/pipedream#20618, microsoft/PowerPlatformConnectors#2309
    ErrorPage(
        "account without the feature",
        (Cause.ACCOUNT_LACKS_FEATURE, Cause.USER_LACKS_PERMISSION),
        "account",
        ("no_access",),
        lists=True,
    ),
    # n8n-io/n8n#23204
    ErrorPage("mismatch between the install URL and the app", MISMATCH, "scope", ("mismatch",)),
    # estuary/connectors#5069
    ErrorPage(
        "user not allowed to install apps",
        (Cause.USER_LACKS_PERMISSION, Cause.ACCOUNT_LACKS_FEATURE),
        "forbidden",
    ),
    # automatisch/automatisch#2497, ringcentral/hubspot-embeddable-ringcentral-phone#78
    ErrorPage(
        "required scope missing from the install URL",
        (Cause.URL_MISSING_REQUIRED_SCOPE, Cause.DEPRECATED_SCOPE),
        "scope",
        ("missing",),
        lists=True,
    ),
)

# The longest way from a subject to what is said of it. HubSpot's own sentences need about 70.
_NEAR = 90

_SENTENCE_END = re.compile(r"[.!?] |。")


def pages_in(folded: str) -> Iterator[tuple[ErrorPage, tuple[str, ...]]]:
    """Yield the pages that `folded` quotes, the most specific first, with their languages."""
    ends = _places(_SENTENCE_END, folded)
    places = {
        language: {idea: _places(pattern, folded) for idea, pattern in ideas.items()}
        for language, ideas in _languages().items()
    }
    for page in PAGES:
        if found := tuple(name for name, spoken in places.items() if _says(page, spoken, ends)):
            yield page, found


_Places = tuple[tuple[int, int], ...]


def _places(pattern: re.Pattern[str], folded: str) -> _Places:
    return tuple(match.span() for match in pattern.finditer(folded))


def _says(page: ErrorPage, spoken: Mapping[str, _Places], ends: _Places) -> bool:
    subject = spoken.get(page.subject, ())
    if not page.said:
        return bool(subject)
    return any(_near(subject, spoken.get(idea, ()), ends) for idea in page.said)


def _near(subject: _Places, said: _Places, ends: _Places) -> bool:
    """Return whether one of each is near the other in one sentence.

    The nearest two are neighbours when all are sorted, and an end of a sentence parts them.
    """
    if not subject or not said:
        return False
    kinds = ((subject, "subject"), (said, "said"), (ends, "end"))
    sorted_places = sorted((start, end, kind) for places, kind in kinds for start, end in places)
    return any(
        {here[2], there[2]} == {"subject", "said"} and there[0] - here[1] <= _NEAR
        for here, there in pairwise(sorted_places)
    )


@lru_cache(maxsize=1)
def _languages() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    """Return the pattern of each idea, by language."""
    text = resources.files(__package__).joinpath("error_pages.toml").read_text("utf-8")
    tables: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    every = tables.pop("every")
    return {
        language: {
            idea: _any_of([*every.get(idea, ()), *table.get(idea, ())])
            for idea in sorted(every.keys() | table.keys())
        }
        for language, table in tables.items()
    }


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns))
