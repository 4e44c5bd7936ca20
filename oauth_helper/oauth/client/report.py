"""Process a reported HubSpot error: log the attempt's failure, or refine the one it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Evidence
from oauth_helper.failures.model import Event, EventType, Failure
from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.models import Attempt, PendingAuthorization, StoreUnavailableError
from oauth_helper.oauth.client.outcome import build_failure, evidence_at_hubspot
from oauth_helper.store.failure_reader import AttemptHistory
from oauth_helper.store.outbox.events import ErrorReported

if TYPE_CHECKING:
    from oauth_helper.store.failures import Failures
    from oauth_helper.store.outbox.writer import EventWriter

# Characters of a report in the history. The failure itself holds the latest report in full.
_MAX_REPORT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Process reports. `clock` returns Unix seconds."""

    failures: Failures
    writer: EventWriter
    clock: Callable[[], float]

    def report(
        self,
        profile: Profile | None,
        attempt: Attempt | PendingAuthorization,
        message: str,
        *,
        by: str,
    ) -> Failure | None:
        """Log the error `message` that `by` reported, and return the attempt's failure.

        A failure of a later stage keeps its causes: HubSpot's response is better evidence than any
        report. Returns None, and logs nothing, when the attempt has connected. While Redis is down,
        the report is queued, and the failure is based on the report alone.
        """
        now = self.clock()
        history = self._history(profile, attempt, now)
        evidence = self._evidence(profile, attempt, message, history)
        reported = build_failure(profile, attempt, evidence, at=now)
        event = Event(now, EventType.REPORTED, by, reported.message[:_MAX_REPORT])
        # What is stored is within its network's daily budget.
        sender = "" if history.is_recorded else attempt.sender
        return self.writer.write(ErrorReported(reported, event, sender))

    def _evidence(
        self,
        profile: Profile | None,
        attempt: Attempt | PendingAuthorization,
        message: str,
        history: AttemptHistory,
    ) -> Evidence:
        evidence = evidence_at_hubspot(
            profile, attempt, message=message, worked=history.worked, earlier=history.earlier
        )
        page = find_authorization_url(message)
        if profile is None or page is None or page.redirect_uri in (None, profile.redirect_uri):
            return evidence
        # The page was opened by another program's link.
        return replace(
            evidence, requested=page.requested, redirect_uri=page.redirect_uri or "", worked=False
        )

    def _history(
        self, profile: Profile | None, attempt: Attempt | PendingAuthorization, now: float
    ) -> AttemptHistory:
        """Return what is known while Redis is up; the message alone is the best evidence anyway."""
        try:
            return self.failures.history(
                attempt.reference,
                browser_id=attempt.browser_id,
                fingerprint=profile.fingerprint(attempt.requested) if profile else "",
                now=now,
            )
        except StoreUnavailableError:
            return AttemptHistory()
