"""Send the events of many failures while receiver, workers and Redis fail, and check all that came.

`python -m benchmarks.webhooks` starts a Redis server, the program with two workers, and a receiver
that rejects half of its time every event. It logs failures and resolves them, kills a worker five
times and Redis once, and waits until every event was delivered.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click

from benchmarks import servers
from benchmarks.serving import Program, program
from oauth_helper.common.references import new_reference
from oauth_helper.config.webhooks import WEBHOOK_EVENT_TYPES
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Failure, Status
from oauth_helper.models import StoreUnavailableError
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client, connect
from oauth_helper.store.webhook_events import WebhookEvents

# Seconds for which the receiver is up and down in turn, and for which Redis is.
_TURN, _OUTAGE = 5, 20

# Seconds to wait for the last event: its pauses grow.
_PATIENCE = 1500


@dataclass
class Receiver:
    """What has arrived: the record and type of each event, in order, and how often by its id."""

    events: list[tuple[str, str]] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    is_steady: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, event_id: str, body: bytes) -> bool:
        """Return whether the event is accepted."""
        with self.lock:
            if not self.is_steady and int(time.time() / _TURN) % 2:
                self.rejected += 1
                return False
            event = json.loads(body)
            self.ids[event_id] += 1
            self.events.append((event["data"].get("reference", ""), event["type"]))
            return True


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            accepted = receiver.take(self.headers["webhook-id"], body)
            self.send_response(204 if accepted else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Print nothing: workers die in the middle of requests."""


@click.command()
@click.option("--count", default=10_000, help="How many failures.")
@click.option("--kills", default=5, help="How often a worker is killed.")
def main(count: int, kills: int) -> None:
    """Run the drill; exit 1 if an event is lost or out of order."""
    receiver = Receiver()
    http = _Server(("127.0.0.1", 0), _handler(receiver))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    settings = {
        "WEBHOOK_URL": f"http://127.0.0.1:{http.server_port}/",
        "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"0" * 32).decode(),
        "WEBHOOK_ALLOW_PRIVATE": "on",
        "SECRET_KEY": "k" * 40,
        "WORKERS": "2",
    }
    with tempfile.TemporaryDirectory(prefix="webhooks-") as folder:
        path = Path(folder)
        with (
            servers.one(path / "redis") as server,
            program(server.url, path / "data", **settings) as run,
        ):
            began, most = time.monotonic(), [0, 0]
            over = threading.Event()
            watch = threading.Thread(target=_watch, args=(server.url, most, over))
            watch.start()
            trouble = threading.Thread(target=_trouble, args=(run, server, kills))
            trouble.start()
            with connect(server.url) as client:
                references = _log(client, count)
                logged = time.monotonic() - began
                trouble.join()
                receiver.is_steady = True
                _settle(receiver, 2 * count, began)
            over.set()
            watch.join()
    problems = _problems(receiver, references)
    events = [kind for _, kind in receiver.events if kind != "group.spiking"]
    click.echo(
        f"{count} failures logged in {logged:.0f} s, {len(events)} events delivered and "
        f"{receiver.rejected} rejected in {time.monotonic() - began:.0f} s; "
        f"{len(events) - 2 * count} twice; the stream had {most[0]} entries at most, "
        f"Redis {most[1] / 1e6:.0f} MB; {len(problems)} problems"
    )
    for problem in problems[:10]:
        click.echo(problem)
    sys.exit(1 if problems else 0)


def _log(client: Client, count: int) -> list[str]:
    """Log failures of three kinds and resolve each, again while Redis is down."""
    events = WebhookEvents(client, WEBHOOK_EVENT_TYPES, by_group=True, clock=time.time)
    failures = Failures(client, retention_days=90, events=events)
    causes = (Cause.USER_DENIED, Cause.UNKNOWN, Cause.APP_BLOCKED)
    references = []
    for number in range(count):
        now = time.time()
        failure = Failure(
            reference=new_reference(datetime.fromtimestamp(now, UTC).date()),
            profile="workato",
            stage=Stage.TOKEN,
            at=now,
            started_at=int(now),
            requested=RequestedScopes(("oauth",), ()),
            candidates=(Candidate(causes[number % 3], "a drill"),),
        )
        resolve = partial(replace, status=Status.RESOLVED)
        for step in (
            partial(failures.record, failure),
            partial(failures.change, failure.reference, resolve),
        ):
            while True:
                with suppress(StoreUnavailableError):
                    step()
                    break
                time.sleep(0.2)
        references.append(failure.reference)
    return references


def _trouble(run: Program, server: servers.Server, kills: int) -> None:
    time.sleep(5)
    for number in range(kills):
        if number == kills // 2:
            server.kill()
            time.sleep(_OUTAGE)
            server.start()
        with suppress(IndexError, ProcessLookupError):
            os.kill(run.worker_pids()[0], signal.SIGKILL)
        time.sleep(6)


def _watch(url: str, most: list[int], over: threading.Event) -> None:
    """Note the longest stream, and the memory of Redis."""
    with connect(url) as client:
        while not over.wait(0.5):
            with suppress(StoreUnavailableError):
                memory = client.info("memory")["used_memory"]
                most[:] = max(most[0], client.xlen("oh:{webhooks}:events")), max(most[1], memory)


def _settle(receiver: Receiver, wanted: int, began: float) -> None:
    while time.monotonic() < began + _PATIENCE:
        with receiver.lock:
            if sum(not kind.startswith("group") for _, kind in set(receiver.events)) >= wanted:
                return
        time.sleep(1)


def _problems(receiver: Receiver, references: list[str]) -> list[str]:
    kinds: dict[str, list[str]] = {reference: [] for reference in references}
    for reference, kind in receiver.events:
        if reference in kinds:
            kinds[reference].append(kind)
    return [
        f"{reference}: {', '.join(found) or 'nothing'}"
        for reference, found in kinds.items()
        if list(dict.fromkeys(found)) != ["failure.recorded", "failure.resolved"]
        or sorted(found) != found
    ]


if __name__ == "__main__":
    main()
