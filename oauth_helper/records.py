"""What is kept: attempts, failures and connections, as values. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from oauth_helper.diagnosis import Candidate, Cause, Fix, Stage, fix_for
from oauth_helper.scopes import RequestedScopes
from oauth_helper.secret import Secret


class StoreUnavailableError(Exception):
    """The store of records cannot be reached, or does not answer in time."""


class What(StrEnum):
    """What has happened to a failure since it was recorded."""

    REPORTED = "reported"
    RETURNED = "returned"
    CONNECTED = "connected"
    NOTED = "noted"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    REOPENED = "reopened"


#: Who did what nobody did by hand.
CUSTOMER, PROGRAM = "the customer", "this program"

# Of the texts in a record's history the latest are kept.
_HISTORY_KEPT = 50


class Status(StrEnum):
    """Whether a failure still wants somebody's attention."""

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was begun. `deadline` is when it counts as never returned.

    `claimed_at` is when the authorization response was taken in hand; None before that.
    """

    reference: str
    profile: str
    requested: RequestedScopes
    begun_at: int
    deadline: int
    claimed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a failure at the time `at`. `text` is text from outside."""

    at: float
    what: What
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A connection that failed.

    `granted` is None when nobody knows what was granted; `missing` are the scopes that the cause is
    about; `candidates` are the possible causes, the likeliest first; `redirect_uri` is the one of
    the request. `message` is text from outside, capped, and to be shown as such. `ask` is the one
    thing that would decide between the candidates. `history` has what happened later, the oldest
    first; `revision` counts the changes. `assignee` is the member of the staff who has taken it;
    empty when nobody has.
    """

    reference: str
    profile: str
    stage: Stage
    at: float
    begun_at: int
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
    history: tuple[Event, ...] = ()
    revision: int = 0

    @property
    def cause(self) -> Cause:
        """The likeliest cause."""
        return self.candidates[0].cause

    def with_event(self, event: Event) -> Failure:
        """The failure with one more event in its history."""
        return replace(self, history=(*self.history, event)[-_HISTORY_KEPT:])

    @property
    def fix(self) -> tuple[Fix, ...]:
        """Who can mend it and how."""
        return fix_for(
            self.cause,
            scopes=self.missing,
            redirect_uri=self.redirect_uri,
            profile=self.profile,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which failures to list; None or empty asks for any. Times are Unix seconds, `since` included.

    `account` is a hub id. `text` is found in reference, account, correlation id, message and the
    scopes that it is about, whatever its case.
    """

    cause: str | None = None
    profile: str | None = None
    status: str | None = None
    stage: str | None = None
    account: str | None = None
    assignee: str | None = None
    text: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some failures, newest first. `next_cursor` continues behind the last, None at the end.

    `bounded` says that it stopped at its bound without filling the page.
    """

    failures: tuple[Failure, ...]
    next_cursor: str | None
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one cause and profile. `sample` are references, the newest first."""

    cause: str
    profile: str
    count: int
    first_seen: float
    last_seen: float
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account that is connected.

    `id` is `<profile>.<hub_id>`, or ends in the attempt's reference when HubSpot did not tell the
    account. `granted` is None when HubSpot did not tell; `expires_at` is the access token's.
    """

    id: str
    profile: str
    hub_id: int | None
    granted: tuple[str, ...] | None
    missing_optional: tuple[str, ...]
    connected_at: int
    expires_at: int
    reference: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a connection."""

    access_token: Secret
    refresh_token: Secret
