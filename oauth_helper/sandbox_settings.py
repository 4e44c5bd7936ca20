"""The built-in sandbox for the profiles at hand: an app that is set up just as they need it."""

from __future__ import annotations

from collections.abc import Callable

from oauth_helper.app_setup import setup_checklist
from oauth_helper.config import Config
from oauth_helper.profiles import Profile
from oauth_helper.sandbox import Sandbox, SandboxApp, SandboxState
from oauth_helper.scopes import AppConfiguration


def sandbox_for(config: Config, state: SandboxState, *, clock: Callable[[], float]) -> Sandbox:
    """A sandbox whose one app fits all profiles, until somebody edits it on its page."""
    first = config.profiles[0]
    app = SandboxApp(
        client_id=first.client_id,
        client_secret=first.client_secret.reveal(),
        title=first.title,
        configuration=_configuration(config.profiles),
    )
    return Sandbox([app], state, catalogue=first.catalogue, clock=clock)


def _configuration(profiles: tuple[Profile, ...]) -> AppConfiguration:
    if profiles[0].app is not None:
        return profiles[0].app
    lists = [setup_checklist(profile) for profile in profiles]
    required = {scope.name: None for each in lists for scope in each.required}
    conditional = {scope.name: None for each in lists for scope in each.conditional}
    optional = {scope.name: None for each in lists for scope in each.optional}
    return AppConfiguration(
        required=tuple(required),
        conditional=tuple(name for name in conditional if name not in required),
        optional=tuple(name for name in optional if name not in {**required, **conditional}),
        redirect_urls=tuple(dict.fromkeys(url for each in lists for url in each.redirect_urls)),
    )
