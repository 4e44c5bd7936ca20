"""What it may mean that nothing came back: HubSpot's error pages don't redirect."""

from __future__ import annotations

from collections.abc import Iterator

from oauth_helper.diagnosis.causes import Cause
from oauth_helper.diagnosis.evidence import Candidate, Diagnosis, Evidence, merge


def from_timeout(evidence: Evidence, proved: tuple[Candidate, ...] = ()) -> Diagnosis:
    """Return that nothing came back, and behind it what most likely happened at HubSpot.

    `proved` are the rules that the link breaks by the app's file: the likeliest, but the deployed
    app may differ, and nobody has reported an error yet.
    """
    seconds = evidence.waited_seconds or 0
    time = f"{seconds} s" if seconds < 90 else f"{round(seconds / 60)} min"
    why = f"Nothing came back from HubSpot within {time}."
    first = Candidate(Cause.NEVER_RETURNED, why, tuple(evidence.behind_a_subscription))
    return Diagnosis(merge((first,), proved, _likely(evidence)), _THE_PAGE)


def from_title(evidence: Evidence) -> Diagnosis:
    """Return that HubSpot showed an error page, of which only the title is known."""
    first = Candidate(
        Cause.UNKNOWN, "This is the title of each of HubSpot's error pages; it doesn't say why."
    )
    likely = (each for each in _likely(evidence) if each.cause is not Cause.USER_DENIED)
    return Diagnosis((first, *likely), _THE_SENTENCE)


_THE_SENTENCE = "The sentence below the title of HubSpot's page."
_THE_PAGE = "What HubSpot's page says: ask the customer to paste it, or to pick it from the list."


def _likely(evidence: Evidence) -> Iterator[Candidate]:
    if gated := evidence.behind_a_subscription:
        names = "; ".join(f"{name}: {subscription}" for name, subscription in gated.items())
        yield Candidate(
            Cause.ACCOUNT_LACKS_FEATURE,
            f"`scope` has what not every account has, and HubSpot then shows an error. {names}.",
            tuple(gated),
        )
    if not evidence.worked:
        yield from _mismatches(evidence)
    yield Candidate(
        Cause.USER_LACKS_PERMISSION,
        "HubSpot's own page stops a user who is neither a Super Admin nor has Marketplace Access.",
    )
    if evidence.worked:
        yield Candidate(
            Cause.APP_NOT_APPROVED,
            "The same request has connected another account, so link and app fit; an account that "
            "approves apps first stops it on HubSpot's own page.",
        )
    yield Candidate(
        Cause.USER_DENIED, "A customer who cancels or closes the tab isn't sent back either."
    )


def _mismatches(evidence: Evidence) -> Iterator[Candidate]:
    """Yield that link and app may not fit: nothing has shown yet that they do."""
    if evidence.app is None:
        why = (
            "Which scopes the app lists isn't known here, and the same request hasn't connected "
            "any account yet."
        )
        yield Candidate(Cause.URL_REQUESTS_UNCONFIGURED_SCOPE, why)
        yield Candidate(Cause.SCOPE_IN_WRONG_PARAMETER, why)
        yield Candidate(Cause.URL_MISSING_REQUIRED_SCOPE, why)
    if evidence.app is None or not evidence.app.redirect_urls:
        yield Candidate(
            Cause.REDIRECT_URI_MISMATCH,
            f"Whether the app has the redirect URL {evidence.redirect_uri or 'of the request'} "
            "isn't known here.",
        )
