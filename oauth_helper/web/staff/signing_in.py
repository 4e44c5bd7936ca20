"""Who the support staff are, and how they sign in and out."""

from __future__ import annotations

import hashlib
import threading

from flask import current_app, redirect, render_template, request, session
from flask import url_for as url
from flask_login import LoginManager, UserMixin, current_user
from flask_login import login_user as sign_in_user
from flask_login import logout_user as sign_out_user
from flask_wtf import FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from oauth_helper.config import SupportUser
from oauth_helper.web.security import client_network, limit, limit_posts
from oauth_helper.web.services import services
from oauth_helper.web.staff.blueprint import blueprint

sign_in = LoginManager()
sign_in.login_view = "support.login"
sign_in.login_message = ""
sign_in.session_protection = None  # it ties the session to an address, which phones change

#: Seconds after which staff sign in again, however busy they were.
SESSION_LIFETIME = 12 * 3600

_SIGNED_IN_AT, _FINGERPRINT = "signed_in_at", "fingerprint"

# Each takes 32 MB for a moment, on purpose; a crowd of them must not take it all.
_hashing = threading.BoundedSemaphore(2)

# Checked when the name is unknown, so that the time taken does not tell which names exist.
_NOBODY = generate_password_hash("nobody has this password")


class StaffMember(UserMixin):  # type: ignore[misc]
    """A member of the support staff who is signed in."""

    def __init__(self, user: SupportUser) -> None:
        self.id = user.name
        self.role = user.role

    @property
    def is_agent(self) -> bool:
        """Whether the role allows changes."""
        return self.role == "agent"


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField("Name", [InputRequired("Your name is missing."), Length(max=100)])
    password = PasswordField(
        "Password", [InputRequired("Your password is missing."), Length(max=500)]
    )


def _name_typed() -> str:
    return request.form.get("name", "")[:100]


@sign_in.user_loader  # type: ignore[untyped-decorator]
def _load_user(name: str) -> StaffMember | None:
    user = _user(name)
    if user is None or session.get(_FINGERPRINT) != _fingerprint(user):
        return None
    age = services().clock() - session.get(_SIGNED_IN_AT, 0)
    return StaffMember(user) if age <= SESSION_LIFETIME else None


def _fingerprint(user: SupportUser) -> str:
    """Changes with password and role, and ends the sessions of before with that."""
    text = "\n".join((user.name, user.password_hash.reveal(), user.role))
    return hashlib.sha256(text.encode()).hexdigest()


def _user(name: str) -> SupportUser | None:
    users = services().config.support_users
    return next((user for user in users if user.name == name), None)


@blueprint.route("/login", methods=["GET", "POST"])
@limit("30 per minute")
@limit_posts("10 per minute", of=lambda: f"{client_network()} {_name_typed()}")
@limit_posts("100 per minute", of=_name_typed)
def login() -> str | Response | tuple[str, int]:
    """Signs a member of the staff in."""
    form = SignInForm()
    if current_user.is_authenticated:
        return redirect(_next_page())
    if not form.validate_on_submit():
        return render_template("support/login.html", form=form)
    user = _user(form.name.data)
    hashed = user.password_hash.reveal() if user else _NOBODY
    with _hashing:
        is_right = check_password_hash(hashed, form.password.data)
    if user is None or not is_right:
        current_app.logger.warning("sign-in refused from %s", request.remote_addr)
        form.password.errors = ["Name and password do not match."]
        return render_template("support/login.html", form=form), 401
    session.clear()  # nothing of the time before carries over
    session.permanent = True
    session[_SIGNED_IN_AT] = int(services().clock())
    session[_FINGERPRINT] = _fingerprint(user)
    sign_in_user(StaffMember(user))
    return redirect(_next_page(), 303)


@blueprint.post("/logout")
def logout() -> Response:
    """Signs out."""
    sign_out_user()
    session.clear()
    return redirect(url("support.login"), 303)


def _next_page() -> str:
    """Where to go after signing in: a page of our own, whatever the address asks for."""
    target = request.args.get("next", "")
    # A second "/" or a backslash would lead to another host.
    is_ours = target.startswith("/support/") and "\\" not in target and target.isprintable()
    return target if is_ours else url("support.failures")
