"""The cookies of attempts: one for each, sealed, in the browser that began it.

A cookie holds the pending authorization until the response is there, and the outcome after that. So
two tabs do not collide, nobody else can finish an attempt or see how it ended, and showing the
outcome needs nothing on the server.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request
from werkzeug.wrappers import Response

from oauth_helper.common.codec import decode_tagged, encode_tagged
from oauth_helper.common.encryption import Encryptor
from oauth_helper.models import PendingAuthorization
from oauth_helper.oauth.client.outcome import Connected, Failed

#: Cookies kept in one browser; with more of them the oldest go. Sealed, one takes about 1 kB, and
#: servers commonly take 8 kB of cookies.
MOST = 5

# Characters of all of them in a header. A client of the proxy may have a long `state`, which makes
# for a large cookie.
_ROOM = 7990

# A browser that sends hundreds was given them by somebody else.
_DELETED_AT_ONCE = 20

#: What a cookie holds.
Kept = PendingAuthorization | Connected | Failed
_TYPES = (PendingAuthorization, Connected, Failed)

# Seconds. A response is accepted for a shorter time; until then it can still be told what HubSpot
# showed, or be looked at how it ended.
_LIFETIME = 24 * 3600


@dataclass(frozen=True, slots=True)
class AttemptCookies:
    """Writes and reads the cookies. `secure` is False for plain http on localhost only."""

    encryptor: Encryptor
    secure: bool

    def read(self, request: Request, reference: str) -> Kept | None:
        """What this browser keeps of an attempt; None when it began no such attempt."""
        encrypted = request.cookies.get(self._name(reference))
        return self._open(encrypted) if encrypted else None

    def pending(self, request: Request) -> list[PendingAuthorization]:
        """The attempts of this browser that wait for their response, the latest first."""
        prefix = self._name("")
        encrypted = [value for name, value in request.cookies.items() if name.startswith(prefix)]
        kept = [self._open(value) for value in encrypted[: 2 * MOST]]
        waiting = [each for each in kept if isinstance(each, PendingAuthorization)]
        return sorted(waiting, key=lambda each: -each.started_at)

    def browser_id(self, request: Request) -> str:
        """The first attempt that is known of this browser; empty when it keeps none.

        So failures of one person are seen as such without a cookie for that purpose.
        """
        prefix = self._name("")
        encrypted = [value for name, value in request.cookies.items() if name.startswith(prefix)]
        kept = (self._open(value) for value in encrypted[: 2 * MOST])
        # References begin with their day, so that the earliest sorts first.
        return min((each.browser_id for each in kept if each and each.browser_id), default="")

    def keep(self, request: Request, response: Response, attempt: Kept) -> None:
        """Writes what there is to keep of an attempt, and drops the oldest beyond `MOST`."""
        encrypted = self.encryptor.encrypt(encode_tagged(attempt)).decode()
        name = self._name(attempt.reference)
        self._drop_oldest(request, response, name, len(f"{name}={encrypted}; "))
        response.set_cookie(
            name,
            encrypted,
            max_age=_LIFETIME,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
            path="/",
        )

    def _drop_oldest(self, request: Request, response: Response, name: str, size: int) -> None:
        """Makes room for the cookie of that name, which takes `size` characters of a header."""
        # Browsers send the oldest cookie first (RFC 6265 section 5.4).
        prefix = self._name("")
        others = {
            each: len(f"{each}={value}; ")
            for each, value in request.cookies.items()
            if each.startswith(prefix) and each != name
        }
        kept, left = 1, _ROOM - size
        for each, length in reversed(others.items()):
            kept, left = kept + 1, left - length
            if (kept > MOST or left < 0) and kept <= MOST + _DELETED_AT_ONCE:
                response.delete_cookie(each, path="/", secure=self.secure, httponly=True)

    def _name(self, reference: str) -> str:
        # `__Host-` keeps sibling domains from planting one; browsers want Secure for it.
        return f"{'__Host-' if self.secure else ''}attempt_{reference}"

    def _open(self, encrypted: str) -> Kept | None:
        try:
            kept: Kept = decode_tagged(self.encryptor.decrypt(encrypted.encode()), _TYPES)
        except ValueError:  # not ours, or of a version that is not compatible
            return None
        return kept
