"""Write attempt events to Redis, or queue them in the outbox while Redis is down.

This is the only way to write about an attempt. An outage stops no customer: an event that can't be
written waits in the outbox. Writing an event twice or late changes nothing that is already there.
So wherever a process dies, nothing is lost and nothing is doubled.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from oauth_helper.failures.model import Failure
from oauth_helper.failures.triage import add_late_response, add_report
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.outbox.events import (
    AttemptEvent,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ErrorReported,
)
from oauth_helper.store.outbox.outage_log import OutageLog

if TYPE_CHECKING:
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.failures import Failures
    from oauth_helper.store.outbox.queue import Outbox
    from oauth_helper.store.rate_limits import RateLimit
    from oauth_helper.store.redis_clients import Pipeline

logger = logging.getLogger(__name__)

# When a replica replaces Redis, or Redis loses power, the latest writes are lost. Each process
# remembers its writes of this many seconds, at most this many events, to write them again.
_REMEMBERED_SECONDS, _MAX_REMEMBERED = 30.0, 5000


class EventWriter:
    """Write events. `clock` returns Unix seconds.

    `store_identity` returns the name of the Redis server that answers; a new name means that it was
    replaced or restarted. It may return an empty name when unknown, and raises
    `StoreUnavailableError`.
    """

    def __init__(
        self,
        *,
        attempts: Attempts,
        failures: Failures,
        connections: Connections,
        outbox: Outbox,
        outage_log: OutageLog,
        store_identity: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        self._attempts, self._failures, self._connections = attempts, failures, connections
        self._outbox, self._outage_log = outbox, outage_log
        self._store_identity, self._clock = store_identity, clock
        self._recent: deque[tuple[float, AttemptEvent]] = deque(maxlen=_MAX_REMEMBERED)
        self._last_identity = ""

    def write(self, event: AttemptEvent, *, limit: RateLimit | None = None) -> Failure | None:
        """Write an event, or queue it while Redis is down, and return the attempt's failure.

        Never raises for an outage. What is beyond a network's daily budget is counted, not written,
        and returned as it is. Returns None when the attempt has connected, had its failure
        already or ended before (`only_if_open`), and for events that are no failures. A start
        counts for `limit`; beyond it nothing is written, and `RateLimitExceededError` is raised.
        """
        try:
            failure = self._write(event, is_new=True, limit=limit)
        except StoreUnavailableError as error:
            if limit:
                limit.count_here()
            self._outbox.put(event)
            self._outage_log.down(error)
            failure = _failure_by_itself(event)
        else:
            self._remember(event)
        if failure is not None:
            logger.info("%s", event)
        return failure

    def queued_events(self) -> int:
        """Return how many events are queued."""
        return self._outbox.depth()

    def flush(self) -> int:
        """Write queued events, and rewrite those that a replaced Redis may have lost.

        Returns how many were written. Raises `StoreUnavailableError` while Redis is down.
        """
        try:
            identity = self._store_identity()
            written = self._outbox.replay(self._write)
            if identity != self._last_identity:
                if self._last_identity:
                    written += self._write_recent_again()
                # Only now, so that an interrupted rewrite is repeated.
                self._last_identity = identity
        except StoreUnavailableError as error:
            self._outage_log.down(error)
            raise
        self._outage_log.up(written)
        return written

    def _write(
        self, event: AttemptEvent, *, is_new: bool = False, limit: RateLimit | None = None
    ) -> Failure | None:
        """Write an event, which may be in Redis already. Raises `StoreUnavailableError`."""
        match event:
            case AttemptStarted(attempt):
                self._attempts.create(attempt, limit)
            case AttemptFailed(failure) | ErrorReported(failure) if not self._attempts.admit(
                failure.reference, failure.profile, event.sender
            ):
                return _failure_by_itself(event)
            case AttemptFailed(failure):
                return self._write_failure(event, failure)
            case ErrorReported(failure, reported):
                first = failure.with_event(reported)
                if self._failures.record(first):
                    return first
                refine = partial(add_report, told=failure, event=reported)
                return self._failures.change(failure.reference, refine)
            case AttemptSucceeded():
                self._write_success(event, is_new=is_new)
        return None

    def _write_failure(self, event: AttemptFailed, failure: Failure) -> Failure | None:
        if self._failures.record(failure, only_if_open=event.only_if_open):
            return failure
        if event.replaces:
            # The attempt expired or was reported before its response arrived.
            respond = partial(add_late_response, response=failure)
            return self._failures.change(failure.reference, respond)
        return None

    def _write_success(self, event: AttemptSucceeded, *, is_new: bool) -> None:
        """Save the connection, close the attempt, and resolve the customer's failures."""
        connection = event.connection

        def save(pipeline: Pipeline) -> None:
            # No stored connection can be newer than a new one, so skip the read.
            found = None if is_new else self._connections.get(connection.id)
            if found is None or found.connected_at < connection.connected_at:
                self._connections.add_to(pipeline, connection, event.tokens)

        # Another user's failures aren't resolved, except for what ended this user's connection.
        of_account = connection.hub_id if connection.is_account_wide else None
        earlier = None if connection.is_account_wide else self._connections.get(connection.id)
        unresolved = self._attempts.succeed(
            connection.reference,
            connection.profile,
            browser_id=event.browser_id,
            hub_id=of_account,
            fingerprint=event.fingerprint,
            at=event.at,
            save=save,
        )
        if earlier and earlier.ended_by:
            unresolved.append(earlier.ended_by)
        if unresolved:
            self._failures.resolve_as_connected(
                unresolved,
                at=event.at,
                reference=connection.reference,
                hub_id=connection.hub_id,
            )

    def _remember(self, event: AttemptEvent) -> None:
        now = self._clock()
        try:
            while self._recent[0][0] < now - _REMEMBERED_SECONDS:
                self._recent.popleft()
        except IndexError:  # that was the last event
            pass
        self._recent.append((now, event))

    def _write_recent_again(self) -> int:
        recent = list(self._recent)
        for _, event in recent:
            self._write(event)
        logger.warning("Redis failed over; %d recent events were written again", len(recent))
        return len(recent)


def _failure_by_itself(event: AttemptEvent) -> Failure | None:
    """Return the failure in an event when nothing else is known about its attempt."""
    match event:
        case AttemptFailed(failure):
            return failure
        case ErrorReported(failure, reported):
            return failure.with_event(reported)
        case _:
            return None


def ignore_outage(action: Callable[[], object]) -> None:
    """Run `action`; log and ignore a store outage."""
    try:
        action()
    except StoreUnavailableError as error:
        logger.info("skipped while Redis is down: %s", error)
