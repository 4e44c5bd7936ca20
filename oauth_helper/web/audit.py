"""Write down who does what: in the log, and in the audit log of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flask import current_app, g
from flask_login import current_user

from oauth_helper.store.audit_log import AuditLog

#: Where an application keeps the audit log among its extensions.
KEY = "oauth_helper.audit"


def audit_log() -> AuditLog:
    """Return the audit log of the application that serves this request."""
    return cast("AuditLog", current_app.extensions[KEY])


def audit(action: str, records: Sequence[str] = (), detail: str = "", *, who: str = "") -> None:
    """Write down what the member of the staff, the program or `who` did in this request.

    Raises `StoreUnavailableError`.
    """
    who = who or g.get("program") or current_user.id
    named = [ascii(each[:100])[1:-1] for each in records]
    current_app.logger.info("%s: %s %s %s", who, action, " ".join(named[:3]), detail)
    audit_log().add(who, action, named, detail)
