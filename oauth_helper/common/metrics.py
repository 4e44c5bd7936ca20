"""Define the Prometheus metrics. No label takes a value that a request can invent.

With several workers, each writes files in the directory `PROMETHEUS_MULTIPROC_DIR`, and the worker
that serves /metrics adds them up. Set that variable before importing this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_REGISTRY: Final = CollectorRegistry()


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"oauth_helper_{name}", meaning, labels, registry=_REGISTRY)


ATTEMPTS: Final = _counter("attempts", "Attempts started.", "profile")
UNRECORDED: Final = _counter(
    "attempts_unrecorded", "Attempts and failures beyond a network's daily budget.", "profile"
)
CONNECTIONS: Final = _counter("connections", "Attempts connected.", "profile")
FAILURES: Final = _counter("failures", "Failures logged.", "profile", "stage", "cause")
OUTBOX_QUEUED: Final = _counter("outbox_notes_put", "Events queued because Redis was down.", "kind")
OUTBOX_LOST: Final = _counter("outbox_notes_lost", "Events that could not be queued.", "kind")
STORE_ERRORS: Final = _counter("store_errors", "Failed Redis commands.", "error")
HUBSPOT_REQUESTS: Final = Histogram(
    "oauth_helper_hubspot_request_seconds",
    "Requests to HubSpot, by kind and result.",
    ("request", "result"),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40),
    registry=_REGISTRY,
)
HTTP_REQUESTS: Final = Histogram(
    "oauth_helper_http_request_seconds",
    "Requests served, by the name of the view.",
    ("route", "method", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 45),
    registry=_REGISTRY,
)
WEBHOOKS: Final = _counter("webhook_events", "Webhook events sent, by result.", "result")
WEBHOOK_LAG: Final = Histogram(
    "oauth_helper_webhook_lag_seconds",
    "From an event to its delivery.",
    buckets=(1, 5, 30, 120, 600, 3600, 14_400, 86_400),
    registry=_REGISTRY,
)

_ALL: Final = (
    ATTEMPTS,
    UNRECORDED,
    CONNECTIONS,
    FAILURES,
    OUTBOX_QUEUED,
    OUTBOX_LOST,
    STORE_ERRORS,
    HUBSPOT_REQUESTS,
    HTTP_REQUESTS,
    WEBHOOKS,
    WEBHOOK_LAG,
)


@lru_cache(maxsize=1000)
def served(route: str, method: str, status: int) -> Histogram:
    """Return the histogram of one kind of served request; the library takes longer to find it."""
    return HTTP_REQUESTS.labels(route, method, f"{status}")


def exposition(gauges: Iterable[tuple[str, str, int]]) -> bytes:
    """Return all metrics, summed over all workers, in Prometheus's text format.

    `gauges` are read at each scrape: their names, meanings and values.
    """
    counted = _REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    measured = CollectorRegistry()
    measured.register(_Gauges(gauges))
    return generate_latest(counted) + generate_latest(measured)


def reset() -> None:
    """Clear every metric of this process."""
    for metric in _ALL:
        metric.clear()
    served.cache_clear()


class _Gauges(Collector):
    """What is read at each scrape."""

    def __init__(self, gauges: Iterable[tuple[str, str, int]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for name, meaning, value in self._gauges:
            yield GaugeMetricFamily(f"oauth_helper_{name}", meaning, value=value)
