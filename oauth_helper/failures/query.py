"""Which failures to list, and what a list answers with."""

from __future__ import annotations

from dataclasses import dataclass

from oauth_helper.failures.model import Failure


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked of a failure; `field` is empty for words anywhere in its texts."""

    field: str
    value: str
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureQuery:
    """Which failures to list; None asks for any. Times are Unix seconds, `since` included.

    `account` is a hub id, `group` a fingerprint, `scope` one of those that a failure is about.
    `assignee` is `UNSET` for those that nobody has taken, `client` is so for those that no client
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


#: The fields of `FailureQuery`, as they are named in addresses and searches.
FIELDS = ("cause", "profile", "client", "status", "stage", "account", "assignee", "scope", "group")


#: The assignee of what nobody has taken, and the client of what none asked for.
UNSET = "-"


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
class FeedUpdate:
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
class BulkAction:
    """What somebody did to many failures. `found` is how many the filter had found."""

    by: str
    do: str
    changes: tuple[Change, ...]
    found: int
