"""Recognise files that are often mistaken for a HubSpot app's file, and say where that one is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_Document = Mapping[str, Any]

_WHERE = (
    "The file to check is the app's own one, src/app/*-hsmeta.json (usually app-hsmeta.json), or "
    "src/app/public-app.json in an older project"
)

# As of 2026-11: @hubspot/project-parsing-lib 0.23.0, HubSpot/hubspot-project-upload-action. The
# first match counts.
_KINDS: tuple[tuple[Callable[[_Document], bool], str], ...] = (
    (
        lambda document: "srcDir" in document or "platformVersion" in document,
        f"is the project's hsproject.json. {_WHERE}",
    ),
    (
        lambda document: "variables" in document and document.keys() <= {"variables", "accountId"},
        f"is a configuration profile, hsprofile.<name>.json: name it with --hs-profile. {_WHERE}",
    ),
    (
        lambda document: "scopes" in document and document.get("public") is not True,
        (
            "is the app.json of a private app, which has no OAuth: it connects by its own access "
            "token, in its own account. For OAuth, create a public app; its file is "
            "src/app/app-hsmeta.json"
        ),
    ),
    (
        lambda document: document.get("public") is True,
        (
            "is an app.json without `auth`. A public app of an older project has its scopes in "
            "src/app/public-app.json"
        ),
    ),
    (
        lambda document: "dependencies" in document or "devDependencies" in document,
        f"is a package.json. {_WHERE}",
    ),
)


def what_it_is(document: _Document) -> str | None:
    """Return what kind of file `document`, which has no usable `auth`, is; None when unknown."""
    kind = document.get("type")
    if isinstance(document.get("config"), dict) and isinstance(kind, str) and kind != "app":
        return f'is the file of a component of type "{kind[:40]}", not of the app. {_WHERE}'
    return next((words for fits, words in _KINDS if fits(document)), None)
