"""Measure the cost of an attempt and of a failure, and calculate the capacity for a given rate.

`python -m benchmarks.capacity` sends customers through the application in this process, one after
the other. It measures processor time, round trips, and the time and memory of Redis. The capacity
is calculated from these figures alone.
"""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import click
from flask.testing import FlaskClient
from redis.connection import AbstractConnection

from benchmarks import servers
from oauth_helper import create_app
from oauth_helper.config.settings import Settings
from oauth_helper.store.redis import Client, connect

# Days that an attempt and a failure are kept, by default.
_ATTEMPT_DAYS, _FAILURE_DAYS = 3, 90

_BASE = "http://localhost:8000"

# The planned utilization of a processor, and of a server's memory.
_LOAD = 0.5

# Failures per hundred attempts, in the capacity table.
_FAILING = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation: microseconds, round trips, bytes."""

    app: float
    store: float
    round_trips: float
    memory: float


@click.command()
@click.option("--count", default=1500, help="Customers for each figure.")
def main(count: int) -> None:
    """Measure, and print both tables."""
    with _installation() as (browser, client):
        costs = {
            "a start": _cost(client, count, lambda _: _start(browser)),
            "a start and its success": _cost(
                client, count, lambda n: _finish(browser, f"code={n}")
            ),
            "a start and its failure": _cost(
                client, count, lambda _: _finish(browser, "error=access_denied")
            ),
        }
    click.echo("| What | application, µs | store, µs | round trips | bytes in the store |")
    click.echo("|---|--:|--:|--:|--:|")
    for name, cost in costs.items():
        click.echo(
            f"| {name} | {cost.app:.0f} | {cost.store:.0f} | {cost.round_trips:.1f} | "
            f"{cost.memory:.0f} |"
        )
    click.echo()
    click.echo(_capacity_table(costs["a start and its success"], costs["a start and its failure"]))


def _capacity_table(success: Cost, failure: Cost) -> str:
    head = (
        "| Attempts per second | application, processors | store, primaries by time | "
        "memory of attempts | memory of failures | primaries of 32 GB by memory |"
    )
    lines = [head, "|--:|--:|--:|--:|--:|--:|"]
    part = _FAILING / 100
    app = success.app * (1 - part) + failure.app * part
    store = success.store * (1 - part) + failure.store * part
    for rate in (10, 1000, 100_000):
        attempts = rate * 86_400 * _ATTEMPT_DAYS * success.memory
        failures = rate * 86_400 * _FAILURE_DAYS * part * failure.memory
        cells = (
            f"{rate:,}",
            f"{max(1, math.ceil(rate * app / 1e6 / _LOAD)):,}",
            f"{max(1, math.ceil(rate * store / 1e6 / _LOAD)):,}",
            f"{attempts / 1e9:,.1f} GB",
            f"{failures / 1e9:,.1f} GB",
            f"{max(1, math.ceil((attempts + failures) / 32e9 / _LOAD)):,}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def _installation() -> Iterator[tuple[FlaskClient, Client]]:
    with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
        port = servers.free_port()
        command = [sys.executable, "-m", "benchmarks.token_endpoint", str(port)]
        endpoint = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            servers.until_open(port)
            with servers.one(Path(folder) / "store") as store, connect(store.url) as client:
                yield _browser(store.url, f"{folder}/data", port), client
        finally:
            endpoint.kill()
            endpoint.wait(10)


def _browser(store_url: str, data_dir: str, port: int) -> FlaskClient:
    settings = {
        "REDIS_URL": store_url,
        "SECRET_KEY": "k" * 40,
        "DATA_DIR": data_dir,
        "RATE_LIMITS": "off",
        "HUBSPOT_CLIENT_ID": "c",
        "HUBSPOT_CLIENT_SECRET": "s",
        "HUBSPOT_API_URL": f"http://localhost:{port}",
    }
    return create_app(Settings.from_environ(settings)).test_client(use_cookies=False)


def _cost(client: Client, count: int, act: Callable[[int], None]) -> Cost:
    for number in range(50):
        act(number)
    busy, memory = _store_usage(client)
    sent = itertools.count()
    with _counted(sent):
        began = time.process_time()
        for number in range(count):
            act(50 + number)
        app = time.process_time() - began
    round_trips = next(sent)
    busy_after, memory_after = _store_usage(client)
    return Cost(
        app / count * 1e6,
        (busy_after - busy) / count * 1e6,
        round_trips / count,
        (memory_after - memory) / count,
    )


def _store_usage(client: Client) -> tuple[float, int]:
    """Return the seconds that Redis has been busy, and the bytes that it holds."""
    cpu = client.info("cpu")
    busy = float(cpu["used_cpu_user_main_thread"]) + float(cpu["used_cpu_sys_main_thread"])
    return busy, int(client.info("memory")["used_memory_dataset"])


@contextmanager
def _counted(sent: itertools.count[int]) -> Iterator[None]:
    """Count round trips to Redis. The commands of a pipeline count as one."""
    before = AbstractConnection.send_packed_command

    def send(self: AbstractConnection, *arguments: object, **options: object) -> object:
        next(sent)
        return before(self, *arguments, **options)  # type: ignore[arg-type]

    AbstractConnection.send_packed_command = send  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        AbstractConnection.send_packed_command = before  # type: ignore[method-assign]


def _start(browser: FlaskClient) -> tuple[str, str]:
    response = browser.get("/connect/workato", base_url=_BASE)
    cookie = response.headers["Set-Cookie"].partition(";")[0]
    return cookie, parse_qs(urlsplit(response.location).query)["state"][0]


def _finish(browser: FlaskClient, answer: str) -> None:
    cookie, state = _start(browser)
    headers = {"Cookie": cookie}
    response = browser.get(
        f"/callback/workato?{answer}&state={quote(state)}", base_url=_BASE, headers=headers
    )
    if response.status_code != 303 or "refused" in response.location:
        raise RuntimeError(f"the callback returned {response.status_code}")


if __name__ == "__main__":
    main()
