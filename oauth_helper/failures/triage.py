"""What becomes of a failure: noted, taken, resolved, opened again. Each leaves who and when."""

from __future__ import annotations

from dataclasses import replace

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import PROGRAM, Event, EventType, Failure, Status

#: Characters that a note may have.
MAX_COMMENT = 2000

# Reports of one person in a history.
_MOST_REPORTS = 5


def noted(failure: Failure, *, at: float, by: str, text: str) -> Failure:
    """The failure with a note."""
    return failure.with_event(Event(at, EventType.COMMENTED, by, text[:MAX_COMMENT]))


def assigned(failure: Failure, *, at: float, by: str, to: str, text: str = "") -> Failure:
    """The failure in the hands of `to`, or of nobody, with `text` as a note.

    The same when it is there already and there is no note.
    """
    after = noted(failure, at=at, by=by, text=text) if text else failure
    if failure.assignee == to:
        return after
    return replace(after, assignee=to).with_event(Event(at, EventType.ASSIGNED, by, to))


def resolved(failure: Failure, *, at: float, by: str, text: str) -> Failure:
    """The failure as resolved; `text` says what mended it. The same when it is resolved already."""
    if failure.status is Status.RESOLVED:
        return failure
    event = Event(at, EventType.RESOLVED, by, text[:MAX_COMMENT])
    return replace(failure, status=Status.RESOLVED).with_event(event)


def reopened(failure: Failure, *, at: float, by: str, text: str = "") -> Failure:
    """The failure as open again; the same when it is open."""
    if failure.status is Status.OPEN:
        return failure
    event = Event(at, EventType.REOPENED, by, text[:MAX_COMMENT])
    return replace(failure, status=Status.OPEN).with_event(event)


def put_back(
    failure: Failure, *, at: float, by: str, status: Status, assignee: str, revision: int
) -> Failure:
    """The failure as it was before a change; the same when it was changed again since then."""
    if failure.revision != revision:
        return failure
    event = Event(at, EventType.UNDONE, by)
    return replace(failure, status=status, assignee=assignee).with_event(event)


def connected_after_all(failure: Failure, *, at: float, reference: str) -> Failure:
    """The failure as resolved, since the account has connected with the attempt `reference`.

    The same when that is known already: it may be told twice.
    """
    if any(
        event.what is EventType.CONNECTED and event.text == reference for event in failure.history
    ):
        return failure
    event = Event(at, EventType.CONNECTED, PROGRAM, reference)
    return replace(failure, status=Status.RESOLVED).with_event(event)


def returned(failure: Failure, *, response: Failure) -> Failure:
    """The failure with the causes of its response, which came back late with an error.

    Open again when somebody had resolved it; not when the account has connected meanwhile. The same
    when it is this response's already: it may be told twice.
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
        return replace(after, status=Status.RESOLVED)
    return after.with_event(Event(response.at, EventType.REOPENED, PROGRAM))


def refined_by_report(before: Failure, *, told: Failure, event: Event) -> Failure:
    """The failure with what a report adds to it: `told` is what the report alone makes.

    A response that came back tells more than any report, so a failure of a later stage keeps its
    causes. The same when the very report is known already.
    """
    return _with_report(_refined(before, told), event)


def _with_report(failure: Failure, event: Event) -> Failure:
    """The failure with the report in its history, which whoever has the cookie could else flood."""
    same = [each for each in failure.history if each.what is event.what and each.by == event.by]
    if any(each.text == event.text for each in same):
        return failure
    dropped = same[: len(same) - _MOST_REPORTS + 1] if len(same) >= _MOST_REPORTS else []
    kept = tuple(each for each in failure.history if each not in dropped)
    return replace(failure, history=kept).with_event(event)


def _refined(before: Failure, told: Failure) -> Failure:
    if before.stage is not Stage.AUTHORIZATION or before.status is Status.RESOLVED:
        return before
    if told.cause is Cause.UNKNOWN and before.cause is not Cause.UNKNOWN:
        return before  # what was understood is worth more than what is not
    return replace(
        before,
        candidates=told.candidates,
        missing=told.missing,
        message=told.message,
        ask=told.ask,
        redirect_uri=told.redirect_uri,
    )


def has_connected(failure: Failure) -> bool:
    """Whether that its account connected after all is what resolved it."""
    whats = [event.what for event in failure.history if event.what in _OPEN_OR_NOT]
    return failure.status is Status.RESOLVED and whats[-1:] == [EventType.CONNECTED]


_OPEN_OR_NOT = (EventType.CONNECTED, EventType.RESOLVED, EventType.REOPENED, EventType.UNDONE)
