"""Whose response is it? Decided before anything else in it is looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from oauth_helper.oauth.authorization_request import HUBLETS, authorization_endpoint
from oauth_helper.oauth.pending import PendingAuthorization
from oauth_helper.profiles import Profile

#: Seconds for which a response is accepted. Longer than ATTEMPT_TIMEOUT: late is better than never.
PENDING_LIFETIME = 3600

# A clock may be set back a little while somebody is on the way.
_SET_BACK = 60


class Refusal(StrEnum):
    """Why a response is not dealt with. Nothing is recorded for it: anybody could have sent it.

    The last four are found out later than here: the response was dealt with already; what it
    brings could not be kept, or HubSpot could not be asked, at the moment; it is being dealt with.
    """

    NO_STATE = "no_state"
    OTHER_BROWSER = "other_browser"
    ALTERED = "altered"
    EXPIRED = "expired"
    USED = "used"
    STORE_DOWN = "store_down"
    HUBSPOT_BUSY = "hubspot_busy"
    IN_HAND = "in_hand"


#: What is over after a while, with the response as good as before.
PUTS_OFF = frozenset({Refusal.STORE_DOWN, Refusal.HUBSPOT_BUSY, Refusal.IN_HAND})


def recognise(
    pending: PendingAuthorization | None,
    *,
    profile: Profile,
    state: str | None,
    iss: Sequence[str],
    issuers: Collection[str],
    now: float,
) -> PendingAuthorization | Refusal:
    """The pending authorization that a response belongs to, or why it belongs to none.

    `pending` is what this very browser keeps for the attempt that the state names, `iss` has the
    values of that parameter. Checked before
    anything else in the response is looked at (RFC 6749 section 10.12, RFC 9700 sections 2.1 and
    4.4, RFC 9207).
    """
    if not state:
        return Refusal.NO_STATE
    if pending is None:
        return Refusal.OTHER_BROWSER
    if not pending.matches(state) or pending.profile != profile.name:
        return Refusal.ALTERED
    if len(iss) > 1 or any(each.rstrip("/") not in issuers for each in iss):
        return Refusal.ALTERED
    if not -_SET_BACK <= now - pending.begun_at <= PENDING_LIFETIME:
        return Refusal.EXPIRED
    return pending


def issuers_of(endpoint: str) -> frozenset[str]:
    """The issuers that a response may name: the origin of `endpoint`, in any region."""
    parts = urlsplit(endpoint)
    urls = (authorization_endpoint(endpoint, region=region) for region in HUBLETS)
    regional = {f"https://{urlsplit(url).netloc}" for url in urls}
    return frozenset({f"{parts.scheme}://{parts.netloc}", *regional})
