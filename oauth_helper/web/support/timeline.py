"""The timeline of a failure: everything that happened since the attempt started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import CUSTOMER, PROGRAM, Event, EventType, Failure
from oauth_helper.web.support.format import duration


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
        what = f"HubSpot issued no new access token: {_title(failure)}."
        yield Moment(failure.at, what, kind="failed")
        return
    yield Moment(began, _how_it_began(failure))
    if failure.stage is Stage.PREFLIGHT:
        yield Moment(failure.at, f"Stopped before HubSpot: {_title(failure)}.", kind="failed")
        return
    # A report that came before anything else has its own entry.
    if not any(
        each.what is EventType.REPORTED and each.at == failure.at for each in failure.history
    ):
        yield Moment(failure.at, _how_it_failed(failure), kind="failed")


def _how_it_began(failure: Failure) -> str:
    if failure.client:
        return f"{failure.client} sent the customer to connect HubSpot."
    return "The customer clicked “Connect HubSpot”."


def _how_it_failed(failure: Failure) -> str:
    if failure.client_error:
        return f"The exchange with {failure.client} failed: {_title(failure)}."
    told = any(event.what in (EventType.REPORTED, EventType.RETURNED) for event in failure.history)
    match failure.stage:
        case Stage.AUTHORIZATION if failure.cause is Cause.NEVER_RETURNED or told:
            waited = duration(failure.at - failure.started_at)
            return f"No response from HubSpot after {waited}. Logged as a failure."
        case Stage.CALLBACK:
            return f"HubSpot redirected back with an error: {_title(failure)}."
        case Stage.TOKEN:
            return f"HubSpot redirected back but issued no tokens: {_title(failure)}."
        case Stage.GRANT:
            return f"HubSpot issued tokens, but not for every scope: {_title(failure)}."
    return f"Failed: {_title(failure)}."


def _moment(event: Event, failure: Failure) -> Moment:
    return Moment(event.at, _sentence(event, failure), _quoted(event, failure), str(event.what))


def _sentence(event: Event, failure: Failure) -> str:
    who = _capital(event.by)
    if event.what is EventType.CONNECTED and event.text not in ("", failure.reference):
        return f"The account connected with attempt {event.text}. Resolved."
    why = f" as {_lower(event.resolution.title)}" if event.resolution else ""
    return {
        EventType.REPORTED: f"{who} reported HubSpot's error.",
        EventType.RETURNED: "HubSpot's response arrived late, with an error.",
        EventType.CONNECTED: "HubSpot's response arrived late. The account is connected.",
        EventType.COMMENTED: f"{who} commented.",
        EventType.ASSIGNED: f"Assigned to {event.text}." if event.text else f"{who} unassigned it.",
        EventType.RESOLVED: f"{who} resolved it{why}.",
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
    return title if title.startswith("HubSpot") else _lower(title)


def _lower(title: str) -> str:
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def _capital(who: str) -> str:
    # Names of staff keep their case.
    return who[:1].upper() + who[1:] if who in (CUSTOMER, PROGRAM) else who
