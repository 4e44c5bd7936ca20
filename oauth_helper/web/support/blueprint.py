"""The blueprint of the support desk, and what its pages share."""

from __future__ import annotations

from flask import Blueprint, abort
from flask_login import current_user

blueprint = Blueprint("support", __name__, url_prefix="/support")

PER_PAGE = 50


def require_agent() -> None:
    """End the request with 403 unless the user's role allows changes."""
    if not current_user.is_agent:
        abort(403, "Your role may look but not change anything.")
