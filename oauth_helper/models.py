"""Attempts and connections as values. Times are Unix seconds.

Each has defaults for what was added later, so that values of the version before can be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hmac import compare_digest
from urllib.parse import quote, urlencode

from oauth_helper.common.references import parse_reference
from oauth_helper.common.secrets import Secret
from oauth_helper.scopes import RequestedScopes

#: Characters of the random part of a state; each holds six bits.
STATE_RANDOM_LENGTH = 43


class StoreUnavailableError(Exception):
    """The store of records cannot be reached, or does not answer in time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that was started. After `deadline` it counts as never returned.

    `claimed_at` is when a worker claimed the authorization response, None before that. `browser_id`
    is the reference of the first attempt known from the same browser, empty when unknown.
    `language` is the code of the language that the customer read, `client` the name of the client
    of the proxy that requested the connection.
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
    """Whether a worker may process an authorization response."""

    WON = "won"
    CLAIMED = "in_hand"  # another worker has it, and hasn't finished
    USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An account that is connected.

    `id` is `<profile>.<hub_id>`, or ends in the attempt's reference when HubSpot didn't name the
    account; with a client, `.<client id>` follows. `granted` is None when HubSpot didn't say;
    `expires_at` is the access token's. `client` is the id of the client of the proxy that has the
    tokens, empty when they are here. `ended_at` is when HubSpot was seen to reject them, `ended_by`
    the reference of the failure that showed it.
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
class ClientRequest:
    """A checked authorization request of a registered client.

    `client` is its name as people know it. `redirect_uri` is where the response goes, and
    `sent_redirect_uri` whether the request itself named it. `scope` is exactly what was requested;
    `dropped` are the unknown names in it. `code_challenge` is of method S256.
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
        """The query that makes the same request again."""
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri if self.sent_redirect_uri else None,
            "scope": self.scope or None,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "code_challenge_method": "S256" if self.code_challenge else None,
        }
        named = {name: value for name, value in parameters.items() if value is not None}
        return urlencode(named, quote_via=quote)


@dataclass(frozen=True, slots=True)
class DeferredCode:
    """A code that came when it could not be used. `at` is when, in Unix seconds.

    `claim_ids` are those of claims that may or may not have reached the store.
    """

    code: str = field(repr=False)
    at: int
    claim_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """An authorization request that waits for its response.

    It travels in an encrypted cookie of the browser that started it, one for each attempt, so that
    two tabs don't collide, no other browser can finish it, and nothing on the server has to be
    there for it.

    `start_query` has the customer's choices as a query, to start the same again. `browser_id` is
    the reference of the first attempt known from the same browser, `language` the code of the
    language that the customer read. `client_request` is the request of a client of the proxy, None
    without one; `popup` says that the window closes at the end. `deferred` has the response when it
    came and could not be processed yet.
    """

    reference: str
    profile: str
    state: str = field(repr=False)
    code_verifier: str | None = field(repr=False)
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
        """The name of the client that made the request; empty without one."""
        return self.client_request.client if self.client_request else ""

    def matches(self, state: str) -> bool:
        """Return whether `state` is this one's, compared in constant time."""
        return compare_digest(self.state.encode(), state.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """What a client of the proxy gets for its authorization code: a connection, once."""

    pending: PendingAuthorization
    connection: Connection
    tokens: Tokens


def make_state(reference: str, random_text: str) -> str:
    """Return a state that names its attempt and cannot be guessed."""
    return f"{reference}.{random_text}"


def reference_in_state(state: str) -> str | None:
    """Return the reference that a state names, None when it is not ours. Proves nothing."""
    reference, _, random_text = state.partition(".")
    return parse_reference(reference) if len(random_text) == STATE_RANDOM_LENGTH else None
