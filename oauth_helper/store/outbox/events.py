"""Define the events of an attempt that are written to Redis, or queued while it is down.

Writing an event twice, late or in another order has the same result. `kind` is its metrics label.
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

    `replaces` gives these causes to a failure that the attempt already has. `only_if_open` writes
    nothing if the attempt has ended. `sender` is that of the attempt, if its budget matters.
    """

    kind: ClassVar = "failed"
    failure: Failure
    replaces: bool = False
    only_if_open: bool = False
    sender: str = ""

    def __str__(self) -> str:
        return f"failed: {self.failure.reference} {self.failure.profile} {self.failure.cause}"


@dataclass(frozen=True, slots=True)
class ErrorReported:
    """A customer or staff reported a HubSpot error; `failure` is based on the report.

    `sender` is that of the attempt, if its budget matters.
    """

    kind: ClassVar = "reported"
    failure: Failure
    event: Event
    sender: str = ""

    def __str__(self) -> str:
        return f"reported: {self.failure.reference} {self.failure.profile} {self.failure.cause}"


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """An attempt connected an account; HubSpot issues its tokens only once.

    `fingerprint` identifies the request; it is empty when the profile is gone.
    """

    kind: ClassVar = "connected"
    connection: Connection
    tokens: Tokens
    browser_id: str
    fingerprint: str
    at: float

    def __str__(self) -> str:
        return f"connected: {self.connection.reference} {self.connection.profile}"


AttemptEvent = AttemptStarted | AttemptFailed | ErrorReported | AttemptSucceeded
EVENT_TYPES = (AttemptStarted, AttemptFailed, ErrorReported, AttemptSucceeded)
