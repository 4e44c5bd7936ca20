"""Measure how long the support pages take with a small and with a large log.

`python -m benchmarks.desk` fills two stores with made-up failures and starts the program for each,
in separate processes. A signed-in staff member requests every page over HTTP, alternating between
small and large, so that other load on the machine affects both equally. README.md explains the
results.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from benchmarks import made_up
from benchmarks.filling import fill
from benchmarks.serving import Desk, serving
from oauth_helper.failures.query import FailureQuery
from oauth_helper.store import keys
from oauth_helper.store.embedded.server import EmbeddedStore
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client, connect

# Timed requests for each page, after some untimed ones.
_TIMED, _WARM = 100, 5

_EXPORT = "/support/export?format=csv"

# Seconds.
_PAUSE = 0.2

# Failures on a page, and the number of the page far behind the first.
_PER_PAGE, _PAGES = 50, 20

# The age of the one-day period that a page filters by.
_LONG_AGO = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Filled:
    """A store with made-up failures."""

    count: int
    bytes_each: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of one page: median and 95th of a hundred, small and large."""

    page: str
    small: float
    small_95: float
    large: float
    large_95: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """Return how many times longer the large log takes."""
        return self.large / self.small


def pages(now: datetime) -> dict[str, str]:
    """Return the pages, each with its path and query; the filters are those of the page's links."""
    half, hundredth = {"cause": made_up.HALF.value}, {"cause": made_up.HUNDREDTH.value}
    long_ago = now - _LONG_AGO
    filters: dict[str, dict[str, str]] = {
        "list": {},
        "cause of 50 %": half,
        "cause of 1 %": hundredth,
        "cause of 50 % and state": {**half, "status": "open"},
        "cause of 1 % and state": {**hundredth, "status": "resolved"},
        "profile and state": {"profile": "third", "status": "open"},
        "account with many": {"account": "1000000"},
        "account with few": {"account": "1004000"},
        "assignee": {"assignee": made_up.STAFF[0]},
        "nobody": {"assignee": "-"},
        "scope": {"scope": "tickets"},
        "last 24 hours": {"within": "24h"},
        "a day long ago": {
            "since": f"{long_ago.timestamp():.0f}",
            "until": f"{(long_ago + timedelta(days=1)).timestamp():.0f}",
        },
        "without the cause of 50 %": {"q": f"-cause:{made_up.HALF.value}"},
        "words that many have": {"q": "permissions"},
        "words that none has": {"q": '"no such words"'},
        "words and cause of 1 %": {**hundredth, "q": '"no such words"'},
    }
    paths = {name: f"/support/failures?{urlencode(query)}" for name, query in filters.items()}
    return {
        **paths,
        "groups": "/support/failures/groups",
        "groups of 7 days": "/support/failures/groups?within=7d",
        "insights, 30 days": "/support/insights?days=30",
        "insights, 90 days": "/support/insights?days=90",
    }


def page_far_behind(desk: Desk) -> tuple[str, str]:
    """Return the addresses of a page far behind the first, and of the page before that one."""
    log = Failures(desk.client, retention_days=90)
    cursor = None
    for _ in range(_PAGES - 1):
        page = log.page(FailureQuery(), limit=_PER_PAGE, cursor=cursor)
        cursor = page.next_cursor
    behind = log.page(FailureQuery(), limit=_PER_PAGE, cursor=cursor)
    return (
        f"/support/failures?{urlencode({'cursor': cursor or ''})}",
        f"/support/failures?{urlencode({'before': behind.previous_cursor or ''})}",
    )


def time_page(
    name: str, small: Callable[[], object], large: Callable[[], object], *, pause: float = 0
) -> Timed:
    """Call both alternately, with a pause before each, and return their times."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_WARM + _TIMED):
        for ask, times in zip((small, large), taken, strict=True):
            time.sleep(pause)
            began = time.perf_counter()
            ask()
            if number >= _WARM:
                times.append(1000 * (time.perf_counter() - began))
    few, many = (sorted(times) for times in taken)
    place = int(0.95 * _TIMED)
    return Timed(name, statistics.median(few), few[place], statistics.median(many), many[place])


def fetch_raw(client: Client) -> None:
    """Fetch only the newest fifty records, which is the lower bound for every page."""
    found: list[str] = []
    days: Any = client.zrevrange(keys.DAYS, 0, 9)
    for day in days:
        newest: Any = client.zrevrange(f"oh:{{{day}}}:failures", 0, _PER_PAGE - 1)
        found += newest
        if len(found) >= _PER_PAGE:
            break
    with client.pipeline(transaction=False) as pipeline:
        for reference in found[:_PER_PAGE]:
            pipeline.hgetall(keys.failure(reference))
        pipeline.execute()


def time_pages(small: Desk, large: Desk, now: datetime) -> Iterator[Timed]:
    """Time every page, alternating between both logs."""
    yield time_page(
        "50 records by redis-py alone",
        lambda: fetch_raw(small.client),
        lambda: fetch_raw(large.client),
    )
    paths: dict[str, tuple[str, str]] = {name: (path, path) for name, path in pages(now).items()}
    behind, back = zip(page_far_behind(small), page_far_behind(large), strict=True)
    paths |= {f"page {_PAGES}": behind, f"back from page {_PAGES}": back}
    one = [f"/support/failures/{desk.newest()}" for desk in (small, large)]
    paths |= {"one failure": (one[0], one[1])}
    paths |= {"export, first byte": (_EXPORT, _EXPORT)}
    for name, (path, large_path) in paths.items():
        problems = {small.problem_with(path), large.problem_with(large_path)} - {""}
        if problems:
            click.echo(f"left out: {name} {', '.join(problems)}", err=True)
            continue
        # The program notices an aborted download a little later, and few exports may run at a time.
        pause = _PAUSE if "/export" in path else 0
        yield time_page(
            name,
            lambda path=path: small.get(path),  # type: ignore[misc]
            lambda path=large_path: large.get(path),  # type: ignore[misc]
            pause=pause,
        )


def fill_measured(client: Client, url: str, count: int, now: datetime) -> Filled:
    """Fill a store, and return the memory and time that it took. A kept store is full already."""
    if client.exists(keys.DAYS):
        return Filled(count, _used(client) / count, math.nan)
    before = _used(client)
    per_second = fill(url, count, until=now)
    return Filled(count, (_used(client) - before) / count, per_second)


def _used(client: Client) -> int:
    used: int = client.info("memory")["used_memory"]
    return used


def memory_by_kind(client: Client, count: int) -> dict[str, float]:
    """Return the bytes per failure by kind of key, from a sample of the keys."""
    sums: dict[str, int] = {}
    for number, key in enumerate(client.scan_iter("oh:*", count=1000)):
        # All days are similar, so one in fifty keys is enough for a large log.
        if count <= 20_000 or number % 50 == 0:
            times = 1 if count <= 20_000 else 50
            kind = _kind_of(key)
            sums[kind] = sums.get(kind, 0) + times * int(client.memory_usage(key) or 0)
    return {kind: each / count for kind, each in sorted(sums.items(), key=lambda one: -one[1])}


def _kind_of(key: str) -> str:
    _, _, rest = key.partition(":")
    if not rest.startswith("{"):
        return rest.split(":")[0]
    _, kind, *index = rest.split(":")
    return f"index {index[0]}" if kind == "failures" and index else kind


def table(timed: list[Timed], small: Filled, large: Filled) -> str:
    """Return the times as a Markdown table."""
    head = f"| Page | {small.count:,}: median | 95 % | {large.count:,}: median | 95 % | ratio |"
    rows = [
        f"| {each.page} | {each.small:.1f} | {each.small_95:.1f} | {each.large:.1f} "
        f"| {each.large_95:.1f} | {each.ratio:.2f} |"
        for each in timed
    ]
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|", *rows])


def report(timed: list[Timed], filled: list[tuple[Filled, dict[str, float]]]) -> str:
    """Return all results as Markdown."""
    (small, _), (large, _) = filled
    lines = ["Milliseconds over HTTP, signed in, one request after the other.", ""]
    lines += [table(timed, small, large), ""]
    for each, kinds in filled:
        lines.append(
            f"{each.count:,} failures: {each.bytes_each:,.0f} bytes each with all indexes"
            + ("" if math.isnan(each.per_second) else f", {each.per_second:,.0f} filled a second")
            + ". By kind of key: "
            + ", ".join(f"{kind} {size:.0f}" for kind, size in kinds.items() if size >= 1)
            + "."
        )
    return "\n".join(lines)


@contextmanager
def a_desk(count: int, now: datetime, folder: Path) -> Iterator[tuple[Desk, Filled]]:
    """Run the program with `count` failures."""
    with EmbeddedStore(folder / str(count)) as store, connect(store.url) as client:
        filled = fill_measured(client, store.url, count, now)
        click.echo(f"{filled.count:,} failures: {filled.per_second:,.0f} a second", err=True)
        with serving(store.url, folder / f"{count}-served") as desk:
            yield desk, filled


@click.command()
@click.option("--small", default=10_000, show_default=True, help="Failures of the small log.")
@click.option("--large", default=1_000_000, show_default=True, help="Failures of the large log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Fill here, leave it there, and use it again."
)
def main(small: int, large: int, *, as_json: bool, keep: Path | None) -> None:
    """Time every support page with a small and a large log."""
    folder = keep or Path(tempfile.mkdtemp(prefix="desk-benchmark-"))
    now = made_up.now()
    try:
        with ExitStack() as stack:
            desks = [stack.enter_context(a_desk(count, now, folder)) for count in (small, large)]
            kinds = [memory_by_kind(desk.client, filled.count) for desk, filled in desks]
            timed = []
            for each in time_pages(desks[0][0], desks[1][0], now):
                click.echo(f"{each.page}: {each.small:.1f} and {each.large:.1f} ms", err=True)
                timed.append(each)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    filled = [(filled, kind) for (_, filled), kind in zip(desks, kinds, strict=True)]
    if as_json:
        document = {
            "pages": [{**asdict(each), "ratio": each.ratio} for each in timed],
            "stores": [{**asdict(each), "bytes_by_kind": kind} for each, kind in filled],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(report(timed, filled))


if __name__ == "__main__":
    sys.exit(main())
