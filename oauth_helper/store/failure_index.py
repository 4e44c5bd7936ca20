"""Where a failure is listed and counted, and what of a search these lists answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from oauth_helper.failures.model import Failure, Status
from oauth_helper.failures.query import UNSET, FailureQuery, Term
from oauth_helper.failures.search import SCOPES_SEARCHED, client_key
from oauth_helper.store import keys

_BY_VALUE = frozenset({"cause", "profile", "status", "stage", "account", "scope", "group"})

# Those that have any value of a field: what is asked for by `UNSET` is in none of these.
_ANY = {"assignee": "taken", "client": "proxied"}

#: What is counted of a failure together. Only the last may be empty, or hold blanks.
KIND = ("cause", "profile", "status", "stage", "client")


@dataclass(frozen=True, slots=True)
class Plan:
    """A search in terms of indexes: those to be in, those not to be in, and what none answers."""

    within: tuple[str, ...]
    without: tuple[str, ...]
    rest: tuple[Term, ...]


def plan_for(wanted: FailureQuery) -> Plan:
    """How to find what is wanted."""
    within: list[str] = []
    without: list[str] = []
    rest: list[Term] = []
    for term in map(_positive, wanted.all_terms):
        index = _index_for(term)
        if index is None:
            rest.append(term)
            continue
        (without if term.negated is not (index in _ANY.values()) else within).append(index)
    return Plan(tuple(dict.fromkeys(within)) or ("",), tuple(dict.fromkeys(without)), tuple(rest))


def indexes_of(failure: Failure) -> tuple[str, ...]:
    """The indexes that list a failure."""
    return ("", *_narrow_indexes(failure))


def counters_of(failure: Failure) -> tuple[tuple[str, str], ...]:
    """What counts a failure: key and field of each counter of its day."""
    kind = write_kind(getattr(failure, name) for name in KIND)
    group = f"{failure.fingerprint} {failure.cause} {failure.profile} {failure.status}"
    scopes = failure.missing[:SCOPES_SEARCHED]
    return (
        (keys.COUNTS, kind),
        (keys.GROUPS, group),
        *((keys.SCOPES, f"{scope} {failure.profile}") for scope in scopes),
    )


def write_kind(values: Iterable[str]) -> str:
    """The counter of failures with these values of `KIND`."""
    *others, client = values
    return " ".join([*others, client] if client else others)


def read_kind(counter: str) -> dict[str, str]:
    """The values of `KIND` that `write_kind` wrote."""
    values = counter.split(" ", len(KIND) - 1)
    return dict(zip_longest(KIND, values, fillvalue=""))


def group_name(failure: Failure) -> str:
    """The scopes that all failures of the same fingerprint are about, as they are kept."""
    return json.dumps(sorted(failure.missing))


def earlier_of(browser_id: str) -> str:
    """The index of the later failures of one browser; the first bears the person's own name."""
    return f"person:{browser_id}"


def _narrow_indexes(failure: Failure) -> Iterator[str]:
    yield f"cause:{failure.cause}"
    yield f"profile:{failure.profile}"
    yield f"status:{failure.status}"
    yield f"stage:{failure.stage}"
    yield f"group:{failure.fingerprint}"
    if failure.hub_id is not None:
        yield f"account:{failure.hub_id}"
    if failure.client:
        yield f"client:{client_key(failure.client)}"
        yield _ANY["client"]
    if failure.assignee:
        yield f"assignee:{failure.assignee}"
        yield _ANY["assignee"]
    if failure.browser_id not in ("", failure.reference):
        yield earlier_of(failure.browser_id)
    yield from (f"scope:{scope}" for scope in failure.missing[:SCOPES_SEARCHED])


def _positive(term: Term) -> Term:
    """What is not in one state is in the other, whose index may be far shorter."""
    if term.field == "status" and term.negated and term.value in set(Status):
        (other,) = set(Status) - {term.value}
        return Term("status", other)
    return term


def _index_for(term: Term) -> str | None:
    if term.field in _ANY:
        value = client_key(term.value) if term.field == "client" else term.value
        return _ANY[term.field] if value == UNSET else f"{term.field}:{value}"
    return f"{term.field}:{term.value}" if term.field in _BY_VALUE else None
