"""The vocabulary of causes, and the words for each: for the customer, for staff, how to fix it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from itertools import zip_longest
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
    ACCESS_TOKEN_MISSING = "access_token_missing"  # noqa: S105 - the name of a cause
    ACCESS_TOKEN_INVALID = "access_token_invalid"  # noqa: S105 - the name of a cause
    WRONG_REGION = "wrong_region"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_NOT_ELIGIBLE = "account_not_eligible"
    RATE_LIMITED = "rate_limited"
    HUBSPOT_UNAVAILABLE = "hubspot_unavailable"
    NEVER_RETURNED = "never_returned"
    UNKNOWN = "unknown"


class Responsible(StrEnum):
    """Who can fix a failure."""

    CUSTOMER = "customer"
    ACCOUNT_ADMIN = "account_admin"
    APP_DEVELOPER = "app_developer"
    OPERATOR = "operator"

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the person in words."""
        return {
            Responsible.CUSTOMER: "Customer",
            Responsible.ACCOUNT_ADMIN: "HubSpot admin",
            Responsible.APP_DEVELOPER: "App developer",
            Responsible.OPERATOR: "Platform operator",
        }[self]

    @property
    def short(self) -> str:
        """Return the person in one word, such as “Developer”."""
        return self.title.split()[-1].capitalize()


@dataclass(frozen=True, slots=True)
class Fix:
    """What one person can do, step by step.

    `only_without` has, for each step as it is written, the name of what has to be unknown for it to
    be given ("scopes" or "detail"); empty for a step that always holds.
    """

    who: Responsible
    steps: tuple[str, ...]
    only_without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HelpLink:
    """A page that says more."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Wording:
    """The words for one cause. See `wording.toml` for each field."""

    title: str
    explained: str
    customer: str
    again: bool
    distinguishing_sign: str
    links: tuple[HelpLink, ...]
    fix: tuple[Fix, ...]


def wording(cause: Cause, situation: str = "") -> Wording:
    """Return the words for `cause`; `situation`, a table of `situations.toml`, has others."""
    return _wordings()[cause] if not situation else _in_situation(cause, situation)


def ends_connection(cause: Cause) -> bool:
    """Return whether a refresh that fails for `cause` ends the connection: only a new one helps."""
    return cause in (Cause.REFRESH_TOKEN_INVALID, Cause.ACCOUNT_UNKNOWN)


def fix_for(
    cause: Cause,
    *,
    situation: str = "",
    scopes: Sequence[str] = (),
    detail: str = "",
    redirect_uri: str = "",
    profile: str = "",
    client: str = "",
    translate: Callable[[str], str] = str,
    words: Wording | None = None,
) -> tuple[Fix, ...]:
    """Return who can fix `cause` and how, with the names filled in; the likeliest person first.

    Steps that name scopes or a detail which nobody knows are left out. `words` are other ones than
    those of the cause, such as those about a client's error.
    """
    known = {"scopes": ", ".join(scopes), "detail": detail}
    names = {
        **known,
        "redirect_uri": redirect_uri or translate("the redirect URL"),
        "profile": f"profile {profile}" if profile else translate("this profile"),
        "client": client or "the client",
    }
    fixes = (
        Fix(fix.who, tuple(translate(step).format_map(names) for step in _holding(fix, known)))
        for fix in (words or wording(cause, situation)).fix
    )
    return tuple(fix for fix in fixes if fix.steps)


def _holding(fix: Fix, known: Mapping[str, str]) -> Iterator[str]:
    unknown = {name for name, value in known.items() if not value}
    for step, without in zip_longest(fix.steps, fix.only_without, fillvalue=""):
        names_unknown = any(f"{{{name}}}" in step for name in unknown)
        if not names_unknown and (not without or without in unknown):
            yield step


@lru_cache(maxsize=1)
def _wordings() -> Mapping[Cause, Wording]:
    return {Cause(name): read_wording(table) for name, table in _tables("wording.toml").items()}


@lru_cache(maxsize=64)
def _in_situation(cause: Cause, situation: str) -> Wording:
    own = _tables("situations.toml").get(situation, {})
    return read_wording({**_tables("wording.toml")[cause], **own})


@lru_cache(maxsize=2)
def _tables(name: str) -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))


def read_wording(table: Mapping[str, Any]) -> Wording:
    """Return what one table of a wording file says."""
    return Wording(
        title=table["title"],
        explained=table["explained"],
        customer=table["customer"],
        again=table["again"],
        distinguishing_sign=table["distinguishing_sign"],
        links=tuple(HelpLink(link["title"], link["url"]) for link in table.get("links", ())),
        fix=tuple(_fix(fix) for fix in table["fix"]),
    )


def _fix(table: Mapping[str, Any]) -> Fix:
    steps = [{"say": step} if isinstance(step, str) else step for step in table["steps"]]
    return Fix(
        Responsible(table["who"]),
        tuple(step["say"] for step in steps),
        tuple(step.get("without", "") for step in steps),
    )
