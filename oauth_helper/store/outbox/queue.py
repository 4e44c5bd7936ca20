"""The queue of events in DATA_DIR, shared by all workers, for as long as Redis is down.

SQLite keeps it: whole after a kill at any moment, and safe with many processes. With its
write-ahead log a power cut can lose the last moments, as it can in the embedded store. Every event
is encrypted, because it may hold tokens.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from oauth_helper.common.codec import decode_tagged, encode_tagged
from oauth_helper.common.metrics import OUTBOX_LOST, OUTBOX_QUEUED
from oauth_helper.store.outbox.events import EVENT_TYPES, AttemptEvent, AttemptStarted

logger = logging.getLogger(__name__)

#: Bytes that the file may have. An event takes about 900 of them, so that is some 140,000 events.
MAX_BYTES: Final = 128 * 1024 * 1024

# Attempts, which anybody can start, get this much of the file; the rest is for the others.
_SHARE_OF_ATTEMPTS = 0.75

# Events that a process keeps in memory when the disk takes none.
_MAX_IN_MEMORY = 2000

# Seconds between log lines about a disk that takes nothing.
_LOG_INTERVAL = 5.0

_BATCH = 200
_BUSY_SECONDS = 2.0
_PAGE = 4096

_SCHEMA = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, note BLOB, refused TEXT)"

# What SQLite says of a file that it cannot make sense of.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class _FullError(Exception):
    """The file has the size that it may have."""


def problem_with(directory: Path) -> str:
    """Return why nothing could be queued in a directory; empty when it could."""
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return ""
    return f"{directory} cannot be written"


class Outbox:
    """The queue in one directory. Nothing is created there before something is queued.

    `encrypt` and `decrypt` convert what is written; `decrypt` raises ValueError. Safe with many
    threads and processes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        encrypt: Callable[[bytes], bytes],
        decrypt: Callable[[bytes], bytes],
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._directory = directory
        self._path = directory / "notes.sqlite3"
        self._encrypt, self._decrypt = encrypt, decrypt
        self._max_pages = max_bytes // _PAGE
        self._in_memory: deque[bytes] = deque()
        self._logged_at = 0.0
        #: Events that could not be queued, since this process started.
        self.lost = 0

    def put(self, event: AttemptEvent) -> None:
        """Queue an event until it is written. Never raises.

        When the disk takes it no more it is kept in memory, and beyond `_MAX_IN_MEMORY` events
        there it is lost, which the log says. Attempts are lost first.
        """
        OUTBOX_QUEUED.labels(event.kind).inc()
        encrypted = self._encrypt(encode_tagged(event))
        is_attempt = isinstance(event, AttemptStarted)
        try:
            self._append(encrypted, is_attempt=is_attempt)
        except _FullError as error:
            # In memory there would be less room still for what matters more.
            if is_attempt:
                self._lose(event, error)
            else:
                self._keep_in_memory(event, encrypted, error)
        except (sqlite3.Error, OSError) as error:
            self._keep_in_memory(event, encrypted, error)

    def replay(self, write: Callable[[AttemptEvent], object]) -> int:
        """Have `write` write what is queued, the oldest first, and return how many it wrote.

        One process at a time does so; the others have nothing to do then. An event is dropped once
        it is written, so a process that dies in between leaves it to be written twice. What `write`
        raises for an outage passes through.
        """
        written = 0
        while self._in_memory:
            write(self._read(self._in_memory[0]))
            self._in_memory.popleft()
            written += 1
        if not self._path.exists():
            return written
        try:
            with self._alone() as is_alone:
                while is_alone and (batch := self._first()):
                    written += self._replay_batch(batch, write)
                if is_alone and written:
                    self._shrink()
        except (sqlite3.Error, OSError) as error:
            logger.warning("the outbox cannot be read: %s", error)
        return written

    def depth(self) -> int:
        """Return how many events are queued, on disk and in this process's memory."""
        if not self._path.exists():
            return len(self._in_memory)
        try:
            ((queued,),) = self._execute("SELECT count(*) FROM notes WHERE refused IS NULL")
        except (sqlite3.Error, OSError) as error:
            logger.warning("the outbox cannot be read: %s", error)
            queued = 0
        return int(queued) + len(self._in_memory)

    def _keep_in_memory(self, event: AttemptEvent, encrypted: bytes, error: Exception) -> None:
        if len(self._in_memory) >= _MAX_IN_MEMORY:
            self._lose(event, error)
            return
        self._in_memory.append(encrypted)
        if self._may_log():
            logger.warning("the outbox cannot be written; events are in memory only: %s", error)

    def _lose(self, event: AttemptEvent, error: Exception) -> None:
        OUTBOX_LOST.labels(event.kind).inc()
        self.lost += 1
        if not isinstance(event, AttemptStarted):
            logger.error("lost, because the outbox takes no more: %s (%s)", event, error)
        elif self._may_log():
            logger.error("lost, because the outbox is full: %d attempts so far", self.lost)

    def _may_log(self) -> bool:
        now = time.monotonic()
        if now < self._logged_at + _LOG_INTERVAL:
            return False
        self._logged_at = now
        return True

    def _read(self, encrypted: bytes) -> AttemptEvent:
        event: AttemptEvent = decode_tagged(self._decrypt(encrypted), EVENT_TYPES)
        return event

    def _replay_batch(
        self, batch: list[tuple[int, bytes]], write: Callable[[AttemptEvent], object]
    ) -> int:
        done: list[int] = []
        try:
            for number, encrypted in batch:
                try:
                    write(self._read(encrypted))
                except (ValueError, KeyError, TypeError) as error:
                    # Set aside without losing it, so that it holds up nothing.
                    logger.exception("an event cannot be written and is set aside: %d", number)
                    self._execute(
                        "UPDATE notes SET refused = ? WHERE id = ?", type(error).__name__, number
                    )
                else:
                    done.append(number)
        finally:
            self._drop(done)
        return len(done)

    # The file: a connection for each operation, so that none survives a fork.

    def _append(self, encrypted: bytes, *, is_attempt: bool) -> None:
        with self._open() as database:
            if is_attempt and _used_pages(database) > self._max_pages * _SHARE_OF_ATTEMPTS:
                raise _FullError("the part for attempts is full")
            try:
                database.execute("INSERT INTO notes (note) VALUES (?)", (encrypted,))
            except sqlite3.OperationalError as error:
                # SQLite says the same when the disk is full.
                is_full = _used_pages(database) >= self._max_pages - 1
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL and is_full:
                    raise _FullError("the file has its full size") from error
                raise

    def _first(self) -> list[tuple[int, bytes]]:
        return self._execute(
            "SELECT id, note FROM notes WHERE refused IS NULL ORDER BY id LIMIT ?", _BATCH
        )

    def _drop(self, numbers: list[int]) -> None:
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            with database:
                rows = [(number,) for number in numbers]
                database.executemany("DELETE FROM notes WHERE id = ?", rows)

    def _shrink(self) -> None:
        """Give the room back when nothing is left."""
        with self._open() as database:
            (left,) = database.execute("SELECT count(*) FROM notes").fetchone()
            if not left:
                database.execute("VACUUM")

    def _execute(self, statement: str, *values: object) -> list[Any]:
        with self._open() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file; one that is damaged is set aside, and a new one started."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            database = self._connect()
        except sqlite3.DatabaseError as error:
            # An unknown code has more bits; the lower eight are its kind.
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            self._set_aside()
            database = self._connect()
        try:
            yield database
        finally:
            database.close()

    def _connect(self) -> sqlite3.Connection:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self._path, flags, 0o600))
        database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA max_page_count = {self._max_pages}")
            database.execute(_SCHEMA)
            database.execute("SELECT count(*) FROM notes LIMIT 1")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _set_aside(self) -> None:
        aside = self._path.with_suffix(".damaged")
        logger.error("the outbox is damaged and set aside as %s; a new one is started", aside)
        self._path.replace(aside)
        for ending in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").unlink()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process replays; the kernel drops the lock when this one ends."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(self._directory / "replaying", flags, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_alone = True
            except BlockingIOError:
                is_alone = False
            yield is_alone
        finally:
            os.close(lock)


def _used_pages(database: sqlite3.Connection) -> int:
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (free,) = database.execute("PRAGMA freelist_count").fetchone()
    return int(pages) - int(free)
