"""The timeline of a failure: everything that happened since the attempt started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import CUSTOMER, PROGRAM, Event, EventType, Failure


@dataclass(frozen=True, slots=True)
class Moment:
    """An entry at the time `at` (Unix seconds). `quoted` is text from outside."""

    at: float
    what: str
    quoted: str = ""
    kind: str = ""


def timeline_of(failure: Failure) -> list[Moment]:
    """Return all entries, oldest first."""
    return [*_beginning(failure), *(_moment(event, failure) for event in failure.history)]


def _beginning(failure: Failure) -> Iterator[Moment]:
    began = float(failure.started_at)
    if failure.stage is Stage.REFRESH:
        what = f"HubSpot gave no fresh access token: {_title(failure)}."
        yield Moment(failure.at, what, kind="failed")
        return
    yield Moment(began, _how_it_began(failure))
    if failure.stage is Stage.PREFLIGHT:
        yield Moment(failure.at, f"Stopped before HubSpot: {_title(failure)}.", kind="failed")
        return
    yield Moment(began, "The browser was sent to HubSpot.")
    yield Moment(failure.at, _how_it_failed(failure), kind="failed")


def _how_it_began(failure: Failure) -> str:
    if failure.client:
        return f"{failure.client} sent the customer here to connect HubSpot."
    return "The customer clicked “Connect HubSpot”."


def _how_it_failed(failure: Failure) -> str:
    if failure.client_error:
        return f"It went wrong between {failure.client} and this program: {_title(failure)}."
    told = any(event.what in (EventType.REPORTED, EventType.RETURNED) for event in failure.history)
    match failure.stage:
        case Stage.AUTHORIZATION if failure.cause is Cause.NEVER_RETURNED or told:
            return "Nothing came back from HubSpot in time: logged as a failure."
        case Stage.CALLBACK:
            return f"The browser came back from HubSpot: {_title(failure)}."
        case Stage.TOKEN:
            return f"The browser came back, and HubSpot gave no tokens: {_title(failure)}."
        case Stage.GRANT:
            return f"HubSpot gave tokens, but not for all: {_title(failure)}."
    return f"It failed: {_title(failure)}."


def _moment(event: Event, failure: Failure) -> Moment:
    return Moment(event.at, _sentence(event, failure), _quoted(event, failure), str(event.what))


def _sentence(event: Event, failure: Failure) -> str:
    who = _capital(event.by)
    if event.what is EventType.CONNECTED and event.text not in ("", failure.reference):
        return f"The account connected with attempt {event.text}, so this is resolved."
    return {
        EventType.REPORTED: f"{who} reported what HubSpot's page said.",
        EventType.RETURNED: "The response came back late, with an error.",
        EventType.CONNECTED: "The response came back late, and the account is connected.",
        EventType.COMMENTED: f"{who} commented.",
        EventType.ASSIGNED: f"Assigned to {event.text}." if event.text else f"{who} unassigned it.",
        EventType.RESOLVED: f"{who} resolved it.",
        EventType.REOPENED: f"{who} reopened it.",
        EventType.UNDONE: f"{who} undid the last change.",
    }[event.what]


def _quoted(event: Event, failure: Failure) -> str:
    is_elsewhere = (
        event.what in (EventType.ASSIGNED, EventType.CONNECTED) or event.text == failure.message
    )
    return "" if is_elsewhere else event.text


def _title(failure: Failure) -> str:
    title = failure.words.title.replace("`", "")
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def _capital(who: str) -> str:
    # Names of staff keep their case.
    return who[:1].upper() + who[1:] if who in (CUSTOMER, PROGRAM) else who
