"""The parts that these views work with, put together by `create_app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from threading import Semaphore

    from oauth_helper.common.encryption import Encryptor
    from oauth_helper.config.profiles import Profile
    from oauth_helper.config.settings import Settings
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.oauth.client.report import Reports
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.bulk_actions import BulkActions
    from oauth_helper.store.connect_links import ConnectLinks
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.counters import Counters
    from oauth_helper.store.failures import Failures
    from oauth_helper.store.staff_sessions import StaffSessions
    from oauth_helper.store.token_uses import TokenUses
    from oauth_helper.store.webhook_queue import WebhookQueues
    from oauth_helper.web.support.oidc_client import OidcProvider

#: Where an application keeps them among its extensions.
KEY = "oauth_helper.support"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportServices:
    """What the support desk works with.

    `oidc_provider` is None when OpenID Connect isn't configured; `sign_in_encryptor` encrypts what
    a browser keeps during the sign-in at the provider. Each running export holds one of the
    `export_slots`.
    """

    config: Settings
    profiles: Mapping[str, Profile]
    attempts: Attempts
    failures: Failures
    counters: Counters
    bulk_actions: BulkActions
    connections: Connections
    connect_links: ConnectLinks
    reports: Reports
    hubspot: HubSpotClient
    webhook_queues: WebhookQueues
    token_uses: TokenUses
    staff_sessions: StaffSessions
    oidc_provider: OidcProvider | None
    sign_in_encryptor: Encryptor
    export_slots: Semaphore
    clock: Callable[[], float]


def services() -> SupportServices:
    """Return the parts of the application that serves this request."""
    return cast("SupportServices", current_app.extensions[KEY])
