"""A public page to read about the API and to try it: Swagger UI, from its Python package."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, render_template, send_from_directory

blueprint = Blueprint("api_docs", __name__, url_prefix="/api/v1/docs")

_FILES = Path(flask_swagger_ui.__file__).parent / "dist"


@blueprint.get("")
def page() -> str:
    """Show the operations. The package's own page has a script in it, which our policy forbids."""
    return render_template("api_docs.html")


@blueprint.get("/<any('swagger-ui.css', 'swagger-ui-bundle.js'):name>")
def file(name: str) -> Response:
    """Return a file of Swagger UI, which browsers keep until its content changes."""
    return send_from_directory(_FILES, name)
