"""What has to be written about an attempt, now or as soon as the store is back.

An outage of the store stops nobody. What happened is a value here; what cannot be written waits in
the outbox and is written later. Writing one twice, or late, changes nothing that is there already:
so nothing is lost and nothing is doubled, wherever a process dies.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from oauth_helper.config.profiles import Profile
from oauth_helper.failures.model import Event, Failure
from oauth_helper.failures.triage import connected_after_all, refined_by_report, returned
from oauth_helper.models import (
    Attempt,
    Connection,
    PendingAuthorization,
    StoreUnavailableError,
    Tokens,
)

logger = logging.getLogger(__name__)

# A store that is replaced by its replica, or loses power, has lost what was written right before.
# So much is remembered in each process, to be written again: seconds, and notes.
_REMEMBERED_SECONDS, _REMEMBERED_MOST = 30.0, 5000


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Somebody was sent to HubSpot."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed. With `replaces` a failure that it has already gets these causes."""

    failure: Failure
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """Somebody told what HubSpot had shown: the failure that this makes, and the event of it."""

    failure: Failure
    event: Event


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """An attempt connected an account. `fingerprint` is that of what was requested."""

    reference: str
    profile: str
    browser_id: str
    fingerprint: str
    hub_id: int | None
    at: float


def connected(
    profile: Profile, pending: PendingAuthorization, hub_id: int | None, *, at: float
) -> AttemptSucceeded:
    """The note that an attempt has connected the account `hub_id`."""
    return AttemptSucceeded(
        reference=pending.reference,
        profile=profile.name,
        browser_id=pending.browser_id or pending.reference,
        fingerprint=profile.fingerprint(pending.requested),
        hub_id=hub_id,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class ConnectionSaved:
    """A connection with its tokens, which HubSpot gives only once."""

    connection: Connection
    tokens: Tokens


AttemptEvent = AttemptStarted | AttemptFailed | ErrorReported | AttemptSucceeded | ConnectionSaved


class AttemptLog(Protocol):
    """Where attempts are noted."""

    def note(self, attempt: Attempt) -> object:
        """Remembers an attempt that has begun, unless it is known."""

    def close(self, reference: str, outcome: str) -> str | None:
        """Notes how an attempt ended; the outcome noted before."""

    def record_success(
        self, fingerprint: str, browser_id: str, profile: str, reference: str, now: float
    ) -> None:
        """Remembers that a request of this fingerprint has connected somebody, who and how."""


class FailureLog(Protocol):
    """Where failures are recorded."""

    def record(self, failure: Failure) -> bool:
        """Writes a failure; False if there is one already, or the attempt has connected."""

    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """Changes a failure that was written; None when there is none."""

    def open_failures_of(self, profile: str, *, account: int | None, browser_id: str) -> list[str]:
        """The open failures of an account and of a browser."""


class ConnectionStore(Protocol):
    """Where connections are kept."""

    def get(self, connection_id: str) -> Connection | None:
        """One connection, or None."""

    def save(self, connection: Connection, tokens: Tokens) -> None:
        """Writes a connection with its tokens."""


class Outbox(Protocol):
    """Where notes wait."""

    def put(self, note: AttemptEvent) -> None:
        """Keeps a note until it is written. Never raises: what cannot be kept is told."""

    def replay(self, write: Callable[[AttemptEvent], object]) -> int:
        """Writes what waits, the oldest first; how many. Raises `StoreUnavailableError`."""


class EventWriter:
    """Writes notes. `clock` gives Unix seconds.

    `identity` names the store that answers; another name means that it was replaced or restarted.
    It may be empty when nobody knows, and raises `StoreUnavailableError`.
    """

    def __init__(
        self,
        *,
        attempts: AttemptLog,
        failures: FailureLog,
        connections: ConnectionStore,
        outbox: Outbox,
        identity: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        self._attempts, self._failures, self._connections = attempts, failures, connections
        self._outbox, self._identity, self._clock = outbox, identity, clock
        self._recent: deque[tuple[float, AttemptEvent]] = deque(maxlen=_REMEMBERED_MOST)
        self._store = ""

    def note(self, note: AttemptEvent) -> None:
        """Writes a note, or has it wait when the store is down. Never raises for that."""
        try:
            if isinstance(note, ConnectionSaved):
                # It is the newest there can be, so nobody has to ask what is there.
                self._connections.save(note.connection, note.tokens)
            else:
                self._write(note)
        except StoreUnavailableError as error:
            logger.warning("the store is down; a note waits in the outbox: %s", error)
            self._outbox.put(note)
        else:
            self._remember(note)

    def catch_up(self) -> int:
        """Writes what waits, and again what a store that was replaced may have lost; how many.

        Raises `StoreUnavailableError` while the store is away.
        """
        store = self._identity()
        written = self._outbox.replay(self._write)
        if store != self._store:
            if self._store:
                written += self._write_again()
            # Only now, so that what broke off in the middle is done anew.
            self._store = store
        return written

    def _write(self, note: AttemptEvent) -> None:
        """Writes a note, which may be there already. Raises `StoreUnavailableError`."""
        match note:
            case AttemptStarted(attempt):
                self._attempts.note(attempt)
            case AttemptFailed(failure, replaces):
                if not self._failures.record(failure) and replaces:
                    # It counted as never returned, or was reported, and its response is here now.
                    self._failures.change(failure.reference, partial(returned, response=failure))
            case ErrorReported(failure, event):
                if not self._failures.record(failure.with_event(event)):
                    self._failures.change(
                        failure.reference, partial(refined_by_report, told=failure, event=event)
                    )
            case AttemptSucceeded():
                self._connected(note)
            case ConnectionSaved(connection, tokens):
                found = self._connections.get(connection.id)
                if found is None or found.connected_at < connection.connected_at:
                    self._connections.save(connection, tokens)

    def _connected(self, note: AttemptSucceeded) -> None:
        """Closes the attempt, and resolves what it has made up for: its own failure and others'."""
        before = self._attempts.close(note.reference, "connected")
        # Before the search, so that a failure that is recorded meanwhile sees it.
        self._attempts.record_success(
            note.fingerprint, note.browser_id, note.profile, note.reference, note.at
        )
        mended = self._failures.open_failures_of(
            note.profile, account=note.hub_id, browser_id=note.browser_id
        )
        if before is not None:
            mended.append(note.reference)
        for reference in dict.fromkeys(mended):
            self._failures.change(
                reference, partial(connected_after_all, at=note.at, reference=note.reference)
            )

    def _remember(self, note: AttemptEvent) -> None:
        now = self._clock()
        try:
            while self._recent[0][0] < now - _REMEMBERED_SECONDS:
                self._recent.popleft()
        except IndexError:  # that was the last
            pass
        self._recent.append((now, note))

    def _write_again(self) -> int:
        recent = list(self._recent)
        for _, note in recent:
            self._write(note)
        logger.warning("the store was replaced; %d recent notes were written again", len(recent))
        return len(recent)


def ignore_outage(action: Callable[[], object]) -> None:
    """Does what is worth doing, and without which everybody gets on all the same."""
    try:
        action()
    except StoreUnavailableError as error:
        logger.warning("the store is down; something is not recorded: %s", error)
