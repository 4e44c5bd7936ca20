"""The pending authorization: what has to be remembered between request and response.

It travels in a sealed cookie of the browser that began, one for each attempt, so that two tabs do
not collide, no other browser can finish, and nothing on the server has to be there for it.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from hmac import compare_digest

from oauth_helper.oauth.client_request import ClientRequest
from oauth_helper.reference import parse_reference
from oauth_helper.scopes import RequestedScopes

#: Characters of the random part of a state; each holds six bits.
STATE_CHANCE = 43


@dataclass(frozen=True, slots=True)
class PutOff:
    """A code that came when it could not be used. `at` is when, in Unix seconds.

    `marks` are those of claims of which nobody knows whether they reached the store.
    """

    code: str = field(repr=False)
    at: int
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """One authorization request that waits for its response. `begun_at` is in Unix seconds.

    `begun_with` has the choices of the person who began, as a query, to begin the same again.
    `person` is the reference of the first attempt that is known of the same browser, `language` the
    code of the one that the person read. `asked_by` is what a client of the proxy wants answered,
    None when nobody but the person asked; `popup` says that the window is to close at the end.
    `put_off` has the response when it is there and could not be dealt with yet.
    """

    reference: str
    profile: str
    state: str
    code_verifier: str | None
    requested: RequestedScopes
    begun_at: int
    return_to: str | None = None
    begun_with: str = ""
    person: str = ""
    language: str = ""
    asked_by: ClientRequest | None = None
    popup: bool = False
    put_off: PutOff | None = None

    @property
    def client(self) -> str:
        """The name of the client that asked; empty when none did."""
        return self.asked_by.client if self.asked_by else ""

    def matches(self, state: str) -> bool:
        """Whether `state` is this one's, compared in constant time."""
        return compare_digest(self.state.encode(), state.encode())

    def to_bytes(self) -> bytes:
        """The value as bytes, small enough for a cookie: fifty scopes take some 400 of them."""
        document: dict[str, object] = {
            "r": self.reference,
            "p": self.profile,
            "s": self.state,
            "v": self.code_verifier,
            "q": [" ".join(self.requested.scope), " ".join(self.requested.optional_scope)],
            "t": self.begun_at,
            "u": self.return_to,
            "b": self.begun_with,
            "w": self.person,
            "l": self.language,
        }
        if self.asked_by:
            document["a"] = self.asked_by.to_list()
        if self.popup:
            document["o"] = True
        if self.put_off:
            document["c"] = [self.put_off.code, self.put_off.at, *self.put_off.marks]
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 9)

    @classmethod
    def from_bytes(cls, data: bytes) -> PendingAuthorization:
        """The value that `to_bytes` wrote. For sealed bytes only: it trusts their shape."""
        document = json.loads(zlib.decompress(data))
        scope, optional_scope = document["q"]
        asked_by = document.get("a")
        code, at, *marks = document.get("c", ("", 0))
        return cls(
            reference=document["r"],
            profile=document["p"],
            state=document["s"],
            code_verifier=document["v"],
            requested=RequestedScopes(tuple(scope.split()), tuple(optional_scope.split())),
            begun_at=document["t"],
            return_to=document["u"],
            begun_with=document["b"],
            person=document.get("w", ""),
            language=document.get("l", ""),
            asked_by=ClientRequest.from_list(asked_by) if asked_by else None,
            popup=document.get("o", False),
            put_off=PutOff(code, at, tuple(marks)) if code else None,
        )


def make_state(reference: str, chance: str) -> str:
    """A state that leads to its attempt: the reference, a dot, and what cannot be guessed."""
    return f"{reference}.{chance}"


def reference_in_state(state: str) -> str | None:
    """The reference that a state names; None when it is none of ours. Proves nothing by itself."""
    reference, _, chance = state.partition(".")
    return parse_reference(reference) if len(chance) == STATE_CHANCE else None
