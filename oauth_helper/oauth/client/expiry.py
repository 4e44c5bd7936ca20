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
from oauth_helper.diagnosis import Cause, Evidence, Mistake, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.failures.record import evidence_at_hubspot, failure_of
from oauth_helper.failures.triage import connected_after_all
from oauth_helper.models import Attempt

logger = logging.getLogger(__name__)

# So many are fetched at a time; the rest comes in the next round of the same sweep.
_BATCH = 100


class OpenAttempts(Protocol):
    """Where attempts are noted."""

    def overdue(self, now: float, *, limit: int) -> list[Attempt]:
        """Attempts without outcome whose deadline is over, none that is in somebody's hands."""

    def has_worked(self, fingerprint: str) -> bool:
        """Whether a request of this fingerprint has connected somebody lately."""

    def came(self, person: str, profile: str) -> tuple[float, str] | None:
        """When somebody last connected a profile, and with which attempt."""


class FailureLog(Protocol):
    """Where failures are recorded."""

    def record(self, failure: Failure, *, only_if_open: bool = False) -> bool:
        """Writes a failure; False if there is one already, or the attempt has an outcome."""

    def earlier_causes(self, reference: str, person: str) -> tuple[Cause, ...]:
        """The causes of other failures of the same browser, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeping:
    """Records attempts that are past their deadline. `clock` gives Unix seconds."""

    attempts: OpenAttempts
    failures: FailureLog
    profiles: Mapping[str, Profile]
    clock: Callable[[], float]

    def sweep(self) -> int:
        """Records all that are due; how many this caller recorded."""
        recorded = 0
        # Whoever records one closes it, so that the next round has others.
        while due := self.attempts.overdue(self.clock(), limit=_BATCH):
            written = sum(map(self._record, due))
            recorded += written
            if not written:
                break
        return recorded

    def _record(self, attempt: Attempt) -> bool:
        profile = self.profiles.get(attempt.profile)
        evidence = self._evidence(profile, attempt)
        failure = failure_of(profile, attempt, evidence, at=self.clock())
        came = self.attempts.came(attempt.person, attempt.profile)
        if came is not None and came[0] >= attempt.begun_at:
            # The same person has begun anew meanwhile, and has connected.
            failure = connected_after_all(failure, at=came[0], reference=came[1])
        written = self.failures.record(failure, only_if_open=True)
        if written:
            logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
        return written

    def _evidence(self, profile: Profile | None, attempt: Attempt) -> Evidence:
        if attempt.claimed_at is not None and attempt.client:
            return Evidence(stage=Stage.TOKEN, mistake=Mistake.NEVER_FETCHED, client=attempt.client)
        if attempt.claimed_at is not None:
            return Evidence(stage=Stage.CALLBACK, interrupted=True)
        worked = profile is not None and self.attempts.has_worked(
            profile.fingerprint(attempt.requested)
        )
        silent_for = int(self.clock() - attempt.begun_at)
        earlier = self.failures.earlier_causes(attempt.reference, attempt.person)
        return evidence_at_hubspot(
            profile, attempt, worked=worked, silent_for=silent_for, earlier=earlier
        )
