"""Read and write JSON as HubSpot's own tools do: no comments, no trailing commas.

`@hubspot/project-parsing-lib` 0.23.0 parses an app's file with `JSON.parse`, so a file that this
module rejects can't be uploaded either.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_COMMENT = re.compile(rf"{_STRING}|(//|/\*)", re.DOTALL)
_TRAILING_COMMA = re.compile(
    rf"(?:{_STRING}|[\w\]}}])[ \t\r\n]*+(,)(?=[ \t\r\n]*+[\]}}])|{_STRING}", re.DOTALL
)


# Real files have about five levels; this many are safe to walk and to copy.
_DEEPEST = 100


class JsonFileError(ValueError):
    """A text isn't JSON. The message names the place."""


class _Repeated(dict[str, Any]):
    """An object with repeated keys."""

    keys_twice: tuple[str, ...] = ()


def read_json(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what `text` says. Raises `JsonFileError`."""
    try:
        document = json.loads(
            text,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_object,
        )
        _check_depth(document, _DEEPEST)
    except json.JSONDecodeError as error:
        message = _why(text) or f"{_place(text, error.pos)}: {error.msg}"
        raise JsonFileError(f"is not JSON: {message}") from error
    except RecursionError as error:
        raise JsonFileError("is not JSON that can be read: nested too deep") from error
    except ValueError as error:
        raise JsonFileError(f"is not JSON that can be read: {error}") from error
    return document


def _check_depth(value: object, left: int) -> None:
    if left == 0:
        raise RecursionError
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, left - 1)


def repeated_keys(value: object) -> tuple[str, ...]:
    """Return the keys that the object `value`, as `read_json` gives it, has more than once."""
    return value.keys_twice if isinstance(value, _Repeated) else ()


def line_of(text: str, path: Sequence[str | int], value: object = None) -> int | None:
    """Return the line, from 1, where the last key of `path` is, or `value` behind it.

    Searches the text alone: of keys with the same name, takes the one below the others in `path`.
    """
    position = 0
    for name in (part for part in path if isinstance(part, str)):
        found = re.compile(rf"{re.escape(json.dumps(name))}\s*+:").search(text, position)
        if found is None:
            return None
        position = found.start()
    if isinstance(value, str):
        written = (json.dumps(value), json.dumps(value, ensure_ascii=False))
        places = [at for each in written if (at := text.find(each, position)) >= 0]
        position = min(places, default=position)
    return text.count("\n", 0, position) + 1


def indentation(text: str) -> str | None:
    """Return the first indentation of `text`; None when all is on one line."""
    if found := re.search(r"\n([ \t]+)\S", text):
        return found[1]
    return "  " if "\n" in text.strip() else None


def write_json(document: object, like: str) -> str:
    """Return `document` as JSON, indented and with the line ends of the text `like`."""
    indent = indentation(like)
    written = json.dumps(document, ensure_ascii=False, indent=indent)
    if not written.replace("\n", "").isprintable():  # also half of a surrogate pair
        written = json.dumps(document, indent=indent)
    line_end = "\r\n" if "\r\n" in like else "\n"
    last = line_end if like.endswith(("\n", "\r")) else ""
    return written.replace("\n", line_end) + last


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    counted = Counter(name for name, _ in pairs)
    repeated = _Repeated(plain)
    repeated.keys_twice = tuple(name for name, count in counted.items() if count > 1)
    return repeated


def _no_number(literal: str) -> NoReturn:
    message = f"{literal} isn't a number that can be read"
    raise ValueError(message)


def _finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _no_number(literal[:20])


def _whole(literal: str) -> int:
    try:
        return int(literal)
    except ValueError:  # more than 4300 digits
        _no_number(f"{literal[:20]}…")


def _why(text: str) -> str | None:
    """Return which common mistake makes it invalid JSON, with its place."""
    for pattern, what in ((_COMMENT, "a comment"), (_TRAILING_COMMA, "a trailing comma")):
        found = next((each for each in pattern.finditer(text) if each[1]), None)
        if found:
            return (
                f"{_place(text, found.start(1))}: {what}. HubSpot parses this file as plain JSON "
                f"and can't upload it; remove it"
            )
    return None


def _place(text: str, position: int) -> str:
    line_break = text.rfind("\n", 0, position)
    return f"line {text.count(chr(10), 0, position) + 1}, column {position - line_break}"
