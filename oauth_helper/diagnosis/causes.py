"""The vocabulary of causes, and what is said about each: to the customer, to staff, what to do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any


class Stage(StrEnum):
    """Where on its way a connection failed."""

    PREFLIGHT = "preflight"
    AUTHORIZATION = "authorization"
    CALLBACK = "callback"
    TOKEN = "token"  # noqa: S105 - the name of a stage
    GRANT = "grant"
    REFRESH = "refresh"
    API = "api"


class Cause(StrEnum):
    """Why a connection failed. The names are part of the JSON API and stay."""

    URL_MISSING_REQUIRED_SCOPE = "url_missing_required_scope"
    URL_REQUESTS_UNCONFIGURED_SCOPE = "url_requests_unconfigured_scope"
    SCOPE_IN_WRONG_PARAMETER = "scope_in_wrong_parameter"
    MISSING_OAUTH_SCOPE = "missing_oauth_scope"
    INVALID_SCOPE_NAME = "invalid_scope_name"
    DEPRECATED_SCOPE = "deprecated_scope"
    SCOPES_BADLY_ENCODED = "scopes_badly_encoded"
    ACCOUNT_LACKS_FEATURE = "account_lacks_feature"
    USER_LACKS_PERMISSION = "user_lacks_permission"
    APP_NOT_APPROVED = "app_not_approved"
    APP_BLOCKED = "app_blocked"
    USER_DENIED = "user_denied"
    REDIRECT_URI_MISMATCH = "redirect_uri_mismatch"
    CLIENT_ID_INVALID = "client_id_invalid"
    CLIENT_SECRET_INVALID = "client_secret_invalid"  # noqa: S105 - the name of a cause
    CODE_EXPIRED_OR_REUSED = "code_expired_or_reused"
    TOKEN_REQUEST_MALFORMED = "token_request_malformed"  # noqa: S105 - the name of a cause
    PKCE_MISMATCH = "pkce_mismatch"
    STATE_MISMATCH = "state_mismatch"
    GRANTED_MISSING_REQUIRED = "granted_missing_required"
    GRANTED_MISSING_OPTIONAL = "granted_missing_optional"
    TOKEN_LACKS_SCOPE = "token_lacks_scope"  # noqa: S105 - the name of a cause
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of a cause
    REFRESH_TOKEN_INVALID = "refresh_token_invalid"  # noqa: S105 - the name of a cause
    WRONG_REGION = "wrong_region"
    RATE_LIMITED = "rate_limited"
    HUBSPOT_UNAVAILABLE = "hubspot_unavailable"
    NEVER_RETURNED = "never_returned"
    UNKNOWN = "unknown"


class Responsible(StrEnum):
    """Who can mend a failure."""

    CUSTOMER = "customer"
    ACCOUNT_ADMIN = "account_admin"
    APP_DEVELOPER = "app_developer"
    OPERATOR = "operator"

    @property
    def title(self) -> str:  # type: ignore[override]
        """The person in words."""
        return {
            Responsible.CUSTOMER: "The person who connects",
            Responsible.ACCOUNT_ADMIN: "An admin of the HubSpot account",
            Responsible.APP_DEVELOPER: "The developer of the HubSpot app",
            Responsible.OPERATOR: "The operator of this program",
        }[self]


@dataclass(frozen=True, slots=True)
class Fix:
    """What one person can do, step by step."""

    who: Responsible
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A page that says more."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said about one cause. See `wording.toml` for each field."""

    title: str
    explained: str
    customer: str
    again: bool
    distinguishing_sign: str
    links: tuple[Link, ...]
    fix: tuple[Fix, ...]


def wording(cause: Cause) -> Wording:
    """What is said about `cause`."""
    return _wordings()[cause]


def fix_for(
    cause: Cause,
    *,
    scopes: Sequence[str] = (),
    redirect_uri: str = "",
    profile: str = "",
    client: str = "",
    translate: Callable[[str], str] = str,
    words: Wording | None = None,
) -> tuple[Fix, ...]:
    """Who can mend `cause` and how, with the names filled in; the likeliest person first.

    `words` are other ones than those of the cause, such as those about a client's mistake.
    """
    names = {
        "scopes": ", ".join(scopes) or translate("the scopes concerned"),
        "redirect_uri": redirect_uri or translate("the redirect URL"),
        "profile": f"profile {profile}" if profile else translate("this profile"),
        "client": client or "the client",
    }
    return tuple(
        Fix(fix.who, tuple(translate(step).format_map(names) for step in fix.steps))
        for fix in (words or wording(cause)).fix
    )


@lru_cache(maxsize=1)
def _wordings() -> Mapping[Cause, Wording]:
    text = resources.files(__package__).joinpath("wording.toml").read_text("utf-8")
    return {Cause(name): read_wording(table) for name, table in tomllib.loads(text).items()}


def read_wording(table: Mapping[str, Any]) -> Wording:
    """What one table of a wording file says."""
    return Wording(
        title=table["title"],
        explained=table["explained"],
        customer=table["customer"],
        again=table["again"],
        distinguishing_sign=table["decides"],
        links=tuple(Link(link["title"], link["url"]) for link in table.get("links", ())),
        fix=tuple(Fix(Responsible(fix["who"]), tuple(fix["steps"])) for fix in table["fix"]),
    )
