"""The script that other sites load to connect HubSpot from their own pages."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, send_from_directory

blueprint = Blueprint("embed", __name__)

# Seconds for which browsers keep it without asking again.
_KEPT = 3600


@blueprint.get("/embed.js")
def script() -> Response:
    """The script, for any site; it holds nothing that is meant for one of them."""
    folder = current_app.static_folder or ""
    response = send_from_directory(
        folder, "embed.js", mimetype="text/javascript", conditional=True, max_age=_KEPT
    )
    # Pages with Cross-Origin-Embedder-Policy load only what says that they may.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
