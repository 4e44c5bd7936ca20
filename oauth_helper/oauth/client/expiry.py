"""Attempts that never return: each becomes one failure, whoever looks after them.

Any number of processes may sweep at the same time, and any of them may die in the middle: the
record is written only while its attempt is still open, in the very step that closes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, ClientError, Evidence, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.failures.record import build_failure, evidence_at_hubspot
from oauth_helper.failures.triage import connected_after_all
from oauth_helper.models import Attempt

logger = logging.getLogger(__name__)

# So many are fetched at a time; the rest comes in the next round of the same sweep.
_BATCH = 100


class OpenAttempts(Protocol):
    """Where attempts are noted."""

    def expired(self, now: float, *, limit: int) -> list[Attempt]:
        """Attempts without outcome whose deadline is over, none that is in somebody's hands."""

    def has_succeeded(self, fingerprint: str) -> bool:
        """Whether a request of this fingerprint has connected somebody lately."""

    def last_success_of(self, browser_id: str, profile: str) -> tuple[float, str] | None:
        """When somebody last connected a profile, and with which attempt."""


class FailureLog(Protocol):
    """Where failures are recorded."""

    def record(self, failure: Failure, *, only_if_open: bool = False) -> bool:
        """Writes a failure; False if there is one already, or the attempt has an outcome."""

    def earlier_causes(self, reference: str, browser_id: str) -> tuple[Cause, ...]:
        """The causes of other failures of the same browser, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptExpiry:
    """Records attempts that are past their deadline. `clock` gives Unix seconds."""

    attempts: OpenAttempts
    failures: FailureLog
    profiles: Mapping[str, Profile]
    clock: Callable[[], float]

    def sweep(self) -> int:
        """Records all that are due; how many this caller recorded."""
        recorded = 0
        # Whoever records one closes it, so that the next round has others.
        while due := self.attempts.expired(self.clock(), limit=_BATCH):
            written = sum(map(self._record, due))
            recorded += written
            if not written:
                break
        return recorded

    def _record(self, attempt: Attempt) -> bool:
        profile = self.profiles.get(attempt.profile)
        evidence = self._evidence(profile, attempt)
        failure = build_failure(profile, attempt, evidence, at=self.clock())
        last_success_of = self.attempts.last_success_of(attempt.browser_id, attempt.profile)
        if last_success_of is not None and last_success_of[0] >= attempt.started_at:
            # The same person has begun anew meanwhile, and has connected.
            failure = connected_after_all(
                failure, at=last_success_of[0], reference=last_success_of[1]
            )
        written = self.failures.record(failure, only_if_open=True)
        if written:
            logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
        return written

    def _evidence(self, profile: Profile | None, attempt: Attempt) -> Evidence:
        if attempt.claimed_at is not None and attempt.client:
            return Evidence(
                stage=Stage.TOKEN, client_error=ClientError.NEVER_FETCHED, client=attempt.client
            )
        if attempt.claimed_at is not None:
            return Evidence(stage=Stage.CALLBACK, interrupted=True)
        worked = profile is not None and self.attempts.has_succeeded(
            profile.fingerprint(attempt.requested)
        )
        waited_seconds = int(self.clock() - attempt.started_at)
        earlier = self.failures.earlier_causes(attempt.reference, attempt.browser_id)
        return evidence_at_hubspot(
            profile, attempt, worked=worked, waited_seconds=waited_seconds, earlier=earlier
        )
