"""Queue events in DATA_DIR while Redis is down. All workers share the queue.

It is a SQLite database, which survives a kill at any moment and allows many processes. A power cut
can lose the latest events from its write-ahead log, as in the embedded store. Every event is
encrypted, because it may contain tokens.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.metrics import OUTBOX_LOST, OUTBOX_QUEUED
from oauth_helper.store.outbox.events import EVENT_TYPES, AttemptEvent, AttemptStarted

logger = logging.getLogger(__name__)

#: Maximum size of the file in bytes. An event takes about 900, so about 140,000 events fit.
MAX_BYTES: Final = 128 * 1024 * 1024

# Share of the file for started attempts, because anyone can start any number. The rest is reserved
# for the other events.
_SHARE_OF_ATTEMPTS = 0.75

# Events that a process keeps in memory when the disk can't be written.
_MAX_IN_MEMORY = 2000

# Seconds between log lines about a disk that can't be written.
_LOG_INTERVAL = 5.0

_BATCH = 200
_BUSY_SECONDS = 2.0
_PAGE = 4096

_SCHEMA = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, note BLOB, refused TEXT)"

# SQLite's error codes for a file that it can't read.
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class _FullError(Exception):
    """The file has reached its maximum size."""


def problem_with_directory(directory: Path) -> str:
    """Return why events can't be queued in a directory; empty when they can."""
    nearest = next(path for path in (directory, *directory.parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return ""
    return f"{directory} cannot be written"


class Outbox:
    """The queue in one directory. It creates its file with the first event.

    `encrypt` and `decrypt` convert what is written; `decrypt` raises ValueError. Safe for many
    threads and processes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        encryptor: Encryptor,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._directory = directory
        self._path = directory / "notes.sqlite3"
        self._encryptor = encryptor
        self._max_pages = max_bytes // _PAGE
        self._is_open = threading.Lock()
        self._in_memory: deque[bytes] = deque()
        self._logged_at = 0.0
        #: Events lost since this process started.
        self.lost = 0

    def put(self, event: AttemptEvent) -> None:
        """Queue an event until it can be written. Never raises.

        If the disk can't be written, the event is kept in memory. Beyond `_MAX_IN_MEMORY` events
        there, it is lost and logged. Started attempts are lost first.
        """
        OUTBOX_QUEUED.labels(event.kind).inc()
        encrypted = self._encryptor.encrypt_value(event).encode()
        is_attempt = isinstance(event, AttemptStarted)
        try:
            self._append(encrypted, is_attempt=is_attempt)
        except _FullError as error:
            # Memory has even less space, and it is needed for events that matter more.
            if is_attempt:
                self._lose(event, error)
            else:
                self._keep_in_memory(event, encrypted, error)
        except (sqlite3.Error, OSError) as error:
            self._keep_in_memory(event, encrypted, error)

    def replay(self, write: Callable[[AttemptEvent], object]) -> int:
        """Pass the queued events to `write`, the oldest first, and return how many were written.

        One process at a time replays; for the others this does nothing. An event is deleted once it
        is written, so if the process dies in between, the event is written twice. What `write`
        raises during an outage passes through.
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
            logger.warning("can't read the outbox: %s", error)
        return written

    def erase(self, is_theirs: Callable[[AttemptEvent], bool], *, dry_run: bool = False) -> int:
        """Delete the queued events that `is_theirs` picks; count them only if `dry_run`."""
        kept = [each for each in self._in_memory if not is_theirs(self._read(each))]
        erased = len(self._in_memory) - len(kept)
        rows = self._execute("SELECT id, note FROM notes") if self._path.exists() else []
        theirs = [number for number, encrypted in rows if self._picks(encrypted, is_theirs)]
        if not dry_run:
            self._in_memory = deque(kept)
            if theirs:
                self._drop(theirs)
                self._shrink()
        return erased + len(theirs)

    def _picks(self, encrypted: bytes, is_theirs: Callable[[AttemptEvent], bool]) -> bool:
        try:
            return is_theirs(self._read(encrypted))
        except ValueError:  # of a key or a version that is gone
            return False

    def depth(self) -> int:
        """Return how many events are queued, on disk and in this process's memory."""
        if not self._path.exists():
            return len(self._in_memory)
        try:
            ((queued,),) = self._execute("SELECT count(*) FROM notes WHERE refused IS NULL")
        except (sqlite3.Error, OSError) as error:
            logger.warning("can't read the outbox: %s", error)
            queued = 0
        return int(queued) + len(self._in_memory)

    def _keep_in_memory(self, event: AttemptEvent, encrypted: bytes, error: Exception) -> None:
        if len(self._in_memory) >= _MAX_IN_MEMORY:
            self._lose(event, error)
            return
        self._in_memory.append(encrypted)
        if self._may_log():
            logger.warning("can't write the outbox, so events are in memory only: %s", error)

    def _lose(self, event: AttemptEvent, error: Exception) -> None:
        OUTBOX_LOST.labels(event.kind).inc()
        self.lost += 1
        if not isinstance(event, AttemptStarted):
            logger.error("lost because the outbox is full: %s (%s)", event, error)
        elif self._may_log():
            logger.error("lost because the outbox is full: %d attempts so far", self.lost)

    def _may_log(self) -> bool:
        now = time.monotonic()
        if now < self._logged_at + _LOG_INTERVAL:
            return False
        self._logged_at = now
        return True

    def _read(self, encrypted: bytes) -> AttemptEvent:
        event: AttemptEvent = self._encryptor.decrypt_value(encrypted.decode(), *EVENT_TYPES)
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
                    # Keep it, marked, so that it doesn't block the others.
                    logger.exception("can't write event %d; set aside", number)
                    self._execute(
                        "UPDATE notes SET refused = ? WHERE id = ?", type(error).__name__, number
                    )
                else:
                    done.append(number)
        finally:
            self._drop(done)
        return len(done)

    # One connection for each operation, because a connection must not survive a fork.

    def _append(self, encrypted: bytes, *, is_attempt: bool) -> None:
        with self._open() as database:
            if is_attempt and _used_pages(database) > self._max_pages * _SHARE_OF_ATTEMPTS:
                raise _FullError("the share for attempts is full")
            try:
                database.execute("INSERT INTO notes (note) VALUES (?)", (encrypted,))
            except sqlite3.OperationalError as error:
                # SQLite raises the same error when the disk is full.
                is_full = _used_pages(database) >= self._max_pages - 1
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL and is_full:
                    raise _FullError("the file has reached its maximum size") from error
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
        """Give disk space back when the queue is empty."""
        with self._open() as database:
            (left,) = database.execute("SELECT count(*) FROM notes").fetchone()
            if not left:
                database.execute("VACUUM")

    def _execute(self, statement: str, *values: object) -> list[Any]:
        with self._open() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file; move a damaged one aside and start a new one.

        Threads wait for each other here, because in SQLite some of them would fail with "locked".
        """
        with self._is_open:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                database = self._connect()
            except sqlite3.DatabaseError as error:
                # The lower eight bits of an extended error code are the primary one.
                if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                    raise
                self._set_aside()
                database = self._connect()
            try:
                yield database
            finally:
                database.close()

    def _connect(self) -> sqlite3.Connection:
        if not self._path.exists():
            self._create()
        # With mode=rw, a file removed in between isn't created here, unprepared.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        database = sqlite3.connect(address, timeout=_BUSY_SECONDS, isolation_level=None, uri=True)
        try:
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA max_page_count = {self._max_pages}")
            database.execute(_SCHEMA)
            database.execute("SELECT count(*) FROM notes LIMIT 1")
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _create(self) -> None:
        """Create the file, readable by its owner only.

        It gets its name when it is complete: SQLite doesn't wait for another process that creates
        it. A file in use must not be opened and closed but by SQLite: that would drop this
        process's locks on it, and another process would delete their log. Source:
        https://www.sqlite.org/howtocorrupt.html, section 2.2.
        """
        handle, name = tempfile.mkstemp(dir=self._directory)
        os.close(handle)
        try:
            with closing(sqlite3.connect(name, isolation_level=None)) as database:
                database.execute("PRAGMA journal_mode = WAL")
            with suppress(FileExistsError):  # another process was faster
                os.link(name, self._path)
        finally:
            Path(name).unlink()

    def _set_aside(self) -> None:
        aside = self._path.with_suffix(".damaged")
        logger.error("the outbox is damaged; moving it to %s and starting a new one", aside)
        self._path.replace(aside)
        for ending in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").unlink()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Yield whether no other process replays. The kernel drops the lock if this one dies."""
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
