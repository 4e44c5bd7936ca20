"""Change the lists in a HubSpot app's file; order and indentation stay."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oauth_helper.scopes.app_configuration import (
    REDIRECT_KEY,
    SCOPE_KEYS,
    AppConfiguration,
    AppConfigurationError,
    auth_in,
    filled_in,
    read_app_configuration,
    read_app_text,
)
from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.json_file import write_json
from oauth_helper.scopes.names import OAUTH

_REQUIRED_KEY = SCOPE_KEYS[Kind.REQUIRED]


@dataclass(frozen=True, slots=True)
class AppFile:
    """A HubSpot app's file: its name, its text without byte order mark, and its content.

    `document` is as written; `configuration` has the values of `variables` filled in.
    """

    origin: str
    text: str
    document: dict[str, Any]
    configuration: AppConfiguration
    variables: Mapping[str, object] = field(default_factory=dict)


def parse_app_file(
    raw: str | bytes, *, origin: str, variables: Mapping[str, object] | None = None
) -> AppFile:
    """Return the file in `raw`; `origin` is the name that errors give it.

    `variables` are those of a configuration profile. Raises `AppConfigurationError`.
    """
    text, document, configuration = read_app_text(raw, origin=origin, variables=variables)
    return AppFile(origin, text, document, configuration, variables or {})


def corrected_document(
    document: Mapping[str, Any],
    app: AppConfiguration,
    variables: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return a deep copy of `document` with the scopes, redirect URLs and type of `app`.

    A list with the right names stays as it is, in any order; one that changes loses repeated names.
    `oauth` is neither added to the required scopes nor removed from them, because older files don't
    list it; it is removed from the other lists. A missing list is added unless it is empty. Raises
    `AppConfigurationError` when `document` isn't an app configuration.
    """
    filled = filled_in(document, variables) if variables else document
    read_app_configuration(filled, origin="the document")
    try:
        corrected = copy.deepcopy(dict(document))
    except RecursionError as error:
        raise AppConfigurationError("the document", ["is nested too deep"]) from error
    _, auth = auth_in(corrected)
    auth.update(_changes(auth, app, variables or {}))
    return corrected


def corrected_text(file: AppFile, app: AppConfiguration) -> str:
    """Return the text of `file` with the lists of `app`; unchanged when they are the same."""
    corrected = corrected_document(file.document, app, file.variables)
    return file.text if corrected == file.document else write_json(corrected, file.text)


def _changes(
    auth: Mapping[str, Any], app: AppConfiguration, variables: Mapping[str, object]
) -> Mapping[str, str | list[str]]:
    """Return the members of `auth` that must change, with their new values."""
    changes: dict[str, str | list[str]] = {}
    if app.auth_type != auth.get("type", "oauth"):
        changes["type"] = app.auth_type
    for key, names in (
        (REDIRECT_KEY, app.redirect_urls),
        (_REQUIRED_KEY, app.required),
        (SCOPE_KEYS[Kind.OPTIONAL], app.optional),
        (SCOPE_KEYS[Kind.CONDITIONAL], app.conditional),
    ):
        written = {str(filled_in(raw, variables)): raw for raw in auth.get(key, [])}
        wanted = dict.fromkeys(names if key == REDIRECT_KEY else _scopes(key, names, [*written]))
        if wanted.keys() != written.keys():
            stay = [name for name in written if name in wanted]
            changes[key] = [written.get(name, name) for name in dict.fromkeys((*stay, *wanted))]
    return changes


def _scopes(key: str, names: Iterable[str], listed: Sequence[str]) -> list[str]:
    oauth_stays = key == _REQUIRED_KEY and OAUTH in listed
    return [name for name in names if name != OAUTH or oauth_stays]
