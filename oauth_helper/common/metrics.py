"""What is counted for Prometheus, and the adapters that count.

With several workers each writes files in the directory `PROMETHEUS_MULTIPROC_DIR`, which the
supervisor makes; whichever worker is asked adds them up. That variable has to be set before the
library is imported, so nothing imports this module but `assembling`, in each worker.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from urllib.parse import parse_qs

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from oauth_helper.failures.model import Failure
from oauth_helper.hubspot.client import HubSpot
from oauth_helper.hubspot.token_response import Granted, Refused, TokenResponse
from oauth_helper.models import Attempt
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.outbox.writer import AttemptEvent

# Seconds. A person waits for each of these.
_EXCHANGE = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40)
_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 45)


class Metrics:
    """The counters of one application. No label holds what a stranger can make up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempts = self._counter("attempts", "Attempts that began.", "profile")
        self.connections = self._counter("connections", "Attempts that connected.", "profile")
        self.failures = self._counter(
            "failures", "Failures that were recorded.", "profile", "stage", "cause"
        )
        self.waiting = self._counter("outbox_notes_put", "Notes that had to wait.", "kind")
        self.lost = self._counter("outbox_notes_lost", "Notes that could be kept nowhere.", "kind")
        self.store_errors = self._counter(
            "store_errors", "Commands that the store did not do.", "error"
        )
        self.exchanges = Histogram(
            "oauth_helper_hubspot_request_seconds",
            "Requests to HubSpot, by what was asked and what came back.",
            ("request", "result"),
            buckets=_EXCHANGE,
            registry=self.registry,
        )
        self.requests = Histogram(
            "oauth_helper_http_request_seconds",
            "Requests that were answered.",
            ("route", "method", "status"),
            buckets=_REQUEST,
            registry=self.registry,
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"oauth_helper_{name}", meaning, labels, registry=self.registry)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is the name of a view, never a path."""
        self.requests.labels(route, method, f"{status}").observe(seconds)

    def text(self, outbox: Outbox) -> bytes:
        """All of it, over all workers, in Prometheus's text format."""
        asked = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            asked = CollectorRegistry()
            multiprocess.MultiProcessCollector(asked)  # type: ignore[no-untyped-call]
        now = CollectorRegistry()
        now.register(_Depth(outbox))
        return generate_latest(asked) + generate_latest(now)


class _Depth(Collector):
    """What can only be looked at, not counted."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def collect(self) -> Iterator[Metric]:
        """How many notes wait at the moment."""
        name, meaning = "oauth_helper_outbox_notes", "Notes that wait for the store."
        yield GaugeMetricFamily(name, meaning, value=self._outbox.depth())


class CountedAttempts(Attempts):
    """Attempts that are counted when they are noted or connect, once each."""

    metrics: Metrics

    def note(self, attempt: Attempt) -> bool:
        """Remembers an attempt that has begun; whether it was new."""
        is_new = super().note(attempt)
        if is_new:
            self.metrics.attempts.labels(attempt.profile).inc()
        return is_new

    def ended(self, profile: str, outcome: str) -> None:
        """An attempt has ended so."""
        if outcome == "connected":
            self.metrics.connections.labels(profile or "unknown").inc()


class CountedFailures(Failures):
    """Failures that are counted when they are written."""

    metrics: Metrics

    def record(self, failure: Failure, *, only_if_open: bool = False) -> bool:
        """Writes a failure; False if there is one already, or the attempt has an outcome."""
        written = super().record(failure, only_if_open=only_if_open)
        if written:
            self.metrics.failures.labels(failure.profile, failure.stage, failure.cause).inc()
        return written


class CountedOutbox(Outbox):
    """An outbox that counts what had to wait, and what was lost."""

    metrics: Metrics

    def put(self, note: AttemptEvent) -> None:
        """Keeps a note until it is written."""
        self.metrics.waiting.labels(_kind(note)).inc()
        super().put(note)

    def lose(self, note: AttemptEvent, error: Exception) -> None:
        """Gives a note up."""
        self.metrics.lost.labels(_kind(note)).inc()
        super().lose(note, error)


def _no_span(_name: str) -> AbstractContextManager[object]:
    return nullcontext()


class CountedHubSpot(HubSpot):
    """HubSpot, with how long each answer took and what it was."""

    metrics: Metrics
    span: Callable[[str], AbstractContextManager[object]] = staticmethod(_no_span)

    def exchange(self, form: str, *, client_id: str) -> TokenResponse:
        """The token endpoint's answer to a form, for the app `client_id`."""
        began = time.monotonic()
        with self.span("hubspot token"):
            answer = super().exchange(form, client_id=client_id)
        (grant,) = parse_qs(form).get("grant_type", ["other"])
        known = {"authorization_code": "code", "refresh_token": "refresh"}
        self._took(known.get(grant, "other"), _result(answer), began)
        return answer

    def revoke(self, form: str) -> bool:
        """Whether HubSpot confirmed the revocation."""
        began = time.monotonic()
        with self.span("hubspot revoke"):
            is_confirmed = super().revoke(form)
        self._took("revoke", "granted" if is_confirmed else "unavailable", began)
        return is_confirmed

    def _took(self, request: str, result: str, began: float) -> None:
        self.metrics.exchanges.labels(request, result).observe(time.monotonic() - began)


def _kind(note: AttemptEvent) -> str:
    return type(note).__name__.lower()


def _result(answer: TokenResponse) -> str:
    match answer:
        case Granted():
            return "granted"
        case Refused():
            return "refused"
        case _:
            return "unavailable"
