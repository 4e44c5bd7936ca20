"""JSON as people write it, with comments and commas too many, and where each thing in it stands.

Comments and trailing commas are replaced by blanks before the text is decoded, so that every
position in what is decoded is the position in the file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import count, islice
from typing import Any, NamedTuple

# Real files are nested some five deep; this many are safe to walk and to copy.
_DEEPEST = 100

# One of these takes all that is left when its end is missing: beginning again at each next
# character would take time that grows with the square of the text.
_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_COMMENT = r"//[^\r\n]*+|/\*.*?(?:\*/|\Z)"

_STRINGS_AND_COMMENTS = re.compile(rf"{_STRING}|({_COMMENT})", re.DOTALL)
_TRAILING_COMMAS = re.compile(
    rf"((?:{_STRING}|[\w\]}}])[ \t\r\n]*+),(?=[ \t\r\n]*+[\]}}])|{_STRING}", re.DOTALL
)
_STRINGS_AND_BRACKETS = re.compile(rf"{_STRING}|[\[{{\]}}]", re.DOTALL)
_STRINGS_AND_NUMBERS = re.compile(rf"{_STRING}|[\w.+-]++", re.DOTALL)
_NO_LINE_BREAK = re.compile(r"[^\r\n]")
_MARK = re.compile(r"[ \t\r\n]*+[:,]?+[ \t\r\n]*+")
#: Between two elements: a line break, blanks, a comma or a comment.
SPACING = re.compile(rf"\r\n|[\r\n,]|[ \t]+|{_COMMENT}", re.DOTALL)


class JsonTextError(ValueError):
    """A text that is no JSON, or none that can be read. The message names the place."""


# A file may hold half a million of these, and a tuple is made several times as fast as a dataclass.
class Child(NamedTuple):
    """A member of an object or an element of a list: its name or index, and where it stands.

    It is `text[begin:end]`, with its name if it has one; its value is `text[value:end]`.
    """

    name: str | int
    begin: int
    value: int
    end: int


class JsonText:
    """A JSON text, what it says (`document`), and where it says it. Raises `JsonTextError`.

    `strict` is the text with blanks for what JSON does not allow.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.strict = _without_trailing_commas(_without_comments(text))
        _check_depth(self.strict)
        self.document: Any = _decoded(self.strict)
        start = _past_mark(self.strict, 0)
        self.root = Child("", start, start, len(self.strict.rstrip(" \t\r\n")))
        self._walks: dict[int, tuple[list[Child], Iterator[Child]]] = {}

    def at(self, *path: str | int) -> Child:
        """What `path` leads to; of members with the same name the last one, which JSON takes."""
        found = self.root
        for name in path:
            if isinstance(name, int):
                found = self._children(found, name + 1)[name]
            else:
                children = reversed(self._children(found))
                found = next(child for child in children if child.name == name)
        return found

    def children(self, parent: Child) -> tuple[Child, ...]:
        """The members or elements of `parent`, in the order of the text; a scalar has none."""
        return tuple(self._children(parent))

    def _children(self, parent: Child, number: int | None = None) -> list[Child]:
        """The first `number` at least: the place of a problem seldom needs the rest."""
        start = parent.value
        walked, ahead = self._walks.setdefault(start, ([], self._walked(start)))
        walked.extend(ahead if number is None else islice(ahead, max(0, number - len(walked))))
        return walked

    def place(self, child: Child) -> str:
        """Where `child` begins, for people."""
        return place(self.text, child.begin)

    def _walked(self, start: int) -> Iterator[Child]:
        text, named = self.strict, self.strict[start] == "{"
        at = _past_mark(text, start + 1)
        for index in count():
            if text[start] not in "[{" or text[at] in "]}":
                return
            begin, name = at, index
            if named:
                name, at = _DECODER.raw_decode(text, at)
                at = _past_mark(text, at)
            _, end = _DECODER.raw_decode(text, at)
            yield Child(name, begin, at, end)
            at = _past_mark(text, end)


def place(text: str, position: int) -> str:
    """A position in `text` for people, who count lines and columns from one."""
    line, line_break = text.count("\n", 0, position) + 1, text.rfind("\n", 0, position)
    return f"line {line}, column {position - line_break}"


def _without_comments(text: str) -> str:
    def blanked(match: re.Match[str]) -> str:
        comment: str | None = match[1]
        if comment is None:
            return match[0]
        if comment.startswith("/*") and not (comment.endswith("*/") and len(comment) >= 4):
            where = place(text, match.start())
            raise JsonTextError(f"is not JSON: {where}: Comment without an end")
        return _NO_LINE_BREAK.sub(" ", comment)

    return _STRINGS_AND_COMMENTS.sub(blanked, text)


def _without_trailing_commas(text: str) -> str:
    """`text` with a blank for each comma that stands between a value and a closing bracket."""
    return _TRAILING_COMMAS.sub(
        lambda match: match[0] if match[1] is None else f"{match[1]} ", text
    )


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        if match[0] in "[{":
            depth += 1
        elif match[0] in "]}":
            depth -= 1
        if depth > _DEEPEST:
            where = place(text, match.start())
            raise JsonTextError(
                f"is not JSON that can be read: {where}: nested more than {_DEEPEST} deep"
            )


class _NumberError(ValueError):
    """A number that JSON does not know or Python does not read. `literal` is how it is written."""

    def __init__(self, literal: str) -> None:
        self.literal = literal
        super().__init__(literal)


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isfinite(number):
        return number
    raise _NumberError(literal)


def _whole(literal: str) -> int:
    try:
        return int(literal)
    except ValueError as error:  # more than 4300 digits
        raise _NumberError(literal) from error


_DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite, parse_int=_whole)


def _decoded(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = place(text, error.pos)
        raise JsonTextError(f"is not JSON: {where}: {error.msg}") from error
    except _NumberError as error:
        literal = error.literal
        found = _STRINGS_AND_NUMBERS.finditer(text)
        begin = next(match.start() for match in found if match[0].startswith(literal))
        words = "a number too large" if literal[-1].isdigit() else f"{literal} is no number in JSON"
        raise JsonTextError(
            f"is not JSON that can be read: {place(text, begin)}: {words}"
        ) from error


def _past_mark(text: str, start: int) -> int:
    """Behind the blanks at `start`, and behind the comma or colon among them."""
    match = _MARK.match(text, start)
    return match.end() if match else start
