"""HubSpot's placement rules: which scope of an app belongs in which parameter of the URL.

With R, C and O for the scopes that the app lists as required, conditionally required and optional,
S for the parameter `scope` and P for `optional_scope`:

1. every scope of R is in S; in P it doesn't count. 2. S and P have nothing that the app doesn't
list. 3. a scope of C may be in S only. 4. a scope of O may be in P only.

HubSpot enforces this since 2024-10-21, on its own page and without redirecting back. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
`oauth` is in R of every app, yet links without it are reported to be rejected (n8n-io/n8n#23204)
and to connect (n8n-io/n8n#16594): its absence is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from oauth_helper.scopes.app_configuration import AppConfiguration, has_variable
from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.names import OAUTH

# A fix repeats at most this many names.
_REPEATED = 6


class Severity(StrEnum):
    """Whether HubSpot certainly rejects the link, or only may."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One difference between an authorize URL and the app's configuration.

    `code` is a cause; `scopes` are those that it concerns, in the order given. `url_fix` and
    `app_fix` say how to fix it in the link or in the app; empty where that isn't possible. `both`
    is true when both are needed.
    """

    code: str
    scopes: tuple[str, ...]
    message: str
    severity: Severity = Severity.ERROR
    url_fix: str = ""
    app_fix: str = ""
    both: bool = False


def check_placement(
    scope: Iterable[str], optional_scope: Iterable[str], app: AppConfiguration
) -> tuple[Problem, ...]:
    """Return every way in which the two parameters break the rules for `app`, warnings last.

    Names each mistake once: a required scope in `optional_scope` is reported as missing from
    `scope`, as on HubSpot's page.
    """
    in_scope, in_optional = tuple(scope), tuple(optional_scope)
    found = (
        _missing_required(in_scope, in_optional, app),
        _unlisted(in_scope, in_optional, app),
        _conditional_as_optional(in_optional, app),
        _optional_as_required(in_scope, app),
        _missing_oauth(in_scope),
    )
    return tuple(problem for problem in found if problem is not None)


def _missing_oauth(in_scope: tuple[str, ...]) -> Problem | None:
    if OAUTH in in_scope:
        return None
    return Problem(
        "missing_oauth_scope",
        (OAUTH,),
        "`oauth` is not in `scope`. Every app requires it; some links without it still connect, "
        "but HubSpot may reject this one.",
        Severity.WARNING,
        url_fix="Add `oauth` to `scope`.",
    )


def _missing_required(
    in_scope: tuple[str, ...], in_optional: tuple[str, ...], app: AppConfiguration
) -> Problem | None:
    required = (name for name in app.required if not has_variable(name))
    missing = [name for name in required if name not in (*in_scope, OAUTH)]
    if not missing:
        return None
    misplaced = [name for name in missing if name in in_optional]
    absent = [name for name in missing if name not in in_optional]
    fixes = [f"Add {_counted(absent)} to `scope`."] if absent else []
    message = f"The app requires {_listed(missing)}, missing from `scope` in the link."
    if misplaced:
        fixes.append(f"Move {_counted(misplaced)} from `optional_scope` to `scope`.")
        message += f" `optional_scope` doesn't count for {_listed(misplaced)}."
    return Problem(
        "url_missing_required_scope",
        tuple(dict.fromkeys(missing)),
        message,
        url_fix=" ".join(fixes),
        app_fix=f"List {_counted(missing)} as optional instead of required.",
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
    unknown = any(map(has_variable, app.listed))
    hint = " Its file has a variable among the scopes, which may stand for more." if unknown else ""
    return Problem(
        "url_requests_unconfigured_scope",
        tuple(dict.fromkeys(both)),
        f"The link requests {_listed(both)}, which the app doesn't list.{hint}",
        Severity.WARNING if unknown else Severity.ERROR,
        url_fix=f"Leave {_counted(both)} out.",
        app_fix=f"List {' and '.join(added)}.",
    )


def _conditional_as_optional(in_optional: tuple[str, ...], app: AppConfiguration) -> Problem | None:
    return _misplaced(
        [name for name in in_optional if app.kind_of(name) is Kind.CONDITIONAL],
        "Only `scope` may have {}, which the app lists as conditionally required.",
        url_fix="Move {} from `optional_scope` to `scope`.",
        app_fix="List {} as optional instead of conditionally required.",
    )


def _optional_as_required(in_scope: tuple[str, ...], app: AppConfiguration) -> Problem | None:
    return _misplaced(
        [name for name in in_scope if app.kind_of(name) is Kind.OPTIONAL],
        "Only `optional_scope` may have {}, which the app lists as optional.",
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
        app_fix=app_fix.format(names),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _counted(names: Iterable[str]) -> str:
    """Return the names, or only their number if there are many: the message names them all."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct) if len(distinct) <= _REPEATED else f"these {len(distinct)} scopes"
