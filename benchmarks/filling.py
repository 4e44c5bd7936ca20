"""Fill a store with made-up failures, with the program's own code.

`Failures.record` builds the arguments of its script; this module sends many at a time, to save
round trips. `tests/store/test_bulk_filling.py` compares the results of both.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from benchmarks import made_up
from oauth_helper.failures.model import Failure
from oauth_helper.store.failure_scripts import RECORD
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client, connect
from oauth_helper.store.redis_clients import LuaScript

RETENTION_DAYS = 90

# Failures per unit of work, and per round trip.
_PIECE, _TOGETHER = 5000, 100


def fill(url: str, count: int, *, until: datetime, together: bool = True) -> float:
    """Record `count` failures with all processors, and return how many per second."""
    began = time.perf_counter()
    work = functools.partial(_fill_piece, url, count, until=until, together=together)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(work, range(0, count, _PIECE)):
            pass
    return count / (time.perf_counter() - began)


def _fill_piece(url: str, count: int, first: int, *, until: datetime, together: bool) -> None:
    some = made_up.failures(first, min(_PIECE, count - first), until=until, seed=f"{count}")
    with connect(url) as client:
        if together:
            record_together(client, some)
        else:
            log = Failures(client, retention_days=RETENTION_DAYS)
            for failure in some:
                log.record(failure)


def record_together(client: Client, failures: Iterable[Failure]) -> None:
    """Record failures as `Failures.record` does, many in one round trip."""
    pipeline = client.pipeline(transaction=False)
    log = Failures(client, retention_days=RETENTION_DAYS)
    client.script_load(RECORD)  # a pipeline cannot send it when it turns out to be missing
    log._record = LuaScript(cast("Client", _Sender(pipeline)), RECORD)  # noqa: SLF001 - sent later
    for number, failure in enumerate(failures, 1):
        log.record(failure)
        if number % _TOGETHER == 0:
            pipeline.execute()
    pipeline.execute()


class _Sender:
    """A client whose pipelines join the one that it was given."""

    def __init__(self, pipeline: Any) -> None:  # noqa: ANN401 - redis-py's have no useful type
        self._pipeline = pipeline

    @contextmanager
    def pipeline(self, **_: object) -> Iterator[Any]:
        yield self

    def __len__(self) -> int:
        return len(self._pipeline)

    def execute(self) -> list[int]:
        """Return that each command did something: the joined pipeline is executed later."""
        return [1] * len(self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._pipeline, name)
