"""The body of a request to the API: JSON with known fields, each read into what it has to be."""

from __future__ import annotations

import json
from collections.abc import Collection
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from flask import abort, request

from oauth_helper.scopes import nearest, parse_scope

E = TypeVar("E", bound=StrEnum)

# Real ones are nested some eight deep.
_DEEPEST = 100

# Of unknown fields so many are named, and so many characters of each.
_NAMED, _SHOWN = 5, 60

_KINDS = {str: "text", list: "a list", dict: "an object", bool: "true or false", type(None): "null"}


class FieldError(ValueError):
    """A field that cannot be used. The message names it."""


class Body:
    """The fields of a body. What is missing or null reads as None; what is wrong raises."""

    def __init__(self, fields: dict[str, Any], known: Collection[str]) -> None:
        self._fields = fields
        unknown = [name for name in fields if name not in known]
        if unknown:
            named = ", ".join(_with_hint(name, known) for name in unknown[:_NAMED])
            raise FieldError(f"unknown field: {named}. There are {', '.join(known)}")

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str) -> str | None:
        """A text."""
        value = self._fields.get(name)
        if value is None or isinstance(value, str):
            return value
        return self._wrong(name, "text")

    def names(self, name: str) -> tuple[str, ...] | None:
        """Scopes, in a text with spaces between them or in a list, as they would be in a link."""
        value = self._fields.get(name)
        if value is None or isinstance(value, str):
            return None if value is None else parse_scope(value)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return parse_scope(" ".join(value))
        return self._wrong(name, "text with spaces between the scopes, or a list of texts")

    def number(self, name: str, least: int, most: int) -> int | None:
        """A whole number from `least` to `most`."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # 1.0 is a whole number in JSON
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and least <= value <= most:
            return int(value)
        return self._wrong(name, f"a whole number from {least:,} to {most:,}")

    def one_of(self, name: str, choices: type[E]) -> E | None:
        """One of `choices`, by its value."""
        text = self.text(name)
        if text is None:
            return None
        if text in set(choices):
            return choices(text)
        raise FieldError(f"{name} has to be one of {', '.join(choices)}")

    def document_or_text(self, name: str) -> dict[str, Any] | str | None:
        """An object, or a text that holds one."""
        value = self._fields.get(name)
        if value is None or isinstance(value, (str, dict)):
            return value
        return self._wrong(name, "an object, or text")

    def part(self, name: str, known: Collection[str]) -> Body | None:
        """The fields of an object; errors name them with a dot."""
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            return self._wrong(name, "an object")
        return Body(
            {f"{name}.{key}": each for key, each in value.items()},
            [f"{name}.{key}" for key in known],
        )

    def _wrong(self, name: str, wanted: str) -> NoReturn:
        found = _KINDS.get(type(self._fields[name]), "a number")
        raise FieldError(f"{name} has to be {wanted}, not {found}")


def read_body(known: Collection[str]) -> Body:
    """The body of this request, which may have the fields `known`.

    Ends the request when it is no JSON object: 415 by its type, else 400. Raises `FieldError`.
    """
    if not request.is_json:
        abort(415, "The body has to be JSON, with the header Content-Type: application/json.")
    try:
        document = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        abort(400, f"The body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}.")
    except (ValueError, RecursionError):  # no UTF-8, a number of 5000 digits, nested too deep
        abort(400, "The body is no JSON that can be read.")
    if not isinstance(document, dict):
        abort(400, "The body has to be a JSON object.")
    if _depth_exceeds(document, _DEEPEST):
        abort(400, f"The body is nested more than {_DEEPEST} deep.")
    return Body(document, known)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _depth_exceeds(document: object, most: int) -> bool:
    level: list[Any] = [document]
    for _ in range(most):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, (dict, list))
        ]
    return bool(level)


def _with_hint(name: str, known: Collection[str]) -> str:
    meant = nearest(name, known) if len(name) <= _SHOWN else None
    return f"{name[:_SHOWN]}" + (f" (did you mean {meant}?)" if meant else "")
