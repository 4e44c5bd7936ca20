"""The diagnosis: evidence in, ranked causes out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.client_errors import from_client_error
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, merge
from oauth_helper.diagnosis.messages import is_title_only, read_message
from oauth_helper.diagnosis.ranking import MISMATCHES, rank_causes
from oauth_helper.diagnosis.responses import from_declined, from_refused, from_unavailable
from oauth_helper.diagnosis.scopes_at_fault import (
    at_fault,
    instead_of,
    is_refuted,
    meant_instead_of,
    successors_of,
)
from oauth_helper.diagnosis.timeout import from_timeout, from_title
from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.hubspot.authorization_response import Declined, Malformed
from oauth_helper.hubspot.token_response import Refused, Unavailable
from oauth_helper.scopes import OAUTH, AppConfiguration, Catalogue, Preflight, Problem
from oauth_helper.scopes.preflight import WITHOUT_OAUTH

_Candidates = tuple[Candidate, ...]

_NOTHING_KNOWN = (Candidate(Cause.UNKNOWN, "Nothing in the evidence is known."),)
_INTERRUPTED = (
    Candidate(
        Cause.UNKNOWN,
        "HubSpot's answer came back, but this program or its store stopped before dealing with it.",
    ),
)
_WITHOUT_OAUTH = (
    Candidate(
        Cause.MISSING_OAUTH_SCOPE,
        "The URL doesn't request `oauth`, which every app requires. Nothing else is known to be "
        "wrong with it.",
        (OAUTH,),
    ),
)
_NOTHING_LISTED = Catalogue("", ())

# Until HubSpot has sent the customer back, the URL may be at fault.
_AT_HUBSPOT = (Stage.PREFLIGHT, Stage.AUTHORIZATION)

# What HubSpot's pages say when link and app differ. Any other message names its cause.
_LEFT_OPEN = MISMATCHES | {
    Cause.INVALID_SCOPE_NAME,
    Cause.SCOPES_BADLY_ENCODED,
    Cause.DEPRECATED_SCOPE,
    Cause.UNKNOWN,
}


def diagnose(evidence: Evidence) -> Diagnosis:
    """Return the likeliest causes of a failed connection; there is always at least one.

    Where URL and app are both known, the placement rules decide what HubSpot's messages about
    scopes leave open: each of them serves several causes. The address of an error page in the
    message tells the requested scopes when nothing else does.
    """
    if evidence.client_error:
        return from_client_error(evidence)
    may_hold_url = evidence.requested is None and "http" in evidence.message
    if may_hold_url and (found := find_authorization_url(evidence.message)):
        evidence = replace(
            evidence, requested=found.requested, redirect_uri=found.redirect_uri or ""
        )
    evidence = replace(evidence, problems=evidence.problems or _broken_rules(evidence))
    diagnosis = _found_in(evidence)
    worded = tuple(_worded(each, evidence) for each in diagnosis.candidates)
    diagnosis = replace(diagnosis, candidates=worded)
    return rank_causes(diagnosis, evidence) if len(worded) > 1 else diagnosis


def _found_in(evidence: Evidence) -> Diagnosis:
    said = tuple(_from_text(evidence))
    if evidence.problems:
        proved = _from_problems(evidence.problems)
        if evidence.waited_seconds is not None and not said:
            return from_timeout(evidence, proved)
        is_named = bool(said) and said[0].cause not in _LEFT_OPEN
        return Diagnosis(merge(said, proved) if is_named else merge(proved, said))
    if evidence.missing_required or evidence.missing_optional:
        return Diagnosis((_not_granted(evidence),))
    if evidence.response is not None:
        answered = _from_response(evidence)
        return Diagnosis(said if said and answered[0].cause is Cause.UNKNOWN else answered)
    proved = _from_problems(_wrong_in_itself(evidence))
    if not said:
        return _without_words(evidence, proved)
    by_cause = {each.cause: each for each in proved}
    return Diagnosis(tuple(by_cause.get(each.cause, each) for each in said))


def _without_words(evidence: Evidence, proved: _Candidates) -> Diagnosis:
    """Return what is left when neither the app's rules nor answers nor texts say anything."""
    if evidence.interrupted:
        return Diagnosis(_INTERRUPTED)
    if evidence.waited_seconds is not None:
        return from_timeout(evidence, proved)
    if proved:
        return Diagnosis(proved)
    if is_title_only(evidence.message):
        return from_title(evidence)
    lacks_oauth = evidence.requested is not None and OAUTH not in evidence.requested.scope
    return Diagnosis(_WITHOUT_OAUTH if lacks_oauth and not evidence.message else _NOTHING_KNOWN)


def _broken_rules(evidence: Evidence) -> tuple[Problem, ...]:
    """Return the rules that the URL breaks; none once HubSpot has accepted it."""
    if evidence.app is None or (checked := _preflight(evidence, evidence.app)) is None:
        return ()
    return checked.errors


def _wrong_in_itself(evidence: Evidence) -> tuple[Problem, ...]:
    """Return what is wrong with the URL, whatever the app lists."""
    checked = _preflight(evidence, AppConfiguration())
    return checked.errors_of_link if checked else ()


def _preflight(evidence: Evidence, app: AppConfiguration) -> Preflight | None:
    if evidence.requested is None:
        return None
    if evidence.stage not in _AT_HUBSPOT:
        return None
    catalogue = evidence.catalogue or _NOTHING_LISTED
    return Preflight(evidence.requested, app, catalogue, evidence.redirect_uri)


def _from_text(evidence: Evidence) -> Iterator[Candidate]:
    """Yield what message and URL say together, each cause once.

    HubSpot has accepted the URL once it has sent the customer back.
    """
    if not evidence.message and evidence.stage not in _AT_HUBSPOT:
        return
    reading = read_message(evidence.message, evidence.stage) if evidence.message else None
    found = merge(at_fault(evidence, reading), reading.candidates() if reading else ())
    yield from (each for each in found if len(found) == 1 or not is_refuted(each, evidence))


def _from_problems(problems: tuple[Problem, ...]) -> _Candidates:
    return tuple(
        Candidate(
            Cause(problem.code),
            problem.message,
            problem.scopes,
            _situation(problem),
            successors_of(problem.scopes),
        )
        for problem in problems
    )


def _worded(candidate: Candidate, evidence: Evidence) -> Candidate:
    """Return the candidate in the words that fit what is known of link, app and account."""
    match candidate.cause:
        case Cause.INVALID_SCOPE_NAME if candidate.scopes and not candidate.detail:
            return replace(candidate, detail=meant_instead_of(candidate.scopes, evidence))
        case Cause.ACCOUNT_LACKS_FEATURE if not candidate.scopes and evidence.tier is None:
            return _naming_scopes(candidate, evidence)
        case Cause.USER_LACKS_PERMISSION if evidence.app and evidence.app.is_user_level:
            return replace(candidate, situation=candidate.situation or "user_level_app")
        case cause if cause in _APP_KNOWN:
            return _for_known_app(candidate, evidence)
    return candidate


def _naming_scopes(candidate: Candidate, evidence: Evidence) -> Candidate:
    """Return the candidate with the requested scopes that not every account has, if any."""
    if not (gated := evidence.behind_a_subscription):
        return candidate
    needs = "; ".join(f"{name}: {subscription}" for name, subscription in gated.items())
    why = f"Of the scopes in `scope`, these need a subscription. {needs}."
    return replace(candidate.adding(why), scopes=tuple(gated))


# The words for a cause when the app's configuration is known, so that naming it helps no more.
_APP_KNOWN = {
    Cause.URL_REQUESTS_UNCONFIGURED_SCOPE: "unlisted_by_known_app",
    Cause.SCOPE_IN_WRONG_PARAMETER: "misplaced_for_known_app",
    Cause.URL_MISSING_REQUIRED_SCOPE: "required_by_known_app",
}


def _for_known_app(candidate: Candidate, evidence: Evidence) -> Candidate:
    """Return a mismatch in the words for an app that is known: HubSpot's page may contradict it."""
    is_unlisted = candidate.cause is Cause.URL_REQUESTS_UNCONFIGURED_SCOPE and not candidate.detail
    if is_unlisted and (instead := instead_of(candidate.scopes, evidence)):
        return replace(candidate, situation="replaced_in_known_app", detail=instead)
    if candidate.situation or evidence.app is None or evidence.requested is None:
        return candidate
    if evidence.stage not in _AT_HUBSPOT:
        return candidate
    if evidence.problems or not evidence.message:
        return replace(candidate, situation=_APP_KNOWN[candidate.cause])
    why = (
        "The configuration known here fits the link, so the deployed app differs from it, or the "
        "page belongs to another link."
    )
    return replace(candidate.adding(why), situation="deployed_app_differs")


def _situation(problem: Problem) -> str:
    if problem.code != Cause.REDIRECT_URI_MISMATCH:
        return ""
    if problem.both:
        return "redirect_url_not_accepted"
    return "static_app" if problem == WITHOUT_OAUTH else ""


def _not_granted(evidence: Evidence) -> Candidate:
    if required := evidence.missing_required:
        why = f"The tokens lack {', '.join(required)}, which the catalogue requires."
        app = evidence.app
        listed = app is not None and all(name in app.required for name in required)
        situation = "required_and_listed" if listed else ""
        return Candidate(Cause.GRANTED_MISSING_REQUIRED, why, required, situation)
    optional = evidence.missing_optional
    why = f"The tokens lack {', '.join(optional)}, and the profile counts that as a failure."
    return Candidate(Cause.GRANTED_MISSING_OPTIONAL, why, optional)


def _from_response(evidence: Evidence) -> _Candidates:
    match evidence.response:
        case Declined() as declined:
            return (from_declined(declined),)
        case Malformed(why=why):
            return (Candidate(Cause.UNKNOWN, f"The answer made no sense: {why}."),)
        case Refused() as refused:
            return from_refused(refused, evidence.stage, evidence.code_age)
        case Unavailable() as unavailable:
            return (from_unavailable(unavailable),)
        case _:
            return _NOTHING_KNOWN
