"""What the views work with, put together by the application factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Semaphore
from typing import TYPE_CHECKING, cast

from flask import Flask, abort, current_app

if TYPE_CHECKING:  # the views know the adapters by their types only; the factory hands them in
    from oauth_helper.config import Config
    from oauth_helper.connecting import Connecting
    from oauth_helper.finishing import Finishing
    from oauth_helper.hubspot import HubSpot
    from oauth_helper.metering import Metrics
    from oauth_helper.noting import Noting
    from oauth_helper.openid import OpenIdProvider
    from oauth_helper.profiles import Profile
    from oauth_helper.proxy import ProxyServer
    from oauth_helper.refreshing import Refreshing
    from oauth_helper.reporting import Reporting
    from oauth_helper.sealing import Sealer
    from oauth_helper.storage.attempts import Attempts
    from oauth_helper.storage.connections import Connections
    from oauth_helper.storage.deeds import Deeds
    from oauth_helper.storage.exports import Exports
    from oauth_helper.storage.failures import Failures
    from oauth_helper.storage.outbox import Outbox
    from oauth_helper.storage.staff_sessions import StaffSessions
    from oauth_helper.storage.tallies import Tallies
    from oauth_helper.storage.upgrading import Upgrading
    from oauth_helper.sweeping import Sweeping
    from oauth_helper.web.attempt_cookies import AttemptCookies

_KEY = "oauth_helper"

#: Seconds after which staff sign in again, however busy they were.
SESSION_LIFETIME = 12 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One application's parts. `ping` raises `StoreUnavailableError` when the store is away.

    `openid` is None where nobody signs in at a provider; `sign_ins` seals what a browser keeps
    while somebody is there. `proxy` is None where no client is registered. Who makes a file for
    somebody takes one of the `export_places`.
    """

    config: Config
    profiles: Mapping[str, Profile]
    connecting: Connecting
    finishing: Finishing
    reporting: Reporting
    noting: Noting
    upgrading: Upgrading
    outbox: Outbox
    metrics: Metrics
    sweeping: Sweeping
    cookies: AttemptCookies
    attempts: Attempts
    failures: Failures
    tallies: Tallies
    deeds: Deeds
    connections: Connections
    refreshing: Refreshing
    exports: Exports
    export_places: Semaphore
    hubspot: HubSpot
    proxy: ProxyServer | None
    staff_sessions: StaffSessions
    openid: OpenIdProvider | None
    sign_ins: Sealer
    ping: Callable[[], object]
    clock: Callable[[], float]

    def install(self, app: Flask) -> None:
        """Makes these the services of `app`."""
        app.extensions[_KEY] = self


def services_of(app: Flask) -> Services:
    """The services of `app`."""
    return cast("Services", app.extensions[_KEY])


def services() -> Services:
    """The services of the application that serves this request."""
    return services_of(current_app)


def profile_or_404(name: str) -> Profile:
    """The profile of that name; without one the request ends in 404."""
    profile = services().profiles.get(name)
    if profile is None:
        abort(404, f"There is no profile named “{name[:40]}” here.")
    return profile
