"""Attempts and connections as values. Times are Unix seconds."""

from __future__ import annotations

import json
import zlib
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from hmac import compare_digest
from urllib.parse import quote, urlencode

from oauth_helper.common.references import parse_reference
from oauth_helper.common.secrets import Secret
from oauth_helper.scopes import RequestedScopes


class StoreUnavailableError(Exception):
    """The store of records cannot be reached, or does not answer in time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was begun. `deadline` is when it counts as never returned.

    `claimed_at` is when the authorization response was taken in hand; None before that. `browser_id` is
    the reference of the first attempt known to be of the same browser; empty when nobody knows.
    `language` is the code of the one that the person read, `client` the name of the client of the
    proxy that asked for it.
    """

    reference: str
    profile: str
    requested: RequestedScopes
    started_at: int
    deadline: int
    claimed_at: int | None = None
    browser_id: str = ""
    language: str = ""
    client: str = ""


class Claim(StrEnum):
    """Whether a caller may deal with a response."""

    WON = "won"
    CLAIMED = "in_hand"  # somebody else has it, and has not said yet how it ended
    USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account that is connected.

    `id` is `<profile>.<hub_id>`, or ends in the attempt's reference when HubSpot did not tell the
    account; with a client, `.<client id>` follows. `granted` is None when HubSpot did not tell;
    `expires_at` is the access token's. `client` is the id of the client of the proxy that has the
    tokens, empty when they are here. `ended_at` is when HubSpot was seen to accept them no more,
    `ended_by` the reference of the failure that told so.
    """

    id: str
    profile: str
    hub_id: int | None
    granted: tuple[str, ...] | None
    missing_optional: tuple[str, ...]
    connected_at: int
    expires_at: int
    reference: str
    client: str = ""
    ended_at: int | None = None
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a connection."""

    access_token: Secret
    refresh_token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """What a client of the proxy gets for the code that it was given: a connection, once."""

    pending: PendingAuthorization
    connection: Connection
    tokens: Tokens


#: Characters of the random part of a state; each holds six bits.
STATE_RANDOM_LENGTH = 43


@dataclass(frozen=True, slots=True)
class DeferredCode:
    """A code that came when it could not be used. `at` is when, in Unix seconds.

    `marks` are those of claims of which nobody knows whether they reached the store.
    """

    code: str = field(repr=False)
    at: int
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """One authorization request that waits for its response. `started_at` is in Unix seconds.

    `start_query` has the choices of the person who began, as a query, to begin the same again.
    `browser_id` is the reference of the first attempt that is known of the same browser, `language` the
    code of the one that the person read. `client_request` is what a client of the proxy wants answered,
    None when nobody but the person asked; `popup` says that the window is to close at the end.
    `deferred` has the response when it is there and could not be dealt with yet.
    """

    reference: str
    profile: str
    state: str
    code_verifier: str | None
    requested: RequestedScopes
    started_at: int
    return_to: str | None = None
    start_query: str = ""
    browser_id: str = ""
    language: str = ""
    client_request: ClientRequest | None = None
    popup: bool = False
    deferred: DeferredCode | None = None

    @property
    def client(self) -> str:
        """The name of the client that asked; empty when none did."""
        return self.client_request.client if self.client_request else ""

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
            "t": self.started_at,
            "u": self.return_to,
            "b": self.start_query,
            "w": self.browser_id,
            "l": self.language,
        }
        if self.client_request:
            document["a"] = self.client_request.to_list()
        if self.popup:
            document["o"] = True
        if self.deferred:
            document["c"] = [self.deferred.code, self.deferred.at, *self.deferred.marks]
        return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), 9)

    @classmethod
    def from_bytes(cls, data: bytes) -> PendingAuthorization:
        """The value that `to_bytes` wrote. For sealed bytes only: it trusts their shape."""
        document = json.loads(zlib.decompress(data))
        scope, optional_scope = document["q"]
        client_request = document.get("a")
        code, at, *marks = document.get("c", ("", 0))
        return cls(
            reference=document["r"],
            profile=document["p"],
            state=document["s"],
            code_verifier=document["v"],
            requested=RequestedScopes(tuple(scope.split()), tuple(optional_scope.split())),
            started_at=document["t"],
            return_to=document["u"],
            start_query=document["b"],
            browser_id=document.get("w", ""),
            language=document.get("l", ""),
            client_request=ClientRequest.from_list(client_request) if client_request else None,
            popup=document.get("o", False),
            deferred=DeferredCode(code, at, tuple(marks)) if code else None,
        )


def make_state(reference: str, chance: str) -> str:
    """A state that leads to its attempt: the reference, a dot, and what cannot be guessed."""
    return f"{reference}.{chance}"


def reference_in_state(state: str) -> str | None:
    """The reference that a state names; None when it is none of ours. Proves nothing by itself."""
    reference, _, chance = state.partition(".")
    return parse_reference(reference) if len(chance) == STATE_RANDOM_LENGTH else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """One checked request of a registered client.

    `client` is its name as people know it. `redirect_uri` is where the answer goes, and
    `sent_redirect_uri` whether the request itself named it. `scope` is what was asked for, letter
    by letter; `dropped` are the names in it that nobody knows. `code_challenge` is of method S256.
    """

    client_id: str
    client: str
    redirect_uri: str
    sent_redirect_uri: bool = True
    scope: str = ""
    dropped: tuple[str, ...] = ()
    state: str | None = None
    code_challenge: str | None = None

    @property
    def query(self) -> str:
        """The query with which the same can be asked for once more."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri if self.sent_redirect_uri else None,
            "scope": self.scope or None,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "code_challenge_method": "S256" if self.code_challenge else None,
        }
        named = {name: value for name, value in asked.items() if value is not None}
        return urlencode(named, quote_via=quote)

    def to_list(self) -> list[object]:
        """The value as JSON has it."""
        return list(astuple(self))

    @classmethod
    def from_list(cls, values: list[object]) -> ClientRequest:
        """The value that `to_list` wrote. For sealed data only: it trusts its shape."""
        named = dict(zip(cls.__slots__, values, strict=False))
        return cls(**{**named, "dropped": tuple(named["dropped"])})  # type: ignore[arg-type]
