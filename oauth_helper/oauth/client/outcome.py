"""Define the outcomes of an attempt, and build the record of one that failed, without secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from oauth_helper.common.redaction import redactor
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence, Stage, diagnose
from oauth_helper.failures.model import Failure
from oauth_helper.hubspot.authorization_response import Declined
from oauth_helper.hubspot.token_response import Refused, Unavailable
from oauth_helper.models import Attempt, IssuedCode, PendingAuthorization
from oauth_helper.store.outbox.events import AttemptFailed

if TYPE_CHECKING:
    from oauth_helper.store.outbox.writer import EventWriter

# The most characters of a text from outside in a record.
_MAX_MESSAGE = 2000
_MAX_WHY = 500
_MAX_NAME, _MOST_NAMES = 200, 200
_MAX_CORRELATION_ID = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The outcome of an attempt, kept in the browser to show its page.

    `start_query` holds the customer's choices as a query string, to start again with the same.
    `browser_id` is the reference of the first attempt known from the same browser. `client` is the
    name of the proxy client that made the request. `client_redirect_url` is an address that returns
    its response, or leads back to HubSpot's Marketplace, once. `popup` says that the window closes
    at the end.
    """

    reference: str
    profile: str
    return_to: str | None = None
    start_query: str = ""
    browser_id: str = ""
    client: str = ""
    client_redirect_url: str | None = None
    popup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Ended):
    """The account is connected.

    `granted` is None when HubSpot didn't list the scopes; `missing` lists optional scopes that were
    not granted. `issued` is for the proxy client that made the request; no browser keeps it.
    """

    granted: tuple[str, ...] | None = None
    missing: tuple[str, ...] = ()
    hub_id: int | None = None
    issued: IssuedCode | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Ended):
    """The attempt failed. `missing` lists the scopes that the failure is about.

    `title` is what a proxy client is told, empty without one.
    """

    cause: Cause
    missing: tuple[str, ...] = ()
    title: str = ""


class Rejection(StrEnum):
    """Why a response is not processed. No failure is logged for it: anyone could have sent it.

    The last three are temporary: the response can be processed later.
    """

    NO_STATE = "no_state"
    OTHER_BROWSER = "other_browser"
    UPDATED = "updated"  # the browser keeps it in the form of another version
    ALTERED = "altered"
    EXPIRED = "expired"
    USED = "used"
    STORE_DOWN = "store_down"
    HUBSPOT_BUSY = "hubspot_busy"
    CLAIMED = "in_hand"


#: Rejections after which the same response can be processed later.
RETRYABLE = frozenset({Rejection.STORE_DOWN, Rejection.HUBSPOT_BUSY, Rejection.CLAIMED})


@dataclass(frozen=True, slots=True)
class Rejected:
    """The response must not be processed."""

    reason: Rejection


@dataclass(frozen=True, slots=True)
class Deferred:
    """The response can't be processed yet: keep `pending` in the browser and complete it later."""

    reason: Rejection
    pending: PendingAuthorization


def fail(
    writer: EventWriter,
    profile: Profile,
    pending: PendingAuthorization,
    evidence: Evidence,
    *,
    at: float,
    secrets: Iterable[str] = (),
    granted: tuple[str, ...] | None = None,
    hub_id: int | None = None,
) -> Failed:
    """Log the failure of an attempt at the time `at`, and return the outcome for its browser."""
    failure = build_failure(
        profile, pending, evidence, at=at, secrets=secrets, granted=granted, hub_id=hub_id
    )
    writer.write(AttemptFailed(failure, replaces=True, sender=pending.sender))
    client_request = pending.client_request
    return Failed(
        reference=pending.reference,
        profile=profile.name,
        cause=failure.cause,
        missing=failure.missing,
        title=failure.words.title if client_request else "",
        return_to=pending.return_to,
        start_query=client_request.query if client_request else pending.start_query,
        browser_id=pending.browser_id,
        client=pending.client,
        popup=pending.popup,
    )


def build_failure(
    profile: Profile | None,
    attempt: Attempt | PendingAuthorization,
    evidence: Evidence,
    *,
    at: float,
    secrets: Iterable[str] = (),
    granted: tuple[str, ...] | None = None,
    hub_id: int | None = None,
) -> Failure:
    """Return the record of a failed attempt, diagnosed, at the time `at` (Unix seconds).

    Texts from outside are recorded without the secrets of attempt and profile, those in `secrets`,
    e-mail addresses, and anything that looks like a token. `profile` is None when it was removed.
    """
    diagnosis = diagnose(evidence)
    redact = redactor([*secrets, *_secrets_of(profile, attempt)])
    candidates = tuple(
        replace(
            each,
            why=redact(each.why)[:_MAX_WHY],
            scopes=tuple(redact(name)[:_MAX_NAME] for name in each.scopes[:_MOST_NAMES]),
        )
        for each in diagnosis.candidates
    )
    return Failure(
        reference=attempt.reference,
        profile=attempt.profile,
        stage=evidence.stage,
        at=at,
        started_at=attempt.started_at,
        requested=attempt.requested,
        candidates=candidates,
        message=redact(_message(evidence))[:_MAX_MESSAGE],
        granted=granted,
        missing=candidates[0].scopes,
        hub_id=hub_id,
        correlation_id=redact(_correlation_id(evidence))[:_MAX_CORRELATION_ID],
        redirect_uri=redact(_redirect_uri(profile, evidence))[:_MAX_WHY],
        ask=diagnosis.next_question,
        browser_id=attempt.browser_id,
        language=attempt.language,
        client=attempt.client,
        client_error=evidence.client_error,
        customer=attempt.customer,
        customer_name=attempt.customer_name,
    )


def evidence_at_hubspot(
    profile: Profile | None,
    attempt: Attempt | PendingAuthorization,
    *,
    message: str = "",
    worked: bool = False,
    waited_seconds: int | None = None,
    earlier: tuple[Cause, ...] = (),
) -> Evidence:
    """Return the evidence when HubSpot's own page showed an error, as reported."""
    return Evidence(
        stage=Stage.AUTHORIZATION,
        message=message,
        requested=attempt.requested,
        redirect_uri=profile.redirect_uri if profile else "",
        app=profile.app if profile else None,
        catalogue=profile.catalogue if profile else None,
        worked=worked,
        waited_seconds=waited_seconds,
        earlier=earlier,
    )


def _redirect_uri(profile: Profile | None, evidence: Evidence) -> str:
    """Return the request's redirect URI. A link made elsewhere may not have the profile's."""
    return evidence.redirect_uri or (profile.redirect_uri if profile else "")


def _secrets_of(profile: Profile | None, attempt: Attempt | PendingAuthorization) -> Iterable[str]:
    if profile is not None:
        yield profile.client_secret.get_secret_value()
    if isinstance(attempt, PendingAuthorization):
        yield attempt.state
        yield attempt.code_verifier or ""


def _message(evidence: Evidence) -> str:
    """Return the message that came back, or that a person saw."""
    match evidence.response:
        case Declined(error=error, description=description):
            return f"{error}: {description}" if description else error
        case Refused(status=status, error=error, message=message):
            return ": ".join(filter(None, (status or error, message)))
        case Unavailable(why=why):
            return why
    return evidence.message


def _correlation_id(evidence: Evidence) -> str:
    match evidence.response:
        case Refused(correlation_id=correlation_id) | Unavailable(correlation_id=correlation_id):
            return correlation_id
    return ""
