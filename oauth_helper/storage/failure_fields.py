"""A failure as the fields of a Redis hash, readable by people too."""

from __future__ import annotations

import json

from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.records import Event, Failure, Status, What
from oauth_helper.scopes import RequestedScopes, join_scope


def to_fields(failure: Failure) -> dict[str, str]:
    """The fields of the hash that holds `failure`; `v` is the version of this form."""
    return {
        "v": "2",
        "reference": failure.reference,
        "profile": failure.profile,
        "cause": failure.cause,
        "stage": failure.stage,
        "status": failure.status,
        "at": repr(failure.at),
        "begun_at": str(failure.begun_at),
        "message": failure.message,
        "scope": join_scope(failure.requested.scope),
        "optional_scope": join_scope(failure.requested.optional_scope),
        # A space-separated list cannot tell "nothing was granted" from "nobody knows".
        "granted": "" if failure.granted is None else json.dumps(failure.granted),
        "missing": join_scope(failure.missing),
        "hub_id": "" if failure.hub_id is None else str(failure.hub_id),
        "correlation_id": failure.correlation_id,
        "redirect_uri": failure.redirect_uri,
        "ask": failure.ask,
        "assignee": failure.assignee,
        "person": failure.person,
        "rev": str(failure.revision),
        "history": json.dumps(
            [[each.at, each.what, each.by, each.text] for each in failure.history],
            ensure_ascii=False,
        ),
        "candidates": json.dumps(
            [[each.cause, each.why] for each in failure.candidates], ensure_ascii=False
        ),
    }


def from_fields(fields: dict[str, str]) -> Failure:
    """The failure that `to_fields` wrote, now or with fewer fields."""
    return Failure(
        reference=fields["reference"],
        profile=fields["profile"],
        stage=Stage(fields["stage"]),
        status=Status(fields["status"]),
        at=float(fields["at"]),
        begun_at=int(fields["begun_at"]),
        message=fields["message"],
        requested=RequestedScopes(
            tuple(fields["scope"].split()), tuple(fields["optional_scope"].split())
        ),
        granted=tuple(json.loads(fields["granted"])) if fields["granted"] else None,
        missing=tuple(fields["missing"].split()),
        hub_id=int(fields["hub_id"]) if fields["hub_id"] else None,
        correlation_id=fields["correlation_id"],
        redirect_uri=fields["redirect_uri"],
        ask=fields.get("ask", ""),
        assignee=fields.get("assignee", ""),
        person=fields.get("person", ""),
        revision=int(fields.get("rev", "0")),
        history=tuple(
            Event(at, What(what), by, text)
            for at, what, by, text in json.loads(fields.get("history", "[]"))
        ),
        candidates=tuple(
            Candidate(Cause(cause), why) for cause, why in json.loads(fields["candidates"])
        ),
    )
