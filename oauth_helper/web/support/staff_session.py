"""The sessions of the support staff.

The browser's cookie names the session; the store knows whether it is still valid, so that copies of
the cookie end with it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, cast

from flask import Flask, g, session
from flask_login import LoginManager, UserMixin, current_user
from flask_login import login_user as sign_in_user
from flask_login import logout_user as sign_out_user

from oauth_helper.config.settings import SupportUser
from oauth_helper.config.staff_access import AccessRule, Role
from oauth_helper.models import StoreUnavailableError
from oauth_helper.web.audit import audit
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
        """Return whether the role allows changes."""
        return self.role == "agent"


def install(app: Flask) -> None:
    """Provide `current_user` to views and templates, loaded when they use it."""
    # Without its hook for a cookie that remembers users, which would look into every session.
    app.login_manager = sign_in  # type: ignore[attr-defined]
    app.context_processor(lambda: {"current_user": current_user})


def support_user(name: str) -> SupportUser | None:
    """Return the user with this name in SUPPORT_USERS."""
    users = services().config.support_users
    return next((user for user in users if user.name == name), None)


def begin(name: str, role: Role, rule: AccessRule | None = None) -> None:
    """Start a session under a new id. `rule` is the one that admits a user of OpenID Connect.

    Raises `StoreUnavailableError`.
    """
    end()  # of another user in this browser
    g.pop("csrf_token", None)  # made for the previous session
    session_id, now = secrets.token_urlsafe(32), services().clock()
    by = rule.text if rule else ""
    services().staff_sessions.begin(_person(name, by), session_id, now=now)
    session.permanent = True
    session[_STAFF] = {"id": session_id, "role": role, "by": by, "grant": _grant(name, role, by)}
    sign_in_user(StaffMember(name, role, int(now)))
    audit("sign in", detail=role)


def end() -> None:
    """End this browser's session and every copy of it. Raises `StoreUnavailableError`."""
    kept, name = _kept(), session.get(_NAME)
    sign_out_user()
    session.clear()  # before the store is asked: whatever it does, this browser is signed out
    if kept and name:
        services().staff_sessions.end(_person(name, kept["by"]), kept["id"])


def end_everywhere() -> None:
    """End every session of the signed-in user. Raises `StoreUnavailableError`."""
    services().staff_sessions.end_all(_person(session[_NAME], session[_STAFF]["by"]))
    sign_out_user()
    session.clear()


def store_error() -> StoreUnavailableError | None:
    """Return why it is unknown whether this browser is signed in; None when it is known."""
    return cast("StoreUnavailableError | None", g.get(_STORE_ERROR))


@sign_in.user_loader  # type: ignore[untyped-decorator]
def _load_user(name: str) -> StaffMember | None:
    kept = _kept()
    if kept is None:
        return None
    grant = _grant(name, kept["role"], kept["by"])
    if grant is None or grant != kept["grant"]:
        return None
    browser_id, now = _person(name, kept["by"]), services().clock()
    try:
        since = services().staff_sessions.since(browser_id, kept["id"], now=now)
    except StoreUnavailableError as error:
        # Not raised here, because error pages load the user too.
        setattr(g, _STORE_ERROR, error)
        return None
    return StaffMember(name, kept["role"], since) if since is not None else None


def _kept() -> dict[str, Any] | None:
    """Return what this browser's session holds; None without one, or one of another version."""
    kept = session.get(_STAFF)
    names = ("id", "role", "by", "grant")
    is_ours = isinstance(kept, dict) and all(isinstance(kept.get(name), str) for name in names)
    return kept if is_ours else None


def _grant(name: str, role: str, by: str) -> str | None:
    """Return a hash that changes with password, role and rule, which ends older sessions.

    `by` is the rule that admitted a user of OpenID Connect. None when nothing admits the user.
    """
    if by:
        openid = services().config.openid
        text = openid.grant(AccessRule(by), role) if openid else None
    else:
        user = support_user(name)
        text = "\n".join((name, user.password_hash.get_secret_value(), user.role)) if user else None
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _person(name: str, by: str) -> str:
    # A user of OpenID Connect is never the user of the same name in SUPPORT_USERS.
    openid = services().config.openid
    return f"openid\n{openid.issuer}\n{name}" if by and openid else f"password\n{name}"
