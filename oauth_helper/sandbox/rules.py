"""Decide about an authorization request as HubSpot does: an error page, or a grant. Pure.

The texts are those of HubSpot's pages in public threads and forum posts of 2026, in English.
HubSpot doesn't redirect back from any of them. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from oauth_helper.sandbox.accounts import Account, SandboxRole, has_scope
from oauth_helper.sandbox.apps import SandboxApp
from oauth_helper.scopes import (
    AppConfiguration,
    Catalogue,
    check_placement,
    is_scope_token,
    parse_scope,
)


@dataclass(frozen=True, slots=True)
class SandboxErrorPage:
    """One of HubSpot's error pages. `code` is ours, E1 to E9; `detail` is a second line, if any."""

    code: str
    message: str
    detail: str = ""


#: The title of every error page, with U+2019 as HubSpot writes it.
ERROR_TITLE = "Couldn\N{RIGHT SINGLE QUOTATION MARK}t complete the connection"

_MISMATCH = (
    "Authorization failed because there is a mismatch between the scopes in the install URL and "
    "the app's configured scopes. Please contact the app developer."
)

#: Translated from the French page, the only one seen (2026).
UNKNOWN_CLIENT = SandboxErrorPage(
    "E6", "An invalid app client_id was provided. Please contact the app developer."
)

# A challenge has 43 to 128 characters (RFC 7636 section 4.2). One more keeps a longer one wrong.
_CHALLENGE_KEPT = 129


@dataclass(frozen=True, slots=True)
class SandboxGranted:
    """What the account grants, by the parameter that asked for it."""

    scope: tuple[str, ...]
    optional_scope: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Return both parameters' scopes."""
        return (*self.scope, *self.optional_scope)


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """The query of the authorize URL. `state` is None when it wasn't sent, as opposed to empty."""

    client_id: str = ""
    redirect_uri: str = ""
    scope: tuple[str, ...] = ()
    optional_scope: tuple[str, ...] = ()
    state: str | None = None
    code_challenge: str = ""
    code_challenge_method: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> SandboxRequest:
        """Return the request in a parsed query, without parameters that HubSpot doesn't know."""
        return cls(
            client_id=query.get("client_id", ""),
            redirect_uri=query.get("redirect_uri", ""),
            scope=parse_scope(query.get("scope", "")),
            optional_scope=parse_scope(query.get("optional_scope", "")),
            state=query.get("state"),
            code_challenge=query.get("code_challenge", "")[:_CHALLENGE_KEPT],
            code_challenge_method=query.get("code_challenge_method", "")[:16],
        )


def refuse_request(
    app: SandboxApp | None, request: SandboxRequest, catalogue: Catalogue
) -> SandboxErrorPage | None:
    """Return the error page that the URL leads to for any user; None when it is valid."""
    if app is None:
        return UNKNOWN_CLIENT
    if not is_registered(request.redirect_uri, app.configuration):
        shown = request.redirect_uri[:500]
        return SandboxErrorPage(
            "E5",
            f"Authorization failed as the redirect URL '{shown}' doesn't match the app's "
            "registered redirect URL",
        )
    return (
        _refuse_app(app)
        or _refuse_names(app.configuration, request, catalogue)
        or _refuse_placement(app.configuration, request)
    )


def decide(
    app: SandboxApp | None,
    request: SandboxRequest,
    account: Account,
    role: SandboxRole,
    catalogue: Catalogue,
) -> SandboxErrorPage | SandboxGranted:
    """Return what happens when a user with `role` connects `account` to `app` as it sees it.

    Scopes of `optional_scope` that the account lacks are silently left out.
    """
    if refused := refuse_request(app, request, catalogue):
        return refused
    lacked = [name for name in request.scope if not has_scope(account, name, catalogue)]
    if lacked:
        return SandboxErrorPage(
            "E3",
            "Authorization failed because your account lacks access to the required scopes "
            + _bracketed(lacked),
        )
    if role is SandboxRole.USER:
        return SandboxErrorPage(
            "E9",
            "Request for Integration Permissions",
            "You don't have permission to connect this app",
        )
    if app is not None and app.governed:
        return SandboxErrorPage(
            "E7",
            "Authorization failed because this app hasn't been approved to access the required "
            f"scopes {_bracketed(request.scope)}",
        )
    had = (name for name in request.optional_scope if has_scope(account, name, catalogue))
    return SandboxGranted(request.scope, tuple(name for name in had if name not in request.scope))


def is_registered(redirect_uri: str, configuration: AppConfiguration) -> bool:
    """Return whether `redirect_uri` is a web address that the app lists exactly."""
    # An edit may list anything, so check that the Location header can carry it.
    if redirect_uri not in configuration.redirect_urls or re.search(r"[^\x21-\x7e]", redirect_uri):
        return False
    try:
        parts = urlsplit(redirect_uri)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def known_names(configuration: AppConfiguration, catalogue: Catalogue) -> frozenset[str]:
    """Return every scope name that the sandbox accepts as HubSpot's."""
    granular = (name for scope in catalogue.scopes for name in scope.replaced_by)
    return frozenset((*catalogue.by_name, *granular, *configuration.listed))


def _refuse_app(app: SandboxApp) -> SandboxErrorPage | None:
    if not app.policy_signed:
        return SandboxErrorPage(
            "E8",
            "The app could not be installed because the app developer has not signed the "
            "acceptable use policy.",
        )
    if not app.link_valid:
        return SandboxErrorPage(
            "E8",
            "This install link is no longer valid. Please visit HubSpot's App Marketplace to "
            "install this app.",
        )
    return None


def _refuse_names(
    configuration: AppConfiguration, request: SandboxRequest, catalogue: Catalogue
) -> SandboxErrorPage | None:
    names = (*request.scope, *request.optional_scope)
    known = known_names(configuration, catalogue)
    if names and all(is_scope_token(name) and name in known for name in names):
        return None
    return SandboxErrorPage(
        "E4", "An invalid scope name was provided. Please contact the app developer."
    )


def _refuse_placement(
    configuration: AppConfiguration, request: SandboxRequest
) -> SandboxErrorPage | None:
    problems = check_placement(request.scope, request.optional_scope, configuration)
    if not problems:
        return None
    # HubSpot is reported to answer a missing `oauth` with a mismatch (n8n-io/n8n#23204), also when
    # more is missing. Other reports say that it accepts the link; the sandbox is strict.
    codes = {problem.code for problem in problems}
    if "missing_oauth_scope" in codes or problems[0].code != "url_missing_required_scope":
        return SandboxErrorPage("E2", _MISMATCH)
    return SandboxErrorPage(
        "E1",
        "Authorization failed because the provided scopes are missing "
        + _bracketed(problems[0].scopes),
    )


def _bracketed(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"
