"""The bearer tokens of the JSON API (RFC 6750)."""

from __future__ import annotations

from hmac import compare_digest

from flask import Response, request

from oauth_helper.common.secrets import Secret
from oauth_helper.web.errors import answer


def unless_bearer(token: Secret, setting: str) -> Response | None:
    """Return 401 unless the request has the bearer `token`, the value of `setting`."""
    expected = token.reveal()
    given = request.authorization
    sent = given.token if given is not None and given.type == "bearer" else None
    if expected and sent and compare_digest(sent.encode(), expected.encode()):
        return None
    why = (
        f"The Authorization header needs the bearer token of {setting}."
        if expected
        else f"This is closed: {setting} is not set."
    )
    response = answer(401, "Unauthorized", why)
    response.headers["WWW-Authenticate"] = 'Bearer realm="oauth_helper"'
    return response
