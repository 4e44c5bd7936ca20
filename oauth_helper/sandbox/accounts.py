"""The sandbox's accounts and users, and which scopes an account has.

HubSpot offers a scope from a certain subscription up: `Scope.tier` in the catalogue. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from oauth_helper.scopes import Availability, Catalogue, Scope, Tier


class Subscription(IntEnum):
    """What an account pays for; a higher subscription has everything of the lower ones."""

    FREE = 0
    STARTER = 1
    PROFESSIONAL = 2
    ENTERPRISE = 3


class SandboxRole(StrEnum):
    """Who uses the page. The first two may install apps."""

    SUPER_ADMIN = "super_admin"
    MARKETPLACE = "marketplace"
    USER = "user"


_LOWEST = {
    Tier.ANY: Subscription.FREE,
    Tier.PROFESSIONAL: Subscription.PROFESSIONAL,
    Tier.ENTERPRISE: Subscription.ENTERPRISE,
}


@dataclass(frozen=True, slots=True)
class Account:
    """A HubSpot account; `region` is where its data is, and how its refresh tokens begin."""

    hub_id: int
    name: str
    subscription: Subscription
    region: str = "na1"

    @property
    def domain(self) -> str:
        """Return the `hub_domain` of an introspection."""
        return f"{self.subscription.name.lower()}.example.com"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of an account, in one role."""

    user_id: int
    email: str


ACCOUNTS = (
    Account(1000101, "Free test account", Subscription.FREE),
    Account(1000102, "Starter test account", Subscription.STARTER),
    Account(1000103, "Professional test account", Subscription.PROFESSIONAL, region="eu1"),
    Account(1000104, "Enterprise test account", Subscription.ENTERPRISE),
)


def find_account(hub_id: str) -> Account | None:
    """Return the account with the number in `hub_id`, a text from outside."""
    return next((account for account in ACCOUNTS if str(account.hub_id) == hub_id), None)


def person_of(account: Account, role: SandboxRole) -> Person:
    """Return the made-up user who has `role` in `account`: the same one each time."""
    number = list(SandboxRole).index(role) + 1
    return Person(account.hub_id * 10 + number, f"{role.replace('_', '.')}@{account.domain}")


def known_scope(name: str, catalogue: Catalogue) -> Scope | None:
    """Return the catalogue's entry for `name`, or the one that `name` is a granular part of."""
    if scope := catalogue.by_name.get(name):
        return scope
    return next((scope for scope in catalogue.scopes if name in scope.replaced_by), None)


def subscription_for(name: str, catalogue: Catalogue) -> Subscription | None:
    """Return the lowest subscription that has the scope; None when only HubSpot can add it."""
    scope = known_scope(name, catalogue)
    if scope is None:
        return Subscription.FREE
    return None if scope.availability is Availability.ON_REQUEST else _LOWEST[scope.tier]


def has_scope(account: Account, name: str, catalogue: Catalogue) -> bool:
    """Return whether the subscription of `account` has the scope."""
    lowest = subscription_for(name, catalogue)
    return lowest is not None and account.subscription >= lowest
