"""What else is known of account, person and app, laid on the scales once the causes are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from oauth_helper.diagnosis.causes import Cause
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, Role

#: The causes that lie between the URL and the app, which only a look at both can tell apart.
MISMATCHES = frozenset(
    {
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        Cause.SCOPE_IN_WRONG_PARAMETER,
        Cause.MISSING_OAUTH_SCOPE,
        Cause.URL_MISSING_REQUIRED_SCOPE,
    }
)

_Candidates = tuple[Candidate, ...]


def rank_causes(diagnosis: Diagnosis, evidence: Evidence) -> Diagnosis:
    """The same causes in the order that the rest of the evidence suggests, and what to ask for."""
    candidates = diagnosis.candidates
    for step in (_by_earlier, _by_tier, _by_role, _by_fitting_app):
        candidates = step(candidates, evidence)
    ask = diagnosis.ask or _ask(candidates, evidence)
    return replace(diagnosis, candidates=candidates, ask=ask)


def _by_earlier(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """What the same account met before comes first."""

    def met_before(candidate: Candidate) -> bool:
        return candidate.cause in evidence.earlier

    if len(candidates) < 2 or not any(map(met_before, candidates)):
        return candidates
    marked = tuple(
        _adding(each, "The same account has met this before.") if met_before(each) else each
        for each in candidates
    )
    return _first(marked, met_before)


def _by_tier(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """The account's subscription confirms that it lacks a feature, or speaks against it."""
    if evidence.tier is None or not _open(candidates, Cause.ACCOUNT_LACKS_FEATURE):
        return candidates
    lacking = evidence.behind_a_subscription
    if not lacking:
        return _last(candidates, Cause.ACCOUNT_LACKS_FEATURE) if evidence.catalogue else candidates
    needs = "; ".join(f"{name}: {subscription}" for name, subscription in lacking.items())
    why = f"The account's subscription is known and lacks what is in `scope`. {needs}."
    return _first(
        tuple(
            _adding(each, why) if each.cause is Cause.ACCOUNT_LACKS_FEATURE else each
            for each in candidates
        ),
        lambda each: each.cause is Cause.ACCOUNT_LACKS_FEATURE,
    )


def _by_role(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """A Super Admin may connect anything; of two open causes that leaves the other."""
    if evidence.role is None or not _open(candidates, Cause.USER_LACKS_PERMISSION):
        return candidates
    if evidence.role is Role.SUPER_ADMIN:
        return _last(candidates, Cause.USER_LACKS_PERMISSION)
    if candidates[0].cause is Cause.ACCOUNT_LACKS_FEATURE and evidence.tier is None:
        return _first(candidates, lambda each: each.cause is Cause.USER_LACKS_PERMISSION)
    return candidates


def _by_fitting_app(candidates: _Candidates, evidence: Evidence) -> _Candidates:
    """HubSpot says that URL and app differ, and what is known of them does not."""
    both_known = evidence.requested is not None and evidence.app is not None
    if not both_known or evidence.problems or not evidence.message:
        return candidates
    why = (
        "The configuration known here fits the URL, so the deployed app differs from it, or the "
        "page belongs to another link."
    )
    return tuple(_adding(each, why) if each.cause in MISMATCHES else each for each in candidates)


_THE_ADDRESS = "The address of HubSpot's error page: it holds the scopes that were asked for."

# The first row of which the leading candidates hold every cause decides.
_ASKS = (
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
        "The client id in the address of HubSpot's error page, and the account's region.",
    ),
)


def _ask(candidates: _Candidates, evidence: Evidence) -> str:
    """The one thing that decides between the first causes; empty when one stands out."""
    causes = {candidate.cause for candidate in candidates[:3]}
    if len(causes) < 2:
        return ""
    if len(causes & MISMATCHES) > 1:
        return _ask_about_scopes(evidence)
    if Cause.URL_MISSING_REQUIRED_SCOPE in causes and evidence.requested is None:
        return _THE_ADDRESS
    return next((ask for needed, ask in _ASKS if needed <= causes), "")


def _ask_about_scopes(evidence: Evidence) -> str:
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


def _adding(candidate: Candidate, why: str) -> Candidate:
    return replace(candidate, why=f"{candidate.why} {why}".strip())
