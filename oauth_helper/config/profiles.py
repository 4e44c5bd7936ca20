"""Profiles: one for each HubSpot app that customers connect to; nothing is shared between them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from oauth_helper.common.secrets import Secret
from oauth_helper.common.urls import origin_of
from oauth_helper.config.toml_file import problems_of_keys, read_settings_file
from oauth_helper.hubspot.hublets import HUBLETS
from oauth_helper.hubspot.token_request import AppCredentials
from oauth_helper.scopes import (
    AppConfiguration,
    AppConfigurationError,
    Catalogue,
    CatalogueError,
    Kind,
    Preflight,
    RequestedScopes,
    load_app_configuration,
    load_catalogue,
    split,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")

MissingOptional = Literal["note", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One HubSpot app as customers connect to it.

    `optional_scopes` is what is asked for when nobody chooses (None: the catalogue's default);
    `missing_optional` says whether optional scopes that were not granted are a note to the customer
    or a failure; `return_origins` are the web origins that a `return_to` address may have.
    """

    name: str
    title: str
    client_id: str
    client_secret: Secret
    redirect_uri: str
    catalogue: Catalogue
    app: AppConfiguration | None = None
    optional_scopes: tuple[str, ...] | None = None
    conditional_scopes: tuple[str, ...] = ()
    missing_optional: MissingOptional = "note"
    pkce: bool = True
    region: str | None = None
    hub_id: int | None = None
    return_origins: frozenset[str] = field(default_factory=frozenset)
    # Nearly everybody asks for the same, so it is worked out once.
    _usual: RequestedScopes | None = field(default=None, init=False, repr=False, compare=False)

    def requested_scopes(self, optional: Collection[str] | None = None) -> RequestedScopes:
        """What a connection asks for; `optional` narrows it. Raises `UnknownScopesError`."""
        if optional is not None:
            return self._split(optional)
        if self._usual is None:
            object.__setattr__(self, "_usual", self._split(self.optional_scopes))
        return self._usual or self._split(self.optional_scopes)

    def _split(self, optional: Collection[str] | None) -> RequestedScopes:
        return split(
            self.catalogue, self.app, optional=optional, conditional=self.conditional_scopes
        )

    def preflight(
        self, requested: RequestedScopes | None = None, app: AppConfiguration | None = None
    ) -> Preflight | None:
        """What HubSpot will say to a request for `requested` (None: the default one).

        Compared with `app`, else with the profile's; None when neither is known.
        """
        app = app or self.app
        if app is None:
            return None
        return Preflight(
            requested or self.requested_scopes(), app, self.catalogue, self.redirect_uri
        )

    def fingerprint(self, requested: RequestedScopes) -> str:
        """The same for requests that differ in nothing that HubSpot compares with the app."""
        parts = (
            self.client_id,
            self.redirect_uri,
            " ".join(sorted(requested.scope)),
            " ".join(sorted(requested.optional_scope)),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    @property
    def credentials(self) -> AppCredentials:
        """What the app proves itself with at HubSpot's token endpoint."""
        return AppCredentials(
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_uri=self.redirect_uri,
        )

    @property
    def required(self) -> frozenset[str]:
        """The scopes without which a connection is of no use, by the catalogue."""
        return frozenset(self.catalogue.of_kind(Kind.REQUIRED))


class ProfilesError(ValueError):
    """A profiles file that cannot be used. `problems` names each one and its place."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a profile has where its file says nothing. `redirect_uri` makes one from a name."""

    client_id: str
    client_secret: Secret
    catalogue: Catalogue
    app: AppConfiguration | None
    redirect_uri: Callable[[str], str]


def load_profiles(
    path: Path, defaults: Defaults, environ: Mapping[str, str]
) -> tuple[Profile, ...]:
    """The profiles of the TOML file at `path`, in its order. Raises `ProfilesError`."""
    document = read_settings_file(path, ProfilesError)
    tables = document.get("profiles")
    if not isinstance(tables, dict) or not tables:
        raise ProfilesError([f"{path} holds no [profiles.<name>] table"])
    problems = [f"{path}: unknown key {key!r}" for key in document if key != "profiles"]
    profiles = []
    for name, table in tables.items():
        reader = _ProfileReader(name, table, path.parent, defaults, environ)
        profiles.append(reader.profile())
        problems += [f"{path}: profile {name!r}: {problem}" for problem in reader.problems]
    if problems:
        raise ProfilesError(problems)
    return tuple(profile for profile in profiles if profile is not None)


_TYPES: dict[str, type] = {
    "title": str,
    "client_id": str,
    "client_secret_env": str,
    "client_secret_file": str,
    "catalogue": str,
    "app_config": str,
    "optional_scopes": list,
    "conditional_scopes": list,
    "missing_optional": str,
    "pkce": bool,
    "region": str,
    "hub_id": int,
    "return_origins": list,
}


class _ProfileReader:
    """Reads one `[profiles.<name>]` table and gathers its problems."""

    def __init__(
        self,
        name: str,
        table: object,
        folder: Path,
        defaults: Defaults,
        environ: Mapping[str, str],
    ) -> None:
        self.problems: list[str] = []
        self._name, self._folder = name, folder
        self._defaults, self._environ = defaults, environ
        self._table: dict[str, Any] = table if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            self.problems.append("has to be a table")

    def profile(self) -> Profile | None:
        """The profile, or None when it has problems."""
        self._check_table()
        if self.problems:
            return None
        table = self._table
        catalogue, app = self._catalogue(), self._app()
        profile = Profile(
            name=self._name,
            title=table.get("title", self._name),
            client_id=table.get("client_id", self._defaults.client_id),
            client_secret=self._secret(),
            redirect_uri=self._defaults.redirect_uri(self._name),
            catalogue=catalogue,
            app=app,
            optional_scopes=self._names("optional_scopes", catalogue),
            conditional_scopes=self._names("conditional_scopes", catalogue) or (),
            missing_optional=table.get("missing_optional", "note"),
            pkce=table.get("pkce", True),
            region=table.get("region"),
            hub_id=table.get("hub_id"),
            return_origins=frozenset(self._origins()),
        )
        return None if self.problems else profile

    def _check_table(self) -> None:
        if not _NAME.fullmatch(self._name):
            self.problems.append("the name may hold a-z, 0-9, - and _ only, 32 characters at most")
        self.problems += problems_of_keys(self._table, _TYPES)
        if not re.fullmatch(r"[\x21-\x7e]+", str(self._table.get("client_id", "-"))):
            self.problems.append("client_id is empty, or holds white space or other odd characters")
        self._choice("missing_optional", ("note", "fail"))
        self._choice("region", HUBLETS)
        if {"client_secret_env", "client_secret_file"} <= self._table.keys():
            self.problems.append("client_secret_env and client_secret_file: give one of them")
        if isinstance(self._table.get("hub_id"), int) and self._table["hub_id"] < 1:
            self.problems.append("hub_id has to be a positive number")

    def _choice(self, key: str, allowed: tuple[str, ...]) -> None:
        value = self._table.get(key)
        if isinstance(value, str) and value not in allowed:
            self.problems.append(f"{key} is {value!r}, not one of {', '.join(allowed)}")

    def _catalogue(self) -> Catalogue:
        if "catalogue" not in self._table:
            return self._defaults.catalogue
        try:
            return load_catalogue(self._folder / self._table["catalogue"])
        except CatalogueError as error:
            self.problems += [f"catalogue {error.origin}: {each}" for each in error.problems]
            return self._defaults.catalogue

    def _app(self) -> AppConfiguration | None:
        if "app_config" not in self._table:
            # The one of the settings belongs to the client id of the settings and to no other.
            return None if "client_id" in self._table else self._defaults.app
        try:
            return load_app_configuration(self._folder / self._table["app_config"])
        except AppConfigurationError as error:
            self.problems += [f"app_config {error.origin}: {each}" for each in error.problems]
            return None

    def _secret(self) -> Secret:
        table = self._table
        if "client_secret_env" in table:
            secret = Secret(self._environ.get(table["client_secret_env"], "").strip())
            if not secret:
                self.problems.append(f"client_secret_env: {table['client_secret_env']} is not set")
        elif "client_secret_file" in table:
            secret = self._secret_file(self._folder / table["client_secret_file"])
        elif "client_id" in table:
            secret = Secret("")
            self.problems.append("needs client_secret_env or client_secret_file beside client_id")
        else:
            secret = self._defaults.client_secret
        return secret

    def _secret_file(self, path: Path) -> Secret:
        try:
            secret = Secret(path.read_text("utf-8").strip())
        except (OSError, ValueError) as error:
            reason = (
                error.strerror if isinstance(error, OSError) else "no legal path, or not UTF-8 text"
            )
            self.problems.append(f"client_secret_file {path} cannot be read: {reason}")
            return Secret("")
        if not secret:
            self.problems.append(f"client_secret_file {path} is empty")
        return secret

    def _names(self, key: str, catalogue: Catalogue) -> tuple[str, ...] | None:
        if key not in self._table:
            return None
        for name in self._table[key]:
            if name not in catalogue:
                meant = catalogue.meant_by(name)
                hint = f"; did you mean {meant!r}?" if meant else ""
                self.problems.append(f"{key}: {name!r} is not in the catalogue{hint}")
        return tuple(self._table[key])

    def _origins(self) -> list[str]:
        origins = []
        for text in self._table.get("return_origins", []):
            if origin_of(text) == text and "*" not in text:
                origins.append(text)
            else:
                self.problems.append(
                    f"return_origins: {text!r} is no origin such as https://app.example.com"
                )
        return origins
