"""The JSON API for programs, `/api/v1`, behind one bearer token (RFC 6750)."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import resources
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from oauth_helper.common.references import parse_reference
from oauth_helper.scopes import AppConfigurationError
from oauth_helper.web.api import checks
from oauth_helper.web.api.auth import unless_bearer
from oauth_helper.web.api.failure_schema import failure_json, group_json
from oauth_helper.web.api.request_body import FieldError
from oauth_helper.web.errors import answer
from oauth_helper.web.failure_query import failure_query_from_request
from oauth_helper.web.security import csrf, max_body
from oauth_helper.web.services import services

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
csrf.exempt(blueprint)  # nothing here goes by a cookie

MOST_PER_PAGE = 200

# Bytes of a body: room for the largest file of an app.
_LARGEST_BODY = 1024 * 1024


@blueprint.before_request
def _authenticate() -> Response | None:
    """Ends the request unless it carries the token; the description of the API is open to all."""
    if request.endpoint == "api.openapi":
        return None
    return unless_bearer(services().config.support_api_token, "SUPPORT_API_TOKEN")


@blueprint.get("/failures")
def failures() -> Response:
    """The failures that the query asks for, newest first."""
    try:
        page = services().failures.page(
            failure_query_from_request(),
            limit=limit_from_query(),
            cursor=request.args.get("cursor") or None,
        )
    except ValueError as error:
        abort(400, f"{error}.")
    return jsonify(
        failures=[failure_json(failure) for failure in page.failures],
        next_cursor=page.next_cursor,
    )


@blueprint.get("/failures/<reference>")
def failure(reference: str) -> Response:
    """One failure."""
    parsed = parse_reference(reference)
    found = services().failures.get(parsed) if parsed else None
    if found is None:
        abort(404, "There is no failure with this reference.")
    return jsonify(failure_json(found))


@blueprint.get("/failures/groups")
def groups() -> Response:
    """The failures by cause and profile."""
    return jsonify(groups=[group_json(group) for group in services().counters.kinds()])


@blueprint.post("/preflight")
@max_body(_LARGEST_BODY)
def preflight() -> Response:
    """What HubSpot will say to a link, by an app's configuration."""
    return jsonify(checks.preflight())


@blueprint.post("/diagnose")
@max_body(_LARGEST_BODY)
def diagnose() -> Response:
    """Why a connection failed, by what the body tells."""
    return jsonify(checks.diagnosis())


@blueprint.errorhandler(FieldError)
@blueprint.errorhandler(AppConfigurationError)
def _wrong_field(error: ValueError) -> Response:
    return answer(400, "Bad Request", f"{error}.")


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI description of this API."""
    return jsonify(_openapi())


def limit_from_query() -> int:
    """How many to give on a page. Raises ValueError for what is no such number."""
    text = request.args.get("limit", "50")
    if not (re.fullmatch("[0-9]{1,3}", text) and 1 <= int(text) <= MOST_PER_PAGE):
        raise ValueError(f"limit has to be a whole number from 1 to {MOST_PER_PAGE}")
    return int(text)


@lru_cache(maxsize=1)
def _openapi() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
