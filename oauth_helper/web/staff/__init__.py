"""The support staff's pages, behind sign-in: one module for each thing that they look at."""

from oauth_helper.web.staff import check, connections, failures, signing_in, work
from oauth_helper.web.staff.blueprint import blueprint

__all__ = ["blueprint", "check", "connections", "failures", "signing_in", "work"]
