"""HubSpot's placement rules: which scope of an app belongs in which parameter of the URL.

With R, C and O for the scopes that the app lists as required, conditionally required and optional,
S for the parameter `scope` and P for `optional_scope`:

1. every scope of R is in S; in P it does not count.
2. S and P hold nothing that the app does not list.
3. a scope of C may be in S only.
4. a scope of O may be in P only.

`oauth` is in R of every app. HubSpot enforces this since 2024-10-21, on a page of its own and
without a redirect back. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from oauth_helper.scopes.app_configuration import AppConfiguration
from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.names import OAUTH

# More names than this are not said again in a fix.
_REPEATED = 6


class Severity(StrEnum):
    """Whether HubSpot refuses for certain, or something is only worth knowing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One difference between an authorize URL and the app's configuration.

    `code` is of the vocabulary of causes; `scopes` are those that it concerns, in the order given.
    `url_fix` and `app_fix` are the two ways to mend it, by changing the request or the app; empty
    where that side cannot.
    """

    code: str
    scopes: tuple[str, ...]
    message: str
    severity: Severity = Severity.ERROR
    url_fix: str = ""
    app_fix: str = ""


def check_placement(
    scope: Iterable[str], optional_scope: Iterable[str], app: AppConfiguration
) -> tuple[Problem, ...]:
    """Every way in which the two parameters break the rules for `app`; empty when HubSpot accepts.

    A required scope that stands in `optional_scope` is named twice, as missing from `scope` (what
    HubSpot's page will say) and as in the wrong parameter (what is to be mended).
    """
    in_scope, in_optional = tuple(scope), tuple(optional_scope)
    found = (
        _missing_oauth(in_scope),
        _missing_required(in_scope, in_optional, app),
        _unlisted(in_scope, in_optional, app),
        _required_as_optional(in_scope, in_optional, app),
        _conditional_as_optional(in_optional, app),
        _optional_as_required(in_scope, app),
    )
    return tuple(problem for problem in found if problem is not None)


def _missing_oauth(in_scope: tuple[str, ...]) -> Problem | None:
    if OAUTH in in_scope:
        return None
    return Problem(
        "missing_oauth_scope",
        (OAUTH,),
        "`oauth` is missing from `scope`. HubSpot lists it as required on every app.",
        url_fix="Add oauth to `scope`.",
    )


def _missing_required(
    in_scope: tuple[str, ...], in_optional: tuple[str, ...], app: AppConfiguration
) -> Problem | None:
    missing = [name for name in app.required if name not in (*in_scope, OAUTH)]
    if not missing:
        return None
    names = _counted(missing)
    moved = any(name in in_optional for name in missing)
    return Problem(
        "url_missing_required_scope",
        tuple(dict.fromkeys(missing)),
        f"The app requires {_listed(missing)}, which `scope` does not hold.",
        url_fix=f"Have {names} in `scope`." if moved else f"Add {names} to `scope`.",
        app_fix=f"List {names} as optional instead of required.",
    )


def _unlisted(
    in_scope: tuple[str, ...], in_optional: tuple[str, ...], app: AppConfiguration
) -> Problem | None:
    required = [name for name in in_scope if app.kind_of(name) is None]
    optional = [name for name in in_optional if app.kind_of(name) is None and name not in required]
    if not required and not optional:
        return None
    both = (*required, *optional)
    added = [f"{_counted(required)} as required"] if required else []
    added += [f"{_counted(optional)} as optional"] if optional else []
    return Problem(
        "url_requests_unconfigured_scope",
        tuple(dict.fromkeys(both)),
        f"The URL asks for {_listed(both)}, which the app does not list.",
        url_fix=f"Leave {_counted(both)} out.",
        app_fix=f"List {' and '.join(added)}.",
    )


def _required_as_optional(
    in_scope: tuple[str, ...], in_optional: tuple[str, ...], app: AppConfiguration
) -> Problem | None:
    return _misplaced(
        [name for name in in_optional if name in app.required and name not in in_scope],
        "The app lists {} as required: it belongs in `scope`, not in `optional_scope`.",
        url_fix="Move {} from `optional_scope` to `scope`.",
        app_fix="List {} as optional instead of required.",
    )


def _conditional_as_optional(in_optional: tuple[str, ...], app: AppConfiguration) -> Problem | None:
    return _misplaced(
        [name for name in in_optional if app.kind_of(name) is Kind.CONDITIONAL],
        "The app lists {} as conditionally required: it may stand in `scope` only.",
        url_fix="Move {} from `optional_scope` to `scope`.",
        app_fix="List {} as optional instead of conditionally required.",
    )


def _optional_as_required(in_scope: tuple[str, ...], app: AppConfiguration) -> Problem | None:
    return _misplaced(
        [name for name in in_scope if app.kind_of(name) is Kind.OPTIONAL],
        "The app lists {} as optional: it may stand in `optional_scope` only.",
        url_fix="Move {} from `scope` to `optional_scope`.",
        app_fix="List {} as required instead of optional.",
    )


def _misplaced(misplaced: list[str], message: str, *, url_fix: str, app_fix: str) -> Problem | None:
    if not misplaced:
        return None
    names = _counted(misplaced)
    return Problem(
        "scope_in_wrong_parameter",
        tuple(dict.fromkeys(misplaced)),
        message.format(_listed(misplaced)),
        url_fix=url_fix.format(names),
        # HubSpot adds it by itself, as required.
        app_fix="" if OAUTH in misplaced else app_fix.format(names),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _counted(names: Iterable[str]) -> str:
    """The names, or how many there are: the message beside it has them all."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct) if len(distinct) <= _REPEATED else f"these {len(distinct)} scopes"
