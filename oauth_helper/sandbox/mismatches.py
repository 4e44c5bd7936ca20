"""Common mistakes in an app's configuration, ready to make. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from oauth_helper.scopes import AppConfiguration, Catalogue

CONTACTS = "crm.objects.contacts.read"


def _tickets_required(app: AppConfiguration, _: Catalogue) -> AppConfiguration:
    return replace(
        app,
        required=(*_without(app.required, "tickets"), "tickets"),
        conditional=_without(app.conditional, "tickets"),
        optional=_without(app.optional, "tickets"),
    )


def _optional_removed(app: AppConfiguration, _: Catalogue) -> AppConfiguration:
    return replace(app, optional=app.optional[1:])


def _contacts_optional(app: AppConfiguration, _: Catalogue) -> AppConfiguration:
    return replace(
        app,
        required=_without(app.required, CONTACTS),
        optional=(*_without(app.optional, CONTACTS), CONTACTS),
    )


def _hubdb_replaced(app: AppConfiguration, catalogue: Catalogue) -> AppConfiguration:
    # Since 2026-09-08 HubSpot moves apps from coarse scopes to granular ones, each on its date.
    entry = catalogue.by_name.get("hubdb")
    granular = entry.replaced_by if entry else ()
    return replace(app, optional=(*_without(app.optional, "hubdb"), *granular))


def _redirects_removed(app: AppConfiguration, _: Catalogue) -> AppConfiguration:
    return replace(app, redirect_urls=())


_MISMATCHES: Mapping[str, tuple[str, Callable[[AppConfiguration, Catalogue], AppConfiguration]]] = {
    "tickets-required": ("Make tickets required", _tickets_required),
    "optional-removed": ("Remove an optional scope", _optional_removed),
    "contacts-optional": ("List contacts.read as optional", _contacts_optional),
    "hubdb-replaced": ("Replace hubdb by its granular scopes", _hubdb_replaced),
    "redirects-removed": ("Remove the redirect URLs", _redirects_removed),
}


def mismatches() -> tuple[tuple[str, str], ...]:
    """Return each mismatch as its name and a label for a button."""
    return tuple((name, label) for name, (label, _) in _MISMATCHES.items())


def with_mismatch(
    name: str, app: AppConfiguration, catalogue: Catalogue
) -> AppConfiguration | None:
    """Return `app` with the mismatch; None when there is none of that name."""
    found = _MISMATCHES.get(name)
    return found[1](app, catalogue) if found else None


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)
