"""The support staff's pages, behind sign-in: failures and connections."""

from __future__ import annotations

import hashlib
import threading
from urllib.parse import urlencode

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
)
from flask import url_for as url
from flask_login import LoginManager, UserMixin, current_user, login_required
from flask_login import login_user as sign_in_user
from flask_login import logout_user as sign_out_user
from flask_wtf import FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from oauth_helper.config import SupportUser
from oauth_helper.diagnosis import Cause, usual_messages, wording
from oauth_helper.records import Attempt
from oauth_helper.reference import find_reference, is_mistyped, parse_reference
from oauth_helper.revoking import revoke
from oauth_helper.web.api import wanted_from_query
from oauth_helper.web.attempts import reported_text
from oauth_helper.web.security import client_network, limit, limit_posts
from oauth_helper.web.services import services

blueprint = Blueprint("support", __name__, url_prefix="/support")

PER_PAGE = 50

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


@blueprint.get("/")
@login_required  # type: ignore[untyped-decorator]
def start() -> Response:
    """The list is the first page."""
    return redirect(url("support.failures"))


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


@blueprint.get("/failures")
@login_required  # type: ignore[untyped-decorator]
def failures() -> str | Response:
    """The failures, newest first, as the query filters them."""
    text = request.args.get("q", "")
    if reference := find_reference(text):
        return redirect(url("support.failure", reference=reference))
    try:
        cursor = request.args.get("cursor") or None
        page = services().failures.page(wanted_from_query(), limit=PER_PAGE, cursor=cursor)
    except ValueError as error:
        abort(400, f"{error}.")
    filters = {key: value for key, value in request.args.items() if value and key != "cursor"}
    return render_template(
        "support/failures.html",
        page=page,
        causes=Cause,
        profiles=services().profiles.values(),
        filters=filters,
        mistyped=is_mistyped(text),
        next_page=_link_to(filters, page.next_cursor) if page.next_cursor else None,
        is_first=cursor is None,
        wording=wording,
        now=services().clock(),
    )


@blueprint.get("/failures/<reference>")
@login_required  # type: ignore[untyped-decorator]
def failure(reference: str) -> str | Response | tuple[str, int]:
    """One failure with all that is known of it."""
    parsed = parse_reference(reference)
    if parsed and parsed != reference:
        return redirect(url("support.failure", reference=parsed))
    found = services().failures.get(parsed) if parsed else None
    if found is None:
        return _no_failure(parsed)
    profile = services().profiles.get(found.profile)
    return render_template(
        "support/failure.html",
        failure=found,
        profile=profile,
        wording=wording,
        usual=usual_messages(),
        now=services().clock(),
    )


@blueprint.post("/failures/<reference>/report")
@login_required  # type: ignore[untyped-decorator]
def report(reference: str) -> Response:
    """Takes in what the person on the phone reads from HubSpot's page."""
    _only_agents()
    parsed = parse_reference(reference)
    attempt = _attempt(parsed) if parsed else None
    if parsed is None or attempt is None:
        abort(404, "Nothing is known of an attempt with this reference.")
    text = reported_text()
    if not text:
        flash("Paste what HubSpot's page says, or pick a message.", "problem")
    else:
        profile = services().profiles.get(attempt.profile)
        if services().reporting.report(profile, attempt, text, by=current_user.id):
            flash("The report is in the record, and the causes are worked out anew.", "done")
        else:
            flash("Nothing was changed: the person has connected meanwhile.", "problem")
    return redirect(url("support.failure", reference=parsed), 303)


def _attempt(reference: str) -> Attempt | None:
    """The attempt as it was noted, or as its failure tells."""
    if attempt := services().attempts.get(reference):
        return attempt
    found = services().failures.get(reference)
    if found is None:
        return None
    return Attempt(reference, found.profile, found.requested, found.begun_at, found.begun_at)


def _only_agents() -> None:
    if not current_user.is_agent:
        abort(403, "Your role may look but not change anything.")


def _no_failure(reference: str | None) -> tuple[str, int]:
    """What is known of a reference that no failure has."""
    outcome = services().attempts.outcome(reference) if reference else None
    page = render_template(
        "support/no_failure.html", reference=reference, outcome=outcome, usual=usual_messages()
    )
    return page, 404


@blueprint.get("/connections")
@login_required  # type: ignore[untyped-decorator]
def connections() -> str:
    """The accounts that are connected, the latest first."""
    count = services().connections.count()
    page = min(max(request.args.get("page", 1, int), 1), max(1, -(-count // PER_PAGE)))
    return render_template(
        "support/connections.html",
        connections=services().connections.newest(limit=PER_PAGE, offset=(page - 1) * PER_PAGE),
        count=count,
        page=page,
        per_page=PER_PAGE,
        now=services().clock(),
    )


@blueprint.post("/connections/<connection_id>/revoke")
@login_required  # type: ignore[untyped-decorator]
def revoke_connection(connection_id: str) -> Response:
    """Ends a connection at HubSpot and forgets it here."""
    _only_agents()
    done = revoke(
        connection_id,
        connections=services().connections,
        hubspot=services().hubspot,
        profiles=services().profiles,
    )
    current_app.logger.info("%s revokes %s: %s", current_user.id, connection_id[:100], done.value)
    flash(done.message, "done" if done.ok else "problem")
    return redirect(url("support.connections"), 303)


def _next_page() -> str:
    """Where to go after signing in: a page of our own, whatever the address asks for."""
    target = request.args.get("next", "")
    # A second "/" or a backslash would lead to another host.
    is_ours = target.startswith("/support/") and "\\" not in target and target.isprintable()
    return target if is_ours else url("support.failures")


def _link_to(filters: dict[str, str], cursor: str) -> str:
    return f"{url('support.failures')}?{urlencode({**filters, 'cursor': cursor})}"
