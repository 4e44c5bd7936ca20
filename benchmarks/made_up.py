"""Generate realistic failures, reproducibly, with known shares of each kind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from oauth_helper.common.references import new_reference
from oauth_helper.diagnosis import Candidate, Cause, Evidence, Stage, diagnose
from oauth_helper.failures.model import Event, EventType, Failure, Status
from oauth_helper.scopes import Kind, RequestedScopes, shipped_catalogue

#: The number of days and of accounts that the failures are spread over, and the staff.
DAYS, ACCOUNTS = 90, 5000
STAFF = ("ada", "ben", "cleo", "dan", "eva", "finn", "gita", "hugo", "ines", "jo")

#: The profiles, with their share of the failures in percent.
PROFILES = {"workato": 70, "second": 20, "third": 10}

#: The cause of half of the failures, and a cause of one in a hundred.
HALF, HUNDREDTH = Cause.NEVER_RETURNED, Cause.WRONG_REGION

# Cause, stage, share in percent, and whether the cause is about scopes.
_KINDS = (
    (HALF, Stage.AUTHORIZATION, 50, False),
    (Cause.USER_DENIED, Stage.CALLBACK, 10, False),
    (Cause.ACCOUNT_LACKS_FEATURE, Stage.AUTHORIZATION, 9, True),
    (Cause.GRANTED_MISSING_REQUIRED, Stage.GRANT, 7, True),
    (Cause.USER_LACKS_PERMISSION, Stage.AUTHORIZATION, 6, True),
    (Cause.CODE_EXPIRED_OR_REUSED, Stage.TOKEN, 5, False),
    (Cause.HUBSPOT_UNAVAILABLE, Stage.TOKEN, 3, False),
    (Cause.URL_MISSING_REQUIRED_SCOPE, Stage.PREFLIGHT, 2, True),
    (Cause.SCOPE_IN_WRONG_PARAMETER, Stage.PREFLIGHT, 1, True),
    (HUNDREDTH, Stage.AUTHORIZATION, 1, False),
    (Cause.RATE_LIMITED, Stage.TOKEN, 1, False),
    (Cause.APP_NOT_APPROVED, Stage.AUTHORIZATION, 1, False),
    (Cause.APP_BLOCKED, Stage.AUTHORIZATION, 1, False),
    (Cause.REDIRECT_URI_MISMATCH, Stage.AUTHORIZATION, 1, False),
    (Cause.CLIENT_SECRET_INVALID, Stage.TOKEN, 1, False),
    (Cause.UNKNOWN, Stage.TOKEN, 1, False),
)
_MESSAGES = (
    """Authorization failed because account {account} is not allowed to install this app in the
    region that was chosen; correlation {number:08x}, ask an admin of the portal for help.""",
    """Couldn't complete the connection: you do not have all the permissions that the app asks for
    in account {account}. Contact a super admin, and give them the number {number:08x}.""",
    """BAD_AUTH_CODE: missing or unknown auth code; the code {number:08x} was used before or is
    too old, so a new authorization of account {account} has to be started.""",
    """The service is temporarily unavailable and did not answer in time, request {number:08x} for
    account {account}; nothing was changed, and trying again in some minutes usually helps.""",
)


def failures(first: int, count: int, *, until: datetime, seed: str) -> Iterator[Failure]:
    """Yield `count` failures of the days before `until`, starting with number `first`."""
    chance = random.Random(f"{seed} {first}")  # noqa: S311 - has to be the same every time
    scopes = shipped_catalogue().of_kind(Kind.OPTIONAL)
    requests = _requests()
    why = {kind[0]: _candidates(kind[0], requests["workato"][0]) for kind in _KINDS}
    for _ in range(count):
        begun = until - timedelta(seconds=chance.random() * DAYS * 86_400)
        yield _failure(chance, begun, scopes, requests, why)


def _failure(
    chance: random.Random,
    begun: datetime,
    scopes: tuple[str, ...],
    requests: dict[str, list[RequestedScopes]],
    why: dict[Cause, tuple[Candidate, ...]],
) -> Failure:
    cause, stage, _, is_about_scopes = chance.choices(_KINDS, [kind[2] for kind in _KINDS])[0]
    profile = chance.choices(list(PROFILES), list(PROFILES.values()))[0]
    requested = chance.choice(requests[profile])
    at = begun.timestamp() + (900 if cause is HALF else chance.random() * 120)
    # A few accounts have most of the failures.
    account = 1_000_000 + int(ACCOUNTS * chance.random() ** 2) if chance.random() < 0.7 else None
    is_resolved = chance.random() < 0.6
    assignee = chance.choice(STAFF) if chance.random() < 0.3 else ""
    by = assignee or "this program"
    place = int(13 * chance.random() ** 2)
    reference = new_reference(begun.date(), chance.choice)
    first_time = new_reference(begun.date(), chance.choice)
    text = " ".join(chance.choice(_MESSAGES).split()).format(
        account=account or 0, number=chance.getrandbits(32)
    )
    return Failure(
        reference=reference,
        profile=profile,
        stage=stage,
        at=round(at, 6),
        started_at=int(begun.timestamp()),
        requested=requested,
        candidates=why[cause],
        message=text,
        status=Status.RESOLVED if is_resolved else Status.OPEN,
        granted=requested.all[: chance.randint(5, 20)] if stage is Stage.GRANT else None,
        # Accounts lack the same few features.
        missing=(scopes[place], scopes[place * 3]) if is_about_scopes and place else (),
        hub_id=account,
        redirect_uri=f"https://connect.example.com/callback/{profile}",
        assignee=assignee,
        browser_id=first_time if chance.random() < 0.3 else reference,
        history=(Event(at + 3600, EventType.RESOLVED, by),) if is_resolved else (),
    )


def _requests() -> dict[str, list[RequestedScopes]]:
    """Return three requests for each profile, with all and with fewer optional scopes."""
    catalogue = shipped_catalogue()
    required = catalogue.of_kind(Kind.REQUIRED)
    optional = catalogue.of_kind(Kind.OPTIONAL)
    return {
        name: [RequestedScopes(required, optional[start + number :]) for start in (0, 4, 8)]
        for number, name in enumerate(PROFILES)
    }


def _candidates(cause: Cause, requested: RequestedScopes) -> tuple[Candidate, ...]:
    """Return the cause with other candidates from the diagnosis of a timeout."""
    evidence = Evidence(
        stage=Stage.AUTHORIZATION,
        message="",
        requested=requested,
        redirect_uri="https://connect.example.com/callback/workato",
        waited_seconds=900,
    )
    found = diagnose(evidence).candidates
    if cause is HALF:
        return found[:4]
    return (Candidate(cause, "What came back says so in as many words."), *found[1:2])


def now() -> datetime:
    """Return the time of the latest failures."""
    return datetime.now(UTC)
