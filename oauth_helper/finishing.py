"""What every success leaves behind: its attempt is closed, and what it makes up for is resolved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from oauth_helper.oauth.pending import PendingAuthorization
from oauth_helper.profiles import Profile
from oauth_helper.records import Failure, StoreUnavailableError
from oauth_helper.working import connected_after_all

logger = logging.getLogger(__name__)


class AttemptLog(Protocol):
    """Where attempts are noted."""

    def close(self, reference: str, outcome: str) -> str | None:
        """Notes how an attempt ended; the outcome noted before."""

    def note_worked(self, fingerprint: str, now: float) -> None:
        """Remembers that a request of this fingerprint has connected somebody."""

    def note_came(self, person: str, profile: str, reference: str, now: float) -> None:
        """Remembers that somebody has connected a profile, and with which attempt."""


class FailureLog(Protocol):
    """Where failures are recorded."""

    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """Changes a failure that was written; None when there is none."""

    def open_of(self, profile: str, *, account: int | None, person: str) -> list[str]:
        """The open failures of an account and of a browser."""


def note_connected(
    profile: Profile,
    pending: PendingAuthorization,
    hub_id: int | None,
    *,
    attempts: AttemptLog,
    failures: FailureLog,
    now: float,
) -> None:
    """Notes the success, and resolves what it has made up for: this attempt's and others'."""
    before = attempts.close(pending.reference, "connected")
    attempts.note_worked(profile.fingerprint(pending.requested), now)
    # Before the search, so that a failure that is recorded meanwhile sees it.
    person = pending.person or pending.reference
    attempts.note_came(person, profile.name, pending.reference, now)
    mended = failures.open_of(profile.name, account=hub_id, person=person)
    if before is not None:
        mended.append(pending.reference)
    for reference in dict.fromkeys(mended):
        failures.change(
            reference, partial(connected_after_all, at=now, reference=pending.reference)
        )


def tolerating_outage(action: Callable[[], object]) -> None:
    """Does what is worth doing, and without which the person gets on all the same."""
    try:
        action()
    except StoreUnavailableError as error:
        logger.warning("the store is down; something is not recorded: %s", error)
