"""What HubSpot's answers mean: those to the callback, and those of the token endpoint."""

from __future__ import annotations

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.evidence import Candidate
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
    "BAD_HUB": Cause.WRONG_REGION,
}

# RFC 6749 section 5.2; what it leaves open HubSpot's `status` decides.
_TOKEN_ERRORS = {
    "invalid_client": Cause.CLIENT_SECRET_INVALID,
    "invalid_request": Cause.TOKEN_REQUEST_MALFORMED,
    "unsupported_grant_type": Cause.TOKEN_REQUEST_MALFORMED,
    "invalid_scope": Cause.INVALID_SCOPE_NAME,
    "unauthorized_client": Cause.CLIENT_ID_INVALID,
}

# What is left when the body says nothing.
_HTTP_STATUSES = {
    401: Cause.CLIENT_SECRET_INVALID,
    404: Cause.TOKEN_REQUEST_MALFORMED,
    405: Cause.TOKEN_REQUEST_MALFORMED,
    415: Cause.TOKEN_REQUEST_MALFORMED,
}

# Seconds. How long a code lives is not documented; one that is this young has hardly expired.
_YOUNG_CODE = 20


def from_declined(declined: Declined) -> Candidate:
    """What an error that came back to the redirection endpoint says."""
    cause = _CALLBACK_ERRORS.get(declined.error, Cause.UNKNOWN)
    return Candidate(cause, f"HubSpot came back with the error “{declined.error}”.")


def from_refused(refused: Refused, stage: Stage, code_age: int | None) -> Candidate:
    """What a refusal of the token endpoint says; `code_age` is in seconds."""
    said = refused.status or refused.error or f"HTTP {refused.http_status}"
    why = f"HubSpot's token endpoint answered {said}."
    cause = _cause_of(refused, stage)
    if cause is Cause.CODE_EXPIRED_OR_REUSED and code_age is not None:
        why += (
            " The code was sent on at once, so it was probably used before."
            if code_age <= _YOUNG_CODE
            else f" The code was {code_age} s old by then, so it has probably expired."
        )
    return Candidate(cause, why)


def from_unavailable(unavailable: Unavailable) -> Candidate:
    """What the want of a usable answer says."""
    said = f"HTTP {unavailable.http_status}, " if unavailable.http_status else ""
    why = f"No usable answer from HubSpot: {said}{unavailable.why}."
    if unavailable.http_status == 429:
        return Candidate(Cause.RATE_LIMITED, why)
    return Candidate(Cause.HUBSPOT_UNAVAILABLE, why)


def _cause_of(refused: Refused, stage: Stage) -> Cause:
    if cause := _STATUSES.get(refused.status):
        return cause
    if refused.error == "invalid_grant":
        at_refresh = stage is Stage.REFRESH
        return Cause.REFRESH_TOKEN_INVALID if at_refresh else Cause.CODE_EXPIRED_OR_REUSED
    if refused.status or refused.error:
        return _TOKEN_ERRORS.get(refused.error, Cause.UNKNOWN)
    return _HTTP_STATUSES.get(refused.http_status, Cause.UNKNOWN)
