"""Serve health, readiness and metrics to the operator's tools, and log every request."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from pydantic import SecretStr

from oauth_helper.common.logging import LOG_CONTEXT, REQUEST_FIELDS, REQUESTS
from oauth_helper.common.metrics import exposition, served
from oauth_helper.common.references import parse_reference
from oauth_helper.common.version import VERSION
from oauth_helper.models import StoreUnavailableError
from oauth_helper.web.api.auth import unless_bearer

logger = logging.getLogger(__name__)
requests = logging.getLogger(REQUESTS)

blueprint = Blueprint("operations", __name__)

#: Where an application keeps its probes among its extensions.
KEY = "oauth_helper.health"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProbes:
    """What these views look at. `ping` raises `StoreUnavailableError` while Redis is down.

    So do `waiting`, which returns how many webhook events wait, and how many records are parked,
    and `store_memory`, which returns the bytes in use and the limit.
    """

    ping: Callable[[], object]
    queued_events: Callable[[], int]
    store_memory: Callable[[], tuple[int, int]]
    waiting: Callable[[], tuple[int, int]]
    metrics_token: SecretStr
    key_ids: Sequence[str]


def _probes() -> HealthProbes:
    return cast("HealthProbes", current_app.extensions[KEY])


@blueprint.get("/healthz")
def healthz() -> Response:
    """Return 200 while the process is alive, with the version and the ids of its keys.

    An id says nothing about its key. `doctor` compares those of all instances.
    """
    return jsonify(status="ok", version=VERSION, keys=list(_probes().key_ids))


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200 when the program can serve requests, otherwise 503 with the reasons."""
    reasons = []
    try:
        _probes().ping()
    except StoreUnavailableError as error:
        logger.warning("not ready: %s", error)
        reasons.append("the store does not answer")
    response = jsonify(status="not ready" if reasons else "ready", reasons=reasons)
    response.status_code = 503 if reasons else 200
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the metrics of all workers in Prometheus's text format, if the token is right."""
    refusal = unless_bearer(_probes().metrics_token, "METRICS_TOKEN")
    if refusal is not None:
        return refusal
    probes = _probes()
    gauges = [("outbox_notes", "Events queued in the outbox.", probes.queued_events())]
    with suppress(StoreUnavailableError):
        size, parked = probes.waiting()
        gauges += [
            ("webhook_events_queued", "Webhook events and notices that wait.", size),
            ("webhook_records_parked", "Records that a receiver took no event of.", parked),
        ]
        used, most = probes.store_memory()
        gauges += [
            ("store_memory_bytes", "Memory that the store's fullest server uses.", used),
            ("store_memory_limit_bytes", "Its maxmemory; 0 without one.", most),
        ]
    text = exposition(gauges)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def install(app: Flask) -> None:
    """Identify, count and log the requests to `app`. Call it first, to include every request."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()
        LOG_CONTEXT.set({"request_id": _request_id()})
        named = request.view_args.get("reference") if request.view_args else None
        if named and (reference := parse_reference(named)):
            LOG_CONTEXT.get()["reference"] = reference

    @app.after_request
    def end(response: Response) -> Response:
        if "began" in g:
            seconds = time.monotonic() - g.began
            # Anyone can invent methods and paths, so these must not become labels.
            method = request.method if request.method in _METHODS else "other"
            route, status = request.endpoint or "none", response.status_code
            served(route, method, status).observe(seconds)
            if requests.isEnabledFor(logging.INFO):
                fields = (method, route, request.path[:200], status)
                values = (*fields, round(seconds * 1000, 1))
                requests.info("request", extra=dict(zip(REQUEST_FIELDS, values, strict=True)))
            response.headers["X-Request-ID"] = LOG_CONTEXT.get()["request_id"]
        return response


def _request_id() -> str:
    """Return this request's id in logs: the X-Request-ID of a proxy, or a random one."""
    named = request.environ.get("HTTP_X_REQUEST_ID", "")
    return named if _REQUEST_ID.fullmatch(named) else secrets.token_hex(8)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}", re.ASCII)
