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

from oauth_helper.scopes.app_configuration import AppConfiguration
from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.names import OAUTH


@dataclass(frozen=True, slots=True)
class Problem:
    """One difference between an authorize URL and the app's configuration.

    `code` is of the vocabulary of causes; `scopes` are those that it concerns, in the order given.
    """

    code: str
    scopes: tuple[str, ...]
    message: str


def check_placement(
    scope: Iterable[str], optional_scope: Iterable[str], app: AppConfiguration
) -> tuple[Problem, ...]:
    """Every way in which the two parameters break the rules for `app`; empty when HubSpot accepts.

    A required scope that stands in `optional_scope` is named twice, as missing from `scope` (what
    HubSpot's page will say) and as in the wrong parameter (what is to be mended).
    """
    in_scope, in_optional = tuple(scope), tuple(optional_scope)
    missing = [name for name in app.required if name not in in_scope and name != OAUTH]
    unlisted = [name for name in (*in_scope, *in_optional) if app.kind_of(name) is None]
    return tuple(
        Problem(code, tuple(dict.fromkeys(names)), message.format(", ".join(dict.fromkeys(names))))
        for code, names, message in (
            (
                "missing_oauth_scope",
                [OAUTH] if OAUTH not in in_scope else [],
                "`{}` is missing from `scope`. HubSpot lists it as required on every app.",
            ),
            (
                "url_missing_required_scope",
                missing,
                "The app requires {}, which `scope` does not hold.",
            ),
            (
                "url_requests_unconfigured_scope",
                unlisted,
                "The URL asks for {}, which the app does not list.",
            ),
            (
                "scope_in_wrong_parameter",
                [name for name in in_optional if name in app.required and name not in in_scope],
                "The app lists {} as required: it belongs in `scope`, not in `optional_scope`.",
            ),
            (
                "scope_in_wrong_parameter",
                [name for name in in_optional if app.kind_of(name) is Kind.CONDITIONAL],
                "The app lists {} as conditionally required: it may stand in `scope` only.",
            ),
            (
                "scope_in_wrong_parameter",
                [name for name in in_scope if app.kind_of(name) is Kind.OPTIONAL],
                "The app lists {} as optional: it may stand in `optional_scope` only.",
            ),
        )
        if names
    )
