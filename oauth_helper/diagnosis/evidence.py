"""What goes into a diagnosis, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.hubspot.authorization_response import Declined, Malformed
from oauth_helper.hubspot.token_response import Refused, Unavailable
from oauth_helper.scopes import AppConfiguration, Catalogue, Problem, RequestedScopes, Tier


class Role(StrEnum):
    """What the person who connects may do in the account."""

    SUPER_ADMIN = "super_admin"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a failed connection; everything but the stage may be unknown.

    `message` is a text that somebody saw. `requested` and `redirect_uri` are what the authorize URL
    asked for, `app` is what the app lists, and `catalogue` what is known of scopes. `response` is
    the protocol message that failed, `problems` what the check of the URL against the app found,
    and the two `missing` what was not granted.

    `interrupted` says that this program was stopped while it dealt with the response, or that its
    store was down when it came.
    `waited_seconds` is for how many seconds nothing has come back from HubSpot; None when that is not
    what happened. `code_age` is how old, in seconds, a refused code was at the least. `tier` and
    `role` are those of the account and the person, `earlier` the causes of earlier failures of the
    same account, and `worked` says that the very same request has connected an account before.

    `client_error` is what went wrong between the client of the proxy named `client` and this program, by
    its name in `client_errors.toml`, and `client_error_scopes` the scopes that it is about.
    """

    stage: Stage
    message: str = ""
    requested: RequestedScopes | None = None
    redirect_uri: str = ""
    app: AppConfiguration | None = None
    catalogue: Catalogue | None = None
    response: Declined | Malformed | Refused | Unavailable | None = None
    problems: tuple[Problem, ...] = ()
    missing_required: tuple[str, ...] = ()
    missing_optional: tuple[str, ...] = ()
    interrupted: bool = False
    waited_seconds: int | None = None
    code_age: int | None = None
    tier: Tier | None = None
    role: Role | None = None
    earlier: tuple[Cause, ...] = ()
    worked: bool = False
    client_error: str = ""
    client: str = ""
    client_error_scopes: tuple[str, ...] = ()

    @property
    def behind_a_subscription(self) -> dict[str, str]:
        """The scopes of `scope` that not every account has, with the subscription that has them."""
        if self.requested is None or self.catalogue is None:
            return {}
        known = self.catalogue.by_name
        gated = ((name, known[name]) for name in self.requested.scope if name in known)
        return {
            name: scope.subscription
            for name, scope in gated
            if scope.subscription and (self.tier is None or not _has(self.tier, scope.tier))
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible cause, and the evidence that speaks for it."""

    cause: Cause
    why: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The causes that explain the evidence, the likeliest first, and the scopes concerned.

    `ask` is the one thing that would decide between them; empty when nothing is open.
    """

    candidates: tuple[Candidate, ...]
    scopes: tuple[str, ...] = field(default=())
    ask: str = ""

    @property
    def cause(self) -> Cause:
        """The likeliest cause."""
        return self.candidates[0].cause


def merge(first: Diagnosis, more: Diagnosis | None) -> Diagnosis:
    """`first`, and behind it what `more` adds, each cause once."""
    if more is None:
        return first
    known = {candidate.cause for candidate in first.candidates}
    added = []
    for candidate in more.candidates:
        if candidate.cause not in known:
            known.add(candidate.cause)
            added.append(candidate)
    return Diagnosis((*first.candidates, *added), first.scopes or more.scopes)


def _has(tier: Tier, needed: Tier) -> bool:
    order = list(Tier)
    return order.index(tier) >= order.index(needed)
