"""A diagnosis on request: what the command and the API have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from oauth_helper.common.redaction import redactor
from oauth_helper.diagnosis import Candidate, Cause, Evidence, Fix, Role, Stage, diagnose, fix_for
from oauth_helper.diagnosis.app_check import CheckedLink
from oauth_helper.diagnosis.normalize import quoted_url
from oauth_helper.hubspot.authorization_request import find_authorization_url
from oauth_helper.hubspot.token_response import Granted, TokenResponse
from oauth_helper.scopes import AppConfiguration, Catalogue, Kind, Tier, missing_scopes

# Characters of a message that are looked at: an address of HubSpot's page may have some thousands.
_LONGEST_MESSAGE = 50_000

# How much of a text from outside goes into an answer. More is cut before secrets are looked for,
# and far enough behind the end that no half of one is left.
_LONGEST_WHY, _LOOKED_AT, _LONGEST_NAME, _MOST_NAMES = 500, 4000, 200, 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """A diagnosis without secrets, its texts from outside cut.

    `candidates` has the likeliest cause first, `fixes` is what helps against that one, and
    `next_question` is what would decide between them.
    """

    candidates: tuple[Candidate, ...]
    fixes: tuple[Fix, ...]
    next_question: str

    @property
    def cause(self) -> Cause:
        """Return the likeliest cause."""
        return self.candidates[0].cause

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that the likeliest cause is about."""
        return self.candidates[0].scopes


def evidence_from(
    *,
    catalogue: Catalogue,
    message: str = "",
    stage: Stage | None = None,
    link: CheckedLink | None = None,
    app: AppConfiguration | None = None,
    answer: TokenResponse | None = None,
    tier: Tier | None = None,
    role: Role | None = None,
    code_age: int | None = None,
) -> Evidence:
    """Return the evidence in what the caller knows of a failed connection.

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
    """Return the diagnosis of `evidence`, without `secrets` and whatever else looks like one.

    The steps name the redirect URI of `evidence`, or the one in the message.
    """
    diagnosis = diagnose(evidence)
    redact = redactor(secrets)

    def clean(text: str, most: int) -> str:
        return redact(text[:_LOOKED_AT])[:most]

    candidates = tuple(
        replace(
            each,
            why=clean(each.why, _LONGEST_WHY),
            scopes=tuple(clean(name, _LONGEST_NAME) for name in each.scopes[:_MOST_NAMES]),
            situation=each.situation or ("without_record" if each.cause is Cause.UNKNOWN else ""),
        )
        for each in diagnosis.candidates
    )
    first = candidates[0]
    fixes = fix_for(
        first.cause,
        situation=first.situation,
        scopes=first.scopes,
        detail=first.detail,
        redirect_uri=clean(_redirect_uri(evidence), _LONGEST_NAME),
    )
    return Explanation(candidates, fixes, diagnosis.next_question)


def _redirect_uri(evidence: Evidence) -> str:
    """Return the redirect URI of the link, or of one in the message, or the one it quotes."""
    if evidence.redirect_uri:
        return evidence.redirect_uri
    found = find_authorization_url(evidence.message)
    return (found.redirect_uri if found else None) or quoted_url(evidence.message)


def _not_granted(
    answer: TokenResponse | None, link: CheckedLink | None, catalogue: Catalogue
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the required and the optional scopes that an answer with tokens lacks, if it tells."""
    if not isinstance(answer, Granted) or answer.scopes is None:
        return (), ()
    required = link.requested.scope if link else catalogue.of_kind(Kind.REQUIRED)
    optional = link.requested.optional_scope if link else ()
    return (
        missing_scopes(required, answer.scopes, catalogue),
        missing_scopes(optional, answer.scopes, catalogue),
    )
