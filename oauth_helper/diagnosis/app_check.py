"""Checking an app against a link: what the command, the API and the page have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.scopes import (
    AppConfiguration,
    AppConfigurationError,
    Catalogue,
    Preflight,
    Problem,
    RequestedScopes,
    Severity,
    parse_scope,
)
from oauth_helper.scopes.app_file import AppFile, parse_app_file

# HubSpot knows some three hundred scopes. Comparing takes time that grows with the square of these.
_MOST_SCOPES, _MOST_URLS = 2000, 200


class LinkError(ValueError):
    """A link, or its scopes, that can't be compared with an app."""


@dataclass(frozen=True, slots=True)
class CheckedLink:
    """The authorize URL that an app is compared with; `redirect_uri` is empty when not compared."""

    requested: RequestedScopes
    redirect_uri: str = ""


def link_in(text: str) -> CheckedLink:
    """Return the authorize URL in `text`. Raises `LinkError` when none can be read."""
    found = find_authorization_url(text)
    if found is None:
        raise LinkError(
            "no whole authorize URL with `scope` or `optional_scope` can be read in it, such as "
            "https://app.hubspot.com/oauth/authorize?client_id=…&scope=…"
        )
    return CheckedLink(_bounded(found.requested), found.redirect_uri or "")


def link_with(scope: str, optional_scope: str) -> CheckedLink:
    """Return a link with these two parameters. Raises `LinkError` when they hold too much."""
    return CheckedLink(_bounded(RequestedScopes(parse_scope(scope), parse_scope(optional_scope))))


def read_app(
    raw: str | bytes, *, origin: str, variables: Mapping[str, object] | None = None
) -> AppFile:
    """Return the app's file in `raw`, small enough to compare. Raises `AppConfigurationError`."""
    file = parse_app_file(raw, origin=origin, variables=variables)
    check_size(file.configuration, origin=origin)
    return file


def check_size(app: AppConfiguration, *, origin: str) -> None:
    """Raise `AppConfigurationError` when `app` lists more than any app can."""
    counted = (
        (len(app.listed), _MOST_SCOPES, "scopes"),
        (len(app.redirect_urls), _MOST_URLS, "redirect URLs"),
    )
    problems = [
        f"lists {count:,} {what}; more than {most:,} are not compared"
        for count, most, what in counted
        if count > most
    ]
    if problems:
        raise AppConfigurationError(origin, problems)


def compare(app: AppConfiguration, link: CheckedLink, catalogue: Catalogue) -> Preflight:
    """Return what HubSpot will do when a customer opens `link`."""
    return Preflight(link.requested, app, catalogue, link.redirect_uri)


def errors_of(checked: Preflight) -> list[Problem]:
    """Return the problems for which HubSpot rejects the link."""
    return [each for each in checked.problems if each.severity is Severity.ERROR]


def tally(problems: Collection[Problem]) -> str:
    """Return how many problems there are of each severity, in words; empty for none."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    counted = ((errors, "error"), (len(problems) - errors, "warning"))
    return ", ".join(f"{count} {what}{'s' * (count > 1)}" for count, what in counted if count)


def _bounded(requested: RequestedScopes) -> RequestedScopes:
    if len(requested.all) > _MOST_SCOPES:
        raise LinkError(f"more than {_MOST_SCOPES:,} scopes are not compared")
    return requested
