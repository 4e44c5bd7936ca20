"""Write a failure as the fields of a Redis hash that an operator can read."""

from __future__ import annotations

import json

from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Event, EventType, Failure, Resolution, Status
from oauth_helper.scopes import RequestedScopes, join_scope
from oauth_helper.store.requests import request_name


def to_fields(failure: Failure) -> dict[str, str]:
    """Return the fields of a failure's hash; `v` is the version of the format."""
    return {
        "v": "2",
        "reference": failure.reference,
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
        "missing": join_scope(failure.missing),
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
        "history": json.dumps(
            [
                [each.at, each.what, each.by, each.text, *filter(None, [each.resolution])]
                for each in failure.history
            ],
            ensure_ascii=False,
        ),
        "candidates": json.dumps(
            [
                [each.cause, each.why, each.scopes, each.situation, each.detail]
                for each in failure.candidates
            ],
            ensure_ascii=False,
        ),
    }


#: The fields that a text search reads.
TEXTS = (
    "reference",
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
        message=fields["message"],
        missing=tuple(fields["missing"].split()),
        hub_id=int(fields["hub_id"]) if fields["hub_id"] else None,
        correlation_id=fields["correlation_id"],
        client=fields["client"],
        history=_events(fields["history"]),
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
    # Shortcut: most failures have no events.
    if text == "[]":
        return ()
    return tuple(
        Event(at, EventType(what), by, words, *map(Resolution, resolution))
        for at, what, by, words, *resolution in json.loads(text)
    )


def from_fields(fields: dict[str, str], requested: RequestedScopes) -> Failure:
    """Return the failure that `to_fields` wrote."""
    return Failure(
        reference=fields["reference"],
        profile=fields["profile"],
        stage=Stage(fields["stage"]),
        status=Status(fields["status"]),
        at=float(fields["at"]),
        started_at=int(fields["begun_at"]),
        message=fields["message"],
        requested=requested,
        granted=tuple(json.loads(fields["granted"])) if fields["granted"] else None,
        missing=tuple(fields["missing"].split()),
        hub_id=int(fields["hub_id"]) if fields["hub_id"] else None,
        correlation_id=fields["correlation_id"],
        redirect_uri=fields["redirect_uri"],
        ask=fields["ask"],
        assignee=fields["assignee"],
        resolution=Resolution(found) if (found := fields.get("resolution")) else None,
        browser_id=fields["person"],
        language=fields["language"],
        client=fields["client"],
        client_error=fields["mistake"],
        customer=fields.get("customer", ""),
        customer_name=fields.get("customer_name", ""),
        revision=int(fields["rev"]),
        history=_events(fields["history"]),
        candidates=tuple(
            Candidate(Cause(cause), why, tuple(scopes), situation, detail)
            for cause, why, scopes, situation, detail in json.loads(fields["candidates"])
        ),
    )
