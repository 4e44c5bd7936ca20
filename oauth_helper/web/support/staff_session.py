"""Who is signed in: the session of a member of the support staff, from its beginning to its end.

The browser's cookie names the session; the store says whether it is still going on, so that a copy
of the cookie ends with it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import cast

from flask import Flask, g, session
from flask_login import LoginManager, UserMixin, current_user
from flask_login import login_user as sign_in_user
from flask_login import logout_user as sign_out_user

from oauth_helper.config.settings import SupportUser
from oauth_helper.config.staff_access import AccessRule, Role
from oauth_helper.models import StoreUnavailableError
from oauth_helper.web.support.services import services

#: Seconds after which staff must sign in again, even if they were active.
SESSION_LIFETIME = 12 * 3600


sign_in = LoginManager()
sign_in.session_protection = None  # it ties the session to an address, which phones change

_STAFF, _NAME, _STORE_ERROR = "staff", "_user_id", "staff_store_error"


class StaffMember(UserMixin):  # type: ignore[misc]
    """A member of the support staff, signed in since `since` (Unix seconds)."""

    def __init__(self, name: str, role: Role, since: int) -> None:
        self.id = name
        self.role = role
        self.since = since

    @property
    def is_agent(self) -> bool:
        """Whether the role allows changes."""
        return self.role == "agent"


def install(app: Flask) -> None:
    """Makes `current_user` known to views and pages; a page that does not ask costs nothing."""
    sign_in.init_app(app, add_context_processor=False)
    app.context_processor(lambda: {"current_user": current_user})


def support_user(name: str) -> SupportUser | None:
    """The member of the staff of that name in SUPPORT_USERS."""
    users = services().config.support_users
    return next((user for user in users if user.name == name), None)


def begin(name: str, role: Role, rule: AccessRule | None = None) -> None:
    """Begins a session under a new id. `rule` let somebody in by OpenID Connect.

    Raises `StoreUnavailableError`.
    """
    end()  # of another one in this browser
    g.pop("csrf_token", None)  # made for the session before
    session_id, now = secrets.token_urlsafe(32), services().clock()
    by = rule.text if rule else ""
    services().staff_sessions.begin(_person(name, by), session_id, now=now)
    session.permanent = True
    session[_STAFF] = {"id": session_id, "role": role, "by": by, "grant": _grant(name, role, by)}
    sign_in_user(StaffMember(name, role, int(now)))


def end() -> None:
    """Ends this browser's session and every copy of it. Raises `StoreUnavailableError`."""
    kept, name = session.get(_STAFF), session.get(_NAME)
    sign_out_user()
    session.clear()  # first: whatever the store does, this browser is out
    if kept and name:
        services().staff_sessions.end(_person(name, kept["by"]), kept["id"])


def end_everywhere() -> None:
    """Ends every session of who is signed in. Raises `StoreUnavailableError`."""
    services().staff_sessions.end_all(_person(session[_NAME], session[_STAFF]["by"]))
    sign_out_user()
    session.clear()


def is_store_down() -> StoreUnavailableError | None:
    """Why nobody knows whether this browser is signed in; None when that is known."""
    return cast("StoreUnavailableError | None", g.get(_STORE_ERROR))


@sign_in.user_loader  # type: ignore[untyped-decorator]
def _load_user(name: str) -> StaffMember | None:
    kept = session.get(_STAFF)
    if not isinstance(kept, dict):
        return None  # of an earlier version of this program
    grant = _grant(name, kept["role"], kept["by"])
    if grant is None or grant != kept["grant"]:
        return None
    browser_id, now = _person(name, kept["by"]), services().clock()
    try:
        since = services().staff_sessions.since(browser_id, kept["id"], now=now)
    except StoreUnavailableError as error:
        # Not raised here: error pages ask who is signed in too.
        setattr(g, _STORE_ERROR, error)
        return None
    return StaffMember(name, kept["role"], since) if since is not None else None


def _grant(name: str, role: str, by: str) -> str | None:
    """Changes with password, role and rule, and ends the sessions of before with that.

    `by` is the rule of somebody who came in by OpenID Connect. None when nothing lets them in.
    """
    if by:
        openid = services().config.openid
        text = openid.grant(AccessRule(by), role) if openid else None
    else:
        user = support_user(name)
        text = "\n".join((name, user.password_hash.reveal(), user.role)) if user else None
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _person(name: str, by: str) -> str:
    # Whoever comes in by OpenID Connect is nobody of the same name in SUPPORT_USERS.
    openid = services().config.openid
    return f"openid\n{openid.issuer}\n{name}" if by and openid else f"password\n{name}"
