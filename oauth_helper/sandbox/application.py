"""The sandbox as a blueprint, and as a separate application."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from oauth_helper.sandbox.app_pages import AppPages
from oauth_helper.sandbox.apps import Sandbox
from oauth_helper.sandbox.pages import Pages
from oauth_helper.sandbox.token_endpoint import SandboxTokenEndpoint

# A configuration is the largest body.
_MAX_BODY = 256 * 1024

_API = {f"sandbox.{name}" for name in ("token", "introspect", "revoke", "uninstall")}


def create_blueprint(sandbox: Sandbox) -> Blueprint:
    """Return the routes of `sandbox`, to mount anywhere. They use no cookies.

    Exempt the whole blueprint from CSRF protection, because clients of the token endpoint have no
    CSRF token. The sandbox's forms reject requests from other sites.
    """
    blueprint = Blueprint(
        "sandbox",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    blueprint.before_request(_cap_body)
    blueprint.after_request(_secured)
    blueprint.register_error_handler(HTTPException, _refused)
    Pages(sandbox).register(blueprint)
    AppPages(sandbox).register(blueprint)
    SandboxTokenEndpoint(sandbox).register(blueprint)
    return blueprint


def create_sandbox_app(sandbox: Sandbox) -> Flask:
    """Return a Flask application with `sandbox` at its root."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(create_blueprint(sandbox))
    return app


def _cap_body() -> None:
    request.max_content_length = request.max_form_memory_size = _MAX_BODY


def _refused(error: HTTPException) -> tuple[Response | str, int]:
    status = error.code or 500
    if request.endpoint in _API:
        return jsonify(status="error", message=error.description), status
    return render_template("sandbox/refused.html", error=error), status


def _secured(response: Response) -> Response:
    # Browsers check every redirect after a form against form-action too, and only the client knows
    # where its redirect URI leads: https://www.w3.org/TR/CSP3/#directive-form-action
    form_action = "" if g.get("sandbox_leads_away") else "; form-action 'self'"
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'{form_action}",
    )
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if g.get("sandbox_cuts_opener"):
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.endpoint != "sandbox.static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
