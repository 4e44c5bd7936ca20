"""A stopwatch for limits in seconds that hold on a busy machine too."""

import contextlib
import os
import time
from pathlib import Path


class Stopwatch:
    """Measures seconds, except those in which the test waited for a processor.

    Counted as such is the time in which a thread of this process, or of one that it started, was
    ready to run and did not: https://docs.kernel.org/scheduler/sched-stats.html. Sleeping and
    waiting for an answer are no such time.
    """

    def __init__(self) -> None:
        self._waited = _seconds_waited()
        self._began = time.monotonic()

    def seconds(self) -> float:
        passed = time.monotonic() - self._began
        waited = _seconds_waited()
        return passed - sum(waited[thread] - self._waited.get(thread, 0) for thread in waited)


def _seconds_waited() -> dict[str, float]:
    """Seconds that each thread of ours has waited for a processor so far."""
    waited = {}
    for process in _ours():
        for statistics in Path(f"/proc/{process}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has ended
                waited[statistics.parent.name] = int(statistics.read_text().split()[1]) / 1e9
    return waited


def _ours() -> set[int]:
    """This process and those that it started, directly or not."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    while found := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= found
    return ours
