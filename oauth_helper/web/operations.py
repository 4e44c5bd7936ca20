"""For the operator's machines: alive, and able to serve."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from oauth_helper.records import StoreUnavailableError
from oauth_helper.web.services import services

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
        reasons.append(f"the store does not answer ({error})")
    response = jsonify(status="not ready" if reasons else "ready", reasons=reasons)
    response.status_code = 503 if reasons else 200
    return response
