"""The parts that these views work with, put together by `create_app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import abort, current_app

if TYPE_CHECKING:
    from oauth_helper.config.profiles import Profile
    from oauth_helper.config.settings import Settings
    from oauth_helper.oauth.client.account_domain import AccountDomains
    from oauth_helper.oauth.client.callback import Callback
    from oauth_helper.oauth.client.report import Reports
    from oauth_helper.oauth.client.start import Authorizer
    from oauth_helper.oauth.server import ProxyServer
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.connect_links import ConnectLinks
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.failures import Failures
    from oauth_helper.web.customer.cookies import AttemptCookies

#: Where an application keeps them among its extensions.
KEY = "oauth_helper.customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerServices:
    """What the customer's pages and the OAuth proxy's endpoints work with.

    `server` is None when no client of the proxy is registered.
    """

    config: Settings
    profiles: Mapping[str, Profile]
    authorizer: Authorizer
    callback: Callback
    reports: Reports
    cookies: AttemptCookies
    attempts: Attempts
    connections: Connections
    domains: AccountDomains
    failures: Failures
    connect_links: ConnectLinks
    server: ProxyServer | None
    clock: Callable[[], float]


def services() -> CustomerServices:
    """Return the parts of the application that serves this request."""
    return cast("CustomerServices", current_app.extensions[KEY])


def profile_or_404(name: str) -> Profile:
    """Return the profile with this name, or end the request with 404."""
    profile = services().profiles.get(name)
    if profile is None:
        abort(404, f"There is no profile named “{name[:40]}” here.")
    return profile
