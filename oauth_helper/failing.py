"""What becomes of an attempt that failed, and how any of them is told to the person who made it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from oauth_helper.diagnosis import Cause, Evidence
from oauth_helper.noting import Failed, Note
from oauth_helper.oauth.client_request import ClientRequest
from oauth_helper.oauth.pending import PendingAuthorization
from oauth_helper.profiles import Profile
from oauth_helper.recording import failure_of
from oauth_helper.records import Failure

logger = logging.getLogger(__name__)


class Notes(Protocol):
    """What is written as soon as it can be."""

    def note(self, note: Note) -> None:
        """Writes a note, or has it wait while the store is down."""


class WayBack(Protocol):
    """The addresses that lead back to clients of the proxy."""

    def with_error(
        self, asked_by: ClientRequest, cause: Cause, reference: str, *, what: str = ""
    ) -> str | None:
        """The one that tells of a failure; None when the client is no longer there.

        `what` says in a few words what happened, if that is not the title of the cause.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended, as far as the person who made it is told.

    `cause` is None when it connected. `missing` are the scopes that a failure is about or, after a
    success, the optional ones that were not granted; `granted` is None when HubSpot did not tell.
    `begun_with` has the choices to begin the same again, as a query; `person` is the reference of
    the first attempt known of the same browser. `client` is the name of the client of the proxy
    that asked, and `back_to` the address that leads back to it with the answer, once. `popup` says
    that the window is to close at the end.
    """

    reference: str
    profile: str
    cause: Cause | None
    missing: tuple[str, ...] = ()
    granted: tuple[str, ...] | None = None
    hub_id: int | None = None
    return_to: str | None = None
    begun_with: str = ""
    person: str = ""
    client: str = ""
    back_to: str | None = None
    popup: bool = False

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.cause is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Ends attempts that failed. `clock` gives Unix seconds."""

    notes: Notes
    clients: WayBack
    clock: Callable[[], float]

    def fail(
        self,
        profile: Profile,
        pending: PendingAuthorization,
        evidence: Evidence,
        *,
        secrets: Iterable[str] = (),
        granted: tuple[str, ...] | None = None,
        hub_id: int | None = None,
    ) -> Outcome:
        """Has the failure recorded, as far as it is known what happened; what is told of it."""
        failure = failure_of(
            profile,
            pending,
            evidence,
            at=self.clock(),
            secrets=secrets,
            granted=granted,
            hub_id=hub_id,
        )
        self.notes.note(Failed(failure, replaces=True))
        logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
        return Outcome(
            reference=pending.reference,
            profile=profile.name,
            cause=failure.cause,
            missing=failure.missing,
            granted=granted,
            hub_id=hub_id,
            return_to=pending.return_to,
            begun_with=pending.asked_by.query if pending.asked_by else pending.begun_with,
            person=pending.person,
            client=pending.client,
            back_to=self._back_to(pending, failure),
            popup=pending.popup,
        )

    def _back_to(self, pending: PendingAuthorization, failure: Failure) -> str | None:
        if pending.asked_by is None:
            return None
        return self.clients.with_error(
            pending.asked_by, failure.cause, failure.reference, what=failure.words.title
        )
