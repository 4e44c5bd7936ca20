"""The parts that these views work with, put together by `create_app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from oauth_helper.config.profiles import Profile
    from oauth_helper.config.settings import Settings
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.oauth.client.refresh import TokenRefresher
    from oauth_helper.store.connect_links import ConnectLinks
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.counters import Counters
    from oauth_helper.store.erasure import Erasure
    from oauth_helper.store.failures import Failures
    from oauth_helper.web.api.auth import ApiTokens

#: Where an application keeps them among its extensions.
KEY = "oauth_helper.api"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServices:
    """What the JSON API works with."""

    config: Settings
    api_tokens: ApiTokens
    profiles: Mapping[str, Profile]
    failures: Failures
    counters: Counters
    connections: Connections
    connect_links: ConnectLinks
    token_refresher: TokenRefresher
    hubspot: HubSpotClient
    erasure: Erasure
    clock: Callable[[], float]


def services() -> ApiServices:
    """Return the parts of the application that serves this request."""
    return cast("ApiServices", current_app.extensions[KEY])
