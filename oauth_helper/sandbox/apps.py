"""The HubSpot apps that the sandbox knows, with the edits of its users."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore, Event
from typing import Any
from urllib.parse import urlsplit

from oauth_helper.sandbox.accounts import ACCOUNTS, Account
from oauth_helper.sandbox.state import SandboxState
from oauth_helper.scopes import AppConfiguration, Catalogue, shipped_catalogue

#: Seconds that an edit or an approval lasts.
KEPT = 30 * 24 * 3600

#: How many requests may wait at once for the answer "slow", so that they can't take every thread.
SLOW_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class SandboxApp:
    """An app. With `governed` a Super Admin must approve it in an account before it connects.

    `policy_signed` is for HubSpot's acceptable use policy; `link_valid` is for the install link.
    With `cuts_opener` its pages separate a popup from the window that opened it.
    """

    client_id: str
    client_secret: str = field(repr=False)
    title: str
    configuration: AppConfiguration
    policy_signed: bool = True
    governed: bool = False
    link_valid: bool = True
    cuts_opener: bool = False


class Sandbox:
    """The apps, the state that stores them, and the sandbox's clock and random source.

    `clock` gives seconds since 1970, `random(n)` a text made of n random bytes. A code is valid for
    `code_lifetime` seconds. The token answer "slow" waits `slow_seconds`, or until `hurry` is set.
    `home` is where to connect; the sandbox's own pages link to it, HubSpot's don't.
    """

    def __init__(
        self,
        apps: Iterable[SandboxApp],
        state: SandboxState,
        *,
        catalogue: Catalogue | None = None,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], str] = secrets.token_urlsafe,
        code_lifetime: int = 60,
        slow_seconds: float = 30.0,
        home: str | None = None,
    ) -> None:
        self._apps = {app.client_id: app for app in apps}
        self.state = state
        self.catalogue = catalogue if catalogue is not None else shipped_catalogue()
        self.clock = clock
        self.random = random
        self.code_lifetime = code_lifetime
        self.slow_seconds = slow_seconds
        self.home = home
        self.hurry = Event()
        self.slow_places = BoundedSemaphore(SLOW_AT_ONCE)

    @property
    def apps(self) -> tuple[SandboxApp, ...]:
        """Return every app with its edits."""
        return tuple(self._with_edit(app) for app in self._apps.values())

    def app(self, client_id: str) -> SandboxApp | None:
        """Return the app with its edits."""
        given = self._apps.get(client_id)
        return given and self._with_edit(given)

    def edit(self, app: SandboxApp) -> None:
        """Replace the app with the same client id by `app`. Title and secret stay."""
        self.state.put(f"app:{app.client_id}", _edit_of(app), ttl=KEPT)
        self._forget_approvals(app.client_id)

    def reset(self, client_id: str) -> None:
        """Undo all edits and approvals of the app."""
        self.state.take(f"app:{client_id}")
        self._forget_approvals(client_id)

    def is_edited(self, client_id: str) -> bool:
        """Return whether the app has edits."""
        return self.app(client_id) != self._apps.get(client_id)

    def approve(self, client_id: str, account: Account) -> None:
        """Approve the app in an account, as a Super Admin does in App Governance."""
        self.state.put(_approval(client_id, account), {"approved": True}, ttl=KEPT)

    def seen_by(self, account: Account, app: SandboxApp) -> SandboxApp:
        """Return `app` as `account` sees it: not governed once a Super Admin has approved it."""
        approved = self.state.get(_approval(app.client_id, account)) is not None
        return replace(app, governed=app.governed and not approved)

    def may_redirect(self, client_id: str, redirect_uri: str) -> bool:
        """Return whether to redirect the browser to `redirect_uri` without a question.

        Anyone may edit an app here, so an address from an edit would be an open redirect. Only
        addresses from the operator or on this machine are safe.
        """
        given = self._apps.get(client_id)
        if given is None:
            return False
        host = urlsplit(redirect_uri).hostname
        return redirect_uri in given.configuration.redirect_urls or host == "localhost"

    def _with_edit(self, given: SandboxApp) -> SandboxApp:
        edit = self.state.get(f"app:{given.client_id}")
        if edit is None:
            return given
        stored = edit["configuration"]
        configuration = AppConfiguration(
            required=tuple(stored["required"]),
            conditional=tuple(stored["conditional"]),
            optional=tuple(stored["optional"]),
            redirect_urls=tuple(stored["redirect_urls"]),
            auth_type=stored["auth_type"],
        )
        return replace(given, **{**edit, "configuration": configuration})

    def _forget_approvals(self, client_id: str) -> None:
        for account in ACCOUNTS:
            self.state.take(_approval(client_id, account))


def _approval(client_id: str, account: Account) -> str:
    return f"approved:{client_id}:{account.hub_id}"


def _edit_of(app: SandboxApp) -> dict[str, Any]:
    configuration = app.configuration
    return {
        "configuration": {
            "required": list(configuration.required),
            "conditional": list(configuration.conditional),
            "optional": list(configuration.optional),
            "redirect_urls": list(configuration.redirect_urls),
            "auth_type": configuration.auth_type,
        },
        "policy_signed": app.policy_signed,
        "governed": app.governed,
        "link_valid": app.link_valid,
        "cuts_opener": app.cuts_opener,
    }
