"""What somebody asks for in a search box, and whether a failure is that.

`field:value` asks for a field, words are looked for in the texts, quotes hold words together, a
hyphen in front asks for the contrary: `cause:never_returned -scope:tickets "token expired"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import EventType, Failure, Status
from oauth_helper.failures.query import FIELDS, UNSET, Term

#: Characters of a search, and terms that count in it.
MAX_SEARCH, MOST_TERMS = 300, 20

#: Of the scopes that a failure is about, so many can be searched for.
SCOPES_SEARCHED = 10

#: Fields that are looked for in the texts of records, besides those that have an index.
TEXT_FIELDS = ("reference", "message", "note")

# What staff write; other events hold a name, or what the record's message has too.
_WRITTEN = (EventType.COMMENTED, EventType.RESOLVED, EventType.REOPENED)

_OTHER_NAMES = {"state": "status", "by": "assignee", "ref": "reference", "hub_id": "account"}

_TOKEN = re.compile(r'(?P<not>-?)(?:(?P<field>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>\S+))')

_ALLOWED: dict[str, frozenset[str]] = {
    "cause": frozenset(Cause),
    "status": frozenset(Status),
    "stage": frozenset(Stage),
}


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked for. `problems` are sentences about what cannot be."""

    terms: tuple[Term, ...]
    problems: tuple[str, ...] = ()


def read_search(text: str) -> Search:
    """The terms in `text`, in their order; what cannot be asked for is left out and named."""
    terms, problems = [], []
    for match in _TOKEN.finditer(text[:MAX_SEARCH]):
        term = _term(match)
        if problem := problem_with(term):
            problems.append(problem)
        elif term.value:
            terms.append(term)
    if len(terms) > MOST_TERMS:
        problems.append(f"Only the first {MOST_TERMS} words count.")
    if len(text) > MAX_SEARCH:
        problems.append(f"Only the first {MAX_SEARCH} characters count.")
    return Search(tuple(terms[:MOST_TERMS]), tuple(problems))


def write_term(term: Term) -> str:
    """The term as somebody would type it: `read_search` reads the same."""
    if term.field == "assignee" and term.value == UNSET:
        return "is:taken" if term.negated else "-is:taken"
    before = f"{'-' if term.negated else ''}{term.field}{':' if term.field else ''}"
    bare = before + term.value
    # A word may begin like a field, or hold a blank. A quotation mark cannot stand inside others.
    is_read_as_it_is = read_search(bare) == Search((term,))
    return bare if is_read_as_it_is else f'{before}"{term.value.replace(chr(34), "")}"'


def problem_with(term: Term) -> str | None:
    """Why nothing can be found by a term; None when it can."""
    allowed = _ALLOWED.get(term.field)
    if allowed is not None and term.value not in allowed:
        known = ", ".join(sorted(allowed)) if len(allowed) < 10 else ""
        return f"There is no {term.field} “{term.value[:60]}”" + (f": {known}." if known else ".")
    if term.field == "account" and not re.fullmatch(r"[0-9]{1,15}", term.value):
        return f"“{term.value[:60]}” is no account: HubSpot's have numbers."
    return None


def is_match(failure: Failure, terms: tuple[Term, ...]) -> bool:
    """Whether a failure is all that is asked for."""
    return all(_holds(failure, term) is not term.negated for term in terms)


def client_key(name: str) -> str:
    """What all ways to write a client's name share; `UNSET` where there is no client."""
    return name.casefold() or UNSET


def _term(match: re.Match[str]) -> Term:
    field, negated = (match["field"] or "").lower(), bool(match["not"])
    value = match["bare"] if match["quoted"] is None else match["quoted"]
    name = _OTHER_NAMES.get(field, field)
    if name == "is":
        return _is(value.lower(), negated=negated)
    if name in FIELDS or name in TEXT_FIELDS:
        # Names of profiles, clients and of the staff are as they are; the rest is written small.
        is_name = name in ("profile", "client", "assignee")
        return Term(name, value if is_name else value.lower(), negated)
    return Term("", f"{field}:{value}" if field else value, negated)


def _is(value: str, *, negated: bool) -> Term:
    if value == "taken":
        return Term("assignee", UNSET, not negated)
    if value == "mine":
        return Term("assignee", "me", negated)
    return Term("status", value, negated)


def _holds(failure: Failure, term: Term) -> bool:
    value = term.value
    match term.field:
        case "cause" | "profile" | "status" | "stage":
            return str(getattr(failure, term.field)) == value
        case "account":
            return str(failure.hub_id or "") == value
        case "client" | "assignee":
            return _is_named(getattr(failure, term.field), term)
        case "scope":
            return value in failure.missing[:SCOPES_SEARCHED]
        case "group":
            return failure.fingerprint == value
    needle = value.casefold()
    return any(needle in text.casefold() for text in _texts(failure, term.field))


def _is_named(name: str, term: Term) -> bool:
    if term.field == "client":
        return client_key(name) == client_key(term.value)
    return name == ("" if term.value == UNSET else term.value)


def _texts(failure: Failure, field: str) -> Iterator[str]:
    if field in ("", "reference"):
        yield failure.reference
        yield failure.reference.replace("-", "")
    if field in ("", "message"):
        yield failure.message
    if field in ("", "note"):
        yield from (event.text for event in failure.history if event.what in _WRITTEN)
    if not field:
        # As it stands in the lists: people look for what they see.
        yield failure.words.title.replace("`", "")
        yield failure.client
        yield failure.correlation_id
        yield str(failure.hub_id or "")
        # Not those that were requested: nearly all of them are, every time.
        yield from failure.missing
