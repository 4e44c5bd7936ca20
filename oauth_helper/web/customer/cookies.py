"""Keep each attempt in an encrypted cookie of the browser that started it.

The cookie holds the pending authorization until the response arrives, then the outcome. So two tabs
don't collide, no other browser can complete an attempt or see its outcome, and showing the outcome
needs nothing on the server.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request
from werkzeug.wrappers import Response

from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.references import parse_reference
from oauth_helper.models import PendingAuthorization
from oauth_helper.oauth.client.outcome import Connected, Failed

#: Attempts kept in one browser; beyond that the oldest are deleted. One with its own choice of
#: scopes takes up to 1 kB, and servers commonly accept 8 kB of cookies.
MAX_COOKIES = 5

# Characters of all these cookies in a header. A proxy client's long `state` makes a cookie large.
_MAX_HEADER = 7990

# Deletions per response. A browser with hundreds of these cookies got them from another site.
_MAX_DELETED = 20

#: The content of a cookie.
Kept = PendingAuthorization | Connected | Failed
_TYPES = (PendingAuthorization, Connected, Failed)

# Seconds. Responses are accepted for a shorter time, but the customer can still report what HubSpot
# showed, or look at the outcome.
_LIFETIME = 24 * 3600


@dataclass(frozen=True, slots=True)
class AttemptCookies:
    """Write and read the cookies. `secure` is False only for plain http on localhost."""

    encryptor: Encryptor
    secure: bool

    def read(self, request: Request, reference: str) -> Kept | None:
        """Return what this browser keeps of an attempt; None when it started no such attempt."""
        encrypted = request.cookies.get(self._name(reference))
        return self._open(encrypted) if encrypted else None

    def is_unreadable(self, request: Request, reference: str) -> bool:
        """Return whether this browser keeps an attempt of a version that is read no more."""
        encrypted = request.cookies.get(self._name(reference))
        return encrypted is not None and self._open(encrypted) is None

    def pending(self, request: Request) -> list[PendingAuthorization]:
        """Return this browser's attempts that wait for their response, the latest first."""
        kept = map(self._open, list(self._kept(request).values())[: 2 * MAX_COOKIES])
        waiting = [each for each in kept if isinstance(each, PendingAuthorization)]
        return sorted(waiting, key=lambda each: -each.started_at)

    def latest(self, request: Request) -> Kept | None:
        """Return this browser's latest attempt, one that waits for its response first."""
        if waiting := self.pending(request):
            return waiting[0]
        newest = list(self._kept(request).values())[: -2 * MAX_COOKIES - 1 : -1]
        return next((each for each in map(self._open, newest) if each), None)

    def browser_id(self, request: Request) -> str:
        """Return the reference of this browser's first known attempt; empty without one.

        It links the failures of one customer without a separate cookie.
        """
        kept = map(self._open, list(self._kept(request).values())[: 2 * MAX_COOKIES])
        # References start with their day, so the earliest sorts first.
        return min((each.browser_id for each in kept if each and each.browser_id), default="")

    def keep(self, request: Request, response: Response, attempt: Kept) -> None:
        """Write an attempt's cookie, and delete the oldest beyond `MAX_COOKIES`."""
        encrypted = self.encryptor.encrypt_value(attempt)
        name = self._name(attempt.reference)
        self._drop_oldest(request, response, name, len(f"{name}={encrypted}; "))
        # As Werkzeug's `set_cookie` does, which checks and quotes what needs neither.
        guarded = "; Secure; HttpOnly" if self.secure else "; HttpOnly"
        kept = f"{name}={encrypted}; Max-Age={_LIFETIME}{guarded}; Path=/; SameSite=Lax"
        response.headers.add("Set-Cookie", kept)

    def _drop_oldest(self, request: Request, response: Response, name: str, size: int) -> None:
        """Delete old cookies to fit `name` in, which takes `size` characters of a header."""
        others = self._kept(request)
        others.pop(name, None)
        kept, left = 1, _MAX_HEADER - size
        for each, value in reversed(others.items()):
            kept, left = kept + 1, left - len(f"{each}={value}; ")
            if (kept > MAX_COOKIES or left < 0) and kept <= MAX_COOKIES + _MAX_DELETED:
                response.delete_cookie(each, path="/", secure=self.secure, httponly=True)

    def _kept(self, request: Request) -> dict[str, str]:
        """Return the cookies of this browser's attempts by name, the oldest first.

        That is the order in which browsers send them (RFC 6265 section 5.4).
        """
        if not request.cookies:
            return {}
        prefix = self._name("")
        return {name: text for name, text in request.cookies.items() if name.startswith(prefix)}

    def _name(self, reference: str) -> str:
        # `__Host-` keeps sibling domains from setting this cookie; browsers require Secure for it.
        return f"{'__Host-' if self.secure else ''}attempt_{reference}"

    def _open(self, encrypted: str) -> Kept | None:
        try:
            kept: Kept = self.encryptor.decrypt_value(encrypted, *_TYPES)
        except ValueError:  # not ours, or from an incompatible version
            return None
        # The day in these is looked for later.
        names = {kept.reference, kept.browser_id} - {""}
        return kept if all(parse_reference(name) == name for name in names) else None
