"""Read a scope catalogue from its file.

A catalogue is a TOML file that people read and edit; `workato.toml` beside this module is the one
that ships, and its first lines explain the keys. Reading one either gives a `Catalogue` or raises
`CatalogueError` with every problem in the file and its place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from oauth_helper.scopes.catalogue import Availability, Catalogue, Kind, Scope, Sensitivity, Tier
from oauth_helper.scopes.files import FileError, as_text, read_bytes
from oauth_helper.scopes.names import OAUTH, is_scope_token, nearest


class CatalogueError(FileError):
    """A catalogue file can't be used. `problems` names each problem with its place."""


@lru_cache(maxsize=1)
def shipped_catalogue() -> Catalogue:
    """Return the catalogue of Workato's HubSpot connector (Custom OAuth profile), as shipped."""
    text = resources.files(__package__).joinpath("workato.toml").read_text("utf-8")
    return parse_catalogue(text, origin="workato.toml")


def load_catalogue(path: Path) -> Catalogue:
    """Return the catalogue in the file at `path`. Raises `CatalogueError`."""
    origin = str(path)
    text = as_text(read_bytes(path, CatalogueError), origin, CatalogueError)
    return parse_catalogue(text, origin=origin)


def parse_catalogue(text: str, *, origin: str) -> Catalogue:
    """Return the catalogue written in `text`; `origin` is the name that errors give it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(origin, [f"is not TOML: {error}"]) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of 5000 digits
        raise CatalogueError(origin, ["is not TOML that can be read"]) from error
    reader = _Reader(text)
    catalogue = reader.catalogue(document)
    if reader.problems:
        raise CatalogueError(origin, reader.problems)
    return catalogue


_TOP_KEYS = {"title", "source", "redirect_uris", "scope"}
_SCOPE_KEYS = {field.name for field in fields(Scope)}

Choice = TypeVar("Choice", bound=StrEnum)


class _Reader:
    """Reads a document and collects problems instead of stopping at the first."""

    def __init__(self, text: str) -> None:
        self.problems: list[str] = []
        # tomllib keeps no positions; the n-th table of an array starts at its n-th header.
        header = re.compile(r"\s*\[\[\s*scope\s*\]\]")
        self._lines = [n for n, line in enumerate(text.split("\n"), 1) if header.match(line)]

    def catalogue(self, document: Mapping[str, Any]) -> Catalogue:
        self._unknown_keys(document, _TOP_KEYS, "at the top level")
        entries = document.get("scope", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.problems.append('"scope" has to be a list of [[scope]] tables')
            entries = []
        elif not entries:
            self.problems.append("has no [[scope]] table, so there is nothing to request")
        if len(self._lines) != len(entries):  # a header inside a text, or tables written otherwise
            self._lines = []
        places = [self._place(index, entry) for index, entry in enumerate(entries)]
        scopes = [self._scope(entry, place) for entry, place in zip(entries, places, strict=True)]
        self._repeated(scopes, places)
        self._oauth(scopes, places)
        return Catalogue(
            title=self._text(document, "title", "at the top level"),
            source=self._text(document, "source", "at the top level"),
            redirect_uris=self._list(document, "redirect_uris", "at the top level"),
            scopes=tuple(scopes),
        )

    def _place(self, index: int, entry: Mapping[str, Any]) -> str:
        line = f"line {self._lines[index]}, " if self._lines else ""
        name = entry.get("name")
        return f"{line}scope {index + 1}" + (f" ({name})" if isinstance(name, str) else "")

    def _scope(self, entry: Mapping[str, Any], place: str) -> Scope:
        self._unknown_keys(entry, _SCOPE_KEYS, place)
        if "kind" not in entry:
            self.problems.append(f'{place}: "kind" is missing')
        return Scope(
            name=self._name(entry, place),
            kind=self._choice(entry, "kind", Kind.OPTIONAL, place),
            opens=self._text(entry, "opens", place),
            tier=self._choice(entry, "tier", Tier.ANY, place),
            hubs=self._list(entry, "hubs", place),
            tier_note=self._text(entry, "tier_note", place),
            sensitivity=self._choice(entry, "sensitivity", Sensitivity.NORMAL, place),
            availability=self._choice(entry, "availability", Availability.DEFAULT, place),
            replaced_by=self._list(entry, "replaced_by", place),
            aliases=self._list(entry, "aliases", place),
            note=self._text(entry, "note", place),
            source=self._text(entry, "source", place),
        )

    def _name(self, entry: Mapping[str, Any], place: str) -> str:
        name = entry.get("name")
        if name is None:
            self.problems.append(f'{place}: "name" is missing')
        elif not isinstance(name, str):
            self.problems.append(f'{place}: "name" has to be text, not {_type(name)}')
        elif not is_scope_token(name):
            self.problems.append(
                f"{place}: {name!r} is no legal scope name (RFC 6749 section 3.3: visible ASCII "
                'without space, " and \\)'
            )
        elif "," in name:
            self.problems.append(f"{place}: {name!r} has a comma; each scope needs its own table")
        else:
            return name
        return f"?{place}"  # lets later checks continue

    def _choice(self, entry: Mapping[str, Any], key: str, default: Choice, place: str) -> Choice:
        if key not in entry:
            return default
        value, allowed = entry[key], [member.value for member in type(default)]
        if value in allowed:
            return type(default)(value)
        meant = nearest(value, allowed) if isinstance(value, str) else None
        hint = f"; did you mean {meant!r}?" if meant else ""
        self.problems.append(
            f'{place}: "{key}" is {value!r}, not one of {", ".join(map(repr, allowed))}{hint}'
        )
        return default

    def _text(self, table: Mapping[str, Any], key: str, place: str) -> str:
        value = table.get(key, "")
        if isinstance(value, str):
            return value
        self.problems.append(f'{place}: "{key}" has to be text, not {_type(value)}')
        return ""

    def _list(self, table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.problems.append(f'{place}: "{key}" has to be a list of texts, not {_type(value)}')
        return ()

    def _unknown_keys(self, table: Mapping[str, Any], known: set[str], place: str) -> None:
        for key in (key for key in table if key not in known):
            meant = nearest(key, known)
            hint = f'; did you mean "{meant}"?' if meant else ""
            self.problems.append(f'{place}: unknown key "{key}"{hint}')

    def _repeated(self, scopes: Iterable[Scope], places: Iterable[str]) -> None:
        first: dict[str, tuple[Scope, str]] = {}
        for scope, place in zip(scopes, places, strict=True):
            earlier, earlier_place = first.setdefault(scope.name, (scope, place))
            if earlier is scope:
                continue
            kinds = "" if earlier.kind is scope.kind else f", {earlier.kind} and {scope.kind}"
            self.problems.append(f"{place}: is already at {earlier_place}{kinds}")

    def _oauth(self, scopes: Iterable[Scope], places: Iterable[str]) -> None:
        for scope, place in zip(scopes, places, strict=True):
            if scope.name == OAUTH and scope.kind is not Kind.REQUIRED:
                self.problems.append(
                    f"{place}: is {scope.kind}, but HubSpot lists oauth as required on every app"
                )


def _type(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text"}
    names |= {dict: "a table", list: "a list"}
    return names.get(type(value), "a date or time")
