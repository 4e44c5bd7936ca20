"""Circuit breaker: after repeated failures, skip calls to an unresponsive service for a while.

pybreaker, the well-known library, holds its lock during the call (1.4.1), so calls would queue up.
This one only counts; the caller reports how each call went.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """Skip calls after `failures` failures in a row, with a trial after each `reset_timeout`.

    While a trial is under way all other calls are skipped, for `half_open_timeout` seconds at most:
    a trial that never reports back must not block the service permanently. Thread-safe. `clock`
    gives seconds and never goes backwards.
    """

    def __init__(
        self,
        *,
        failures: int,
        reset_timeout: float,
        half_open_timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._reset_timeout, self._half_open_timeout = reset_timeout, half_open_timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._failures_in_a_row = 0
        self._next_trial = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether calls are skipped, except for a trial now and then."""
        return self._failures_in_a_row >= self._limit

    def is_rejecting(self) -> bool:
        """Return whether the next call would be skipped."""
        return self.is_open and self._clock() < self._next_trial

    def allow_request(self) -> bool:
        """Return whether to make the call; the caller then reports `succeeded` or `failed`."""
        if not self.is_open:
            return True
        with self._lock:
            if self.is_rejecting():
                return False
            self._next_trial = self._clock() + self._half_open_timeout
            return True

    def succeeded(self) -> None:
        """Report an answer, which closes the breaker."""
        if self._failures_in_a_row:
            with self._lock:
                self._failures_in_a_row = 0

    def failed(self) -> None:
        """Report that no answer came."""
        with self._lock:
            self._failures_in_a_row += 1
            self._next_trial = self._clock() + self._reset_timeout
