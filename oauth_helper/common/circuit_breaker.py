"""A circuit breaker: who does not answer is not asked for a while, so that nobody waits for it.

pybreaker, the well-known one, holds its lock while it calls (1.4.1), so that calls would go one by
one; this one only counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Opens after so many failures in a row; then lets one caller through after each `pause`.

    Whoever is admitted says afterwards how it went, and may come again before that. One who does
    not say is waited for `patience` seconds. Safe to use from many threads. `clock` gives seconds
    that only grow.
    """

    def __init__(
        self,
        *,
        failures: int,
        pause: float,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._pause, self._patience, self._clock = failures, pause, patience, clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._next_try = 0.0
        self._trying: int | None = None  # the thread that was let through

    @property
    def is_open(self) -> bool:
        """Whether callers are turned away, but for one now and then."""
        return self._in_a_row >= self._limit

    def is_rejecting(self) -> bool:
        """Whether the next caller would be turned away."""
        return self.is_open and self._clock() < self._next_try

    def admit(self) -> bool:
        """Whether to go ahead."""
        if not self.is_open:
            return True
        with self._lock:
            if self.is_rejecting():
                return self._trying == threading.get_ident()
            self._next_try = self._clock() + self._patience
            self._trying = threading.get_ident()
            return True

    def succeeded(self) -> None:
        """An answer has come: everybody is admitted again."""
        if self._in_a_row:
            with self._lock:
                self._in_a_row = 0
                self._trying = None

    def failed(self) -> None:
        """No answer has come."""
        with self._lock:
            self._in_a_row += 1
            self._next_try = self._clock() + self._pause
            self._trying = None
