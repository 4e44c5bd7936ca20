"""Read an install that began in HubSpot's Marketplace from what it brings to the redirect URL.

With partner sign-in, HubSpot asks for a state first (`step=authorize`) and brings it back with the
code (`step=finalize`); without, it brings a code alone. The browser has to return to `returnUrl`,
or HubSpot sends it here again and again. As of 2026-11:
https://developers.hubspot.com/docs/apps/developer-platform/list-apps/understand-app-install-flow
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oauth_helper.common.urls import parse_web_url
from oauth_helper.hubspot.authorization_request import is_issuer
from oauth_helper.hubspot.authorization_response import single

# Characters of a return address, which must fit into the attempt's cookie.
_MAX_RETURN_URL = 1000


@dataclass(frozen=True, slots=True)
class InstallRequest:
    """One step of an install. `return_url` is at HubSpot; empty when the one sent was not."""

    step: str
    return_url: str

    def return_url_with(self, state: str) -> str:
        """Return the address that brings a state to HubSpot."""
        return f"{self.return_url}{'&' if '?' in self.return_url else '?'}state={state}"


def read_install_request(parameters: Mapping[str, Sequence[str]], endpoint: str) -> InstallRequest:
    """Return the step in the query. `endpoint` is the authorization endpoint."""
    url = single(parameters, "returnUrl") or ""
    parts = parse_web_url(url) if len(url) <= _MAX_RETURN_URL and "#" not in url else None
    is_hubspot = parts is not None and is_issuer(f"{parts.scheme}://{parts.netloc}", endpoint)
    return InstallRequest(single(parameters, "step") or "", url if is_hubspot else "")
