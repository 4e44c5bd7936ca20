"""What people say that HubSpot showed them: it refines the record of their attempt, or makes it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from oauth_helper.diagnosis import Cause, Evidence, Stage
from oauth_helper.oauth.authorization_request import find_authorization_url
from oauth_helper.oauth.pending import PendingAuthorization
from oauth_helper.profiles import Profile
from oauth_helper.recording import evidence_at_hubspot, failure_of
from oauth_helper.records import Attempt, Event, Failure, Status, What

logger = logging.getLogger(__name__)

# Characters of a report in the history, and reports of one person there. The record itself has the
# latest in full.
_MAX_REPORT, _MOST_REPORTS = 500, 5


class AttemptLog(Protocol):
    """Where attempts are noted."""

    def has_worked(self, fingerprint: str) -> bool:
        """Whether a request of this fingerprint has connected somebody lately."""


class FailureLog(Protocol):
    """Where failures are recorded."""

    def record(self, failure: Failure) -> bool:
        """Writes a failure; False if there is one already."""

    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """Changes a failure that was written; None when there is none."""

    def earlier_causes(self, reference: str, person: str) -> tuple[Cause, ...]:
        """The causes of other failures of the same browser, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Takes reports in. `clock` gives Unix seconds."""

    attempts: AttemptLog
    failures: FailureLog
    clock: Callable[[], float]

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
        its causes. None when the attempt has connected: nothing is recorded then.
        """
        now = self.clock()
        told = failure_of(profile, attempt, self._evidence(profile, attempt, message), at=now)
        event = Event(now, What.REPORTED, by, told.message[:_MAX_REPORT])
        if self.failures.record(told.with_event(event)):
            logger.info("reported: %s %s %s", told.reference, told.profile, told.cause)
            return told.with_event(event)
        return self.failures.change(
            told.reference, lambda before: _with_report(_refined(before, told), event)
        )

    def _evidence(
        self, profile: Profile | None, attempt: Attempt | PendingAuthorization, message: str
    ) -> Evidence:
        worked = profile is not None and self.attempts.has_worked(
            profile.fingerprint(attempt.requested)
        )
        earlier = self.failures.earlier_causes(attempt.reference, attempt.person)
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


def _with_report(failure: Failure, event: Event) -> Failure:
    """The failure with the report in its history, which whoever has the cookie could else flood."""
    same = [each for each in failure.history if each.what is event.what and each.by == event.by]
    if any(each.text == event.text for each in same):
        return failure
    dropped = same[: len(same) - _MOST_REPORTS + 1] if len(same) >= _MOST_REPORTS else []
    kept = tuple(each for each in failure.history if each not in dropped)
    return replace(failure, history=kept).with_event(event)


def _refined(before: Failure, told: Failure) -> Failure:
    if before.stage is not Stage.AUTHORIZATION or before.status is Status.RESOLVED:
        return before
    if told.cause is Cause.UNKNOWN and before.cause is not Cause.UNKNOWN:
        return before  # what was understood is worth more than what is not
    return replace(
        before,
        candidates=told.candidates,
        missing=told.missing,
        message=told.message,
        ask=told.ask,
        redirect_uri=told.redirect_uri,
    )
