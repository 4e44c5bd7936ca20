"""What people say that HubSpot showed them: it refines the record of their attempt, or makes it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence
from oauth_helper.failures.model import Event, EventType, Failure
from oauth_helper.failures.record import build_failure, evidence_at_hubspot
from oauth_helper.failures.triage import refined_by_report
from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.models import Attempt, PendingAuthorization, StoreUnavailableError
from oauth_helper.store.outbox.writer import ErrorReported, Outbox

logger = logging.getLogger(__name__)

# Characters of a report in the history. The record itself has the latest in full.
_MAX_REPORT = 500


class AttemptLog(Protocol):
    """Where attempts are noted."""

    def has_succeeded(self, fingerprint: str) -> bool:
        """Whether a request of this fingerprint has connected somebody lately."""


class FailureLog(Protocol):
    """Where failures are recorded."""

    def record(self, failure: Failure) -> bool:
        """Writes a failure; False if there is one already."""

    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """Changes a failure that was written; None when there is none."""

    def earlier_causes(self, reference: str, browser_id: str) -> tuple[Cause, ...]:
        """The causes of other failures of the same browser, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Takes reports in. `clock` gives Unix seconds."""

    attempts: AttemptLog
    failures: FailureLog
    clock: Callable[[], float]
    outbox: Outbox | None = None

    def report(
        self,
        profile: Profile | None,
        attempt: Attempt | PendingAuthorization,
        message: str,
        *,
        by: str,
    ) -> Failure | None:
        """The record of the attempt with what `message` adds to it; `by` is who says so.

        A response that came back tells more than any report, so a failure of a later stage keeps
        its causes. None when the attempt has connected: nothing is recorded then. While the store
        is down the report waits in the outbox, and what it tells by itself is returned; without
        an outbox it raises `StoreUnavailableError`.
        """
        now = self.clock()
        told = build_failure(profile, attempt, self._evidence(profile, attempt, message), at=now)
        event = Event(now, EventType.REPORTED, by, told.message[:_MAX_REPORT])
        try:
            return self._record(told, event)
        except StoreUnavailableError as error:
            if self.outbox is None:
                raise
            logger.warning("the store is down; a report waits in the outbox: %s", error)
            self.outbox.put(ErrorReported(told, event))
            return told.with_event(event)

    def _record(self, told: Failure, event: Event) -> Failure | None:
        if self.failures.record(told.with_event(event)):
            logger.info("reported: %s %s %s", told.reference, told.profile, told.cause)
            return told.with_event(event)
        return self.failures.change(
            told.reference, partial(refined_by_report, told=told, event=event)
        )

    def _evidence(
        self, profile: Profile | None, attempt: Attempt | PendingAuthorization, message: str
    ) -> Evidence:
        worked, earlier = self._known_before(profile, attempt)
        evidence = evidence_at_hubspot(
            profile, attempt, message=message, worked=worked, earlier=earlier
        )
        page = find_authorization_url(message)
        if profile is None or page is None or page.redirect_uri in (None, profile.redirect_uri):
            return evidence
        # The page belongs to a link that somebody else made.
        return replace(
            evidence, requested=page.requested, redirect_uri=page.redirect_uri or "", worked=False
        )

    def _known_before(
        self, profile: Profile | None, attempt: Attempt | PendingAuthorization
    ) -> tuple[bool, tuple[Cause, ...]]:
        """Whether the same request has worked, and why others of the same browser failed.

        Nothing of it is known while the store is down; the message alone tells most.
        """
        try:
            worked = profile is not None and self.attempts.has_succeeded(
                profile.fingerprint(attempt.requested)
            )
            return worked, self.failures.earlier_causes(attempt.reference, attempt.browser_id)
        except StoreUnavailableError:
            return False, ()
