"""How a failure is stored: the fields of its hash, the indexes that list it, its counters.

An operator can read the hash. Fields that are empty are left out: most failures have few of them,
and each takes 50 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest

from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Event, EventType, Failure, Resolution, Status
from oauth_helper.failures.search import SCOPES_SEARCHED, client_key
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.shared_texts import name_of, request_name

#: The fields that are counted together. Only the last may be empty or contain spaces.
KIND = ("cause", "profile", "status", "stage", "client")

#: Indexes of failures with any value in a field; `UNSET` asks for those outside.
ANY_VALUE = {"assignee": "taken", "client": "proxied"}


def to_fields(failure: Failure) -> dict[str, str]:
    """Return the fields of a failure's hash, whose key has its reference.

    `v` is the version of the format.
    """
    shared = shared_diagnosis(failure)
    fields = {
        "v": "3",
        "profile": failure.profile,
        "cause": failure.cause,
        "stage": failure.stage,
        "status": failure.status,
        "at": repr(failure.at),
        "begun_at": str(failure.started_at),
        "message": failure.message,
        "request": request_name(failure.requested),
        # A space-separated list can't tell "nothing was granted" from "unknown".
        "granted": "" if failure.granted is None else json.dumps(failure.granted),
        "missing": " ".join(failure.missing),
        "hub_id": "" if failure.hub_id is None else str(failure.hub_id),
        "correlation_id": failure.correlation_id,
        "redirect_uri": failure.redirect_uri,
        "ask": failure.ask,
        "assignee": failure.assignee,
        "resolution": failure.resolution or "",
        "person": failure.browser_id,
        "language": failure.language,
        "client": failure.client,
        "mistake": failure.client_error,
        "customer": failure.customer,
        "customer_name": failure.customer_name,
        "rev": str(failure.revision),
        "history": _text_of(
            [each.at, each.what, each.by, each.text, *filter(None, [each.resolution])]
            for each in failure.history
        ),
        "diagnosis": name_of(shared) if shared else "",
        "candidates": "" if shared else encode_candidates(failure.candidates),
    }
    return {name: value for name, value in fields.items() if value}


def _text_of(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as JSON, empty without one."""
    found = list(rows)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else ""


def shared_diagnosis(failure: Failure) -> str:
    """Return the candidates as text if all failures of a day may share it, otherwise nothing.

    Its sentences stay when a record is erased. Those about HubSpot's answers quote them.
    """
    is_own = failure.stage in (Stage.PREFLIGHT, Stage.AUTHORIZATION)
    return encode_candidates(failure.candidates) if is_own else ""


@lru_cache(maxsize=256)
def encode_candidates(candidates: tuple[Candidate, ...]) -> str:
    """Return the candidates as stored."""
    return _text_of(_candidate_parts(candidates))


def _candidate_parts(candidates: Iterable[Candidate]) -> Iterator[Sequence[object]]:
    """Yield what makes each candidate: without empty ends, and null for the same reason again."""
    before = None
    for each in candidates:
        why = None if each.why == before else each.why
        parts = [each.cause, why, each.scopes, each.situation, each.detail]
        yield parts[: max(number for number, part in enumerate(parts, 1) if part or number == 2)]
        before = each.why


def decode_candidates(text: str) -> tuple[Candidate, ...]:
    """Return the candidates that `encode_candidates` wrote."""
    found: list[Candidate] = []
    why = ""
    for cause, reason, *more in json.loads(text):
        why = why if reason is None else reason
        scopes, *words = more or [()]
        found.append(Candidate(Cause(cause), why, tuple(scopes), *words))
    return tuple(found)


#: The fields that a text search reads.
TEXTS = (
    "cause",
    "message",
    "missing",
    "hub_id",
    "correlation_id",
    "client",
    "history",
    "customer",
    "customer_name",
)


def from_texts(fields: dict[str, str]) -> Failure:
    """Return a failure with only the texts that a search reads."""
    return Failure(
        reference=fields["reference"],
        message=fields.get("message", ""),
        missing=tuple(fields.get("missing", "").split()),
        hub_id=int(found) if (found := fields.get("hub_id")) else None,
        correlation_id=fields.get("correlation_id", ""),
        client=fields.get("client", ""),
        history=_events(fields.get("history", "")),
        customer=fields.get("customer", ""),
        customer_name=fields.get("customer_name", ""),
        profile="",
        stage=Stage.API,
        at=0.0,
        started_at=0,
        requested=_NOTHING,
        candidates=(Candidate(Cause(fields["cause"]), ""),),
    )


_NOTHING = RequestedScopes(())


def _events(text: str) -> tuple[Event, ...]:
    return tuple(
        Event(at, EventType(what), by, words, *map(Resolution, resolution))
        for at, what, by, words, *resolution in (json.loads(text) if text else ())
    )


def from_fields(
    fields: dict[str, str], requested: RequestedScopes, candidates: tuple[Candidate, ...]
) -> Failure:
    """Return the failure that `to_fields` wrote, with what it shares with others.

    Without candidates it has those of its own, or only its cause.
    """
    if not candidates and (own := fields.get("candidates")):
        candidates = decode_candidates(own)
    return Failure(
        reference=fields["reference"],
        profile=fields["profile"],
        stage=Stage(fields["stage"]),
        status=Status(fields["status"]),
        at=float(fields["at"]),
        started_at=int(fields["begun_at"]),
        message=fields.get("message", ""),
        requested=requested,
        granted=tuple(json.loads(found)) if (found := fields.get("granted")) else None,
        missing=tuple(fields.get("missing", "").split()),
        hub_id=int(found) if (found := fields.get("hub_id")) else None,
        correlation_id=fields.get("correlation_id", ""),
        redirect_uri=fields.get("redirect_uri", ""),
        ask=fields.get("ask", ""),
        assignee=fields.get("assignee", ""),
        resolution=Resolution(found) if (found := fields.get("resolution")) else None,
        browser_id=fields.get("person", ""),
        language=fields.get("language", ""),
        client=fields.get("client", ""),
        client_error=fields.get("mistake", ""),
        customer=fields.get("customer", ""),
        customer_name=fields.get("customer_name", ""),
        revision=int(fields["rev"]),
        history=_events(fields.get("history", "")),
        candidates=candidates or (Candidate(Cause(fields["cause"]), ""),),
    )


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
        yield ANY_VALUE["client"]
    if failure.assignee:
        yield f"assignee:{failure.assignee}"
        yield ANY_VALUE["assignee"]
    if failure.browser_id not in ("", failure.reference):
        yield browser_index(failure.browser_id)
    yield from (f"scope:{scope}" for scope in failure.missing[:SCOPES_SEARCHED])
