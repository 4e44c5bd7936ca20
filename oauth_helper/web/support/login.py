"""Sign in with a password, and sign out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from flask import current_app, redirect, render_template, request
from flask import url_for as url
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from oauth_helper.common.encryption import DecryptionError
from oauth_helper.common.passwords import check_password
from oauth_helper.web.audit import audit, audit_log
from oauth_helper.web.errors import answer
from oauth_helper.web.security import client_network, is_same_origin, limit, limit_posts
from oauth_helper.web.support import staff_session
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.services import services

# Checked when the name is unknown, so that the time taken doesn't tell which names exist: in the
# form of Werkzeug's usual hashes, and of no password.
_NO_PASSWORD = f"scrypt:32768:8:1$none${'0' * 128}"


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField("Name", [InputRequired("Your name is missing."), Length(max=100)])
    password = PasswordField(
        "Password", [InputRequired("Your password is missing."), Length(max=500)]
    )


def next_page(target: str | None) -> str:
    """Return the page to open after signing in: `target` if it is one of ours."""
    # A second "/" or a backslash would lead to another host.
    is_ours = target and target.startswith("/support/") and "\\" not in target
    return target if target and is_ours and target.isprintable() else url("support.failures")


@dataclass(frozen=True, slots=True)
class _KnownBrowser:
    """A browser in which a person has signed in, so that guesses of others don't lock it out."""

    name: str
    id: str


# Seconds for which a browser stays known.
_KNOWN_LIFETIME = 180 * 86_400


def _cookie_name() -> str:
    return f"{'__Host-' if services().config.is_secure else ''}known"


def _name_typed() -> str:
    return request.form.get("name", "")[:100]


def _sender() -> str:
    """Return whose sign-ins are counted together: those of a network, or of a known browser."""
    try:
        known: _KnownBrowser = services().sign_in_encryptor.decrypt_value(
            request.cookies.get(_cookie_name(), ""), _KnownBrowser
        )
    except DecryptionError:
        return client_network()
    is_theirs = request.method == "GET" or known.name == _name_typed()
    return known.id if is_theirs else client_network()


@blueprint.route("/login", methods=["GET", "POST"])
# The first limit is counted first: made-up names are counted only up to it.
@limit(30, of=_sender)
@limit_posts(10, of=lambda: f"{_sender()} {_name_typed()}")
def login() -> str | Response | tuple[str, int]:
    """Sign a member of the staff in."""
    form = SignInForm()
    if current_user.is_authenticated:
        return redirect(next_page(_target()))
    if not form.validate_on_submit():
        return _sign_in_page(form)
    user = staff_session.support_user(form.name.data)
    hashed = user.password_hash.get_secret_value() if user else _NO_PASSWORD
    is_right = check_password(hashed, form.password.data)
    if user is None or not is_right:
        current_app.logger.warning("sign-in refused from %s", request.remote_addr)
        if user:  # staff sometimes type their password as the name
            audit_log().add_rarely(user.name, "sign-in refused")
        form.password.errors = ["Name and password do not match."]
        return _sign_in_page(form), 401
    staff_session.begin(user.name, user.role)
    response = redirect(next_page(_target()), 303)
    known = services().sign_in_encryptor.encrypt_value(
        _KnownBrowser(user.name, secrets.token_urlsafe(12))
    )
    response.set_cookie(
        _cookie_name(),
        known,
        max_age=_KNOWN_LIFETIME,
        secure=services().config.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.post("/logout")
def logout() -> Response:
    """Sign out."""
    if current_user.is_authenticated:
        audit("sign out")
    staff_session.end()
    return redirect(url("support.login"), 303)


@staff_session.sign_in.unauthorized_handler  # type: ignore[untyped-decorator]
def _without_session() -> Response | tuple[str, int]:
    """Ask to sign in; where a form was sent, with a page that says that nothing was done."""
    if error := staff_session.store_error():
        raise error
    if request.endpoint == "support.live":  # asked by a script, which can show no page
        return Response(status=401)
    if request.method != "GET":
        return _sign_in_page(problem="ended"), 401
    return redirect(url("support.login", next=_target()))


@blueprint.app_errorhandler(CSRFError)
def _csrf_failed(error: CSRFError) -> Response | tuple[str, int]:
    """Show an error page, or the sign-in page to those whose token ended with their session."""
    is_staff_page = request.blueprint in ("support", "check") and is_same_origin()
    if not is_staff_page or current_user.is_authenticated:
        return answer(400, error.name, error.description or "")
    if request.endpoint == "support.login":
        return _sign_in_page(problem="stale"), 400
    return _sign_in_page(problem="ended"), 401


def _target() -> str | None:
    """Return the page to open after signing in: that of the form, where a form was sent."""
    if request.endpoint == "support.login":
        return request.args.get("next")
    if request.method == "GET":
        return request.full_path.rstrip("?")
    if request.blueprint == "check":
        return url("check.page")
    reference = (request.view_args or {}).get("reference")
    return url("support.failure", reference=reference) if reference else url("support.failures")


def _sign_in_page(
    form: SignInForm | None = None, *, problem: Literal["ended", "stale"] | None = None
) -> str:
    """Render every way to sign in."""
    config = services().config
    return render_template(
        "support/login.html",
        form=form or SignInForm(formdata=None),
        problem=problem,
        target=_target() or None,
        openid=config.openid,
        passwords=bool(config.support_users),
    )
