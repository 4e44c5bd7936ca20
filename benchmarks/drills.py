"""Break something during sixty seconds of load, and check what became of every customer.

`python -m benchmarks.drills` runs all drills or the named ones. Each starts real servers, the
program with two workers, and a HubSpot (the sandbox) in a separate process, on loopback. After the
load, when the outbox is empty, every customer's story is compared with the records in Redis.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import click
from pydantic import SecretStr

from benchmarks import servers
from benchmarks.customers import USUAL, Browser, Customer, Outcomes, RefusedError, Story
from benchmarks.hubspot import CLIENT_ID, CLIENT_SECRET
from benchmarks.servers import free_port
from benchmarks.serving import Program, program
from oauth_helper.common.encryption import Encryptor
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.counters import Counters
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.redis import Client, connect

# Seconds after which a customer who left counts as never returned.
_TIMEOUT = 10

# Concurrent customers.
_CONCURRENT = int(os.environ.get("CUSTOMERS", "8"))

# Seconds by which a clock is set, and what sets the clock of a process.
_CLOCK_STEPS = (3, 61, 3600, -3, -61, -3600, 0)
_CLOCK = """
import os, time
from pathlib import Path
real, offset = time.time, Path(os.environ["CLOCK_OFFSET"])
time.time = lambda: real() + (float(offset.read_text() or 0) if offset.exists() else 0)
"""

# Connections that an attacker keeps open at a time, with a request and idle.
_ATTACKERS, _IDLE = 32, 2100


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a drill."""

    drill: str
    customers: int
    requests: int
    deferred: int
    cut_off: int
    refused: int
    failures_expected: int
    failures_lost: int
    failures_doubled: int
    connected_lost: int
    # Seconds in which 95 of 100 got connected, and of the longest answer
    connected_within: float
    longest_answer: float
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a drill can break."""

    program: Program
    store_url: str
    data_dir: Path
    servers: object
    # Start another instance at a port, or the same one again.
    start: Callable[[int], Program]
    second_port: int
    # How often a process is killed or stopped
    times: int

    @property
    def server(self) -> servers.Server:
        """Return the server of a drill that has only one."""
        if not isinstance(self.servers, servers.Server):
            raise TypeError("this drill has several servers")
        return self.servers


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=60.0, help="How long customers come.")
@click.option("--times", default=5, help="How often a process is killed or stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(names: tuple[str, ...], seconds: float, times: int, *, as_json: bool) -> None:
    """Run the drills, or the named ones; exit 1 if a customer was rejected or anything was lost."""
    unknown = set(names) - set(DRILLS)
    if unknown:
        names_known = ", ".join(DRILLS)
        raise click.UsageError(f"There are these drills: {names_known}.")
    found = []
    for name in names or DRILLS:
        with tempfile.TemporaryDirectory(prefix="drill-") as folder:
            found.append(_run(name, Path(folder), seconds, times))
        click.echo(_line(found[-1]), err=True)
    click.echo(json.dumps([asdict(each) for each in found]) if as_json else _table(found))
    bad = [each for each in found if each.refused or each.problems or each.failures_doubled]
    sys.exit(1 if bad else 0)


def _run(name: str, folder: Path, seconds: float, times: int) -> Found:
    servers_of, happen = DRILLS[name]
    port = free_port()
    with ExitStack() as stack:
        store = stack.enter_context(servers_of(folder / "servers"))
        url = getattr(store, "url", "")
        hubspot = stack.enter_context(_hubspot(f"http://localhost:{port}"))
        settings = {
            "HUBSPOT_CLIENT_ID": CLIENT_ID,
            "HUBSPOT_CLIENT_SECRET": CLIENT_SECRET,
            "HUBSPOT_AUTHORIZATION_ENDPOINT": f"http://localhost:{hubspot}/oauth/authorize",
            "HUBSPOT_API_URL": f"http://localhost:{hubspot}",
            "SECRET_KEY": "k" * 40,
            "ATTEMPT_TIMEOUT": str(_TIMEOUT),
            "WORKERS": "2",
            "THREADS": str(max(16, 4 * _CONCURRENT)),
        }
        settings["PUBLIC_URL"] = f"http://localhost:{port}"
        second = free_port()

        def start(at: int) -> Program:
            data = folder / f"data-{at}"
            clock = {"CLOCK_OFFSET": str(data / "clock"), "PYTHONPATH": f"{folder / 'clock'}:."}
            return stack.enter_context(
                program(url, data, port=at, **settings, **(clock if happen is _clocks_step else {}))
            )

        (folder / "clock").mkdir()
        (folder / "clock" / "sitecustomize.py").write_text(_CLOCK)

        ports = (port, second) if happen in (_instances_restart, _clocks_step) else (port,)
        running, *_ = [start(each) for each in ports]
        data = folder / f"data-{port}"
        embedded = f"unix://{data / 'store' / 'valkey.sock'}"
        scene = Scene(running, url or embedded, data, store, start, second, times)
        trouble = threading.Thread(target=happen, args=(scene, seconds), daemon=True)
        trouble.start()
        outcomes = _customers(ports, hubspot, seconds)
        trouble.join()
        _settle(scene, outcomes)
        return _compare(name, scene, outcomes)


def _customers(ports: tuple[int, ...], hubspot: int, seconds: float) -> Outcomes:
    """Run customers in several threads, one after the other in each."""
    outcomes, lock, until = Outcomes(), threading.Lock(), time.monotonic() + seconds

    def come(number: int) -> None:
        chance = Random(number)  # noqa: S311 - whose story comes next
        while time.monotonic() < until:
            (story,) = chance.choices(list(USUAL), list(USUAL.values()))
            browser = Browser(ports, outcomes, chance)
            try:
                Customer(browser, hubspot, story).go()
            except (RefusedError, OSError) as error:
                with lock:
                    outcomes.refused.append(f"{datetime.now(UTC):%H:%M:%S} {error}")

    threads = [threading.Thread(target=come, args=(number,)) for number in range(_CONCURRENT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _settle(scene: Scene, outcomes: Outcomes) -> None:
    """Wait until the outbox is empty and every customer who left is logged."""
    outbox = Outbox(
        scene.data_dir / "outbox", encryptor=Encryptor([SecretStr("unused")], purpose="outbox")
    )
    deadline = time.monotonic() + _TIMEOUT + 60
    with connect(scene.store_url) as client:
        attempts = Attempts(client)
        while time.monotonic() < deadline:
            with suppress(StoreUnavailableError):
                left = map(attempts.outcome, outcomes.references[Story.LEAVES])
                if not outbox.depth() and all(each not in (None, "open") for each in left):
                    break
            time.sleep(0.5)


def _compare(name: str, scene: Scene, outcomes: Outcomes) -> Found:
    with connect(scene.store_url) as client:
        failures, attempts = Failures(client, retention_days=90), Attempts(client)
        expected = [
            reference
            for story in (Story.DECLINES, Story.IS_REFUSED, Story.LEAVES, Story.REPORTS)
            for reference in outcomes.references[story]
        ]
        lost = [each for each in expected if failures.get(each) is None]
        connected = outcomes.references[Story.CONNECTS]
        gone = [each for each in connected if attempts.outcome(each) != "connected"]
        causes = {each.reference: each.message or each.cause for each in failures.get_all(gone)}
        doubled = _doubled(client)
        counters = Counters(client)
        today = datetime.now(UTC).date()
        begun = sum(tally.begun for tally in counters.attempts(today - timedelta(days=1), today))
    problems = list(outcomes.refused[:20])
    # A customer repeats an interrupted start, and the first attempt never returns.
    if not outcomes.count <= begun <= outcomes.count + outcomes.cut_off:
        problems.append(f"{begun} attempts are counted, {outcomes.count} were started")
    problems += [f"lost {each}" for each in lost[:5]]
    problems += [f"not connected {each}: {causes.get(each)}" for each in gone[:5]]
    return Found(
        drill=name,
        customers=outcomes.count,
        requests=sum(outcomes.statuses.values()),
        deferred=outcomes.deferred,
        cut_off=outcomes.cut_off,
        refused=len(outcomes.refused),
        failures_expected=len(expected),
        failures_lost=len(lost),
        failures_doubled=doubled,
        connected_lost=len(gone),
        connected_within=round(statistics.quantiles(outcomes.connecting, n=20)[-1], 2),
        longest_answer=round(outcomes.longest, 2),
        problems=tuple(problems),
    )


def _doubled(client: Client) -> int:
    """Return how many more failures the counters hold than there are records."""
    today = datetime.now(UTC).date()
    days = [f"{today - timedelta(days=ago):%Y-%m-%d}" for ago in range(2)]
    records = sum(client.zcard(f"oh:{{{day}}}:failures") for day in days)
    counters = Counters(client).failures(today - timedelta(days=1), today)
    return sum(tally.count for tally in counters) - records


@contextmanager
def _hubspot(public_url: str) -> Iterator[int]:
    """Run the sandbox in a separate process, and yield its port."""
    port = free_port()
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "benchmarks.hubspot", str(port), public_url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        servers.until_open(port)
        yield port
    finally:
        process.kill()
        process.wait(10)


def _store_dies(scene: Scene, seconds: float) -> None:
    """Kill the server for a third of the time."""
    server = scene.server
    time.sleep(seconds / 3)
    server.kill()
    time.sleep(seconds / 3)
    server.start()


def _store_hangs(scene: Scene, seconds: float) -> None:
    """Suspend the server for a third of the time, so that it accepts but never answers."""
    server = scene.server
    time.sleep(seconds / 3)
    os.kill(server.pid, signal.SIGSTOP)
    time.sleep(seconds / 3)
    os.kill(server.pid, signal.SIGCONT)


def _store_is_full(scene: Scene, seconds: float) -> None:
    """Make the server reject writes for a third of the time."""
    server = scene.server
    with server.client as client:
        time.sleep(seconds / 3)
        client.config_set("maxmemory", "1")
        time.sleep(seconds / 3)
        client.config_set("maxmemory", "0")


def _primary_dies(scene: Scene, seconds: float) -> None:
    """Kill a primary of the Cluster, or the one of the Sentinels, for good."""
    time.sleep(seconds / 3)
    if isinstance(scene.servers, servers.Cluster):
        today = f"{{{datetime.now(UTC):%Y-%m-%d}}}"
        scene.servers.holder_of(today).kill()  # the one with today's records
    elif isinstance(scene.servers, servers.Sentinels):
        scene.servers.primary().kill()


def _worker_dies(scene: Scene, seconds: float) -> None:
    """Kill a worker every few seconds."""
    for _ in range(scene.times):
        time.sleep(seconds / (scene.times + 1))
        while not (pids := scene.program.worker_pids()):
            time.sleep(0.1)  # until one of those killed is replaced
        os.kill(pids[0], signal.SIGKILL)


def _program_ends(by: signal.Signals, scene: Scene, seconds: float) -> None:
    """End the only instance by a signal every few seconds, and start it again."""
    running = scene.program
    for _ in range(scene.times):
        time.sleep(seconds / (scene.times + 1))
        running.process.send_signal(by)
        running.process.wait(60)
        running = scene.start(running.port)


def _bodies_never_come(scene: Scene, seconds: float) -> None:
    """Keep 32 requests open from one other address, whose bodies never come or come in trickles."""
    head = b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n"
    kinds = (
        (b"Content-Length: 9999\r\n\r\n", b""),
        (b"Content-Length: 9999\r\n\r\n", b"x"),
        (b"Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    )
    until = time.monotonic() + seconds
    attackers: list[tuple[socket.socket, bytes]] = []
    while time.monotonic() < until:
        while len(attackers) < _ATTACKERS:
            kind, trickle = kinds[len(attackers) % len(kinds)]
            attacker = socket.create_connection(
                ("127.0.0.1", scene.program.port), 5, ("127.0.0.66", 0)
            )
            attacker.sendall(head + kind)
            attacker.setblocking(False)  # noqa: FBT003
            attackers.append((attacker, trickle))
        time.sleep(1)
        attackers = [each for each in attackers if _is_held(*each)]
    for attacker, _ in attackers:
        attacker.close()


def _connections_idle(scene: Scene, seconds: float) -> None:
    """Keep 2,100 connections open from one other address, over which nothing is sent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    until = time.monotonic() + seconds
    attackers: list[socket.socket] = []
    while time.monotonic() < until:
        while len(attackers) < _IDLE and time.monotonic() < until:
            attacker = socket.socket()
            attacker.bind(("127.0.0.66", 0))
            attacker.setblocking(False)  # noqa: FBT003
            attacker.connect_ex(("127.0.0.1", scene.program.port))
            attackers.append(attacker)
        time.sleep(0.2)
        attackers = [each for each in attackers if _is_held(each, b"")]
    for attacker in attackers:
        attacker.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _is_held(attacker: socket.socket, trickle: bytes) -> bool:
    """Send the next byte, and return whether the connection is still open."""
    try:
        while received := attacker.recv(4096):
            if not received.startswith(b"HTTP/1.1 100"):
                break
        attacker.close()
    except BlockingIOError:
        with suppress(OSError):
            attacker.sendall(trickle)
            return True
    except OSError:
        attacker.close()
    return False


def _instances_restart(scene: Scene, seconds: float) -> None:
    """Restart two instances on one store, one after the other."""
    time.sleep(seconds / 4)
    scene.program.process.terminate()
    scene.program.process.wait(60)
    again = scene.start(scene.program.port)
    time.sleep(seconds / 4)
    again.process.terminate()
    again.process.wait(60)
    scene.start(scene.program.port)


def _clocks_step(scene: Scene, seconds: float) -> None:
    """Set the clock of one of two instances forward and back, up to an hour."""
    clock = scene.data_dir / "clock"
    for step in _CLOCK_STEPS:
        time.sleep(seconds / (len(_CLOCK_STEPS) + 1))
        clock.write_text(str(step))


def _embedded_store_dies(scene: Scene, seconds: float) -> None:
    """Kill the program's embedded store every few seconds."""
    for _ in range(scene.times):
        time.sleep(seconds / (scene.times + 1))
        with connect(scene.store_url) as client:
            os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)


@contextmanager
def _none(_folder: Path) -> Iterator[None]:
    yield None


DRILLS: dict[str, tuple[Callable[..., object], Callable[[Scene, float], None]]] = {
    "store-killed": (servers.one, _store_dies),
    "store-hangs": (servers.one, _store_hangs),
    "store-full": (servers.one, _store_is_full),
    "cluster-primary-killed": (servers.cluster, _primary_dies),
    "sentinel-primary-killed": (servers.sentinel_trio, _primary_dies),
    "worker-killed": (servers.one, _worker_dies),
    "program-killed": (servers.one, partial(_program_ends, signal.SIGKILL)),
    "bodies-never-come": (servers.one, _bodies_never_come),
    "connections-idle": (servers.one, _connections_idle),
    "rolling-restart": (servers.one, _instances_restart),
    "clocks-stepped": (servers.one, _clocks_step),
    "stopped-under-load": (servers.one, partial(_program_ends, signal.SIGTERM)),
    "embedded-store-killed": (_none, _embedded_store_dies),
}


def _line(found: Found) -> str:
    text = ", ".join(f"{name} {value}" for name, value in asdict(found).items() if value)
    return f"  {text}"


def _table(found: list[Found]) -> str:
    head = (
        "| Drill | customers | requests | waited on the page | broken connections | refused | "
        "failures | lost | doubled | connections lost | 95 of 100 connect in | longest answer |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    rows = [
        f"| {each.drill} | {each.customers} | {each.requests} | {each.deferred} | {each.cut_off} | "
        f"{each.refused} | {each.failures_expected} | {each.failures_lost} | "
        f"{each.failures_doubled} | {each.connected_lost} | {each.connected_within} s | "
        f"{each.longest_answer} s |"
        for each in found
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
