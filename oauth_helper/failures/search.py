"""Read searches, and match failures against them.

`field:value` matches a field, a word is searched in the texts, quotes keep words together, and a
hyphen in front negates: `cause:never_returned -scope:tickets "token expired"`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import EventType, Failure, Status
from oauth_helper.failures.query import FIELDS, UNSET, Term

#: Characters and terms of a search.
MAX_SEARCH, MAX_TERMS = 300, 20

#: How many of a failure's scopes can be found.
SCOPES_SEARCHED = 10

#: Fields that are searched in the texts of records; the others have an index.
TEXT_FIELDS = ("reference", "message", "note", "customer")

# What staff write; other events contain a name, or repeat the failure's message.
_WRITTEN = (EventType.COMMENTED, EventType.RESOLVED, EventType.REOPENED)

_OTHER_NAMES = {
    "state": "status",
    "by": "assignee",
    "ref": "reference",
    "hub_id": "account",
    "comment": "note",
}

_TOKEN = re.compile(r'(?P<not>-?)(?:(?P<field>[A-Za-z_]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>\S+))')

_ALLOWED: dict[str, frozenset[str]] = {
    "cause": frozenset(Cause),
    "status": frozenset(Status),
    "stage": frozenset(Stage),
}


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was read. `problems` are sentences about what can't be searched.

    `hints` are sentences about what may be read otherwise than meant.
    """

    terms: tuple[Term, ...]
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def read_search(text: str) -> Search:
    """Return the terms in `text`, in their order; invalid ones are left out and named."""
    terms, problems, hints = [], [], []
    for match in _TOKEN.finditer(text[:MAX_SEARCH]):
        term = _term(match)
        if problem := term_problem(term):
            problems.append(problem)
        elif term.value:
            terms.append(term)
        if match["field"] and not term.field and not (match["bare"] or "").startswith("//"):
            hints.append(f"“{match['field'][:20]}:” isn't a field, so it is searched as words.")
    if len(terms) > MAX_TERMS:
        problems.append(f"Only the first {MAX_TERMS} words count.")
    if len(text) > MAX_SEARCH:
        problems.append(f"Only the first {MAX_SEARCH} characters count.")
    return Search(tuple(terms[:MAX_TERMS]), tuple(problems), tuple(hints))


def write_term(term: Term) -> str:
    """Return the term as a user would type it, so that `read_search` reads it back."""
    if term.field == "assignee" and term.value == UNSET:
        return "is:assigned" if term.negated else "-is:assigned"
    before = f"{'-' if term.negated else ''}{term.field}{':' if term.field else ''}"
    bare = before + term.value
    # A word may begin like a field, or contain a blank. Quotes can't contain quotes.
    is_read_back = read_search(bare).terms == (term,)
    return bare if is_read_back else f'{before}"{term.value.replace(chr(34), "")}"'


def term_problem(term: Term) -> str | None:
    """Return why a term can't find anything, or None if it can."""
    allowed = _ALLOWED.get(term.field)
    if allowed is not None and term.value not in allowed:
        near = get_close_matches(term.value, allowed, n=1)
        known = f": {', '.join(sorted(allowed))}" if len(allowed) < 10 else ""
        known = known or (f"; the nearest is “{near[0]}”" if near else "")
        return f"Unknown {term.field} “{term.value[:60]}”{known}."
    if term.field == "account" and not re.fullmatch(r"[0-9]{1,15}", term.value):
        return f"“{term.value[:60]}” isn't the number of an account."
    return None


def is_match(failure: Failure, terms: tuple[Term, ...]) -> bool:
    """Return whether a failure fulfills all terms."""
    return all(_holds(failure, term) is not term.negated for term in terms)


def client_key(name: str) -> str:
    """Return a client's name without regard to case; `UNSET` where there is no client."""
    return name.casefold() or UNSET


def _term(match: re.Match[str]) -> Term:
    field, negated = (match["field"] or "").lower(), bool(match["not"])
    value = match["bare"] if match["quoted"] is None else match["quoted"]
    name = _OTHER_NAMES.get(field, field)
    if name == "is":
        return _is(value.lower(), negated=negated)
    if name in FIELDS or name in TEXT_FIELDS:
        # Names of profiles, clients and staff keep their case; everything else is lower case.
        is_name = name in ("profile", "client", "assignee")
        return Term(name, value if is_name else value.lower(), negated)
    return Term("", f"{field}:{value}" if field else value, negated)


def _is(value: str, *, negated: bool) -> Term:
    if value in ("assigned", "taken"):
        return Term("assignee", UNSET, not negated)
    if value == "mine":
        return Term("assignee", "me", negated)
    return Term("status", value, negated)


def _holds(failure: Failure, term: Term) -> bool:
    value = term.value
    match term.field:
        case "cause" | "profile" | "status" | "stage":
            return str(getattr(failure, term.field)) == value
        case "account" | "customer_id":
            name = failure.customer if term.field == "customer_id" else failure.hub_id
            return str(name or "") == value
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
    if field in ("", "customer"):
        yield failure.customer
        yield failure.customer_name
    if field in ("", "note"):
        yield from (event.text for event in failure.history if event.what in _WRITTEN)
    if not field:
        # As the lists show it: people search for what they see.
        yield failure.words.title.replace("`", "")
        yield failure.client
        yield failure.correlation_id
        yield str(failure.hub_id or "")
        # Not the requested scopes: nearly every attempt requests nearly all.
        yield from failure.missing
