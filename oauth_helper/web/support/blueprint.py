"""The support staff's pages: what all of them share."""

from __future__ import annotations

from flask import Blueprint, abort
from flask_login import current_user

blueprint = Blueprint("support", __name__, url_prefix="/support")

PER_PAGE = 50


def require_agent() -> None:
    """Ends the request in 403 unless the role of who is signed in allows changes."""
    if not current_user.is_agent:
        abort(403, "Your role may look but not change anything.")
