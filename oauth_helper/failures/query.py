"""Queries for failures, and their results."""

from __future__ import annotations

from dataclasses import dataclass

from oauth_helper.failures.model import Failure, Resolution


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a search; `field` is empty for words anywhere in a failure's texts."""

    field: str
    value: str
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureQuery:
    """Which failures to find; None matches any value. All conditions apply together.

    `customer` is the sender's id of a customer, `account` a hub id, `group` a fingerprint, `scope`
    one of the scopes that a failure is about.
    `assignee` and `client` are `UNSET` for failures without one; case doesn't matter for a client.
    `since` (included) and `until` (excluded) are Unix seconds.
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
    customer: str | None = None
    terms: tuple[Term, ...] = ()
    since: float | None = None
    until: float | None = None

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """Return all conditions except the times."""
        named = ((name, getattr(self, name)) for name in FIELDS)
        whose = (Term("customer_id", self.customer),) if self.customer else ()
        return (*(Term(name, value) for name, value in named if value), *whose, *self.terms)


#: The fields of `FailureQuery`, as addresses and searches name them.
FIELDS = ("cause", "profile", "client", "status", "stage", "account", "assignee", "scope", "group")


#: Finds failures without an assignee, or without a client.
UNSET = "-"


@dataclass(frozen=True, slots=True)
class Page:
    """Some failures, newest first.

    `next_cursor` leads to older ones, `previous_cursor` to newer ones; None where there are none.
    `bounded` is true when the search stopped at its limit before the page was full; `examined` is
    the number of records that it read.
    """

    failures: tuple[Failure, ...]
    next_cursor: str | None
    bounded: bool = False
    previous_cursor: str | None = None
    examined: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many failures a query finds: in total, and by the values of each field.

    The counts of a field ignore the query's own condition on it; clients are counted by their
    `client_key`. `total` is None when only reading every failure would tell. `whole_days` is true
    when the counts are of whole days, by the start of the attempt. `clients` are the names of all
    proxy clients with failures, sorted; None when they were not counted.
    """

    total: int | None
    by_field: dict[str, dict[str, int]]
    whole_days: bool = False
    clients: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FeedUpdate:
    """The changes after a place in the feed: the new place, and references of changed failures.

    `has_gap` is true when older changes are no longer in the feed, `has_more` when more follow.
    """

    place: str
    references: tuple[str, ...]
    has_gap: bool = False
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class FailureChange:
    """A changed failure: what it was before, and its revision after the change."""

    reference: str
    status: str
    assignee: str
    revision: int
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True)
class BulkAction:
    """What a member of the staff did to many failures; `found` is how many the filter found."""

    by: str
    do: str
    changes: tuple[FailureChange, ...]
    found: int
