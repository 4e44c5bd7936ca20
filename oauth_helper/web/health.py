"""For the operator's machines: alive, and able to serve."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Blueprint, Flask, Response, g, jsonify, request
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from oauth_helper.common.logging import REQUEST_FIELDS, REQUESTS
from oauth_helper.common.metrics import HTTP_REQUESTS, exposition
from oauth_helper.common.references import parse_reference
from oauth_helper.models import StoreUnavailableError
from oauth_helper.web.api.auth import unless_bearer
from oauth_helper.web.services import services

logger = logging.getLogger(__name__)
requests = logging.getLogger(REQUESTS)

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """200 while the process answers at all."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """200 when all that is needed is there, else 503 with each reason."""
    reasons = []
    try:
        services().ping()
    except StoreUnavailableError as error:
        logger.warning("not ready: %s", error)
        reasons.append("the store does not answer")
    response = jsonify(status="not ready" if reasons else "ready", reasons=reasons)
    response.status_code = 503 if reasons else 200
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    """Counters over all workers, in Prometheus's text format, for whoever has the token."""
    refusal = unless_bearer(services().config.metrics_token, "METRICS_TOKEN")
    if refusal is not None:
        return refusal
    text = exposition(services().outbox.depth)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def install(app: Flask) -> None:
    """Names, counts and tells of the requests to `app`; before all else, to miss nothing."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()
        clear_contextvars()
        bind_contextvars(request_id=_request_id())
        if reference := parse_reference((request.view_args or {}).get("reference", "")):
            bind_contextvars(reference=reference)

    @app.after_request
    def end(response: Response) -> Response:
        if "began" in g:
            seconds = time.monotonic() - g.began
            # Methods and paths are what strangers make up.
            method = request.method if request.method in _METHODS else "other"
            route = request.endpoint or "none"
            HTTP_REQUESTS.labels(route, method, f"{response.status_code}").observe(seconds)
            if requests.isEnabledFor(logging.INFO):
                fields = (method, route, request.path[:200], response.status_code)
                values = (*fields, round(seconds * 1000, 1))
                requests.info("request", extra=dict(zip(REQUEST_FIELDS, values, strict=True)))
            response.headers["X-Request-ID"] = get_contextvars()["request_id"]
        return response


def _request_id() -> str:
    """What names this request in logs: as a proxy has named it, or by chance."""
    named = request.headers.get("X-Request-ID", "")
    return named if _REQUEST_ID.fullmatch(named) else secrets.token_hex(8)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}", re.ASCII)
