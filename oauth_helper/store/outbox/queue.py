"""What waits on disk until the store is back: a queue in DATA_DIR that all workers share.

SQLite keeps it: whole after a kill at any moment, and safe with many processes. With its
write-ahead log a note costs no wait for the disk; a power cut can lose the last moments, as it can
in the embedded store. Every note is sealed, for it may hold tokens.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from oauth_helper.store.outbox.codec import from_bytes, to_bytes
from oauth_helper.store.outbox.sqlite_file import FullError, OutboxFile
from oauth_helper.store.outbox.writer import (
    AttemptEvent,
    AttemptStarted,
    AttemptSucceeded,
    ConnectionSaved,
)

logger = logging.getLogger(__name__)

#: Bytes that the file may have. A note takes about 900 of them, so that is some 140,000 notes.
MOST_BYTES: Final = 128 * 1024 * 1024

# Notes that a process keeps in memory when the disk takes none.
_MOST_IN_MEMORY = 2000

# The log tells of a disk that takes nothing this often, in seconds.
_TOLD_EVERY = 5.0


class Outbox:
    """The queue in one directory. Nothing is made there before something has to wait.

    `encrypt` and `decrypt` turn a note into what is written and back; `decrypt` raises ValueError.
    """

    def __init__(
        self,
        directory: Path,
        *,
        encrypt: Callable[[bytes], bytes],
        decrypt: Callable[[bytes], bytes],
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._file = OutboxFile(directory, most_bytes=most_bytes)
        self._seal, self._unseal = encrypt, decrypt
        self._lock = threading.Lock()
        self._in_memory: deque[bytes] = deque()
        self._told_at = 0.0
        #: Notes that could be kept nowhere, since this process began.
        self.lost = 0

    def put(self, note: AttemptEvent) -> None:
        """Keeps a note until it is written. Never raises.

        Where the disk takes it no more it is kept in memory, and beyond `_MOST_IN_MEMORY` notes
        there it is lost, which the log tells. Attempts, which anybody can begin, are lost first.
        """
        encrypted = self._seal(to_bytes(note))
        is_attempt = isinstance(note, AttemptStarted)
        try:
            self._file.append(encrypted, is_minor=is_attempt)
        except FullError as error:
            # In memory there would be less room still for what matters more.
            if is_attempt:
                self.lose(note, error)
            else:
                self._keep_in_memory(note, encrypted, error)
        except (sqlite3.Error, OSError) as error:
            self._keep_in_memory(note, encrypted, error)

    def _keep_in_memory(self, note: AttemptEvent, encrypted: bytes, error: Exception) -> None:
        with self._lock:
            has_room = len(self._in_memory) < _MOST_IN_MEMORY
            if has_room:
                self._in_memory.append(encrypted)
        if not has_room:
            self.lose(note, error)
        elif self._is_to_be_told():
            logger.warning("the outbox cannot be written; notes are in memory only: %s", error)

    def lose(self, note: AttemptEvent, error: Exception) -> None:
        """Gives a note up, which the log tells."""
        with self._lock:
            self.lost += 1
        if not isinstance(note, AttemptStarted):
            logger.error("lost, for the outbox takes no more: %s (%s)", _named(note), error)
        elif self._is_to_be_told():
            logger.error("lost, for the outbox is full: attempts, %d notes so far", self.lost)

    def _is_to_be_told(self) -> bool:
        now = time.monotonic()
        if now < self._told_at + _TOLD_EVERY:
            return False
        self._told_at = now
        return True

    def replay(self, write: Callable[[AttemptEvent], object]) -> int:
        """Has `write` write what waits, the oldest first; how many.

        Of all processes one does so at a time; the others have nothing to do then. A note is
        dropped once it is written, so one that dies in between leaves it to be written twice. What
        `write` raises for an outage passes through.
        """
        written = self._replay_memory(write)
        if not self._file.exists():
            return written
        try:
            with self._file.alone() as is_alone:
                while is_alone and (batch := self._file.first()):
                    written += self._replay_batch(batch, write)
                if is_alone and written:
                    self._file.shrink()
        except (sqlite3.Error, OSError) as error:
            logger.warning("the outbox cannot be read: %s", error)
        return written

    def depth(self) -> int:
        """How many notes wait, on disk and in this process's memory."""
        try:
            return self._file.waiting() + len(self._in_memory)
        except (sqlite3.Error, OSError) as error:
            logger.warning("the outbox cannot be read: %s", error)
            return len(self._in_memory)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _replay_memory(self, write: Callable[[AttemptEvent], object]) -> int:
        written = 0
        while self._in_memory:
            encrypted = self._in_memory[0]
            write(from_bytes(self._unseal(encrypted)))
            self._in_memory.popleft()
            written += 1
        return written

    def _replay_batch(
        self, batch: list[tuple[int, bytes]], write: Callable[[AttemptEvent], object]
    ) -> int:
        done: list[int] = []
        try:
            for number, encrypted in batch:
                if self._replay_one(number, encrypted, write):
                    done.append(number)
        finally:
            self._file.drop(done)
        return len(done)

    def _replay_one(
        self, number: int, encrypted: bytes, write: Callable[[AttemptEvent], object]
    ) -> bool:
        """Writes one note. One that cannot be is set aside, so that it holds nobody up."""
        try:
            write(from_bytes(self._unseal(encrypted)))
        except (ValueError, KeyError, TypeError) as error:
            logger.exception("a note cannot be written and is set aside: number %d", number)
            self._file.set_aside(number, type(error).__name__)
            return False
        return True


def _named(note: AttemptEvent) -> str:
    """What the log calls a note."""
    match note:
        case AttemptStarted(attempt):
            return f"began {attempt.reference} {attempt.profile}"
        case AttemptSucceeded():
            return f"connected {note.reference} {note.profile}"
        case ConnectionSaved(connection):
            return f"kept {connection.reference} {connection.profile}"
        case _:
            failure = note.failure
            return f"failed {failure.reference} {failure.profile} {failure.cause}"
