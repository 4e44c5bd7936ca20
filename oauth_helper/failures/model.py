"""A failure, and what happened to it since. Times are Unix seconds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

from oauth_helper.diagnosis import (
    Candidate,
    Cause,
    Fix,
    Stage,
    Wording,
    client_error_wording,
    fix_for,
)
from oauth_helper.scopes import RequestedScopes


class EventType(StrEnum):
    """What has happened to a failure since it was recorded."""

    REPORTED = "reported"
    RETURNED = "returned"
    CONNECTED = "connected"
    COMMENTED = "noted"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    UNDONE = "undone"


#: The authors of events that no staff caused.
CUSTOMER, PROGRAM = "the customer", "this program"


# How many events a history keeps, and the kinds without anyone's words.
_HISTORY_KEPT = 50
_UNWRITTEN = (EventType.ASSIGNED, EventType.UNDONE)


class Status(StrEnum):
    """Whether a failure still needs attention."""

    OPEN = "open"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why a failure is resolved."""

    FIXED = "fixed"
    NOT_NEEDED = "not_needed"
    DUPLICATE = "duplicate"
    UNREACHABLE = "unreachable"
    OTHER = "other"

    @property
    def title(self) -> str:  # type: ignore[override]
        """Return the reason in words."""
        return {
            Resolution.FIXED: "Fixed",
            Resolution.NOT_NEEDED: "Not needed",
            Resolution.DUPLICATE: "Duplicate",
            Resolution.UNREACHABLE: "Customer unreachable",
            Resolution.OTHER: "Other",
        }[self]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a failure at the time `at`. `text` is text from outside.

    `resolution` is the reason of an event that resolved it.
    """

    at: float
    what: EventType
    by: str
    text: str = ""
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A connection that failed.

    `granted` is None when nobody knows what was granted; `missing` are the scopes that the cause is
    about; `candidates` are the possible causes, the likeliest first; `redirect_uri` is the one of
    the request. `message` is text from outside, capped, and to be shown as such. `ask` is the one
    thing that would decide between the candidates. `history` has what happened later, the oldest
    first; `revision` counts the changes. `assignee` is the staff member whom it is assigned to,
    empty when unassigned; `resolution` is why it is resolved, None while it is open. `browser_id`
    is the reference of the first attempt known from the same browser, `language` the code of the
    language that the customer read, `client` the name of the client of the proxy that requested the
    connection; `client_error` names what went wrong between it and this program, empty otherwise.
    `customer` and `customer_name` are those of the link that the customer opened.
    """

    reference: str
    profile: str
    stage: Stage
    at: float
    started_at: int
    requested: RequestedScopes
    candidates: tuple[Candidate, ...]
    message: str = ""
    status: Status = Status.OPEN
    granted: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    hub_id: int | None = None
    correlation_id: str = ""
    redirect_uri: str = ""
    ask: str = ""
    assignee: str = ""
    resolution: Resolution | None = None
    browser_id: str = ""
    language: str = ""
    client: str = ""
    client_error: str = ""
    customer: str = ""
    customer_name: str = ""
    history: tuple[Event, ...] = ()
    revision: int = 0

    @property
    def cause(self) -> Cause:
        """Return the likeliest cause."""
        return self.candidates[0].cause

    @property
    def fingerprint(self) -> str:
        """Return ten characters that failures of the same cause, profile and scopes share."""
        same = " ".join((self.cause, self.profile, *sorted(self.missing)))
        return hashlib.sha256(same.encode()).hexdigest()[:10]

    def with_event(self, event: Event) -> Failure:
        """Return the failure with one more event in its history.

        When there are too many, drop the oldest without words, otherwise the oldest.
        """
        history = (*self.history, event)
        if len(history) > _HISTORY_KEPT:
            number = next((i for i, each in enumerate(history) if each.what in _UNWRITTEN), 0)
            history = history[:number] + history[number + 1 :]
        return replace(self, history=history)

    @property
    def fix(self) -> tuple[Fix, ...]:
        """Return who can fix it, and how."""
        return fix_for(
            self.cause,
            scopes=self.missing,
            detail=self.candidates[0].detail,
            redirect_uri=self.redirect_uri,
            profile=self.profile,
            client=self.client,
            words=self.words,
        )

    @property
    def words(self) -> Wording:
        """Return what is said about it."""
        return (
            client_error_wording(self.client_error)
            if self.client_error
            else self.candidates[0].words
        )
