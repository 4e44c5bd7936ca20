"""Failures and filters by chance, and what a plain search through a list would find."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from oauth_helper.common.references import new_reference
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Event, EventType, Failure, Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.failures.search import is_match
from oauth_helper.scopes import RequestedScopes

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

CAUSES = (Cause.UNKNOWN, Cause.USER_DENIED, Cause.NEVER_RETURNED)
PROFILES = ("workato", "second")
STAGES = (Stage.TOKEN, Stage.AUTHORIZATION)
ACCOUNTS = (None, 7, 4711)
STAFF = ("", "ada", "Ben")
# Two ways to write one name, and names that hold what parts keys and counters.
CLIENTS = ("", "", "", "Flow Tool", "flow tool", "a:{b} c  open token", "Straße")
SCOPES = ("tickets", "crm.lists.read", "files")
REQUESTS = (
    RequestedScopes(("oauth",), ("tickets",)),
    RequestedScopes(("oauth", "crm.objects.contacts.read"), ("tickets", "files")),
)
WORDS = ("Needle", "hay", "“Straße”")
DAYS = 100


class Chooser:
    """Makes references in a fixed order, each another one, with no chance in them."""

    def __init__(self):
        self.number = 0

    def __call__(self, alphabet):
        self.number += 1
        return alphabet[self.number * 7919 // 23 ** (self.number % 8) % 23]


_choose = Chooser()


def a_failure(at=NOON, begun=None, cause=Cause.UNKNOWN, **fields):
    begun = begun or at
    fields = {"profile": "workato", "stage": Stage.TOKEN, "requested": REQUESTS[0], **fields}
    return Failure(
        reference=fields.pop("reference", None) or new_reference(begun.date(), _choose),
        at=at.timestamp(),
        started_at=int(begun.timestamp()),
        candidates=(Candidate(cause, "because"),),
        **fields,
    )


@st.composite
def _failures(draw):
    begun = NOON - timedelta(
        days=draw(st.integers(0, DAYS)), hours=draw(st.sampled_from((0, 6, 11)))
    )
    # As late as a customer may still report one, and a clock that goes wrong.
    late = draw(st.sampled_from((0, 0, 0, 1, 12, 30, 48, 70, -1)))
    assignee = draw(st.sampled_from(STAFF))
    return a_failure(
        begun + timedelta(hours=late),
        begun,
        draw(st.sampled_from(CAUSES)),
        profile=draw(st.sampled_from(PROFILES)),
        client=draw(st.sampled_from(CLIENTS)),
        stage=draw(st.sampled_from(STAGES)),
        status=draw(st.sampled_from(list(Status))),
        requested=draw(st.sampled_from(REQUESTS)),
        message=draw(st.sampled_from(("", *WORDS))),
        hub_id=draw(st.sampled_from(ACCOUNTS)),
        assignee=assignee,
        missing=tuple(draw(st.lists(st.sampled_from(SCOPES), unique=True, max_size=2))),
        history=(Event(1.0, EventType.COMMENTED, "ada", "a note"),) if draw(st.booleans()) else (),
    )


def some_failures(most=25):
    """A list of failures of about three months, some at the same time, some late."""
    return st.lists(_failures(), max_size=most)


_VALUES = {
    "cause": tuple(str(cause) for cause in CAUSES),
    "profile": PROFILES,
    "client": ("-", "FLOW TOOL", "a:{b} c  open token", "STRASSE", "none of these"),
    "status": tuple(str(status) for status in Status),
    "stage": tuple(str(stage) for stage in STAGES),
    "account": ("7", "4711", "8"),
    "assignee": ("-", "ada", "Ben"),
    "scope": SCOPES,
    "group": (a_failure().fingerprint, a_failure(missing=("files",)).fingerprint),
}
_TEXTS = {"": (*WORDS, "needle", "STRASSE", "note", "tool"), "message": ("hay",), "note": ("note",)}


@st.composite
def _terms(draw, fields):
    field = draw(st.sampled_from(sorted(fields)))
    return Term(field, draw(st.sampled_from(fields[field])), draw(st.booleans()))


def some_wanted(*, texts=True):
    """Filters of every kind."""
    times = st.none() | st.integers(-12 * DAYS, 40).map(
        lambda hours: (NOON + timedelta(hours=2 * hours)).timestamp()
    )
    named = {name: st.none() | st.none() | st.sampled_from(held) for name, held in _VALUES.items()}
    terms = st.lists(_terms({**_VALUES, **_TEXTS} if texts else _VALUES), max_size=2).map(tuple)
    return st.builds(FailureQuery, **named, terms=terms, since=times, until=times)


def found_in(failures, wanted):
    """Those that are wanted, newest first."""
    return [
        each
        for each in sorted(failures, key=lambda each: (each.at, each.reference), reverse=True)
        if is_match(each, wanted.all_terms)
        and (wanted.since is None or each.at >= wanted.since)
        and (wanted.until is None or each.at < wanted.until)
    ]
