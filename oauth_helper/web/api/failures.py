"""The JSON API of failures, `/api/v1`, behind a bearer token."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request

from oauth_helper.common.references import parse_reference
from oauth_helper.scopes import AppConfigurationError
from oauth_helper.web.api import checks
from oauth_helper.web.api.auth import authenticate
from oauth_helper.web.api.failure_schemas import DiagnosisJson, FailureJson, PreflightJson
from oauth_helper.web.api.openapi import openapi_document
from oauth_helper.web.api.operation import operation
from oauth_helper.web.api.queries import FailureListQuery
from oauth_helper.web.api.schemas import (
    DiagnoseRequest,
    FailurePage,
    GroupList,
    PreflightRequest,
)
from oauth_helper.web.api.services import services
from oauth_helper.web.errors import answer
from oauth_helper.web.security import csrf, max_body

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
csrf.exempt(blueprint)  # no request is authenticated by a cookie

# Bytes of a body: room for the largest file of an app.
_MAX_BODY = 1024 * 1024


@blueprint.before_request
def _authenticate() -> Response | None:
    """End the request unless it has a token; the API's description is public."""
    return None if request.endpoint == "api.openapi" else authenticate()


@blueprint.get("/failures")
@operation("listFailures", "failures:read")
def failures(query: FailureListQuery) -> FailurePage:
    """List the failures, newest first."""
    try:
        page = services().failures.page(
            query.failure_query(query.q), limit=query.limit, cursor=query.cursor
        )
    except ValueError as error:
        abort(400, f"{error}.")
    return FailurePage.model_validate(page)


@blueprint.get("/failures/<reference>")
@operation("getFailure", "failures:read", {404: "There is no such failure"})
def failure(reference: str) -> FailureJson:
    """Get a failure."""
    parsed = parse_reference(reference)
    found = services().failures.get(parsed) if parsed else None
    if found is None:
        abort(404, "There is no failure with this reference.")
    return FailureJson.model_validate(found)


@blueprint.get("/failures/groups")
@operation("groupFailures", "failures:read")
def groups() -> GroupList:
    """Group the failures by cause and profile, the largest group first."""
    return GroupList.model_validate({"groups": services().counters.kinds()})


@blueprint.post("/preflight")
@max_body(_MAX_BODY)
@operation("checkApp", "checks")
def preflight(body: PreflightRequest) -> PreflightJson:
    """Check an app's configuration against a link.

    The link is the profile's, or one with the scopes given; without either it's that of the first
    profile. Redirect URLs are compared only for a profile.
    """
    return checks.preflight(body)


@blueprint.post("/diagnose")
@max_body(_MAX_BODY)
@operation("diagnose", "checks")
def diagnose(body: DiagnoseRequest) -> DiagnosisJson:
    """Diagnose why a connection failed."""
    return checks.diagnosis(body)


@blueprint.errorhandler(AppConfigurationError)
def _wrong_app(error: AppConfigurationError) -> Response:
    return answer(400, "Bad Request", f"{error}.")


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI description of this API."""
    return Response(openapi_document(), mimetype="application/json")
