"""Files that are often given in place of a HubSpot app's own one, and where that one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WHERE = (
    "The file to check is the app's own one, src/app/*-hsmeta.json (usually app-hsmeta.json), or "
    "src/app/public-app.json in an older project"
)


def what_it_is(document: Mapping[str, Any]) -> str | None:
    """Return what `document`, a file without a usable `auth`, is instead; None when unknown.

    As of 2026-11: @hubspot/project-parsing-lib 0.23.0, HubSpot/hubspot-project-upload-action.
    """
    kind = document.get("type")
    if isinstance(document.get("config"), dict) and isinstance(kind, str) and kind != "app":
        return f'is the file of a component of type "{kind[:40]}", not of the app. {_WHERE}'
    if "srcDir" in document or "platformVersion" in document:
        return f"is the project's hsproject.json. {_WHERE}"
    if ("accountId" in document and "variables" in document) or set(document) == {"variables"}:
        return (
            "is a configuration profile (hsprofile.<name>.json). Name it with --hs-profile; "
            f"{_WHERE[0].lower()}{_WHERE[1:]}"
        )
    if "scopes" in document and document.get("public") is not True:
        return (
            "is the app.json of a private app, which has no OAuth: it connects by its own access "
            "token, in its own account. For OAuth, create a public app; its file is "
            "src/app/app-hsmeta.json"
        )
    if document.get("public") is True:
        return (
            "is an app.json without `auth`. A public app of an older project has its scopes in "
            "src/app/public-app.json"
        )
    if "dependencies" in document or "devDependencies" in document:
        return f"is a package.json. {_WHERE}"
    return None
