"""What is kept: attempts, failures and connections, as values. Times are Unix seconds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from oauth_helper.diagnosis import (
    Candidate,
    Cause,
    Fix,
    Stage,
    Wording,
    fix_for,
    mistake_wording,
    wording,
)
from oauth_helper.oauth.pending import PendingAuthorization
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
    UNDONE = "undone"


#: Who did what nobody did by hand.
CUSTOMER, PROGRAM = "the customer", "this program"

# Events that a record's history keeps, and those that hold no words of anybody's.
_HISTORY_KEPT = 50
_UNWRITTEN = (What.ASSIGNED, What.UNDONE)


class Status(StrEnum):
    """Whether a failure still wants somebody's attention."""

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was begun. `deadline` is when it counts as never returned.

    `claimed_at` is when the authorization response was taken in hand; None before that. `person` is
    the reference of the first attempt known to be of the same browser; empty when nobody knows.
    `language` is the code of the one that the person read, `client` the name of the client of the
    proxy that asked for it.
    """

    reference: str
    profile: str
    requested: RequestedScopes
    begun_at: int
    deadline: int
    claimed_at: int | None = None
    person: str = ""
    language: str = ""
    client: str = ""


class Claim(StrEnum):
    """Whether a caller may deal with a response."""

    WON = "won"
    IN_HAND = "in_hand"  # somebody else has it, and has not said yet how it ended
    USED = "used"


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
    empty when nobody has. `person` is the reference of the first attempt known to be of the same
    browser, `language` the code of the one that the person read, `client` the name of the client of
    the proxy that asked for the connection; `mistake` names what went wrong between it and this
    program, and is empty when it was not that.
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
    person: str = ""
    language: str = ""
    client: str = ""
    mistake: str = ""
    history: tuple[Event, ...] = ()
    revision: int = 0

    @property
    def cause(self) -> Cause:
        """The likeliest cause."""
        return self.candidates[0].cause

    @property
    def fingerprint(self) -> str:
        """Ten characters that failures of the same cause, profile and scopes share."""
        same = " ".join((self.cause, self.profile, *sorted(self.missing)))
        return hashlib.sha256(same.encode()).hexdigest()[:10]

    def with_event(self, event: Event) -> Failure:
        """The failure with one more event in its history.

        When there are too many, the oldest goes that nobody wrote, else the oldest.
        """
        history = (*self.history, event)
        if len(history) > _HISTORY_KEPT:
            number = next((i for i, each in enumerate(history) if each.what in _UNWRITTEN), 0)
            history = history[:number] + history[number + 1 :]
        return replace(self, history=history)

    @property
    def fix(self) -> tuple[Fix, ...]:
        """Who can mend it and how."""
        return fix_for(
            self.cause,
            scopes=self.missing,
            redirect_uri=self.redirect_uri,
            profile=self.profile,
            client=self.client,
            words=self.words,
        )

    @property
    def words(self) -> Wording:
        """What is said about it."""
        return mistake_wording(self.mistake) if self.mistake else wording(self.cause)


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked of a failure; `field` is empty for words anywhere in its texts."""

    field: str
    value: str
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which failures to list; None asks for any. Times are Unix seconds, `since` included.

    `account` is a hub id, `group` a fingerprint, `scope` one of those that a failure is about.
    `assignee` is `NOBODY` for those that nobody has taken, `client` is so for those that no client
    asked for, and else its name in capital or small letters. `terms` come on top.
    """

    cause: str | None = None
    profile: str | None = None
    client: str | None = None
    status: str | None = None
    stage: str | None = None
    account: str | None = None
    assignee: str | None = None
    scope: str | None = None
    group: str | None = None
    terms: tuple[Term, ...] = ()
    since: float | None = None
    until: float | None = None

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """Everything that is asked but the times."""
        named = ((name, getattr(self, name)) for name in FIELDS)
        return (*(Term(name, value) for name, value in named if value), *self.terms)


#: The fields of `Wanted`, as they are named in addresses and searches.
FIELDS = ("cause", "profile", "client", "status", "stage", "account", "assignee", "scope", "group")

#: The assignee of what nobody has taken, and the client of what none asked for.
NOBODY = "-"


@dataclass(frozen=True, slots=True)
class Page:
    """Some failures, newest first. `next_cursor` continues behind the last, None at the end.

    `previous_cursor` leads to those before the first, None when there are none. `bounded` says that
    it stopped at its bound without filling the page, `examined` how many records it looked at.
    """

    failures: tuple[Failure, ...]
    next_cursor: str | None
    bounded: bool = False
    previous_cursor: str | None = None
    examined: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one fingerprint. `sample` are references, the newest first.

    `people` and `accounts` are how many are known to be affected, within some per cent. `by_day` is
    how many failed on each day that was asked for, the oldest first.
    """

    fingerprint: str
    cause: str
    profile: str
    scopes: tuple[str, ...]
    count: int
    open_count: int
    first_seen: float
    last_seen: float
    sample: tuple[str, ...]
    people: int = 0
    accounts: int = 0
    by_day: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How many failures of one kind there are whose attempts began on one day (UTC)."""

    day: date
    cause: str
    profile: str
    status: str
    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class ScopeTally:
    """How many failures are about a scope, whose attempts began on one day (UTC)."""

    day: date
    profile: str
    scope: str
    count: int


@dataclass(frozen=True, slots=True)
class AttemptTally:
    """How many attempts began on one day (UTC), and how many of these connected."""

    day: date
    profile: str
    begun: int
    connected: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a failure to the connection that its account made after all."""

    day: date
    profile: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many failures a filter finds: all, and by the values of each field.

    The values of a field are counted without what is asked of that field itself; clients by the
    `client_key` of their names. `total` is None when nobody knows without looking at each.
    `whole_days` says that days were counted whole, by when the attempts began.
    """

    total: int | None
    by_field: dict[str, dict[str, int]]
    whole_days: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What happened after a place in the feed: where it stands now, and the failures to look at.

    `has_gap` says that more happened than is remembered, `has_more` that there is more to tell.
    """

    place: str
    references: tuple[str, ...]
    has_gap: bool = False
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One failure that was changed: what it was before, and its revision after that."""

    reference: str
    status: str
    assignee: str
    revision: int


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did to many failures. `found` is how many the filter had found."""

    by: str
    do: str
    changes: tuple[Change, ...]
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account that is connected.

    `id` is `<profile>.<hub_id>`, or ends in the attempt's reference when HubSpot did not tell the
    account; with a client, `.<client id>` follows. `granted` is None when HubSpot did not tell;
    `expires_at` is the access token's. `client` is the id of the client of the proxy that has the
    tokens, empty when they are here. `ended_at` is when HubSpot was seen to accept them no more,
    `ended_by` the reference of the failure that told so.
    """

    id: str
    profile: str
    hub_id: int | None
    granted: tuple[str, ...] | None
    missing_optional: tuple[str, ...]
    connected_at: int
    expires_at: int
    reference: str
    client: str = ""
    ended_at: int | None = None
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a connection."""

    access_token: Secret
    refresh_token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """What a client of the proxy gets for the code that it was given: a connection, once."""

    pending: PendingAuthorization
    connection: Connection
    tokens: Tokens
