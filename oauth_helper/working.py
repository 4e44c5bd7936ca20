"""What becomes of a failure: noted, taken, resolved, opened again. Each leaves who and when."""

from __future__ import annotations

from dataclasses import replace

from oauth_helper.records import PROGRAM, Event, Failure, Status, What

#: Characters that a note may have.
MAX_NOTE = 2000


def noted(failure: Failure, *, at: float, by: str, text: str) -> Failure:
    """The failure with a note."""
    return failure.with_event(Event(at, What.NOTED, by, text[:MAX_NOTE]))


def assigned(failure: Failure, *, at: float, by: str, to: str, text: str = "") -> Failure:
    """The failure in the hands of `to`, or of nobody, with `text` as a note.

    The same when it is there already and there is no note.
    """
    after = noted(failure, at=at, by=by, text=text) if text else failure
    if failure.assignee == to:
        return after
    return replace(after, assignee=to).with_event(Event(at, What.ASSIGNED, by, to))


def resolved(failure: Failure, *, at: float, by: str, text: str) -> Failure:
    """The failure as resolved; `text` says what mended it. The same when it is resolved already."""
    if failure.status is Status.RESOLVED:
        return failure
    event = Event(at, What.RESOLVED, by, text[:MAX_NOTE])
    return replace(failure, status=Status.RESOLVED).with_event(event)


def reopened(failure: Failure, *, at: float, by: str, text: str = "") -> Failure:
    """The failure as open again; the same when it is open."""
    if failure.status is Status.OPEN:
        return failure
    event = Event(at, What.REOPENED, by, text[:MAX_NOTE])
    return replace(failure, status=Status.OPEN).with_event(event)


def put_back(
    failure: Failure, *, at: float, by: str, status: Status, assignee: str, revision: int
) -> Failure:
    """The failure as it was before a change; the same when it was changed again since then."""
    if failure.revision != revision:
        return failure
    event = Event(at, What.UNDONE, by)
    return replace(failure, status=status, assignee=assignee).with_event(event)


def connected_after_all(failure: Failure, *, at: float, reference: str) -> Failure:
    """The failure as resolved, since the account has connected with the attempt `reference`."""
    event = Event(at, What.CONNECTED, PROGRAM, reference)
    return replace(failure, status=Status.RESOLVED).with_event(event)


def returned(failure: Failure, *, response: Failure) -> Failure:
    """The failure with the causes of its response, which came back late with an error.

    Open again when somebody had resolved it; not when the account has connected meanwhile.
    """
    event = Event(response.at, What.RETURNED, PROGRAM, response.message)
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
    return after.with_event(Event(response.at, What.REOPENED, PROGRAM))


def has_connected(failure: Failure) -> bool:
    """Whether that its account connected after all is what resolved it."""
    whats = [event.what for event in failure.history if event.what in _OPEN_OR_NOT]
    return failure.status is Status.RESOLVED and whats[-1:] == [What.CONNECTED]


_OPEN_OR_NOT = (What.CONNECTED, What.RESOLVED, What.REOPENED, What.UNDONE)
