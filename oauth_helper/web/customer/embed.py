"""Serve the script that other sites load to connect HubSpot from their own pages."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, send_from_directory

blueprint = Blueprint("embed", __name__)

# Seconds for which browsers cache the script.
_MAX_AGE = 3600


@blueprint.get("/embed.js")
def script() -> Response:
    """Return the script, which is the same for every site."""
    folder = current_app.static_folder or ""
    response = send_from_directory(
        folder, "embed.js", mimetype="text/javascript", conditional=True, max_age=_MAX_AGE
    )
    # Pages with Cross-Origin-Embedder-Policy load only resources that allow it.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
