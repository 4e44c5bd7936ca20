"""What HubSpot's answers mean: those to the callback, and those of its endpoints."""

from __future__ import annotations

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.evidence import Candidate
from oauth_helper.diagnosis.messages import Reading, read_exactly, read_message
from oauth_helper.hubspot.authorization_response import Declined
from oauth_helper.hubspot.token_response import Refused, Unavailable

# RFC 6749 section 4.1.2.1. HubSpot documents the parameter and no values.
_CALLBACK_ERRORS = {
    "access_denied": Cause.USER_DENIED,
    "invalid_scope": Cause.INVALID_SCOPE_NAME,
    "unauthorized_client": Cause.CLIENT_ID_INVALID,
    "server_error": Cause.HUBSPOT_UNAVAILABLE,
    "temporarily_unavailable": Cause.HUBSPOT_UNAVAILABLE,
}

# `status` values seen at HubSpot's token endpoint: postmanlabs/postman-app-support#3655,
# HGData/mk-node-hubspot#87 and #64, airbytehq/airbyte#79592, and others (2026-11).
_STATUSES = {
    "BAD_AUTH_CODE": Cause.CODE_EXPIRED_OR_REUSED,
    "EXPIRED_AUTH_CODE": Cause.CODE_EXPIRED_OR_REUSED,
    "MISMATCH_REDIRECT_URI_AUTH_CODE": Cause.REDIRECT_URI_MISMATCH,
    "BAD_REDIRECT_URI": Cause.REDIRECT_URI_MISMATCH,
    "BAD_CLIENT_ID": Cause.CLIENT_ID_INVALID,
    "BAD_CLIENT_SECRET": Cause.CLIENT_SECRET_INVALID,
    "BAD_REFRESH_TOKEN": Cause.REFRESH_TOKEN_INVALID,
    "BAD_CODE_VERIFIER": Cause.PKCE_MISMATCH,
    "BAD_GRANT_TYPE": Cause.TOKEN_REQUEST_MALFORMED,
    "BAD_SCOPES": Cause.INVALID_SCOPE_NAME,
    # With "missing or unknown hub id" and the error access_denied, 2026-11
    "BAD_HUB": Cause.ACCOUNT_UNKNOWN,
}

# RFC 6749 section 5.2; what it leaves open HubSpot's `status` and words decide.
_TOKEN_ERRORS = {
    "invalid_client": Cause.CLIENT_SECRET_INVALID,
    "invalid_request": Cause.TOKEN_REQUEST_MALFORMED,
    "unsupported_grant_type": Cause.TOKEN_REQUEST_MALFORMED,
    "invalid_scope": Cause.INVALID_SCOPE_NAME,
    "unauthorized_client": Cause.CLIENT_ID_INVALID,
}

# What is left when the body says nothing. 488 is HubSpot's own: the account lives elsewhere. A
# proxy or a filter on the way answers 403, 407 and 451.
_HTTP_STATUSES = {
    401: Cause.CLIENT_SECRET_INVALID,
    403: Cause.HUBSPOT_UNAVAILABLE,
    404: Cause.TOKEN_REQUEST_MALFORMED,
    405: Cause.TOKEN_REQUEST_MALFORMED,
    407: Cause.HUBSPOT_UNAVAILABLE,
    415: Cause.TOKEN_REQUEST_MALFORMED,
    451: Cause.HUBSPOT_UNAVAILABLE,
    488: Cause.WRONG_REGION,
}
_API_STATUSES = {
    401: Cause.TOKEN_EXPIRED,
    403: Cause.TOKEN_LACKS_SCOPE,
    429: Cause.RATE_LIMITED,
    488: Cause.WRONG_REGION,
}

# Seconds. How long a code lives is not documented; one that is this young has hardly expired.
_YOUNG_CODE = 20


def from_declined(declined: Declined) -> Candidate:
    """Return what an error that came back to the redirection endpoint means."""
    cause = _CALLBACK_ERRORS.get(declined.error, Cause.UNKNOWN)
    return Candidate(cause, f"HubSpot came back with the error “{declined.error}”.")


def from_refused(refused: Refused, stage: Stage, code_age: int | None) -> tuple[Candidate, ...]:
    """Return what an error answer means; `code_age` is in seconds.

    A known `status` decides, then HubSpot's exact words, then a known `error`, then any other
    words, then the HTTP status.
    """
    said = refused.status or refused.error or f"HTTP {refused.http_status}"
    why = f"HubSpot's {'API' if stage is Stage.API else 'token endpoint'} answered {said}."
    found = (
        _by_code(_STATUSES.get(refused.status), why)
        or _by_words(read_exactly(refused.words, stage), why)
        or _by_code(_by_error(refused, stage), why)
        or _by_words(read_message(refused.words, stage), why)
        or _by_code(_by_http_status(refused, stage), why)
        or (Candidate(Cause.UNKNOWN, why),)
    )
    return tuple(_placed(each, refused, code_age) for each in found)


def from_unavailable(unavailable: Unavailable) -> Candidate:
    """Return what an answer that can't be used means."""
    said = f"HTTP {unavailable.http_status}" if unavailable.http_status else ""
    words = unavailable.why if unavailable.why != said else ""
    why = f"No usable answer from HubSpot: {', '.join(filter(None, (said, words))).rstrip('.')}."
    if unavailable.http_status == 429:
        return Candidate(Cause.RATE_LIMITED, why)
    return Candidate(Cause.HUBSPOT_UNAVAILABLE, why)


def _by_code(cause: Cause | None, why: str) -> tuple[Candidate, ...]:
    return (Candidate(cause, why),) if cause else ()


def _by_words(reading: Reading | None, why: str) -> tuple[Candidate, ...]:
    return reading.candidates(before=why) if reading else ()


def _by_error(refused: Refused, stage: Stage) -> Cause | None:
    if refused.error == "invalid_grant":
        at_refresh = stage is Stage.REFRESH
        return Cause.REFRESH_TOKEN_INVALID if at_refresh else Cause.CODE_EXPIRED_OR_REUSED
    return _TOKEN_ERRORS.get(refused.error)


def _by_http_status(refused: Refused, stage: Stage) -> Cause | None:
    """Return what the HTTP status alone means; nothing where an unknown code says more."""
    if refused.status or refused.error:
        return None
    statuses = _API_STATUSES if stage is Stage.API else _HTTP_STATUSES
    return statuses.get(refused.http_status)


def _placed(candidate: Candidate, refused: Refused, code_age: int | None) -> Candidate:
    """Return the candidate with what the rest of the answer says about it."""
    why, situation, detail = candidate.why, candidate.situation, candidate.detail
    match candidate.cause:
        case Cause.CODE_EXPIRED_OR_REUSED if code_age is not None:
            why += (
                " The code was sent on at once, so it was probably used before."
                if code_age <= _YOUNG_CODE
                else f" The code was {code_age} s old by then, so it has probably expired."
            )
        case Cause.REDIRECT_URI_MISMATCH:
            situation = "other_redirect_uri_than_before"
        case Cause.TOKEN_REQUEST_MALFORMED if refused.http_status == 415:
            situation = "not_form_encoded"
        case Cause.WRONG_REGION:
            detail = detail or refused.correct_hublet
    return Candidate(candidate.cause, why, candidate.scopes, situation, detail)
