"""A HubSpot app's file with other lists: only they change, the rest stays as somebody wrote it.

An element that stays keeps its place and its comment. One that goes takes the comments on its line
with it; a comment on a line of its own stays. New ones come last, in the layout of the list.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oauth_helper.scopes.app_configuration import (
    REDIRECT_KEY,
    SCOPE_KEYS,
    AppConfiguration,
    AppConfigurationError,
    auth_in,
    read_app_configuration,
    read_app_text,
)
from oauth_helper.scopes.catalogue import Kind
from oauth_helper.scopes.json_layout import Body, Layout, body_of, extended, without
from oauth_helper.scopes.json_text import Child, JsonText
from oauth_helper.scopes.names import OAUTH

_REQUIRED_KEY = SCOPE_KEYS[Kind.REQUIRED]
_LISTS = (REDIRECT_KEY, *SCOPE_KEYS.values())


@dataclass(frozen=True, slots=True)
class AppFile:
    """A HubSpot app's file: its name, its text without byte order mark, and what they say."""

    origin: str
    text: str
    document: dict[str, Any]
    configuration: AppConfiguration


def parse_app_file(raw: str | bytes, *, origin: str) -> AppFile:
    """The file in `raw`; `origin` is the name that errors give it. `AppConfigurationError`."""
    source, configuration = read_app_text(raw, origin=origin)
    return AppFile(origin, source.text, source.document, configuration)


def corrected_document(document: Mapping[str, Any], app: AppConfiguration) -> dict[str, Any]:
    """A deep copy of `document` with the lists of `app`; `corrected_text` says which those are.

    Raises `AppConfigurationError` when `document` is no app configuration.
    """
    read_app_configuration(document, origin="the document")
    try:
        corrected = copy.deepcopy(dict(document))
    except RecursionError as error:
        raise AppConfigurationError("the document", ["is nested too deep"]) from error
    _, auth = auth_in(corrected)
    auth.update(_changes(auth, app))
    return corrected


def corrected_text(file: AppFile, app: AppConfiguration) -> str:
    """The text of `file` with the scopes, redirect URLs and type of `app`.

    A list that holds the right names stays, whatever their order; of one that changes, repeated
    names go. `oauth` is neither added to the required scopes nor taken from them, since older files
    do not list it; from the other lists it is taken. A list that is missing is added unless empty.
    """
    path, auth = auth_in(file.document)
    changes = _changes(auth, app)
    if not changes:
        return file.text
    source = JsonText(file.text)
    place = source.at(*path)
    written = _AuthText(source, place).written(changes)
    return file.text[: place.value] + written + file.text[place.end :]


Changes = Mapping[str, str | list[str]]


def _changes(auth: Mapping[str, Any], app: AppConfiguration) -> Changes:
    """The members of `auth` that are to be different, and what they are to be."""
    changes: dict[str, str | list[str]] = {}
    if app.auth_type != auth.get("type", "oauth"):
        changes["type"] = app.auth_type
    for key, names in (
        (REDIRECT_KEY, app.redirect_urls),
        (_REQUIRED_KEY, app.required),
        (SCOPE_KEYS[Kind.OPTIONAL], app.optional),
        (SCOPE_KEYS[Kind.CONDITIONAL], app.conditional),
    ):
        listed = auth.get(key, [])
        wanted = dict.fromkeys(names if key == REDIRECT_KEY else _scopes(key, names, listed))
        if wanted.keys() != set(listed):
            stay = [name for name in listed if name in wanted]
            changes[key] = list(dict.fromkeys((*stay, *wanted)))
    return changes


def _scopes(key: str, names: Iterable[str], listed: Sequence[str]) -> list[str]:
    oauth_stays = key == _REQUIRED_KEY and OAUTH in listed
    return [name for name in names if name != OAUTH or oauth_stays]


class _AuthText:
    """The object at `place` in `source`, which holds the lists, for writing it anew."""

    def __init__(self, source: JsonText, place: Child) -> None:
        self._source = source
        self._members = source.children(place)
        line_break = re.search(r"\r\n|[\r\n]", source.text)
        self._line_break = line_break[0] if line_break else "\n"
        indented = re.search(r"^[ \t]++(?=\S)", source.strict, re.MULTILINE)
        self._unit = indented[0] if indented else "  "
        self._body = self._body_of(place)
        self._lists: dict[str | int, Body] = {
            member.name: self._body_of(member) for member in self._members if member.name in _LISTS
        }
        self._layout = self._layout_of(place, self._body, spread=line_break is not None)
        # A list that is empty tells nothing; without any other, it is as the object around it.
        filled = [body.is_spread for body in self._lists.values() if body.elements]
        self._lists_are_spread = any(filled or [self._layout.spread])

    def written(self, changes: Changes) -> str:
        """Its text with `changes`: members that exist in their place, others after the last."""
        elements = []
        missing = dict(changes)
        for member, element in zip(self._members, self._body.elements, strict=True):
            value = missing.pop(str(member.name), None)
            changed = element if value is None else replace(element, text=self._as(member, value))
            elements.append(changed)
        added = [f"{_quoted(key)}: {self._new(value)}" for key, value in missing.items()]
        body = Body(tuple(elements), self._body.rest)
        extension = extended(body, added, self._layout, comma=body.comma_last)
        return f"{{{extension.written(self._line_break)}}}"

    def _as(self, member: Child, value: str | list[str]) -> str:
        """The text of `member` with another value."""
        key = self._source.text[member.begin : member.value]
        if isinstance(value, str):
            return key + _quoted(value)
        body = self._lists[member.name]
        layout = self._layout_of(member, body, spread=self._lists_are_spread)
        missing, stay = dict.fromkeys(value), []
        for element in body.elements:
            name = json.loads(element.text)
            stay.append(name in missing)
            missing.pop(name, None)
        added = map(_quoted, missing)
        changed = extended(without(body, stay), added, layout, comma=body.comma_last)
        return f"{key}[{changed.written(self._line_break)}]"

    def _new(self, value: str | list[str]) -> str:
        """The text of a value that was missing."""
        if isinstance(value, str):
            return _quoted(value)
        outer = self._layout.indent
        spread = self._layout.spread and self._lists_are_spread
        layout = Layout(spread, self._line_break, outer + self._unit, outer)
        body = extended(Body(), map(_quoted, value), layout, comma=False)
        return f"[{body.written(self._line_break)}]"

    def _body_of(self, place: Child) -> Body:
        return body_of(self._source.text, place, self._source.children(place))

    def _layout_of(self, place: Child, body: Body, *, spread: bool) -> Layout:
        """The layout of `body`, which is at `place`; `spread` is for one that is empty."""
        text = self._source.text
        line = max(text.rfind("\n", 0, place.begin), text.rfind("\r", 0, place.begin)) + 1
        row = text[line : place.begin]
        outer = row[: len(row) - len(row.lstrip(" \t"))]
        indent = outer + self._unit if body.indent is None else body.indent
        is_spread = body.is_spread or (spread and not body.elements)
        return Layout(is_spread, self._line_break, indent, outer)


def _quoted(value: str) -> str:
    # What cannot be seen is escaped; a lone surrogate could not even be written as UTF-8.
    return json.dumps(value, ensure_ascii=not value.isprintable())
