"""The order of several causes, by what is known of the account and the customer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from oauth_helper.diagnosis.causes import Cause
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, Role
from oauth_helper.scopes import OAUTH

#: The causes that lie between the URL and the app, which only a look at both can tell apart.
MISMATCHES = frozenset(
    {
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.MISSING_OAUTH_SCOPE,
        Cause.URL_MISSING_REQUIRED_SCOPE,
    }
)

# Titles that say that nothing is known yet: a guess must not take their place.
_NOTHING_KNOWN_YET = frozenset({Cause.NEVER_RETURNED, Cause.UNKNOWN})

_Candidates = tuple[Candidate, ...]


def rank_causes(diagnosis: Diagnosis, evidence: Evidence) -> Diagnosis:
    """Return several causes in the order that the rest of the evidence suggests, and what to ask.

    Causes that the evidence refutes are dropped.
    """
    candidates = diagnosis.candidates
    for step in (_without_refuted, _by_earlier, _by_tier, _by_role):
        candidates = step(candidates, evidence)
    question = diagnosis.next_question or _next_question(candidates, evidence)
    return Diagnosis(candidates, question)


def _without_refuted(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """Drop a missing `oauth` where the link has it."""
    if evidence.requested is None or OAUTH not in evidence.requested.scope:
        return candidates
    left = tuple(each for each in candidates if each.cause is not Cause.MISSING_OAUTH_SCOPE)
    return left or candidates


def _by_earlier(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """Put first what the same browser met before, unless nothing has come back or been reported."""

    def met_before(candidate: Candidate) -> bool:
        return candidate.cause in evidence.earlier

    if not any(map(met_before, candidates)):
        return candidates
    marked = tuple(
        each.adding("An earlier attempt in the same browser ended with this.")
        if met_before(each)
        else each
        for each in candidates
    )
    return marked if candidates[0].cause in _NOTHING_KNOWN_YET else _first(marked, met_before)


def _by_tier(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """Use the account's subscription, which confirms or refutes that a feature is missing."""
    if evidence.tier is None or not _open(candidates, Cause.ACCOUNT_LACKS_FEATURE):
        return candidates
    lacking = evidence.behind_a_subscription
    if not lacking:
        return _last(candidates, Cause.ACCOUNT_LACKS_FEATURE) if evidence.catalogue else candidates
    needs = "; ".join(f"{name}: {subscription}" for name, subscription in lacking.items())
    why = f"The account's subscription is known and lacks what is in `scope`. {needs}."
    return _first(
        tuple(
            replace(each.adding(why), scopes=each.scopes or tuple(lacking))
            if each.cause is Cause.ACCOUNT_LACKS_FEATURE
            else each
            for each in candidates
        ),
        lambda each: each.cause is Cause.ACCOUNT_LACKS_FEATURE,
    )


def _by_role(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """Drop the missing right when a Super Admin connects, who may connect anything."""
    if evidence.role is None or not _open(candidates, Cause.USER_LACKS_PERMISSION):
        return candidates
    if evidence.role is Role.SUPER_ADMIN:
        return _last(candidates, Cause.USER_LACKS_PERMISSION)
    if candidates[0].cause is Cause.ACCOUNT_LACKS_FEATURE and evidence.tier is None:
        return _first(candidates, lambda each: each.cause is Cause.USER_LACKS_PERMISSION)
    return candidates


_THE_ADDRESS = "The address of HubSpot's error page: it has the scopes that were requested."

# The first row of which the leading candidates hold every cause decides.
_QUESTIONS = (
    (
        {Cause.ACCOUNT_LACKS_FEATURE, Cause.USER_LACKS_PERMISSION},
        "Whether a Super Admin of the same account sees the same message.",
    ),
    (
        {Cause.CLIENT_SECRET_INVALID},
        "The body of the token endpoint's answer: its `status` names the cause.",
    ),
    (
        {Cause.CLIENT_ID_INVALID, Cause.WRONG_REGION},
        "The client ID in the address of HubSpot's error page, and the account's region.",
    ),
)


def _next_question(candidates: _Candidates, evidence: Evidence) -> str:
    """Return the one thing that decides between the first causes; empty when one stands out."""
    causes = {candidate.cause for candidate in candidates[:3]}
    if len(causes) < 2:
        return ""
    if len(causes & MISMATCHES) > 1:
        return _question_about_scopes(evidence)
    if Cause.URL_MISSING_REQUIRED_SCOPE in causes and evidence.requested is None:
        return _THE_ADDRESS
    return next((question for needed, question in _QUESTIONS if needed <= causes), "")


def _question_about_scopes(evidence: Evidence) -> str:
    if evidence.app is None:
        return (
            "The app's configuration, its app-hsmeta.json or its lists of scopes: compared with "
            "the link it shows which scope differs."
        )
    if evidence.requested is None:
        return _THE_ADDRESS
    return "The scopes of the deployed build, as the app's Auth page at HubSpot shows them."


def _open(candidates: _Candidates, cause: Cause) -> bool:
    return len(candidates) > 1 and any(candidate.cause is cause for candidate in candidates)


def _first(candidates: _Candidates, chosen: Callable[[Candidate], bool]) -> _Candidates:
    return tuple(sorted(candidates, key=lambda each: not chosen(each)))


def _last(candidates: _Candidates, cause: Cause) -> _Candidates:
    return tuple(sorted(candidates, key=lambda each: each.cause is cause))
