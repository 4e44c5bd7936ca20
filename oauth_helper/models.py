"""Define attempts and connections as values. Times are Unix seconds.

Fields added later have defaults, so that values written by the previous version can be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hmac import compare_digest
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from oauth_helper.scopes import RequestedScopes


class StoreUnavailableError(Exception):
    """Redis can't be reached, or doesn't answer in time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that a customer started. After `deadline` it counts as never returned.

    `claimed_at` is when a worker claimed the authorization response, None before that. `browser_id`
    is the reference of the first attempt known from the same browser, empty when unknown.
    `language` is the language code of the customer's pages. `client` is the name of the proxy
    client that requested the connection. `customer` and `customer_name` are those of its link.
    `sender` identifies the network that it came from, empty when that has no budget.
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
    customer: str = ""
    customer_name: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectLink:
    """A link that starts one connection, and who gets it.

    `customer` is the sender's own id of the customer, opaque here; `customer_name` is what staff
    read. Empty texts and None mean that the sender made no choice. `connection` is the id of the
    connection that it renews.
    """

    id: str
    profile: str
    created_at: int
    expires_at: int
    customer: str = ""
    customer_name: str = ""
    optional_scopes: tuple[str, ...] | None = None
    return_to: str = ""
    hub_id: int | None = None
    connection: str = ""


class Claim(StrEnum):
    """Who may process an authorization response."""

    WON = "won"
    UNRECORDED = "unrecorded"  # won, but the attempt isn't stored
    TAKEN_OVER = "taken_over"  # from a worker that died; it may have used the code
    CLAIMED = "in_hand"  # another worker is processing it
    USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connected account.

    `id` is `<profile>.<hub_id>`, of a user-level app `<profile>.<hub_id>-<user_id>`, or
    `<profile>.<reference>` when HubSpot didn't name them; a proxy client's ends in `.<client id>`.
    `granted` is None when HubSpot didn't list the scopes. `expires_at` is the expiry of the access
    token that HubSpot issued at `issued_at`. `client` is the id of the proxy client that holds the
    tokens, empty when they are stored here. `ended_at` is when HubSpot first rejected the tokens,
    `ended_by` the reference of the failure that showed it, `ended_cause` its cause. `link` is the
    id of the link that started it, `customer` and `customer_name` are those of the link.
    `hub_domain` is the account's domain, empty until HubSpot was asked for it.
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
    ended_cause: str = ""
    customer: str = ""
    customer_name: str = ""
    link: str = ""
    issued_at: int = 0
    hub_domain: str = ""

    def expires_in(self, now: float) -> int:
        """Return the seconds that the access token still works: never more than HubSpot gave."""
        return max(0, int(self.expires_at - max(now, self.issued_at)))

    @property
    def is_account_wide(self) -> bool:
        """Return whether the users of the account share it, as its id says."""
        return self.id.split(".")[1] == str(self.hub_id)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a connection."""

    access_token: SecretStr
    refresh_token: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """A validated authorization request of a registered client.

    `client` is the client's display name. `redirect_uri` is where the response goes;
    `sent_redirect_uri` says whether the request itself named it. `scope` is exactly as requested;
    `dropped` lists the unknown names in it. `code_challenge` uses method S256.
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
        """Return the query string that repeats the request."""
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
    """A code that arrived at the time `at`, when it couldn't be exchanged.

    `claim_ids` lists claims that may or may not have reached Redis.
    """

    code: str = field(repr=False)
    at: int
    claim_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """An authorization request that waits for its response.

    The browser that started it keeps it in an encrypted cookie, one for each attempt. So two tabs
    don't collide, no other browser can complete it, and the server needs to store nothing.

    `start_query` holds the customer's choices as a query string, to start again with the same.
    `browser_id` is the reference of the first attempt known from the same browser. `language` is
    the language code of the customer's pages. `client_request` is the request of a proxy client,
    None without one. `popup` says that the window closes at the end. `deferred` holds a response
    that couldn't be processed yet. `link` is the link that started it, None without one.
    `install_return_url` leads back to HubSpot's Marketplace, where the install began. `sender` is
    that of the attempt.
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
    link: ConnectLink | None = None
    install_return_url: str = ""
    sender: str = ""

    @property
    def customer(self) -> str:
        """Return the sender's id of the customer; empty when unknown."""
        return self.link.customer if self.link else ""

    @property
    def customer_name(self) -> str:
        """Return the name of the customer; empty when unknown."""
        return self.link.customer_name if self.link else ""

    @property
    def client(self) -> str:
        """Return the name of the client that made the request; empty without one."""
        return self.client_request.client if self.client_request else ""

    def matches(self, state: str) -> bool:
        """Return whether `state` belongs to this request, compared in constant time."""
        return compare_digest(self.state.encode(), state.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """The connection and tokens that a proxy client redeems its authorization code for, once."""

    pending: PendingAuthorization
    connection: Connection
    tokens: Tokens
