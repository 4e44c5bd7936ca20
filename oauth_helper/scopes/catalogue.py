"""The scope catalogue: which scopes a connection can request, and what is known about each.

`catalogue_file` reads one from the file that people edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from oauth_helper.scopes.hubspot_scopes import hubspot_scopes
from oauth_helper.scopes.names import misspelt


class Kind(StrEnum):
    """How an app lists a scope, which decides its parameter in the authorize URL."""

    REQUIRED = "required"
    CONDITIONAL = "conditionally required"
    OPTIONAL = "optional"


class Sensitivity(StrEnum):
    """How much harm the data behind a scope could do in the wrong hands."""

    NORMAL = "normal"
    SENSITIVE = "sensitive"
    HIGH = "highly sensitive"


class Tier(StrEnum):
    """The lowest subscription at which HubSpot offers a scope."""

    ANY = "any"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"


class Availability(StrEnum):
    """Whether every app may list a scope, or HubSpot must enable it first."""

    DEFAULT = "default"
    ON_REQUEST = "on request"


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope of a catalogue.

    One of the products `hubs` must be at `tier` (empty: any product); `tier_note` says what these
    two can't. `replaced_by` are the granular scopes that HubSpot splits this one into.
    """

    name: str
    kind: Kind
    opens: str
    tier: Tier = Tier.ANY
    hubs: tuple[str, ...] = ()
    tier_note: str = ""
    sensitivity: Sensitivity = Sensitivity.NORMAL
    availability: Availability = Availability.DEFAULT
    replaced_by: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""
    source: str = ""

    @property
    def subscription(self) -> str:
        """Return the subscription that it needs, in words; empty when any account has it."""
        if self.tier_note:
            return self.tier_note
        if self.tier is Tier.ANY:
            return ""
        hubs = " or ".join(f"{hub.title()} Hub" for hub in self.hubs) or "any Hub"
        higher = "" if self.tier is Tier.ENTERPRISE else " or higher"
        return f"{hubs} {self.tier.title()}{higher}"


@dataclass(frozen=True)
class Catalogue:
    """The scopes that a connection may request, in the file's order; names are unique."""

    title: str
    scopes: tuple[Scope, ...]
    redirect_uris: tuple[str, ...] = ()
    source: str = ""

    @cached_property
    def by_name(self) -> Mapping[str, Scope]:
        """Return each scope by its name."""
        return {scope.name: scope for scope in self.scopes}

    @cached_property
    def by_alias(self) -> Mapping[str, Scope]:
        """Return each scope by its other names, misspellings included."""
        return {alias: scope for scope in self.scopes for alias in scope.aliases}

    @cached_property
    def replaced(self) -> tuple[Scope, ...]:
        """Return the scopes that granular ones replace."""
        return tuple(scope for scope in self.scopes if scope.replaced_by)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of one kind, in the file's order."""
        return tuple(scope.name for scope in self.scopes if scope.kind is kind)

    @cached_property
    def default_optional(self) -> tuple[str, ...]:
        """Return the optional scopes that every app may list, which are requested by default."""
        return tuple(
            scope.name
            for scope in self.scopes
            if scope.kind is Kind.OPTIONAL and scope.availability is Availability.DEFAULT
        )

    def meant_by(self, name: str) -> str | None:
        """Return the scope that an unknown `name` most likely meant, by alias or by spelling.

        A name that HubSpot knows means itself, also when this catalogue doesn't have it.
        """
        if name in hubspot_scopes():
            return None
        if scope := self.by_alias.get(name):
            return scope.name
        return misspelt(name, self.by_name)
