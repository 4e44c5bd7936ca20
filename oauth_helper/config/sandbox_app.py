"""Set up the built-in sandbox with an app that fits all profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from oauth_helper.config.app_setup import setup_checklist
from oauth_helper.config.profiles import Profile
from oauth_helper.config.settings import Settings
from oauth_helper.sandbox import Sandbox, SandboxApp, SandboxState
from oauth_helper.scopes import AppConfiguration


def sandbox_for(config: Settings, state: SandboxState, *, clock: Callable[[], float]) -> Sandbox:
    """Return a sandbox with an app that has what all profiles need, until it is edited."""
    first = config.profiles[0]
    app = SandboxApp(
        client_id=first.client_id,
        client_secret=first.client_secret.get_secret_value(),
        title=first.title,
        configuration=_configuration(config.profiles),
    )
    return Sandbox([app], state, catalogue=first.catalogue, clock=clock, home=config.public_url)


def _configuration(profiles: tuple[Profile, ...]) -> AppConfiguration:
    wanted = [profile.app or _as_set_up(profile) for profile in profiles]
    required = _together(app.required for app in wanted)
    conditional = _together(app.conditional for app in wanted)
    return AppConfiguration(
        required=required,
        conditional=tuple(name for name in conditional if name not in required),
        optional=tuple(
            name
            for name in _together(app.optional for app in wanted)
            if name not in (*required, *conditional)
        ),
        redirect_urls=_together(
            (*app.redirect_urls, profile.redirect_uri)
            for app, profile in zip(wanted, profiles, strict=True)
        ),
    )


def _as_set_up(profile: Profile) -> AppConfiguration:
    """Return the app that the setup page describes."""
    checklist = setup_checklist(profile)
    return AppConfiguration(
        required=tuple(scope.name for scope in checklist.required),
        conditional=tuple(scope.name for scope in checklist.conditional),
        optional=tuple(scope.name for scope in checklist.optional),
        redirect_urls=checklist.redirect_urls,
    )


def _together(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
