"""A diagnosis that somebody asks for: what the command and the API have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oauth_helper.common.redaction import redact
from oauth_helper.diagnosis import Candidate, Cause, Evidence, Fix, Role, Stage, diagnose, fix_for
from oauth_helper.diagnosis.app_check import Link
from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.hubspot.token_response import Granted, TokenResponse
from oauth_helper.scopes import OAUTH, AppConfiguration, Catalogue, Kind, Tier

# Characters of a message that are looked at: an address of HubSpot's page may have some thousands.
_LONGEST_MESSAGE = 50_000

# So much of what comes from outside goes into an answer. More is cut before secrets are looked for,
# and far enough behind the end that no half of one is left.
_LONGEST_WHY, _LOOKED_AT, _LONGEST_NAME, _MOST_NAMES = 500, 4000, 200, 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """A diagnosis as it is told: without secrets, and of texts from outside not too much.

    `candidates` has the likeliest cause first, `fixes` is what helps against that one, and `ask` is
    what would decide between them.
    """

    candidates: tuple[Candidate, ...]
    scopes: tuple[str, ...]
    fixes: tuple[Fix, ...]
    ask: str

    @property
    def cause(self) -> Cause:
        """The likeliest cause."""
        return self.candidates[0].cause


def evidence_from(
    *,
    catalogue: Catalogue,
    message: str = "",
    stage: Stage | None = None,
    link: Link | None = None,
    app: AppConfiguration | None = None,
    answer: TokenResponse | None = None,
    tier: Tier | None = None,
    role: Role | None = None,
    code_age: int | None = None,
) -> Evidence:
    """The evidence in what somebody knows of a failed connection.

    Without `stage` it is the one at which `answer` came, or the authorization. Of an answer that
    grants, the scopes that it lacks are the evidence.
    """
    by_answer = Stage.GRANT if isinstance(answer, Granted) else Stage.TOKEN
    required, optional = _not_granted(answer, link, catalogue)
    return Evidence(
        stage=stage or (by_answer if answer else Stage.AUTHORIZATION),
        message=message[:_LONGEST_MESSAGE],
        requested=link.requested if link else None,
        redirect_uri=link.redirect_uri if link else "",
        app=app,
        catalogue=catalogue,
        response=None if isinstance(answer, Granted) else answer,
        missing_required=required,
        missing_optional=optional,
        tier=tier,
        role=role,
        code_age=code_age,
    )


def explain(evidence: Evidence, secrets: Iterable[str] = ()) -> Explanation:
    """The diagnosis of `evidence`, without `secrets` and whatever else looks like one.

    The steps name the redirect URI of `evidence`, or else the one in the message's authorize URL.
    """
    diagnosis = diagnose(evidence)
    hidden = tuple(secrets)

    def clean(text: str, most: int) -> str:
        return redact(text[:_LOOKED_AT], hidden)[:most]

    scopes = tuple(clean(name, _LONGEST_NAME) for name in diagnosis.scopes[:_MOST_NAMES])
    return Explanation(
        candidates=tuple(
            Candidate(each.cause, clean(each.why, _LONGEST_WHY)) for each in diagnosis.candidates
        ),
        scopes=scopes,
        fixes=fix_for(
            diagnosis.cause,
            scopes=scopes,
            redirect_uri=clean(_redirect_uri(evidence), _LONGEST_NAME),
        ),
        ask=diagnosis.ask,
    )


def _redirect_uri(evidence: Evidence) -> str:
    if evidence.redirect_uri:
        return evidence.redirect_uri
    found = find_authorization_url(evidence.message)
    return (found.redirect_uri if found else None) or ""


def _not_granted(
    answer: TokenResponse | None, link: Link | None, catalogue: Catalogue
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The required and the optional scopes that an answer with tokens lacks, if it tells."""
    if not isinstance(answer, Granted) or answer.scopes is None:
        return (), ()
    granted = {*answer.scopes, OAUTH}
    required = link.requested.scope if link else catalogue.of_kind(Kind.REQUIRED)
    optional = link.requested.optional_scope if link else ()
    return (
        tuple(name for name in required if name not in granted),
        tuple(name for name in optional if name not in granted),
    )
