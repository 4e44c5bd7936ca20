"""The JSON forms of records, for the API and the command line."""

from __future__ import annotations

from typing import Any

from oauth_helper.common.times import iso
from oauth_helper.diagnosis.explanation import candidate_json
from oauth_helper.failures.model import Failure
from oauth_helper.failures.statistics import Group


def failure_json(failure: Failure) -> dict[str, Any]:
    """A failure as the API gives it."""
    return {
        "reference": failure.reference,
        "profile": failure.profile,
        "client": failure.client or None,
        "cause": failure.cause,
        "stage": failure.stage,
        "status": failure.status,
        "at": iso(failure.at),
        "message": failure.message,
        "requested": {
            "scope": list(failure.requested.scope),
            "optional_scope": list(failure.requested.optional_scope),
        },
        "granted": None if failure.granted is None else list(failure.granted),
        "missing": list(failure.missing),
        "hub_id": failure.hub_id,
        "correlation_id": failure.correlation_id or None,
        "candidates": [candidate_json(each) for each in failure.candidates],
        "fix": [{"who": each.who, "steps": list(each.steps)} for each in failure.fix],
        "ask": failure.ask,
        "assignee": failure.assignee or None,
        "history": [
            {"at": iso(event.at), "what": event.what, "by": event.by, "text": event.text}
            for event in failure.history
        ],
    }


def group_json(group: Group) -> dict[str, Any]:
    """A group of failures as the API gives it."""
    return {
        "cause": group.cause,
        "profile": group.profile,
        "count": group.count,
        "first_seen": iso(group.first_seen),
        "last_seen": iso(group.last_seen),
        "sample": list(group.sample),
    }
