"""Read files that people write: bounded, as UTF-8, with errors that name file and place."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from pathlib import Path

#: Real ones have some ten kilobytes; more is some other file.
MAX_BYTES = 1_000_000


class FileError(ValueError):
    """A file can't be used. `problems` names each problem with its place."""

    def __init__(self, origin: str, problems: Iterable[str]) -> None:
        self.origin = origin
        self.problems = tuple(problems)
        super().__init__(f"{origin}: " + "; ".join(self.problems))


def read_bytes(path: Path, raises: type[FileError]) -> bytes:
    """Return the content of the file at `path`, up to one byte more than `MAX_BYTES`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise raises(str(path), [f"cannot be read: {error.strerror}"]) from error
    except ValueError as error:  # a zero byte in the path
        raise raises(repr(str(path)), ["cannot be read: no legal path"]) from error


def as_text(raw: str | bytes, origin: str, raises: type[FileError]) -> str:
    """Return `raw` as text without byte order mark. Raises if it is too long or not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise raises(origin, [f"is larger than {MAX_BYTES:,} bytes"])
    if isinstance(raw, bytes) and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise raises(origin, ["is UTF-16 text; it has to be saved as UTF-8"])
    try:
        return raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise raises(origin, [f"is not UTF-8 text (byte {error.start})"]) from error
