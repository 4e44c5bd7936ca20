"""The diagnosis: evidence in, ranked causes out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.messages import Reading, read_message
from oauth_helper.oauth.authorization_response import Declined, Malformed
from oauth_helper.oauth.token_response import Refused, Unavailable
from oauth_helper.scopes import (
    OAUTH,
    AppConfiguration,
    Problem,
    RequestedScopes,
    check_placement,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a failed connection; everything but the stage may be unknown.

    `message` is a text that somebody saw, `requested` what the authorize URL asked for and
    `app` what the app lists. `response` is the protocol message that failed, `problems` what the
    check of the URL against the app found, and the two `missing` what was not granted.
    """

    stage: Stage
    message: str = ""
    requested: RequestedScopes | None = None
    app: AppConfiguration | None = None
    response: Declined | Malformed | Refused | Unavailable | None = None
    problems: tuple[Problem, ...] = ()
    missing_required: tuple[str, ...] = ()
    missing_optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible cause, and the evidence that speaks for it."""

    cause: Cause
    why: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The causes that explain the evidence, the likeliest first, and the scopes concerned."""

    candidates: tuple[Candidate, ...]
    scopes: tuple[str, ...] = field(default=())

    @property
    def cause(self) -> Cause:
        """The likeliest cause."""
        return self.candidates[0].cause


def diagnose(evidence: Evidence) -> Diagnosis:
    """The likeliest causes of a failed connection; there is always at least one.

    Where URL and app are both known the placement rules outrank any wording: HubSpot's messages are
    few and serve several causes each.
    """
    read = _from_text(evidence)
    if problems := evidence.problems or _broken_rules(evidence):
        return _with_further(_from_problems(problems), read)
    if evidence.missing_required or evidence.missing_optional:
        return _from_grant(evidence.missing_required, evidence.missing_optional)
    match evidence.response:
        case Declined() as declined:
            candidate = _from_declined(declined)
        case Malformed(why=why):
            candidate = Candidate(Cause.UNKNOWN, f"The answer made no sense: {why}.")
        case Refused() as refused:
            candidate = _from_refused(refused, evidence.stage)
        case Unavailable() as unavailable:
            candidate = _from_unavailable(unavailable)
        case None:
            return read or Diagnosis((Candidate(Cause.UNKNOWN, _NOTHING),))
    found = Diagnosis((candidate,))
    if candidate.cause is Cause.UNKNOWN and read is not None:
        return read
    return found


_NOTHING = "Nothing in the evidence is known."

# HubSpot took `contacts` out of use on 2022-07-31 (developers.hubspot.com/changelog).
_GONE = frozenset({"contacts"})


def _broken_rules(evidence: Evidence) -> tuple[Problem, ...]:
    if evidence.app is None or evidence.requested is None:
        return ()
    requested = evidence.requested
    return check_placement(requested.scope, requested.optional_scope, evidence.app)


def _from_text(evidence: Evidence) -> Diagnosis | None:
    """What message and URL say together."""
    reading = read_message(evidence.message, evidence.stage) if evidence.message else None
    by_url = _from_url(evidence.requested, reading)
    if reading is None:
        return Diagnosis(by_url) if by_url else None
    told = tuple(Candidate(cause, reading.why) for cause in reading.causes)
    return _with_further(Diagnosis(by_url, reading.scopes), Diagnosis(told, reading.scopes))


def _from_url(requested: RequestedScopes | None, reading: Reading | None) -> tuple[Candidate, ...]:
    """What the URL alone explains, of the causes that the message leaves open."""
    if requested is None:
        return ()
    found = []
    joined = [name for name in requested.all if "," in name]
    if joined:
        why = f"The URL joins scopes by commas: {joined[0][:100]}."
        found.append(Candidate(Cause.SCOPES_BADLY_ENCODED, why))
    open_causes = reading.causes if reading else ()
    if Cause.MISSING_OAUTH_SCOPE in open_causes and OAUTH not in requested.scope:
        why = "The URL does not ask for `oauth`, which every app requires."
        found.append(Candidate(Cause.MISSING_OAUTH_SCOPE, why))
    gone = [name for name in requested.all if name in _GONE]
    if Cause.DEPRECATED_SCOPE in open_causes and gone:
        why = f"The URL asks for {', '.join(gone)}, which HubSpot has taken out of use."
        found.append(Candidate(Cause.DEPRECATED_SCOPE, why))
    return tuple(found)


def _with_further(first: Diagnosis, further: Diagnosis | None) -> Diagnosis:
    """`first`, and behind it what `further` adds, each cause once."""
    candidates = list(first.candidates)
    known = {candidate.cause for candidate in candidates}
    for candidate in further.candidates if further else ():
        if candidate.cause not in known:
            known.add(candidate.cause)
            candidates.append(candidate)
    scopes = first.scopes or (further.scopes if further else ())
    return Diagnosis(tuple(candidates), scopes)


def _from_problems(problems: tuple[Problem, ...]) -> Diagnosis:
    return Diagnosis(
        tuple(Candidate(Cause(problem.code), problem.message) for problem in problems),
        tuple(dict.fromkeys(name for problem in problems for name in problem.scopes)),
    )


def _from_grant(required: tuple[str, ...], optional: tuple[str, ...]) -> Diagnosis:
    if required:
        why = f"The tokens lack {', '.join(required)}, which the catalogue requires."
        return Diagnosis((Candidate(Cause.GRANTED_MISSING_REQUIRED, why),), required)
    why = f"The tokens lack {', '.join(optional)}, and the profile counts that as a failure."
    return Diagnosis((Candidate(Cause.GRANTED_MISSING_OPTIONAL, why),), optional)


# RFC 6749 section 4.1.2.1. HubSpot documents the parameter and no values.
_CALLBACK_ERRORS = {
    "access_denied": Cause.USER_DENIED,
    "invalid_scope": Cause.INVALID_SCOPE_NAME,
    "unauthorized_client": Cause.CLIENT_ID_INVALID,
    "server_error": Cause.HUBSPOT_UNAVAILABLE,
    "temporarily_unavailable": Cause.HUBSPOT_UNAVAILABLE,
}


def _from_declined(declined: Declined) -> Candidate:
    cause = _CALLBACK_ERRORS.get(declined.error, Cause.UNKNOWN)
    return Candidate(cause, f"HubSpot came back with the error “{declined.error}”.")


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


def _from_refused(refused: Refused, stage: Stage) -> Candidate:
    said = refused.status or refused.error or f"HTTP {refused.http_status}"
    why = f"HubSpot's token endpoint answered {said}."
    if cause := _STATUSES.get(refused.status):
        return Candidate(cause, why)
    if refused.error == "invalid_grant":
        at_refresh = stage is Stage.REFRESH
        return Candidate(
            Cause.REFRESH_TOKEN_INVALID if at_refresh else Cause.CODE_EXPIRED_OR_REUSED, why
        )
    if refused.status or refused.error:
        return Candidate(_TOKEN_ERRORS.get(refused.error, Cause.UNKNOWN), why)
    return Candidate(_HTTP_STATUSES.get(refused.http_status, Cause.UNKNOWN), why)


def _from_unavailable(unavailable: Unavailable) -> Candidate:
    said = f"HTTP {unavailable.http_status}, " if unavailable.http_status else ""
    why = f"No usable answer from HubSpot: {said}{unavailable.why}."
    if unavailable.http_status == 429:
        return Candidate(Cause.RATE_LIMITED, why)
    return Candidate(Cause.HUBSPOT_UNAVAILABLE, why)
