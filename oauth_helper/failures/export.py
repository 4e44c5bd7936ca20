"""Write failures as a file, part by part: CSV for spreadsheets, JSON lines for programs.

Each failure is a document of the JSON API.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from oauth_helper.diagnosis import Cause, Responsible, wording

#: Failures in a part.
CHUNK = 500

Document = Mapping[str, Any]


class ExportFormat(StrEnum):
    """The formats, with their names in addresses and on the command line."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def mimetype(self) -> str:
        """Return the media type."""
        return {"csv": "text/csv", "jsonl": "application/x-ndjson"}[self]


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A part of the file, and how many failures the file contains up to its end."""

    data: bytes
    written: int


def export_parts(
    failures: Iterable[Document], form: ExportFormat, columns: Collection[str] = ()
) -> Iterator[ExportPart]:
    """Yield the file part by part, at least one; no other part is in memory meanwhile.

    `columns` are those of a CSV file, in the order of `COLUMNS`; all if it is empty.
    """
    columns = [name for name in COLUMNS if name in columns] or COLUMNS
    written, rest = 0, iter(failures)
    # Without this mark Excel reads a CSV file in the local 8-bit encoding; LibreOffice, Google
    # Sheets and Python's "utf-8-sig" skip it.
    head = "\ufeff" + csv_text([columns]) if form is ExportFormat.CSV else ""
    while chunk := list(islice(rest, CHUNK)):
        written += len(chunk)
        yield ExportPart((head + _text(chunk, form, columns)).encode(), written)
        head = ""
    if not written:
        yield ExportPart(head.encode(), 0)


# A block of the type that RFC 1951 section 3.2.3 reserves as an error.
_NO_BLOCK = b"\x07" * 8


def compress(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces as one gzip stream, each of them flushed.

    If `pieces` raises, end with an invalid block before the error is raised: granian 2.8 ends the
    response as if it were complete (2026-11), so half a file would look like a whole one. With the
    invalid block every client reports a broken download.
    """
    packer = zlib.compressobj(6, wbits=16 + zlib.MAX_WBITS)
    try:
        for piece in pieces:
            # The flush ends at a byte, where the next block begins.
            yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    except Exception:
        yield _NO_BLOCK
        raise
    yield packer.flush()


def _text(chunk: Iterable[Document], form: ExportFormat, columns: Iterable[str]) -> str:
    if form is ExportFormat.CSV:
        return csv_text(csv_row(each, columns) for each in chunk)
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in chunk)


def csv_text(rows: Iterable[Iterable[str | int | None]]) -> str:
    """Return rows as CSV. Their texts must be safe for spreadsheets: `escape_formulas`."""
    text = io.StringIO()
    # RFC 4180. Quotes keep line ends within a text, and tell texts from numbers.
    csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue()


def csv_row(failure: Document, columns: Iterable[str]) -> list[str | int | None]:
    """Return the cells of a failure for these columns."""
    cells = (_CELLS[name](failure) for name in columns)
    return [escape_formulas(cell) if isinstance(cell, str) else cell for cell in cells]


# Characters that start a formula, and look-alikes that some programs convert to them. Programs skip
# invisible characters before them.
_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
_UNSEEN = r"\s\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
# Where a cell ends for a program that expects another separator than the comma: quotes that appear
# in the middle of a cell mean nothing to it.
_ENDS = r";\t\r\n"
_STARTS = re.compile(
    rf"""\A (?= [\t\r\n\x00] | [{_UNSEEN}]* [{_FORMULA}] )
    | (?<= [{_ENDS}] ) (?= \x00 | (?: (?![{_ENDS}]) [{_UNSEEN}"] )* [{_FORMULA}] )""",
    re.VERBOSE,
)

# Characters in a cell of Excel, which puts the rest into the next row.
_MOST = 32_767


def escape_formulas(text: str) -> str:
    """Return the text with an apostrophe wherever a spreadsheet could see the start of a formula.

    OWASP, "CSV Injection" (2026-11): = + - @, tab, carriage return and the full-width forms at the
    start of a cell; programs that expect semicolons see more starts. Texts that are too long for a
    cell are cut.
    """
    safe = _STARTS.sub("'", text)
    return safe if len(safe) <= _MOST else safe[: _MOST - 1] + "…"


def _names(key: str) -> Callable[[Document], str]:
    return lambda failure: " ".join(failure[key])


def _requested(key: str) -> Callable[[Document], str]:
    return lambda failure: " ".join(failure["requested"][key])


def _granted(failure: Document) -> str:
    """Return an empty text for unknown scopes, `none` for no scopes."""
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
        + (f" ({event['resolution']})" if event["resolution"] else "")
        + (f": {event['text']}" if event["text"] else "")
        for event in failure["history"]
    )


_CELLS: dict[str, Callable[[Document], str | int | None]] = {
    "reference": _plain("reference"),
    "at": _plain("at"),
    "profile": _plain("profile"),
    "client": _plain("client"),
    "customer": _plain("customer"),
    "customer_name": _plain("customer_name"),
    "cause": _plain("cause"),
    "title": _title,
    "stage": _plain("stage"),
    "status": _plain("status"),
    "resolution": _plain("resolution"),
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

#: The columns of a CSV file.
COLUMNS = tuple(_CELLS)
