"""The diagnosis: evidence in, ranked causes out. Pure."""

from __future__ import annotations

from dataclasses import replace

from oauth_helper.diagnosis.causes import Cause, Stage
from oauth_helper.diagnosis.client_errors import from_client_error
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, merge
from oauth_helper.diagnosis.messages import Reading, is_title_only, read_message
from oauth_helper.diagnosis.ranking import MISMATCHES, rank_causes
from oauth_helper.diagnosis.responses import from_declined, from_refused, from_unavailable
from oauth_helper.diagnosis.timeout import from_timeout, from_title
from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.hubspot.authorization_response import Declined, Malformed
from oauth_helper.hubspot.token_response import Refused, Unavailable
from oauth_helper.scopes import OAUTH, OUT_OF_USE, Catalogue, Preflight, Problem, RequestedScopes

_NOTHING_KNOWN = Diagnosis((Candidate(Cause.UNKNOWN, "Nothing in the evidence is known."),))
_INTERRUPTED = Diagnosis(
    (
        Candidate(
            Cause.UNKNOWN,
            "HubSpot's answer came back, and this program or its store was stopped before it was "
            "dealt with.",
        ),
    )
)
_NOTHING_LISTED = Catalogue("", ())


def diagnose(evidence: Evidence) -> Diagnosis:
    """The likeliest causes of a failed connection; there is always at least one.

    Where URL and app are both known the placement rules outrank any wording: HubSpot's messages are
    few and serve several causes each. The address of an error page in the message tells the
    requested scopes when nothing else does.
    """
    if evidence.client_error:
        return from_client_error(evidence)
    if evidence.requested is None and (found := find_authorization_url(evidence.message)):
        evidence = replace(
            evidence, requested=found.requested, redirect_uri=found.redirect_uri or ""
        )
    evidence = replace(evidence, problems=evidence.problems or _broken_rules(evidence))
    return rank_causes(_found_in(evidence), evidence)


def _found_in(evidence: Evidence) -> Diagnosis:
    told = _from_text(evidence)
    if evidence.problems:
        return merge(_from_problems(evidence.problems), told)
    if evidence.missing_required or evidence.missing_optional:
        return _from_grant(evidence.missing_required, evidence.missing_optional)
    if evidence.response is not None:
        answered = _from_response(evidence)
        return told if answered.cause is Cause.UNKNOWN and told is not None else answered
    return told or _without_words(evidence)


def _without_words(evidence: Evidence) -> Diagnosis:
    """What is left when neither rules nor answers nor texts tell anything."""
    if evidence.interrupted:
        return _INTERRUPTED
    if evidence.waited_seconds is not None:
        return from_timeout(evidence)
    return from_title(evidence) if is_title_only(evidence.message) else _NOTHING_KNOWN


def _broken_rules(evidence: Evidence) -> tuple[Problem, ...]:
    """The rules that the URL breaks; not asked once HubSpot has accepted it."""
    if evidence.app is None or evidence.requested is None:
        return ()
    if evidence.stage not in (Stage.PREFLIGHT, Stage.AUTHORIZATION):
        return ()
    catalogue = evidence.catalogue or _NOTHING_LISTED
    checked = Preflight(evidence.requested, evidence.app, catalogue, evidence.redirect_uri)
    return checked.refusals


def _from_text(evidence: Evidence) -> Diagnosis | None:
    """What message and URL say together."""
    reading = read_message(evidence.message, evidence.stage) if evidence.message else None
    by_url = _from_url(evidence.requested, reading)
    if reading is None:
        return Diagnosis(by_url) if by_url else None
    told = tuple(Candidate(cause, reading.why) for cause in reading.causes)
    found = merge(Diagnosis(by_url, reading.scopes), Diagnosis(told, reading.scopes))
    return merge(found, _also_by_url(evidence, reading))


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
    gone = [name for name in requested.all if name in OUT_OF_USE]
    if Cause.DEPRECATED_SCOPE in open_causes and gone:
        why = f"The URL asks for {', '.join(gone)}, which HubSpot has taken out of use."
        found.append(Candidate(Cause.DEPRECATED_SCOPE, why))
    return tuple(found)


def _also_by_url(evidence: Evidence, reading: Reading) -> Diagnosis | None:
    """What the URL adds to the causes that a message about scopes names."""
    if evidence.requested is None or not MISMATCHES.intersection(reading.causes):
        return None
    found = []
    misplaced = [name for name in reading.scopes if name in evidence.requested.optional_scope]
    if misplaced:
        why = f"The URL has {', '.join(misplaced)} in `optional_scope`, where it does not count."
        found.append(Candidate(Cause.SCOPE_IN_WRONG_PARAMETER, why))
    known = evidence.catalogue.by_name if evidence.catalogue else {}
    replaced = [n for n in evidence.requested.all if n in known and known[n].replaced_by]
    if replaced:
        why = (
            f"HubSpot is replacing {', '.join(replaced)}, app by app; an app that has been moved "
            "refuses a URL with it."
        )
        found.append(Candidate(Cause.DEPRECATED_SCOPE, why))
    return Diagnosis(tuple(found)) if found else None


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


def _from_response(evidence: Evidence) -> Diagnosis:
    match evidence.response:
        case Declined() as declined:
            candidate = from_declined(declined)
        case Malformed(why=why):
            candidate = Candidate(Cause.UNKNOWN, f"The answer made no sense: {why}.")
        case Refused() as refused:
            candidate = from_refused(refused, evidence.stage, evidence.code_age)
        case Unavailable() as unavailable:
            candidate = from_unavailable(unavailable)
        case _:
            return _NOTHING_KNOWN
    return Diagnosis((candidate,))
