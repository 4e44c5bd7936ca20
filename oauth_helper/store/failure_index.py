"""The indexes and counters of a failure, and which parts of a query the indexes answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from oauth_helper.failures.model import Failure, Status
from oauth_helper.failures.query import UNSET, FailureQuery, Term
from oauth_helper.failures.search import SCOPES_SEARCHED, client_key
from oauth_helper.store import keys

_BY_VALUE = frozenset(
    {"cause", "profile", "status", "stage", "account", "scope", "group", "customer_id"}
)

# Indexes of failures with any value in a field; `UNSET` asks for those outside.
_ANY = {"assignee": "taken", "client": "proxied"}

#: The fields that are counted together. Only the last may be empty or contain spaces.
KIND = ("cause", "profile", "status", "stage", "client")


@dataclass(frozen=True, slots=True)
class Plan:
    """A query as indexes: to be in, not to be in, and the terms that no index answers."""

    within: tuple[str, ...]
    without: tuple[str, ...]
    rest: tuple[Term, ...]


def plan_for(query: FailureQuery) -> Plan:
    """Return how the indexes answer a query."""
    within: list[str] = []
    without: list[str] = []
    rest: list[Term] = []
    for term in map(_positive, query.all_terms):
        index = _index_for(term)
        if index is None:
            rest.append(term)
            continue
        (without if term.negated is not (index in _ANY.values()) else within).append(index)
    return Plan(tuple(dict.fromkeys(within)) or ("",), tuple(dict.fromkeys(without)), tuple(rest))


def indexes_of(failure: Failure) -> tuple[str, ...]:
    """Return the indexes that list a failure."""
    return ("", *_narrow_indexes(failure))


def counters_of(failure: Failure) -> tuple[tuple[str, str], ...]:
    """Return the name and field of each counter of its day that counts a failure."""
    kind = write_kind(getattr(failure, name) for name in KIND)
    group = f"{failure.fingerprint} {failure.cause} {failure.profile} {failure.status}"
    scopes = failure.missing[:SCOPES_SEARCHED]
    return (
        (keys.COUNTS, kind),
        (keys.GROUPS, group),
        *((keys.SCOPES, f"{scope} {failure.profile}") for scope in scopes),
    )


def write_kind(values: Iterable[str]) -> str:
    """Return the field that counts failures with these values of `KIND`."""
    *others, client = values
    return " ".join([*others, client] if client else others)


def read_kind(counter: str) -> dict[str, str]:
    """Return the values of `KIND` that `write_kind` wrote."""
    values = counter.split(" ", len(KIND) - 1)
    return dict(zip_longest(KIND, values, fillvalue=""))


def group_name(failure: Failure) -> str:
    """Return the scopes of a fingerprint as stored."""
    return json.dumps(sorted(failure.missing))


def browser_index(browser_id: str) -> str:
    """Return the index of a browser's failures, except the first, whose reference is the id."""
    return f"person:{browser_id}"


def mismatches(values: Mapping[str, str], terms: Iterable[Term]) -> set[str]:
    """Return the fields whose values don't match the terms about them."""
    return {
        each.field
        for each in terms
        if each.field in values and (values[each.field] == each.value) is each.negated
    }


def _narrow_indexes(failure: Failure) -> Iterator[str]:
    yield f"cause:{failure.cause}"
    yield f"profile:{failure.profile}"
    yield f"status:{failure.status}"
    yield f"stage:{failure.stage}"
    yield f"group:{failure.fingerprint}"
    if failure.hub_id is not None:
        yield f"account:{failure.hub_id}"
    if failure.customer:
        yield f"customer_id:{failure.customer}"
    if failure.client:
        yield f"client:{client_key(failure.client)}"
        yield _ANY["client"]
    if failure.assignee:
        yield f"assignee:{failure.assignee}"
        yield _ANY["assignee"]
    if failure.browser_id not in ("", failure.reference):
        yield browser_index(failure.browser_id)
    yield from (f"scope:{scope}" for scope in failure.missing[:SCOPES_SEARCHED])


def _positive(term: Term) -> Term:
    """Return the other status instead of a negated one: its index may be far shorter."""
    if term.field == "status" and term.negated and term.value in set(Status):
        (other,) = set(Status) - {term.value}
        return Term("status", other)
    return term


def _index_for(term: Term) -> str | None:
    if term.field in _ANY:
        value = client_key(term.value) if term.field == "client" else term.value
        return _ANY[term.field] if value == UNSET else f"{term.field}:{value}"
    return f"{term.field}:{term.value}" if term.field in _BY_VALUE else None
