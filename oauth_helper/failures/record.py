"""Build the record of a failed connection, without secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from oauth_helper.common.redaction import redactor
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence, Stage, diagnose
from oauth_helper.failures.model import Failure
from oauth_helper.hubspot.authorization_response import Declined
from oauth_helper.hubspot.token_response import Refused, Unavailable
from oauth_helper.models import Attempt, PendingAuthorization

#: The most characters of a text from outside in a record.
MAX_MESSAGE = 2000
_MAX_WHY = 500
_MAX_NAME, _MOST_NAMES = 200, 200
_MAX_CORRELATION_ID = 100


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
    return Failure(
        reference=attempt.reference,
        profile=attempt.profile,
        stage=evidence.stage,
        at=at,
        started_at=attempt.started_at,
        requested=attempt.requested,
        candidates=tuple(
            replace(
                each,
                why=redact(each.why)[:_MAX_WHY],
                scopes=tuple(redact(name)[:_MAX_NAME] for name in each.scopes[:_MOST_NAMES]),
            )
            for each in diagnosis.candidates
        ),
        message=redact(_message(evidence))[:MAX_MESSAGE],
        granted=granted,
        missing=tuple(redact(name)[:_MAX_NAME] for name in diagnosis.scopes[:_MOST_NAMES]),
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
        yield profile.client_secret.reveal()
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
