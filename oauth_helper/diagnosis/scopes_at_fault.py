"""Which scopes of the URL or of the message each cause is about."""

from __future__ import annotations

from collections.abc import Iterator

from oauth_helper.diagnosis.causes import Cause
from oauth_helper.diagnosis.evidence import Candidate, Evidence
from oauth_helper.diagnosis.messages import Reading
from oauth_helper.diagnosis.ranking import MISMATCHES
from oauth_helper.scopes import (
    OAUTH,
    OUT_OF_USE,
    hubspot_scopes,
    is_joined,
    is_one_scope,
    meant_by,
)

# How many scopes are named at most, and of how many a misspelling is looked for.
_NAMED, _LOOKED_UP = 20, 5


def at_fault(evidence: Evidence, reading: Reading | None) -> tuple[Candidate, ...]:
    """Return the causes for which the URL or a named scope is evidence, the likeliest first.

    Causes that the message doesn't leave open come last, behind those of the message.
    """
    requested = evidence.requested
    found = [*_joined(evidence)]
    open_causes = reading.causes if reading else ()
    if requested and Cause.MISSING_OAUTH_SCOPE in open_causes and OAUTH not in requested.scope:
        why = "The URL doesn't request `oauth`, which every app requires."
        found.append(Candidate(Cause.MISSING_OAUTH_SCOPE, why, (OAUTH,)))
    if reading is None:
        return tuple(found)
    if Cause.DEPRECATED_SCOPE in open_causes:
        found += _out_of_use(evidence, reading)
    if Cause.INVALID_SCOPE_NAME in open_causes and not reading.scopes:
        found += _unknown(evidence, reading)
    if requested and MISMATCHES.intersection(open_causes):
        first = Candidate(
            reading.causes[0], reading.why, reading.scopes, reading.situation, reading.detail
        )
        later = [*_misplaced(evidence, reading), *_replaced(evidence)]
        found += [*(reading.candidates() if later else (first,)), *later]
    return tuple(found)


def successors_of(names: tuple[str, ...]) -> str:
    """Return the scopes that take the place of those in `names` that are out of use."""
    return ", ".join(dict.fromkeys(each for name in names for each in OUT_OF_USE.get(name, ())))


def instead_of(names: tuple[str, ...], evidence: Evidence) -> str:
    """Return the granular scopes that the app lists instead of `names`; empty if not of each."""
    known = evidence.catalogue.by_name if evidence.catalogue else {}
    listed = evidence.app.listed if evidence.app else frozenset()
    successors = [
        [each for each in known[name].replaced_by if each in listed] if name in known else []
        for name in names
    ]
    return ", ".join(each for group in successors for each in group) if all(successors) else ""


def meant_instead_of(names: tuple[str, ...], evidence: Evidence) -> str:
    """Return the scopes that the misspelt ones of `names` most likely meant."""
    if evidence.catalogue is None or len(names) > _LOOKED_UP:
        return ""
    return ", ".join(meant for name in names if (meant := meant_by(name, evidence.catalogue)))


def is_refuted(candidate: Candidate, evidence: Evidence) -> bool:
    """Return whether none of the scopes named, or of the URL's, is what the cause takes it for."""
    known = evidence.catalogue.by_name if evidence.catalogue else {}
    names = candidate.scopes or (evidence.requested.all if evidence.requested else ())
    if candidate.cause is Cause.SCOPES_BADLY_ENCODED:
        return bool(names) and not any(map(is_joined, names))
    return (
        candidate.cause is Cause.DEPRECATED_SCOPE
        and bool(names)
        and not any(
            name in OUT_OF_USE or (name in known and known[name].replaced_by) for name in names
        )
    )


def _joined(evidence: Evidence) -> Iterator[Candidate]:
    names = evidence.requested.all if evidence.requested else ()
    if joined := tuple(filter(is_joined, names)):
        why = f"The URL joins scopes by other characters than spaces: {joined[0][:100]}."
        yield Candidate(Cause.SCOPES_BADLY_ENCODED, why, joined)


def _out_of_use(evidence: Evidence, reading: Reading) -> Iterator[Candidate]:
    """Yield the scopes out of use: those of the message if it names any, else those of the URL."""
    names = reading.scopes or (evidence.requested.all if evidence.requested else ())
    gone = tuple(name for name in names if name in OUT_OF_USE)
    if gone and (not reading.scopes or gone == reading.scopes):
        where = "message names" if reading.scopes else "URL requests"
        why = f"The {where} {', '.join(gone)}, which HubSpot has taken out of use."
        yield Candidate(Cause.DEPRECATED_SCOPE, why, gone, detail=successors_of(gone))


def _unknown(evidence: Evidence, reading: Reading) -> Iterator[Candidate]:
    """Yield the names of the URL that neither HubSpot's specifications nor the catalogue know."""
    if evidence.requested is None:
        return
    known = hubspot_scopes().union(evidence.catalogue.by_name if evidence.catalogue else ())
    unknown = tuple(name for name in evidence.requested.all if name not in {OAUTH, *known})
    if unknown and all(map(is_one_scope, unknown)):
        named = unknown[:_NAMED]
        why = f"{reading.why} Of the URL's scopes HubSpot's specifications don't know "
        yield Candidate(Cause.INVALID_SCOPE_NAME, f"{why}{', '.join(named)}.", named)


def _misplaced(evidence: Evidence, reading: Reading) -> Iterator[Candidate]:
    optional = evidence.requested.optional_scope if evidence.requested else ()
    if misplaced := tuple(name for name in reading.scopes if name in optional):
        names = ", ".join(misplaced)
        why = f"The URL has {names} in `optional_scope`, where nothing counts as required."
        yield Candidate(Cause.SCOPE_IN_WRONG_PARAMETER, why, misplaced)


def _replaced(evidence: Evidence) -> Iterator[Candidate]:
    """Yield the coarse scopes of the URL that HubSpot is replacing, app by app."""
    known = evidence.catalogue.by_name if evidence.catalogue else {}
    names = evidence.requested.all if evidence.requested else ()
    if replaced := tuple(name for name in names if name in known and known[name].replaced_by):
        why = (
            f"HubSpot is replacing {', '.join(replaced)}, app by app, and rejects links with "
            "the old names once the app has moved."
        )
        successors = ", ".join(each for name in replaced for each in known[name].replaced_by)
        yield Candidate(Cause.DEPRECATED_SCOPE, why, replaced, detail=successors)
