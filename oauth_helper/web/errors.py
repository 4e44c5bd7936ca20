"""Errors in the form their readers expect: a page for people, problem details for programs."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import BadHost, HTTPException, InternalServerError, TooManyRequests

from oauth_helper.common.passwords import TooManyChecksError
from oauth_helper.models import StoreUnavailableError
from oauth_helper.oauth.server import error_description
from oauth_helper.store.rate_limits import RateLimitExceededError
from oauth_helper.web.api.validation import InvalidRequestError
from oauth_helper.web.i18n import marked, translate

logger = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Register handlers on `app` that answer every error by `answer`."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(InvalidRequestError, _invalid_request)
    app.register_error_handler(StoreUnavailableError, _store_down)
    app.register_error_handler(RateLimitExceededError, lambda _: _http_error(TooManyRequests()))
    app.register_error_handler(TooManyChecksError, _too_many_checks)
    app.register_error_handler(Exception, _unexpected)


def answer(status: int, title: str, detail: str, **members: object) -> Response:
    """Return an error as problem details (RFC 9457) below `/api/`, as an OAuth error, or as a page.

    `members` are added to the problem details.
    """
    if request.path.startswith("/api/"):
        response = jsonify(type="about:blank", title=title, status=status, detail=detail, **members)
        response.mimetype = "application/problem+json"
    elif request.path in _FOR_CLIENTS:
        error = "server_error" if status == 500 else _OAUTH_ERRORS.get(status, "invalid_request")
        response = jsonify(error=error, error_description=error_description(detail))
        response.headers["Cache-Control"] = "no-store"
    else:
        shown = translate(_TITLES.get(status, title))
        response = Response(render_template("error.html", title=shown, detail=translate(detail)))
    response.status_code = status
    return response


# Endpoints of OAuth clients, which expect errors of RFC 6749 section 5.2.
_FOR_CLIENTS = ("/oauth/token", "/oauth/revoke", "/.well-known/oauth-authorization-server")
_OAUTH_ERRORS = {429: "temporarily_unavailable", 503: "temporarily_unavailable"}

_TITLES = {
    400: marked("That can't be done"),
    403: marked("Not allowed"),
    404: marked("Not found"),
    405: marked("That can't be done"),
    410: marked("This link no longer works"),
    413: marked("Too large"),
    429: marked("Too many requests"),
    500: marked("Something went wrong"),
    503: marked("Not available at the moment"),
}

_DETAILS = {
    404: marked("There's nothing at this address. Check the link, or start from the first page."),
    405: marked("This address doesn't accept that kind of request."),
    413: marked("That's more than this page accepts."),
    429: marked("Too many requests came from your network. Wait a minute and try again."),
}


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, BadHost):
        # Without a host there are no addresses, so there is no page to put it on.
        return Response("The Host header names no host.\n", 400, mimetype="text/plain")
    status = error.code or 500
    # Werkzeug's texts are for developers; those given to abort() are for the reader.
    own = error.description if error.description != type(error).description else None
    detail = own if own and status not in (405, 429) else _DETAILS.get(status, error.name)
    response = answer(status, error.name, detail or "")
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    if status == 429:
        response.headers["Retry-After"] = "60"  # every limit here is one a minute
    return response


def _invalid_request(error: InvalidRequestError) -> Response:
    errors = [{"field": each.field, "reason": each.reason} for each in error.problems]
    return answer(400, "Bad Request", f"{error}.", errors=errors)


def _store_down(error: StoreUnavailableError) -> Response:
    logger.warning("the store is down: %s", error)
    response = answer(
        503,
        "Not available at the moment",
        marked("Our records aren't available right now. Try again soon."),
    )
    response.headers["Retry-After"] = "10"
    return response


def _too_many_checks(_error: TooManyChecksError) -> Response:
    response = answer(
        503, "Service Unavailable", "Too many passwords are being checked. Try again."
    )
    response.headers["Retry-After"] = "2"
    return response


def _unexpected(error: Exception) -> Response:
    logger.error("unexpected error at %s", request.endpoint, exc_info=error)
    return answer(
        500,
        InternalServerError().name,
        marked("Something went wrong here. The error has been logged."),
    )
