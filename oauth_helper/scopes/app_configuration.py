"""The scopes and redirect URLs that a HubSpot app has, read from the app's own file.

Developer projects keep them in `src/app/app-hsmeta.json` below `config.auth`, older projects in
`src/app/public-app.json` below `auth`; each place is accepted in either file. What counts at
HubSpot is the deployed build, so the file may be ahead of it or behind. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.files import FileError, as_text, read_bytes
from oauth_helper.scopes.names import OAUTH, is_scope_token

_KEYS = {
    "requiredScopes": Kind.REQUIRED,
    "conditionallyRequiredScopes": Kind.CONDITIONAL,
    "optionalScopes": Kind.OPTIONAL,
}


@dataclass(frozen=True, slots=True)
class AppConfiguration:
    """What the HubSpot app lists: each scope in one of three kinds, and its redirect URLs.

    `oauth` is among `required` whether or not the file says so: HubSpot adds it to every app.
    """

    required: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    redirect_urls: tuple[str, ...] = ()
    auth_type: str = "oauth"

    def __post_init__(self) -> None:
        if OAUTH not in self.required:
            object.__setattr__(self, "required", (OAUTH, *self.required))

    @property
    def listed(self) -> frozenset[str]:
        """Every scope of the app, of any kind."""
        return frozenset((*self.required, *self.conditional, *self.optional))

    def kind_of(self, name: str) -> Kind | None:
        """How the app lists `name`; the strictest kind if it is listed twice, None if it is not."""
        for names, kind in (
            (self.required, Kind.REQUIRED),
            (self.conditional, Kind.CONDITIONAL),
            (self.optional, Kind.OPTIONAL),
        ):
            if name in names:
                return kind
        return None


class AppConfigurationError(FileError):
    """A file that is no app configuration. `problems` names each problem with its place."""


def load_app_configuration(path: Path) -> AppConfiguration:
    """The configuration in the file at `path`. Raises `AppConfigurationError`."""
    return parse_app_configuration(read_bytes(path, AppConfigurationError), origin=str(path))


def parse_app_configuration(raw: str | bytes, *, origin: str) -> AppConfiguration:
    """The configuration in the JSON text `raw`; `origin` is the name that errors give it."""
    text = as_text(raw, origin, AppConfigurationError)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise AppConfigurationError(origin, [f"is not JSON: {place}: {error.msg}"]) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of 5000 digits
        raise AppConfigurationError(origin, ["is not JSON that can be read"]) from error
    return read_app_configuration(document, origin=origin)


def read_app_configuration(document: object, *, origin: str) -> AppConfiguration:
    """The configuration in a document that is parsed already. Raises `AppConfigurationError`."""
    place, auth = _auth(document, origin)
    problems: list[str] = []
    scopes = {kind: _names(auth, key, place, problems) for key, kind in _KEYS.items()}
    redirect_urls = _names(auth, "redirectUrls", place, problems, scopes=False)
    auth_type = auth.get("type", "oauth")
    if auth_type not in ("oauth", "static"):
        problems.append(f'{place}.type is {auth_type!r}, not "oauth" or "static"')
    if problems:
        raise AppConfigurationError(origin, problems)
    return AppConfiguration(
        required=scopes[Kind.REQUIRED],
        conditional=scopes[Kind.CONDITIONAL],
        optional=scopes[Kind.OPTIONAL],
        redirect_urls=redirect_urls,
        auth_type=str(auth_type),
    )


def _auth(document: object, origin: str) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(document, dict):
        raise AppConfigurationError(origin, ["has to be a JSON object at its top"])
    config = document.get("config")
    candidates = [("auth", document.get("auth"))]
    if isinstance(config, dict):
        candidates.insert(0, ("config.auth", config.get("auth")))
    for place, auth in candidates:
        if isinstance(auth, dict):
            return place, auth
        if auth is not None:
            raise AppConfigurationError(origin, [f"{place} has to be a JSON object"])
    raise AppConfigurationError(origin, ['holds neither "config.auth" nor "auth"'])


def _names(
    auth: Mapping[str, Any], key: str, place: str, problems: list[str], *, scopes: bool = True
) -> tuple[str, ...]:
    value = auth.get(key, [])
    if not isinstance(value, list):
        problems.append(f"{place}.{key} has to be a list of texts")
        return ()
    for index, item in enumerate(value):
        if not isinstance(item, str):
            problems.append(f"{place}.{key}[{index}] has to be text")
        elif scopes and not is_scope_token(item):
            problems.append(f"{place}.{key}[{index}]: {item!r} is no legal scope name")
    return tuple(dict.fromkeys(item for item in value if isinstance(item, str)))
