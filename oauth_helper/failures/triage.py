"""What staff, customers and the program do to a failure. Each action adds an event: who and when.

Every function returns the changed failure, or the same one when there is nothing to change.
"""

from __future__ import annotations

from dataclasses import replace

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import PROGRAM, Event, EventType, Failure, Resolution, Status

#: Characters of a comment.
MAX_COMMENT = 2000

# Reports of one person in a history.
_MAX_REPORTS = 5


def comment(failure: Failure, *, at: float, by: str, text: str) -> Failure:
    """Add a comment."""
    return failure.with_event(Event(at, EventType.COMMENTED, by, text[:MAX_COMMENT]))


def assign(failure: Failure, *, at: float, by: str, to: str, text: str = "") -> Failure:
    """Assign the failure to `to`, or unassign it when that is empty; `text` becomes a comment."""
    after = comment(failure, at=at, by=by, text=text) if text else failure
    if failure.assignee == to:
        return after
    return replace(after, assignee=to).with_event(Event(at, EventType.ASSIGNED, by, to))


def resolve(
    failure: Failure,
    *,
    at: float,
    by: str,
    text: str,
    resolution: Resolution = Resolution.FIXED,
) -> Failure:
    """Resolve the failure for the reason `resolution`; `text` becomes a comment."""
    if failure.status is Status.RESOLVED:
        return failure
    event = Event(at, EventType.RESOLVED, by, text[:MAX_COMMENT], resolution)
    return replace(failure, status=Status.RESOLVED, resolution=resolution).with_event(event)


def reopen(failure: Failure, *, at: float, by: str, text: str = "") -> Failure:
    """Reopen the failure; `text` says why."""
    if failure.status is Status.OPEN:
        return failure
    event = Event(at, EventType.REOPENED, by, text[:MAX_COMMENT])
    return replace(failure, status=Status.OPEN, resolution=None).with_event(event)


def undo_change(
    failure: Failure,
    *,
    at: float,
    by: str,
    status: Status,
    assignee: str,
    resolution: Resolution | None,
    revision: int,
) -> Failure:
    """Restore status, assignee and resolution as before a change that led to `revision`.

    A failure that has changed again since then stays as it is.
    """
    if failure.revision != revision:
        return failure
    event = Event(at, EventType.UNDONE, by)
    restored = replace(failure, status=status, assignee=assignee, resolution=resolution)
    return restored.with_event(event)


def resolve_as_connected(failure: Failure, *, at: float, reference: str) -> Failure:
    """Resolve the failure because the account connected with the attempt `reference`.

    May be called twice for the same connection.
    """
    if any(
        event.what is EventType.CONNECTED and event.text == reference for event in failure.history
    ):
        return failure
    event = Event(at, EventType.CONNECTED, PROGRAM, reference)
    resolved = replace(failure, status=Status.RESOLVED, resolution=Resolution.FIXED)
    return resolved.with_event(event)


def add_late_response(failure: Failure, *, response: Failure) -> Failure:
    """Adopt the causes of `response`, an error that came after the attempt had expired.

    Reopens the failure if staff resolved it, but not if the account has connected meanwhile. May be
    called twice for the same response.
    """
    if failure.at == response.at or any(
        event.what is EventType.RETURNED and event.at == response.at for event in failure.history
    ):
        return failure
    event = Event(response.at, EventType.RETURNED, PROGRAM, response.message)
    after = replace(
        response,
        at=failure.at,
        assignee=failure.assignee,
        history=failure.history,
        revision=failure.revision,
    ).with_event(event)
    if failure.status is Status.OPEN:
        return after
    if has_connected(failure):
        return replace(after, status=Status.RESOLVED, resolution=failure.resolution)
    return after.with_event(Event(response.at, EventType.REOPENED, PROGRAM))


def add_report(before: Failure, *, told: Failure, event: Event) -> Failure:
    """Add a report and its causes; `told` is the failure made from the report alone.

    A response from HubSpot says more than any report, so a failure of a later stage keeps its
    causes. May be called twice for the same report.
    """
    return _with_report(_refined(before, told), event)


def _with_report(failure: Failure, event: Event) -> Failure:
    """Add the report to the history, and drop older ones, so that reports can't flood it."""
    same = [each for each in failure.history if each.what is event.what and each.by == event.by]
    if any(each.text == event.text for each in same):
        return failure
    dropped = same[: len(same) - _MAX_REPORTS + 1] if len(same) >= _MAX_REPORTS else []
    kept = tuple(each for each in failure.history if each not in dropped)
    return replace(failure, history=kept).with_event(event)


def _refined(before: Failure, told: Failure) -> Failure:
    if before.stage is not Stage.AUTHORIZATION or before.status is Status.RESOLVED:
        return before
    if told.cause is Cause.UNKNOWN and before.cause is not Cause.UNKNOWN:
        return before  # a known cause says more than an unknown one
    return replace(
        before,
        candidates=told.candidates,
        missing=told.missing,
        message=told.message,
        ask=told.ask,
        redirect_uri=told.redirect_uri,
    )


def has_connected(failure: Failure) -> bool:
    """Return whether the failure is resolved because its account connected."""
    whats = [event.what for event in failure.history if event.what in _STATUS_EVENTS]
    return failure.status is Status.RESOLVED and whats[-1:] == [EventType.CONNECTED]


_STATUS_EVENTS = (EventType.CONNECTED, EventType.RESOLVED, EventType.REOPENED, EventType.UNDONE)
