"""How the support staff sign in with a password, and out."""

from __future__ import annotations

import threading

from flask import abort, current_app, redirect, render_template, request
from flask import url_for as url
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from oauth_helper.web.errors import answer
from oauth_helper.web.security import client_network, csrf, is_same_origin, limit, limit_posts
from oauth_helper.web.services import services
from oauth_helper.web.support import staff_session
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.form_recovery import FIELD, Typed, typed_before, typed_in_this_form

# Each takes 32 MB for a moment, on purpose; a crowd of them must not take it all.
_hashing = threading.BoundedSemaphore(2)

# Checked when the name is unknown, so that the time taken does not tell which names exist.
_NOBODY = generate_password_hash("nobody has this password")


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField("Name", [InputRequired("Your name is missing."), Length(max=100)])
    password = PasswordField(
        "Password", [InputRequired("Your password is missing."), Length(max=500)]
    )


def next_page(target: str) -> str:
    """Where to go after signing in: a page of our own, whatever `target` asks for."""
    # A second "/" or a backslash would lead to another host.
    is_ours = target.startswith("/support/") and "\\" not in target and target.isprintable()
    return target if is_ours else url("support.failures")


def _name_typed() -> str:
    return request.form.get("name", "")[:100]


@blueprint.route("/login", methods=["GET", "POST"])
@limit_posts("10 per minute", of=lambda: f"{client_network()} {_name_typed()}")
@limit_posts("100 per minute", of=_name_typed)
# The last one is counted first: names that somebody makes up are counted only up to it.
@limit("30 per minute")
def login() -> str | Response | tuple[str, int]:
    """Signs a member of the staff in."""
    form, typed = SignInForm(), typed_before()
    if current_user.is_authenticated:
        return _send_again(typed) if typed else redirect(next_page(_wanted()))
    if not form.validate_on_submit():
        return _sign_in_page(typed, form)
    user = staff_session.support_user(form.name.data)
    hashed = user.password_hash.reveal() if user else _NOBODY
    with _hashing:
        is_right = check_password_hash(hashed, form.password.data)
    if user is None or not is_right:
        current_app.logger.warning("sign-in refused from %s", request.remote_addr)
        form.password.errors = ["Name and password do not match."]
        return _sign_in_page(typed, form), 401
    staff_session.begin(user.name, user.role)
    return _send_again(typed) if typed else redirect(next_page(_wanted()), 303)


@blueprint.post("/logout")
def logout() -> Response:
    """Signs out."""
    staff_session.end()
    return redirect(url("support.login"), 303)


# Exempt, because the token of this form is older than the session that the other tab began. It
# changes nothing: the answer is a page, with a token, whose button sends what it shows.
@blueprint.post("/typed")
@csrf.exempt  # type: ignore[untyped-decorator]
@limit("30 per minute")
def send_typed() -> str | Response | tuple[str, int]:
    """What was typed before the session ended, for who has signed in in another tab."""
    if not is_same_origin():
        abort(403, "This form was sent from another site.")
    typed = typed_before()
    if typed is None:
        return redirect(url("support.failures"), 303)
    if current_user.is_authenticated:
        return _send_again(typed)
    return _sign_in_page(typed), 401


@staff_session.sign_in.unauthorized_handler  # type: ignore[untyped-decorator]
def _without_session() -> Response | tuple[str, int]:
    """The way in for who is not signed in, or not any more; what they typed goes along."""
    if error := staff_session.is_store_down():
        raise error
    if typed := typed_in_this_form():
        return _sign_in_page(typed), 401
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url("support.login", next=target))


@blueprint.app_errorhandler(CSRFError)
def _csrf_failed(error: CSRFError) -> Response | tuple[str, int]:
    """An error page; but for who is not signed in any more, whose token went with the session."""
    if request.blueprint in ("support", "check") and not current_user.is_authenticated:
        if typed := typed_in_this_form():
            return _sign_in_page(typed), 401
        if request.endpoint == "support.login" and is_same_origin():
            return _sign_in_page(typed_before(), is_stale=True), 400
    return answer(400, error.name, error.description or "")


def _wanted() -> str:
    return request.args.get("next", "") if request.endpoint == "support.login" else ""


def _sign_in_page(
    typed: Typed | None, form: SignInForm | None = None, *, is_stale: bool = False
) -> str:
    """The page with every way in; what was typed goes along with the form."""
    config = services().config
    return render_template(
        "support/login.html",
        form=form or SignInForm(formdata=None),
        typed=typed,
        field=FIELD,
        target=_wanted() or None,
        openid=config.openid,
        passwords=bool(config.support_users),
        is_stale=is_stale,
    )


def _send_again(typed: Typed) -> str:
    return render_template("support/send_again.html", typed=typed)
