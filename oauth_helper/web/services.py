"""Give the views the parts that the application factory created."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Semaphore
from typing import TYPE_CHECKING, cast

from flask import Flask, abort, current_app

if TYPE_CHECKING:  # the views need only the types of these parts; the factory creates them
    from oauth_helper.common.encryption import Encryptor
    from oauth_helper.config.profiles import Profile
    from oauth_helper.config.settings import Settings
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.oauth.client.callback import Callback
    from oauth_helper.oauth.client.expiry import AttemptExpiry
    from oauth_helper.oauth.client.refresh import TokenRefresher
    from oauth_helper.oauth.client.report import Reports
    from oauth_helper.oauth.client.start import Authorizer
    from oauth_helper.oauth.server import ProxyServer
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.bulk_actions import BulkActions
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.counters import Counters
    from oauth_helper.store.failures import Failures
    from oauth_helper.store.outbox.queue import Outbox
    from oauth_helper.store.outbox.writer import EventWriter
    from oauth_helper.store.staff_sessions import StaffSessions
    from oauth_helper.web.customer.cookies import AttemptCookies
    from oauth_helper.web.support.oidc_client import OidcProvider

_KEY = "oauth_helper"

#: Seconds after which staff must sign in again, even if they were active.
SESSION_LIFETIME = 12 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One application's parts. `ping` raises `StoreUnavailableError` while Redis is down.

    `oidc_provider` is None when OpenID Connect isn't configured; `sign_in_encryptor` encrypts what
    a browser keeps during the sign-in at the provider. `server` is None when no client is
    registered. Each running export holds one of the `export_slots`.
    """

    config: Settings
    profiles: Mapping[str, Profile]
    authorizer: Authorizer
    callback: Callback
    reports: Reports
    writer: EventWriter
    outbox: Outbox
    expiry: AttemptExpiry
    cookies: AttemptCookies
    attempts: Attempts
    failures: Failures
    counters: Counters
    bulk_actions: BulkActions
    connections: Connections
    token_refresher: TokenRefresher
    export_slots: Semaphore
    hubspot: HubSpotClient
    server: ProxyServer | None
    staff_sessions: StaffSessions
    oidc_provider: OidcProvider | None
    sign_in_encryptor: Encryptor
    ping: Callable[[], object]
    clock: Callable[[], float]

    def install(self, app: Flask) -> None:
        """Make these the services of `app`."""
        app.extensions[_KEY] = self


def services_of(app: Flask) -> Services:
    """Return the services of `app`."""
    return cast("Services", app.extensions[_KEY])


def services() -> Services:
    """Return the services of the application that serves this request."""
    return services_of(current_app)


def profile_or_404(name: str) -> Profile:
    """Return the profile with this name, or end the request with 404."""
    profile = services().profiles.get(name)
    if profile is None:
        abort(404, f"There is no profile named “{name[:40]}” here.")
    return profile
