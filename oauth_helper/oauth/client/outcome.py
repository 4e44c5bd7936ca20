"""Define the outcomes of an attempt: `Connected | Failed | Deferred | Rejected`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence
from oauth_helper.failures.record import build_failure
from oauth_helper.models import IssuedCode, PendingAuthorization
from oauth_helper.store.outbox.events import AttemptFailed

if TYPE_CHECKING:
    from oauth_helper.store.outbox.writer import EventWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The outcome of an attempt, kept in the browser to show its page.

    `start_query` holds the customer's choices as a query string, to start again with the same.
    `browser_id` is the reference of the first attempt known from the same browser. `client` is the
    name of the proxy client that made the request. `client_redirect_url` is an address that returns
    its response, or leads back to HubSpot's Marketplace, once. `popup` says that the window closes
    at the end.
    """

    reference: str
    profile: str
    return_to: str | None = None
    start_query: str = ""
    browser_id: str = ""
    client: str = ""
    client_redirect_url: str | None = None
    popup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Ended):
    """The account is connected.

    `granted` is None when HubSpot didn't list the scopes; `missing` lists optional scopes that were
    not granted. `issued` is for the proxy client that made the request; no browser keeps it.
    """

    granted: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    hub_id: int | None = None
    issued: IssuedCode | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Ended):
    """The attempt failed. `missing` lists the scopes that the failure is about."""

    cause: Cause
    missing: tuple[str, ...] = ()
    title: str = ""


class Rejection(StrEnum):
    """Why a response is not processed. No failure is logged for it: anyone could have sent it.

    The last three are temporary: the response can be processed later.
    """

    NO_STATE = "no_state"
    OTHER_BROWSER = "other_browser"
    UPDATED = "updated"  # the browser keeps it in the form of another version
    ALTERED = "altered"
    EXPIRED = "expired"
    USED = "used"
    STORE_DOWN = "store_down"
    HUBSPOT_BUSY = "hubspot_busy"
    CLAIMED = "in_hand"


#: Rejections after which the same response can be processed later.
RETRYABLE = frozenset({Rejection.STORE_DOWN, Rejection.HUBSPOT_BUSY, Rejection.CLAIMED})


@dataclass(frozen=True, slots=True)
class Rejected:
    """The response must not be processed."""

    reason: Rejection


@dataclass(frozen=True, slots=True)
class Deferred:
    """The response can't be processed yet: keep `pending` in the browser and complete it later."""

    reason: Rejection
    pending: PendingAuthorization


def fail(
    writer: EventWriter,
    profile: Profile,
    pending: PendingAuthorization,
    evidence: Evidence,
    *,
    at: float,
    secrets: Iterable[str] = (),
    granted: tuple[str, ...] | None = None,
    hub_id: int | None = None,
) -> Failed:
    """Log the failure of an attempt at the time `at`, and return the outcome for its browser."""
    failure = build_failure(
        profile, pending, evidence, at=at, secrets=secrets, granted=granted, hub_id=hub_id
    )
    writer.write(AttemptFailed(failure, replaces=True, sender=pending.sender))
    client_request = pending.client_request
    return Failed(
        reference=pending.reference,
        profile=profile.name,
        cause=failure.cause,
        missing=failure.missing,
        title=failure.words.title,
        return_to=pending.return_to,
        start_query=client_request.query if client_request else pending.start_query,
        browser_id=pending.browser_id,
        client=pending.client,
        popup=pending.popup,
    )
