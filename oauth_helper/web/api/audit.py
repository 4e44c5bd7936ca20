"""The JSON API of the audit log."""

from __future__ import annotations

from flask import Blueprint

from oauth_helper.web.api.auth import authenticate
from oauth_helper.web.api.operation import operation
from oauth_helper.web.api.queries import AuditQuery
from oauth_helper.web.api.schemas import AuditPageJson
from oauth_helper.web.audit import audit_log
from oauth_helper.web.security import csrf

blueprint = Blueprint("api_audit", __name__, url_prefix="/api/v1/audit")
csrf.exempt(blueprint)  # no request is authenticated by a cookie
blueprint.before_request(authenticate)


@blueprint.get("")
@operation("listAudit", "audit:read")
def entries(query: AuditQuery) -> AuditPageJson:
    """List who did what, newest first."""
    page = audit_log().page(
        limit=query.limit, cursor=query.cursor, since=query.since, until=query.until
    )
    return AuditPageJson.model_validate(page)
