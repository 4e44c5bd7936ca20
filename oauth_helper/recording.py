"""What is recorded of a connection that failed, without what must not be."""

from __future__ import annotations

from collections.abc import Iterable

from oauth_helper.diagnosis import Candidate, Evidence, diagnose
from oauth_helper.oauth.authorization_response import Declined
from oauth_helper.oauth.pending import PendingAuthorization
from oauth_helper.oauth.token_response import Refused, Unavailable
from oauth_helper.profiles import Profile
from oauth_helper.records import Failure
from oauth_helper.redaction import redact

# Characters that a record takes of a text from outside.
_MAX_MESSAGE = 1000
_MAX_WHY = 500
_MAX_CORRELATION_ID = 100


def failure_of(
    profile: Profile,
    pending: PendingAuthorization,
    evidence: Evidence,
    *,
    at: float,
    secrets: Iterable[str] = (),
    granted: tuple[str, ...] | None = None,
    hub_id: int | None = None,
) -> Failure:
    """The record of a failed attempt, diagnosed, at the time `at` (Unix seconds).

    Texts from outside go in without the attempt's and the profile's secrets, those in `secrets`,
    e-mail addresses and whatever looks like a token.
    """
    diagnosis = diagnose(evidence)
    hidden = [*secrets, pending.state, pending.code_verifier or "", profile.client_secret.reveal()]
    return Failure(
        reference=pending.reference,
        profile=profile.name,
        stage=evidence.stage,
        at=at,
        begun_at=pending.begun_at,
        requested=pending.requested,
        candidates=tuple(
            Candidate(each.cause, redact(each.why, hidden)[:_MAX_WHY])
            for each in diagnosis.candidates
        ),
        message=redact(_message(evidence), hidden)[:_MAX_MESSAGE],
        granted=granted,
        missing=diagnosis.scopes,
        hub_id=hub_id,
        correlation_id=redact(_correlation_id(evidence), hidden)[:_MAX_CORRELATION_ID],
        redirect_uri=profile.redirect_uri,
    )


def _message(evidence: Evidence) -> str:
    """What came back; a request that was stopped before has nothing."""
    match evidence.response:
        case Declined(error=error, description=description):
            return f"{error}: {description}" if description else error
        case Refused(status=status, error=error, message=message):
            return ": ".join(filter(None, (status or error, message)))
        case Unavailable(why=why):
            return why
    return ""


def _correlation_id(evidence: Evidence) -> str:
    match evidence.response:
        case Refused(correlation_id=correlation_id) | Unavailable(correlation_id=correlation_id):
            return correlation_id
    return ""
