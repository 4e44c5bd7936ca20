"""Failures as a file: CSV for spreadsheets, JSON lines for programs. Made part by part.

Each failure comes in as the JSON API gives it.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from oauth_helper.diagnosis import Cause, Responsible, wording

#: Failures in one part.
CHUNK = 500

Document = Mapping[str, Any]


class Form(StrEnum):
    """What kind of file. The names are part of addresses and of the command line, and stay."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def mimetype(self) -> str:
        """The media type of such a file."""
        return {"csv": "text/csv", "jsonl": "application/x-ndjson"}[self]

    @property
    def label(self) -> str:
        """The kind of file in words."""
        return {"csv": "CSV, for spreadsheets", "jsonl": "JSON lines, for programs"}[self]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the file, and how many failures the file holds with it."""

    data: bytes
    written: int


def parts(failures: Iterable[Document], form: Form) -> Iterator[Part]:
    """The file, piece by piece; there is always at least one. Only one is held at a time."""
    written, rest = 0, iter(failures)
    # Excel takes a CSV file for one in the local 8-bit encoding unless it begins with this mark;
    # LibreOffice, Google Sheets and Python's "utf-8-sig" skip it.
    head = "\ufeff" + _csv_text([COLUMNS]) if form is Form.CSV else ""
    while chunk := list(islice(rest, CHUNK)):
        written += len(chunk)
        yield Part((head + _text(chunk, form)).encode(), written)
        head = ""
    if not written:
        yield Part(head.encode(), 0)


# A block of the type that RFC 1951 section 3.2.3 calls an error.
_NO_BLOCK = b"\x07" * 8


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream, each of them complete as soon as it is there.

    When `pieces` raises, what has been sent is made unreadable before the error goes on: a server
    that ends the response as if nothing had happened (granian 2.8 does so, 2026-11) would else
    leave half a file that looks like a whole one. Here every client reports a broken download.
    """
    packer = zlib.compressobj(6, wbits=16 + zlib.MAX_WBITS)
    try:
        for piece in pieces:
            # The flush ends at a whole byte, where the next block begins.
            yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    except Exception:
        yield _NO_BLOCK
        raise
    yield packer.flush()


def _text(chunk: Iterable[Document], form: Form) -> str:
    if form is Form.CSV:
        return _csv_text(map(row, chunk))
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in chunk)


def _csv_text(rows: Iterable[Iterable[str | int | None]]) -> str:
    text = io.StringIO()
    # RFC 4180. In quotation marks a text keeps its line ends, and numbers are told from texts.
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue()


def row(failure: Document) -> list[str | int | None]:
    """The cells of a failure, in the order of `COLUMNS`."""
    cells = (cell(failure) for cell in _CELLS.values())
    return [defused(cell) if isinstance(cell, str) else cell for cell in cells]


# What the programs take for the beginning of a formula, and look-alikes that some of them turn into
# it; before it they skip what cannot be seen.
_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
_UNSEEN = r"\s\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
# Where a cell ends for a program that expects another separator than the comma: it finds the
# quotation marks in the middle of a cell, and takes no notice of them.
_ENDS = r";\t\r\n"
_STARTS = re.compile(
    rf"""\A (?= [\t\r\n\x00] | [{_UNSEEN}]* [{_FORMULA}] )
    | (?<= [{_ENDS}] ) (?= (?: (?![{_ENDS}]) [{_UNSEEN}"] )* [{_FORMULA}] )""",
    re.VERBOSE,
)

# Characters that a cell of Excel holds; it puts the rest into the next row, as if it were another.
_MOST = 32_767


def defused(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet could else see a formula begin.

    OWASP, "CSV Injection" (2026-11): = + - @, tab, carriage return and the full-width forms, at the
    beginning of a cell; and whoever takes the semicolon for the separator sees more beginnings.
    A text that is too long for a cell is cut.
    """
    safe = _STARTS.sub("'", text)
    return safe if len(safe) <= _MOST else safe[: _MOST - 1] + "…"


def _names(key: str) -> Callable[[Document], str]:
    return lambda failure: " ".join(failure[key])


def _requested(key: str) -> Callable[[Document], str]:
    return lambda failure: " ".join(failure["requested"][key])


def _granted(failure: Document) -> str:
    """Nobody knows: empty. Known to be nothing: `none`."""
    names = failure["granted"]
    return "" if names is None else " ".join(names) or "none"


def _plain(key: str) -> Callable[[Document], str | int | None]:
    def value(failure: Document) -> str | int | None:
        found = failure[key]
        return found if isinstance(found, int) else str(found or "")

    return value


def _title(failure: Document) -> str:
    return wording(Cause(failure["cause"])).title.replace("`", "")


def _history(failure: Document) -> str:
    return "\n".join(
        f"{event['at']} {event['what']} by {event['by']}"
        + (f": {event['text']}" if event["text"] else "")
        for event in failure["history"]
    )


_CELLS: dict[str, Callable[[Document], str | int | None]] = {
    "reference": _plain("reference"),
    "at": _plain("at"),
    "profile": _plain("profile"),
    "client": _plain("client"),
    "cause": _plain("cause"),
    "title": _title,
    "stage": _plain("stage"),
    "status": _plain("status"),
    "assignee": _plain("assignee"),
    "hub_id": _plain("hub_id"),
    "message": _plain("message"),
    "why": lambda failure: str(failure["candidates"][0]["why"]),
    "other_causes": lambda failure: " ".join(each["cause"] for each in failure["candidates"][1:]),
    "scopes_concerned": _names("missing"),
    "scope": _requested("scope"),
    "optional_scope": _requested("optional_scope"),
    "granted": _granted,
    "who_can_mend_it": lambda failure: ", ".join(
        Responsible(each["who"]).title for each in failure["fix"]
    ),
    "correlation_id": _plain("correlation_id"),
    "history": _history,
}

#: The first line of a CSV file.
COLUMNS = tuple(_CELLS)
