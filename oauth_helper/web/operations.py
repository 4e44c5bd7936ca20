"""For the operator's machines: alive, and able to serve."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, jsonify

from oauth_helper.records import StoreUnavailableError
from oauth_helper.web.services import services

logger = logging.getLogger(__name__)

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
