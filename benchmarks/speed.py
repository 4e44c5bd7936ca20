"""Compare the speed of the start and of the callback with other programs.

`python -m benchmarks.speed` starts the program and each peer with one worker, all on one processor.
It sends requests from another processor and takes turns, so that other load on the machine affects
all equally. README.md explains the results.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, quote, urlsplit

import click

from benchmarks import load, made_up, servers
from benchmarks.filling import fill
from benchmarks.servers import free_port
from benchmarks.serving import memory, program
from oauth_helper.scopes import shipped_catalogue
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect

_SERVED, _LOADING = {0}, {1}
_THREADS, _CONNECTIONS = 8, 16
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: our responses per second, the peer's, and the ratio of each round."""

    what: str
    target: str
    ours: float
    theirs: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Return the median ratio."""
        return statistics.median(self.ratios)


@dataclass
class Peer:
    """A measured program, with the paths of its start and its callback."""

    name: str
    port: int
    start: str
    callback: str
    starts: list[float] = field(default_factory=list)
    callbacks: list[float] = field(default_factory=list)


@click.command()
@click.option("--rounds", default=9, help="Turns for each program.")
@click.option("--count", default=1500, help="Requests in each turn; limits allow 1,900.")
@click.option("--full", default=1_000_000, help="Failures in the log for the last rows.")
@click.option("--quick", is_flag=True, help="A short run, to check that it works.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(rounds: int, count: int, full: int, *, quick: bool, as_json: bool) -> None:
    """Measure, and print a table of ratios."""
    if quick:
        rounds, count, full = 2, 200, 2000
    os.sched_setaffinity(
        0, _LOADING if len(os.sched_getaffinity(0)) > 1 else os.sched_getaffinity(0)
    )
    with tempfile.TemporaryDirectory(prefix="speed-") as folder, ExitStack() as stack:
        found = _measure(Path(folder), stack, rounds, count, full)
    if as_json:
        rows = [asdict(row) for row in cast("list[Row]", found["rows"])]
        click.echo(json.dumps({**found, "rows": rows}))
    else:
        click.echo(_table(found))


def _measure(
    folder: Path, stack: ExitStack, rounds: int, count: int, full: int
) -> dict[str, object]:
    store = stack.enter_context(servers.one(folder / "store"))
    hubspot = free_port()
    endpoint = [sys.executable, "-m", "benchmarks.token_endpoint", str(hubspot)]
    stack.enter_context(_process(hubspot, endpoint, _LOADING))
    origin = f"http://localhost:{hubspot}"
    settings = {
        "HUBSPOT_CLIENT_ID": "c",
        "HUBSPOT_CLIENT_SECRET": "s",
        "HUBSPOT_AUTHORIZATION_ENDPOINT": f"{origin}/oauth/authorize",
        "HUBSPOT_API_URL": origin,
        "SECRET_KEY": "k" * 40,
        "WORKERS": "1",
        "THREADS": str(_THREADS),
    }
    ours = stack.enter_context(program(store.url, folder / "data", pinned_to=_SERVED, **settings))
    peers = {"ours": Peer("ours", ours.port, "/connect/workato", "/callback/workato")}
    for name in ("bare", "authlib"):
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.peers.flask_peers", name, str(port)]
        command += [store.url, origin, str(_THREADS)]
        stack.enter_context(_process(port, command, _SERVED))
        peers[name] = Peer(name, port, "/start", "/callback")
    limited = stack.enter_context(
        program(store.url, folder / "on", pinned_to=_SERVED, **settings, RATE_LIMITS="on")
    )
    peers["limited"] = Peer("limited", limited.port, "/connect/workato", "/callback/workato")
    peers |= _grants(folder, stack, origin, store.url)
    for number in range(rounds + 1):  # the first one warms up
        for peer in _in_turn(peers, number):
            peer.starts.append(_start(peer, count))
        for name in _in_turn_names(["ours", "authlib"], number):
            peers[name].callbacks.append(_callback(peers[name], count))
    mine = peers["ours"]
    rows = [
        _row("start, beside a bare Flask redirect", "0.35", peers["ours"], peers["bare"], "starts"),
        _row(
            "start, beside Authlib's Flask client", "2", peers["ours"], peers["authlib"], "starts"
        ),
        _row("callback, beside Authlib's", "2", peers["ours"], peers["authlib"], "callbacks"),
    ]
    for name, target in (("grant with Redis", "1.2"), ("grant", "")):
        if name in peers:
            rows.insert(-1, _row(f"start, beside {name}", target, mine, peers[name], "starts"))
    rows.append(
        _row("start with rate limits, beside without", "0.9", peers["limited"], mine, "starts")
    )
    sizes = max(map(memory, ours.worker_pids()))
    with connect(store.url) as client:
        empty = _written(Failures(client, retention_days=90), count, seed="small")
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        fill(store.url, full, until=datetime.now(UTC))
        _pin(_LOADING)
        late, early = [], []
        for _ in range(rounds):
            late.append(_start(peers["ours"], count))
            early.append(_start(peers["bare"], count))
        filled = _written(Failures(client, retention_days=90), count, seed="large")
    bare = peers["bare"]
    first = statistics.median(_ratios(mine.starts[1:], bare.starts[1:]))
    then = statistics.median(_ratios(late, early))
    return {
        "rows": rows,
        "memory": sizes,
        "first_page": _first_page(folder / "first"),
        "failures_per_second": empty,
        "failures_per_second_full": filled,
        "start_full_over_empty": then / first,
        "full": full,
    }


def _in_turn(peers: dict[str, Peer], number: int) -> Iterator[Peer]:
    for name in _in_turn_names(list(peers), number):
        yield peers[name]


def _in_turn_names(names: list[str], number: int) -> list[str]:
    """Rotate the order, because the first of a round runs on a cooler machine."""
    number %= len(names)
    return names[number:] + names[:number]


def _start(peer: Peer, count: int) -> float:
    data = load.request(peer.start, port=peer.port)
    result = load.run(peer.port, load.repeated(data, count), connections=_CONNECTIONS, expected=302)
    _check_all(peer, "start", result, count)
    return result.per_second


def _callback(peer: Peer, count: int) -> float:
    """Run untimed starts, then time the callback of each."""
    data = load.request(peer.start, port=peer.port)
    begun = load.run(
        peer.port, load.repeated(data, count), connections=_CONNECTIONS, expected=302, keep=True
    )
    back = []
    for number, answer in enumerate(begun.answers):
        state = parse_qs(urlsplit(load.location_in(answer)).query)["state"][0]
        path = f"{peer.callback}?code=code-{number}&state={quote(state)}"
        back.append(load.request(path, port=peer.port, Cookie=load.cookies_in(answer)))
    result = load.run(peer.port, load.in_turn(back), connections=_CONNECTIONS, expected=303)
    _check_all(peer, "callback", result, count)
    return result.per_second


def _check_all(peer: Peer, what: str, result: load.Result, count: int) -> None:
    if result.count != count:
        raise RuntimeError(f"{peer.name}, {what}: {result.others} instead of {count} answers")


def _row(what: str, target: str, ours: Peer, peer: Peer, kind: str) -> Row:
    mine, theirs = getattr(ours, kind)[1:], getattr(peer, kind)[1:]
    return Row(
        what,
        target,
        statistics.median(mine),
        statistics.median(theirs),
        tuple(_ratios(mine, theirs)),
    )


def _ratios(ours: list[float], theirs: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def _grants(folder: Path, stack: ExitStack, origin: str, store_url: str) -> dict[str, Peer]:
    """Start simov/grant from npm, with its session in Redis and in memory; none without Node.js."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        click.echo("There is no Node.js with npm, so simov/grant is left out.", err=True)
        return {}
    home = folder / "grant"
    home.mkdir()
    (home / "package.json").write_text('{"private": true, "type": "module"}')
    shutil.copy(_HERE / "peers" / "grant.mjs", home)
    packages = ["grant@5", "express@4", "express-session@1", "redis@5", "connect-redis@9"]
    subprocess.run(  # noqa: S603
        ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *packages],  # noqa: S607
        cwd=home,
        check=True,
        capture_output=True,
        timeout=300,
    )
    scopes = " ".join(shipped_catalogue().by_name)
    peers = {}
    for name, store in (("grant with Redis", [store_url]), ("grant", [])):
        port = free_port()
        command = ["node", "grant.mjs", str(port), origin, scopes, *store]
        stack.enter_context(_process(port, command, _SERVED, cwd=home))
        peers[name] = Peer(name, port, "/connect/hubspot", "/connect/hubspot/callback")
    return peers


@contextmanager
def _process(
    port: int, command: list[str], pinned_to: set[int], cwd: Path | None = None
) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: _pin(pinned_to),  # noqa: PLW1509 - this process has one thread here
        env={**os.environ, "NODE_ENV": "production"},
    )
    try:
        servers.until_open(port)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _pin(processors: set[int]) -> None:
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, processors)


def _written(log: Failures, count: int, *, seed: str) -> float:
    """Return how many failures are written per second, one by one."""
    some = list(made_up.failures(0, count, until=datetime.now(UTC), seed=f"{seed} {time.time()}"))
    began = time.perf_counter()
    for failure in some:
        log.record(failure)
    return count / (time.perf_counter() - began)


def _first_page(folder: Path) -> tuple[float, ...]:
    """Return five times from the command to the first page, in seconds, with default settings.

    A first start, which creates the data, isn't timed.
    """
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    took = []
    for number in range(6):
        began = time.perf_counter()
        with program("", folder) as running:
            servers.until_answers(running.port)
            if number:
                took.append(time.perf_counter() - began)
    return tuple(took)


def _table(found: dict[str, object]) -> str:
    lines = [
        "| What | reach | ratio, median | from | to | ours in a second | theirs |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    rows = cast("list[Row]", found["rows"])
    lines += [
        f"| {row.what} | {row.target} | {row.ratio:.2f} | {min(row.ratios):.2f} | "
        f"{max(row.ratios):.2f} | {row.ours:.0f} | {row.theirs:.0f} |"
        for row in rows
    ]
    first = cast("tuple[float, ...]", found["first_page"])
    pss, rss = cast("tuple[float, float]", found["memory"])
    lines += [
        "",
        "| What | reach | found |",
        "|---|--:|--:|",
        f"| memory of a worker after that, PSS (RSS) | 80 MB | {pss:.0f} MB ({rss:.0f} MB) |",
        (
            f"| from the command to the first page | 1.2 s | {statistics.median(first):.2f} s "
            f"({min(first):.2f} to {max(first):.2f}) |"
        ),
        (
            f"| start with {found['full']:,} failures in the log, beside an empty one | 1 | "
            f"{found['start_full_over_empty']:.2f} |"
        ),
        (
            f"| failures written one by one in a second, nearly empty log | | "
            f"{found['failures_per_second']:.0f} |"
        ),
        (
            f"| the same with {found['full']:,} in the log | | "
            f"{found['failures_per_second_full']:.0f} |"
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
