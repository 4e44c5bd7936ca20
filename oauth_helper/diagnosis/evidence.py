"""What goes into a diagnosis, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from oauth_helper.diagnosis.causes import Cause, Stage, Wording, wording
from oauth_helper.hubspot.authorization_response import Declined, Malformed
from oauth_helper.hubspot.token_response import Refused, Unavailable
from oauth_helper.scopes import AppConfiguration, Catalogue, Problem, RequestedScopes, Tier


class Role(StrEnum):
    """What the customer may do in the account."""

    SUPER_ADMIN = "super_admin"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a failed connection; everything but the stage may be unknown.

    What HubSpot and the customer said:
    `message` is a text that the customer saw, `response` the protocol message that failed.

    What was requested:
    `requested` and `redirect_uri` are those of the authorize URL, `app` is what the app lists, and
    `catalogue` what is known of scopes. `problems` are what the check of the URL against the app
    found; `missing_required` and `missing_optional` are requested scopes that weren't granted.

    What happened around it:
    `interrupted` says that this program was stopped, or its store was down, when the response came.
    `waited_seconds` is for how long nothing has come back from HubSpot, None when that isn't what
    happened. `code_age` is the least age, in seconds, of a code that was rejected. `earlier` are
    the causes of earlier failures in the same browser; `worked` says that the very same request has
    connected another account before.

    Who connects: `tier` is the account's subscription, `role` the customer's.

    `client_error` is what went wrong between the client of the proxy named `client` and this
    program, by its name in `client_errors.toml`, and `client_error_scopes` the scopes that it is
    about.
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
        """Return the scopes in `scope` that some accounts lack, with what each needs."""
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
    """One possible cause, the evidence for it, and the scopes that it is about.

    `situation` names a table of `situations.toml` where the cause needs other words than usual;
    `detail` is what those name besides scopes, such as a region.
    """

    cause: Cause
    why: str
    scopes: tuple[str, ...] = ()
    situation: str = ""
    detail: str = ""

    @property
    def words(self) -> Wording:
        """Return the words for it."""
        return wording(self.cause, self.situation)

    def adding(self, why: str) -> Candidate:
        """Return the candidate with more evidence for it."""
        return replace(self, why=f"{self.why} {why}".strip())


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The causes that explain the evidence, the likeliest first.

    `next_question` is what would decide between them; empty when nothing is open.
    """

    candidates: tuple[Candidate, ...]
    next_question: str = ""

    @property
    def cause(self) -> Cause:
        """Return the likeliest cause."""
        return self.candidates[0].cause

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that the likeliest cause is about."""
        return self.candidates[0].scopes


def merge(*groups: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates of all `groups`, each cause once, as it is named first."""
    first: dict[Cause, Candidate] = {}
    for candidate in (each for group in groups for each in group):
        first.setdefault(candidate.cause, candidate)
    return tuple(first.values())


def _has(tier: Tier, needed: Tier) -> bool:
    order = list(Tier)
    return order.index(tier) >= order.index(needed)
