"""The sandbox's forms are for its own pages."""

from __future__ import annotations

from flask import abort, request


def refuse_other_sites() -> None:
    """Answer 403 to a form that a page of another site sent.

    There is no cookie to steal here, but another site must not change an app or give consent in
    a user's name. Every current browser sends the header, on localhost too; what is no browser
    may do without: https://www.w3.org/TR/fetch-metadata/
    """
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        abort(403, "This form has to be sent from the sandbox's own page.")
