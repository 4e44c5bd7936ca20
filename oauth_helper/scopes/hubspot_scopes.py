"""The scopes that HubSpot knows, by its public API specifications."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path

#: Scopes that HubSpot has removed, with those that replace them. `contacts` was removed on
#: 2022-07-31 (developers.hubspot.com/changelog).
OUT_OF_USE = {
    "contacts": (
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.companies.read",
        "crm.objects.companies.write",
        "crm.objects.deals.read",
        "crm.objects.deals.write",
        "crm.lists.read",
        "crm.lists.write",
    )
}


@lru_cache(maxsize=1)
def hubspot_scopes() -> frozenset[str]:
    """Return every scope name of HubSpot's specifications; `hubspot_scopes.toml` has the date."""
    text = resources.files(__package__).joinpath("hubspot_scopes.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)["names"])


def scopes_in_specifications(folder: Path) -> tuple[str, ...]:
    """Return the scopes that the operations in the OpenAPI files below `folder` require, sorted.

    Raises ValueError for a file that isn't JSON.
    """
    names = {
        name
        for path in folder.rglob("*.json")
        for name in _asked_for(json.loads(path.read_text("utf-8")))
    }
    return tuple(sorted(names))


def _asked_for(specification: object) -> Iterator[str]:
    paths = specification.get("paths", {}) if isinstance(specification, dict) else {}
    for path in paths.values():
        for operation in path.values():
            if isinstance(operation, dict):
                for alternative in operation.get("security") or ():
                    for names in alternative.values():
                        yield from names
