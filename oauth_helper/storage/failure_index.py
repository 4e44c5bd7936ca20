"""Where a failure is listed and counted, and what of a search these lists answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from oauth_helper.records import NOBODY, Failure, Status, Term, Wanted
from oauth_helper.searching import SCOPES_SEARCHED
from oauth_helper.storage import keys

_BY_VALUE = frozenset({"cause", "profile", "status", "stage", "account", "scope", "group"})

_TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Plan:
    """A search in terms of indexes: those to be in, those not to be in, and what none answers."""

    within: tuple[str, ...]
    without: tuple[str, ...]
    rest: tuple[Term, ...]


def plan_for(wanted: Wanted) -> Plan:
    """How to find what is wanted."""
    within: list[str] = []
    without: list[str] = []
    rest: list[Term] = []
    for term in map(_positive, wanted.all_terms):
        index = _index_for(term)
        if index is None:
            rest.append(term)
            continue
        is_contrary = index == _TAKEN and term.value == NOBODY
        (without if term.negated is not is_contrary else within).append(index)
    return Plan(tuple(dict.fromkeys(within)) or ("",), tuple(dict.fromkeys(without)), tuple(rest))


def indexes_of(failure: Failure) -> tuple[str, ...]:
    """The indexes that list a failure."""
    return ("", *_narrow_indexes(failure))


def counters_of(failure: Failure) -> tuple[tuple[str, str], ...]:
    """What counts a failure: key and field of each counter of its day."""
    kind = f"{failure.cause} {failure.profile} {failure.status} {failure.stage}"
    group = f"{failure.fingerprint} {failure.cause} {failure.profile} {failure.status}"
    scopes = failure.missing[:SCOPES_SEARCHED]
    return (
        (keys.COUNTS, kind),
        (keys.GROUPS, group),
        *((keys.SCOPES, f"{scope} {failure.profile}") for scope in scopes),
    )


def group_name(failure: Failure) -> str:
    """The scopes that all failures of the same fingerprint are about, as they are kept."""
    return json.dumps(sorted(failure.missing))


def earlier_of(person: str) -> str:
    """The index of the later failures of one browser; the first bears the person's own name."""
    return f"person:{person}"


def _narrow_indexes(failure: Failure) -> Iterator[str]:
    yield f"cause:{failure.cause}"
    yield f"profile:{failure.profile}"
    yield f"status:{failure.status}"
    yield f"stage:{failure.stage}"
    yield f"group:{failure.fingerprint}"
    if failure.hub_id is not None:
        yield f"account:{failure.hub_id}"
    if failure.assignee:
        yield f"assignee:{failure.assignee}"
        yield _TAKEN
    if failure.person not in ("", failure.reference):
        yield earlier_of(failure.person)
    yield from (f"scope:{scope}" for scope in failure.missing[:SCOPES_SEARCHED])


def _positive(term: Term) -> Term:
    """What is not in one state is in the other, whose index may be far shorter."""
    if term.field == "status" and term.negated and term.value in set(Status):
        (other,) = set(Status) - {term.value}
        return Term("status", other)
    return term


def _index_for(term: Term) -> str | None:
    if term.field == "assignee":
        return _TAKEN if term.value == NOBODY else f"assignee:{term.value}"
    return f"{term.field}:{term.value}" if term.field in _BY_VALUE else None
