"""Arrange a profile's requested scopes for pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from oauth_helper.config.profiles import Profile
from oauth_helper.scopes import (
    OAUTH,
    Availability,
    RequestedScopes,
    Scope,
    Sensitivity,
)
from oauth_helper.web.i18n import marked

# What a scope opens, by the start of its name.
_TITLES = {
    marked("Sensitive permissions"): (),
    "CRM": (
        "crm.",
        "tickets",
        "e-commerce",
        "timeline",
        "sales-",
        "integration-sync",
        "accounting",
    ),
    "Marketing": ("automation", "business-", "forms", "marketing", "social", "transactional-"),
    marked("Content and files"): ("content", "hubdb", "files", "cms."),
    marked("Settings"): ("settings.", "account-", "oauth"),
    marked("Other"): ("",),
}


def _group_of(scope: Scope) -> str:
    if scope.sensitivity is not Sensitivity.NORMAL:
        return next(iter(_TITLES))
    return next(title for title, starts in _TITLES.items() if scope.name.startswith(starts))


@dataclass(frozen=True, slots=True)
class Offer:
    """The scopes that a connection with `profile` requests.

    The customer can't deselect those in `always`. Each of `choices` comes with whether it is
    chosen. `requested` is the resulting request.
    """

    profile: Profile
    always: tuple[Scope, ...]
    choices: tuple[tuple[Scope, bool], ...]
    requested: RequestedScopes

    @property
    def groups(self) -> list[tuple[str, list[tuple[Scope, bool]]]]:
        """Return the choices by what they open, the sensitive ones first."""
        groups: dict[str, list[tuple[Scope, bool]]] = {title: [] for title in _TITLES}
        for choice in self.choices:
            groups[_group_of(choice[0])].append(choice)
        return [(title, choices) for title, choices in groups.items() if choices]

    @property
    def chosen(self) -> int:
        """Return how many of the choices are chosen."""
        return sum(chosen for _, chosen in self.choices)

    @property
    def sensitive(self) -> int:
        """Return how many of the chosen scopes give access to sensitive data."""
        return sum(
            chosen and scope.sensitivity is not Sensitivity.NORMAL for scope, chosen in self.choices
        )


def describe_scope_choice(profile: Profile, optional: Collection[str] | None = None) -> Offer:
    """Return what `profile` offers when `optional` is chosen; None means its default choice."""
    requested = profile.requested_scopes(optional)
    everything = profile.requested_scopes(tuple(profile.catalogue.by_name))
    unavoidable = set(profile.requested_scopes(()).all)
    catalogue = profile.catalogue.by_name
    available = set(everything.all)
    return Offer(
        profile=profile,
        always=tuple(
            scope
            for scope in profile.catalogue.scopes
            if scope.name in unavoidable and scope.name != OAUTH
        ),
        choices=tuple(
            (scope, scope.name in requested.all)
            for scope in catalogue.values()
            if scope.name in available - unavoidable
            and (scope.availability is Availability.DEFAULT or scope.name in requested.all)
        ),
        requested=requested,
    )
