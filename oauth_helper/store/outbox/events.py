"""The events of an attempt that are written to Redis, or queued while it is down.

Writing one twice, late or in another order leaves the same behind. `kind` is its label in metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from oauth_helper.failures.model import Event, Failure
from oauth_helper.models import Attempt, Connection, Tokens


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A customer was sent to HubSpot."""

    kind: ClassVar = "began"
    attempt: Attempt

    def __str__(self) -> str:
        return f"began: {self.attempt.reference} {self.attempt.profile}"


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed.

    With `replaces` a failure that it has already gets these causes; with `only_if_open` nothing is
    written when it has ended meanwhile.
    """

    kind: ClassVar = "failed"
    failure: Failure
    replaces: bool = False
    only_if_open: bool = False

    def __str__(self) -> str:
        return f"failed: {self.failure.reference} {self.failure.profile} {self.failure.cause}"


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """A customer or staff reported what HubSpot showed: the failure that this makes of it."""

    kind: ClassVar = "reported"
    failure: Failure
    event: Event

    def __str__(self) -> str:
        return f"reported: {self.failure.reference} {self.failure.profile} {self.failure.cause}"


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """An attempt connected an account. `fingerprint` is that of what was requested."""

    kind: ClassVar = "connected"
    reference: str
    profile: str
    browser_id: str
    fingerprint: str
    hub_id: int | None
    at: float

    def __str__(self) -> str:
        return f"connected: {self.reference} {self.profile}"


@dataclass(frozen=True, slots=True)
class ConnectionSaved:
    """A connection with its tokens, which HubSpot issues only once."""

    kind: ClassVar = "kept"
    connection: Connection
    tokens: Tokens

    def __str__(self) -> str:
        return f"kept: {self.connection.reference} {self.connection.profile}"


AttemptEvent = AttemptStarted | AttemptFailed | ErrorReported | AttemptSucceeded | ConnectionSaved
EVENT_TYPES = (AttemptStarted, AttemptFailed, ErrorReported, AttemptSucceeded, ConnectionSaved)
