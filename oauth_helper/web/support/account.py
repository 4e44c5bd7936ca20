"""The account page, and signing out everywhere."""

from __future__ import annotations

from flask import redirect, render_template
from flask import url_for as url
from flask_login import login_required
from werkzeug.wrappers import Response

from oauth_helper.web.audit import audit
from oauth_helper.web.support import staff_session
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.services import services


@blueprint.get("/account")
@login_required  # type: ignore[untyped-decorator]
def account() -> str:
    """Show who is signed in, with which role and since when."""
    return render_template("support/account.html", now=services().clock())


@blueprint.get("/tokens")
@login_required  # type: ignore[untyped-decorator]
def tokens() -> str:
    """Show the named tokens of the API, with their scopes and last uses."""
    uses, known = services().token_uses.all(), services().config.api_tokens
    return render_template("support/tokens.html", tokens=known, uses=uses, now=services().clock())


@blueprint.post("/account/sign-out-everywhere")
@login_required  # type: ignore[untyped-decorator]
def sign_out_everywhere() -> Response:
    """End all sessions of the signed-in user, in every browser."""
    audit("sign out everywhere")
    staff_session.end_everywhere()
    return redirect(url("support.login"), 303)
