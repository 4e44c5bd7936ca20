"""The support staff's pages, behind sign-in: one module for each thing that they look at."""

from oauth_helper.web.staff import (
    account,
    check,
    connections,
    export,
    failures,
    groups,
    insights,
    live,
    one_failure,
    openid_sign_in,
    sessions,
    signing_in,
    work,
    work_on_many,
)
from oauth_helper.web.staff.blueprint import blueprint

__all__ = [
    "account",
    "blueprint",
    "check",
    "connections",
    "export",
    "failures",
    "groups",
    "insights",
    "live",
    "one_failure",
    "openid_sign_in",
    "sessions",
    "signing_in",
    "work",
    "work_on_many",
]
