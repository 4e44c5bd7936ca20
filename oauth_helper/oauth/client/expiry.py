"""Log attempts that never returned as failures, each once.

Any number of workers may do this at the same time, and any of them may die halfway: one step writes
the failure and closes the attempt, and only while the attempt is open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import ClientError, Evidence, Stage
from oauth_helper.failures.triage import resolve_as_connected
from oauth_helper.models import Attempt
from oauth_helper.oauth.client.outcome import build_failure, evidence_at_hubspot
from oauth_helper.store.outbox.events import AttemptFailed

if TYPE_CHECKING:
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.failures import Failures
    from oauth_helper.store.outbox.writer import EventWriter

# Attempts per fetch. The same call fetches the rest in further rounds.
_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptExpiry:
    """Log attempts that are past their deadline. `clock` returns Unix seconds."""

    attempts: Attempts
    failures: Failures
    writer: EventWriter
    profiles: Mapping[str, Profile]
    clock: Callable[[], float]

    def record_expired(self) -> int:
        """Log all attempts that are due and return how many this worker logged.

        Raises `StoreUnavailableError`.
        """
        recorded = 0
        # A logged attempt is closed, so the next round fetches others.
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
        success = self.attempts.last_success_of(attempt.browser_id, attempt.profile)
        if success is not None and success[0] >= attempt.started_at:
            # The same customer has started again in the meantime and connected.
            failure = resolve_as_connected(failure, at=success[0], reference=success[1])
        return self.writer.write(AttemptFailed(failure, only_if_open=True)) is not None

    def _evidence(self, profile: Profile | None, attempt: Attempt) -> Evidence:
        if attempt.claimed_at is not None and attempt.client:
            return Evidence(
                stage=Stage.TOKEN, client_error=ClientError.NEVER_FETCHED, client=attempt.client
            )
        if attempt.claimed_at is not None:
            return Evidence(stage=Stage.CALLBACK, interrupted=True)
        history = self.failures.history(
            attempt.reference,
            browser_id=attempt.browser_id,
            fingerprint=profile.fingerprint(attempt.requested) if profile else "",
            now=self.clock(),
        )
        return evidence_at_hubspot(
            profile,
            attempt,
            worked=history.worked,
            waited_seconds=int(self.clock() - attempt.started_at),
            earlier=history.earlier,
        )
