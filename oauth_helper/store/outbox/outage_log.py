"""Log an outage of Redis once for all workers: when it starts, once a minute, and when it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from oauth_helper.models import StoreUnavailableError

logger = logging.getLogger("oauth_helper.store")

_REMINDER_SECONDS = 60.0


class OutageLog:
    """The log lines of outages. A marker file in `directory` keeps workers from repeating them."""

    def __init__(self, directory: Path, queued_events: Callable[[], int]) -> None:
        self._marker = directory / "outage"
        self._queued_events = queued_events
        self._reminded_at = 0.0

    def down(self, error: StoreUnavailableError) -> None:
        """Log why Redis can't be used, unless any worker did so within the last minute."""
        now = time.monotonic()
        if self._reminded_at and now < self._reminded_at + _REMINDER_SECONDS:
            return
        self._reminded_at = now
        if self._claim_marker():
            logger.warning("%s, retrying; %d writes queued", error, self._queued_events())

    def up(self, written: int) -> None:
        """Log that Redis is back, if it was down, and how many queued events were `written`."""
        if not self._reminded_at:
            return
        self._reminded_at = 0.0
        try:
            self._marker.unlink()
        except OSError:
            return  # another worker was first, or the disk can't be written
        logger.warning("Redis is back (%d queued writes done)", written)

    def _claim_marker(self) -> bool:
        """Return whether this worker should log the outage."""
        try:
            self._marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            age = time.time() - self._marker.stat().st_mtime
            if age < _REMINDER_SECONDS:
                return False
            self._marker.touch()
        except FileNotFoundError:
            return self._create_marker()
        except OSError:
            pass  # a disk that can't be written must not silence the log
        return True

    def _create_marker(self) -> bool:
        try:
            self._marker.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
        except OSError:
            pass
        return True
