"""The support desk, behind sign-in: one module for each page.

It knows Flask and the layers below `web`, but neither Redis nor HubSpot.
"""

from oauth_helper.web.support import (
    account,
    app_check,
    audit,
    bulk_triage,
    connections,
    export,
    failure,
    failures,
    groups,
    insights,
    links,
    live,
    login,
    oidc_login,
    staff_session,
    triage,
    webhooks,
)
from oauth_helper.web.support.blueprint import blueprint

blueprints = (blueprint, app_check.blueprint)

__all__ = [
    "account",
    "app_check",
    "audit",
    "blueprints",
    "bulk_triage",
    "connections",
    "export",
    "failure",
    "failures",
    "groups",
    "insights",
    "links",
    "live",
    "login",
    "oidc_login",
    "staff_session",
    "triage",
    "webhooks",
]
