"""List what to enter in the HubSpot app's settings so that a profile can connect."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from oauth_helper.config.profiles import Profile
from oauth_helper.scopes import OAUTH, Availability, Kind, Scope, split


@dataclass(frozen=True, slots=True)
class SetupChecklist:
    """The redirect URLs, and the scopes by kind.

    `left_out` are the optional scopes of the catalogue that aren't chosen.
    """

    name: str
    title: str
    redirect_urls: tuple[str, ...]
    required: tuple[Scope, ...]
    conditional: tuple[Scope, ...]
    optional: tuple[Scope, ...]
    left_out: tuple[Scope, ...]

    @property
    def listed(self) -> tuple[Scope, ...]:
        """Return every scope to enter, of any kind."""
        return (*self.required, *self.conditional, *self.optional)

    @property
    def ask_first(self) -> tuple[Scope, ...]:
        """Return the scopes to enter that HubSpot must enable first."""
        return tuple(
            scope for scope in self.listed if scope.availability is Availability.ON_REQUEST
        )


def setup_checklist(profile: Profile, optional: Collection[str] | None = None) -> SetupChecklist:
    """Return what to enter for `profile` with the `optional` scopes (None: its default ones).

    This follows the catalogue, not the app's configuration, which it is meant to change. Raises
    `UnknownScopesError`.
    """
    chosen = profile.optional_scopes if optional is None else optional
    requested = split(profile.catalogue, optional=chosen, conditional=profile.conditional_scopes)
    scopes = [scope for scope in profile.catalogue.scopes if scope.name != OAUTH]
    return SetupChecklist(
        name=profile.name,
        title=profile.title,
        redirect_urls=(profile.redirect_uri, *profile.catalogue.redirect_uris),
        required=tuple(scope for scope in scopes if scope.kind is Kind.REQUIRED),
        conditional=tuple(scope for scope in scopes if scope.kind is Kind.CONDITIONAL),
        optional=tuple(scope for scope in scopes if scope.name in requested.optional_scope),
        left_out=tuple(
            scope
            for scope in scopes
            if scope.kind is Kind.OPTIONAL and scope.name not in requested.optional_scope
        ),
    )


#: Who may install the app: "private" is for 10 accounts on its allowlist (100 for Solutions
#: Partners), "marketplace" for 25 until it is listed. A change from private to marketplace
#: uninstalls the app everywhere. HubSpot's developer changelog, 2025-09-22.
DISTRIBUTIONS = ("private", "marketplace")


def app_hsmeta(checklist: SetupChecklist, distribution: str = "private") -> str:
    """Return the checklist as an `app-hsmeta.json`; `distribution` is one of `DISTRIBUTIONS`."""
    auth = {
        "type": "oauth",
        "redirectUrls": list(checklist.redirect_urls),
        "requiredScopes": [OAUTH, *(scope.name for scope in checklist.required)],
        "optionalScopes": [scope.name for scope in checklist.optional],
        "conditionallyRequiredScopes": [scope.name for scope in checklist.conditional],
    }
    document = {
        "uid": f"oauth_helper_{checklist.name}",
        "type": "app",
        "config": {
            "name": checklist.title,
            "description": f"Lets people connect HubSpot: {checklist.title}",
            "distribution": distribution,
            "auth": auth,
            "permittedUrls": {"fetch": ["https://api.hubapi.com"], "iframe": [], "img": []},
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
