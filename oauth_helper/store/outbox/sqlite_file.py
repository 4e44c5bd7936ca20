"""The file of the outbox: a table of notes in SQLite."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

# Minor notes get so much of the file; the rest is for the others.
_FOR_MINOR = 0.75

# Fetched at a time.
_BATCH = 200

# Seconds to wait for another process that is writing; each takes far less than a millisecond.
_BUSY = 2.0

_PAGE = 4096

_SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, note BLOB NOT NULL, refused TEXT
);
CREATE INDEX IF NOT EXISTS waiting ON notes (id) WHERE refused IS NULL;
"""

# What SQLite says of a file that it cannot make sense of.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def problem_with(directory: Path) -> str:
    """Why nothing could wait in a directory; empty when it could."""
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return ""
    return f"{directory} cannot be written"


class FullError(Exception):
    """The file has as much as it may have."""


class OutboxFile:
    """The notes that wait, in the order in which they came. Safe with many threads and processes.

    Methods raise sqlite3.Error and OSError. A file that is damaged is set aside, and a new one is
    begun.
    """

    def __init__(self, directory: Path, *, most_bytes: int) -> None:
        self._directory = directory
        self._path = directory / "notes.sqlite3"
        self._most_pages = most_bytes // _PAGE
        self._lock = threading.RLock()
        self._database: sqlite3.Connection | None = None
        self._opened_as: tuple[int, int] | None = None
        self._inherited: list[sqlite3.Connection] = []

    def exists(self) -> bool:
        """Whether anything has ever had to wait."""
        return self._path.exists()

    def append(self, note: bytes, *, is_minor: bool) -> None:
        """Adds a note. Raises `FullError`, for minor notes earlier than for others."""
        with self._lock:
            database = self._open()
            if is_minor and self._used_pages(database) > self._most_pages * _FOR_MINOR:
                raise FullError("the part for attempts is full")
            try:
                self._ask("INSERT INTO notes (note) VALUES (?)", note)
            except sqlite3.OperationalError as error:
                # Also when the disk is full. SQLite says the same of both.
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL and self._is_full(database):
                    raise FullError("the file has its full size") from error
                raise

    def first(self) -> list[tuple[int, bytes]]:
        """The first notes that wait, with their numbers."""
        return self._ask(
            "SELECT id, note FROM notes WHERE refused IS NULL ORDER BY id LIMIT ?", _BATCH
        )

    def drop(self, numbers: Sequence[int]) -> None:
        """Removes notes that were written."""
        with self._lock:
            database = self._open()
            database.execute("BEGIN IMMEDIATE")
            with database:
                rows = [(number,) for number in numbers]
                database.executemany("DELETE FROM notes WHERE id = ?", rows)

    def set_aside(self, number: int, why: str) -> None:
        """Has a note wait no more, without losing it."""
        self._ask("UPDATE notes SET refused = ? WHERE id = ?", why, number)

    def waiting(self) -> int:
        """How many notes wait."""
        if not self.exists():
            return 0
        ((waiting,),) = self._ask("SELECT count(*) FROM notes WHERE refused IS NULL")
        return int(waiting)

    def shrink(self) -> None:
        """Gives the room back when nothing is left."""
        with self._lock:
            ((left,),) = self._ask("SELECT count(*) FROM notes")
            if not left:
                self._ask("VACUUM")
                self._ask("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process is inside; the kernel lets go of it however this one ends."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(self._directory / "replaying", flags, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def _ask(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            try:
                return self._open().execute(statement, values).fetchall()
            except sqlite3.DatabaseError as error:
                # An unknown code has more bits; the lower eight are its kind.
                if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                    raise
                self._set_file_aside()
                return self._open().execute(statement, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        """The process's own connection: one that was made before a fork must not be used."""
        if self._database is not None:
            if self._opened_as == self._identity():
                return self._database
            self._let_go()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._database = self._opened()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            self._set_file_aside()
            self._database = self._opened()
        self._opened_as = self._identity()
        return self._database

    def _identity(self) -> tuple[int, int]:
        """What changes when this process was forked, or the file was moved or removed."""
        try:
            return os.getpid(), self._path.stat().st_ino
        except FileNotFoundError:
            return os.getpid(), 0

    def _let_go(self) -> None:
        """Forgets a connection that is of no use here; one of another process stays unclosed."""
        if self._database is not None and self._opened_as is not None:
            if self._opened_as[0] == os.getpid():
                self._database.close()
            else:
                self._inherited.append(self._database)
        self._database = None

    def _opened(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        database = sqlite3.connect(
            self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA max_page_count = {self._most_pages}")
            database.executescript(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _set_file_aside(self) -> None:
        """Keeps a damaged file for whoever can read it."""
        self.close()
        aside = self._path.with_suffix(".damaged")
        logger.error("the outbox is damaged and set aside as %s; a new one is begun", aside)
        self._path.replace(aside)
        for ending in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").unlink()

    def _used_pages(self, database: sqlite3.Connection) -> int:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        (free,) = database.execute("PRAGMA freelist_count").fetchone()
        return int(pages) - int(free)

    def _is_full(self, database: sqlite3.Connection) -> bool:
        return self._used_pages(database) >= self._most_pages - 1
