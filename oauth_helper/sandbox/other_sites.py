"""Accept the sandbox's forms from its own pages only."""

from __future__ import annotations

from flask import abort, request


def refuse_other_sites() -> None:
    """Answer a form from another site with 403.

    Another site must not change an app or give consent for a user. Every current browser sends the
    header, on localhost too; other programs needn't: https://www.w3.org/TR/fetch-metadata/
    """
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        abort(403, "This form has to be sent from the sandbox's own page.")
