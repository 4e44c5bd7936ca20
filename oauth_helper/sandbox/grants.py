"""What the sandbox has issued: authorization codes, tokens, and the grants behind them.

The state has digests of codes and tokens, never the values, so it gives no access.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from oauth_helper.sandbox.apps import Sandbox

#: Seconds that HubSpot's access tokens are valid. As of 2026-11:
#: https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
ACCESS_TOKEN_LIFETIME = 1800

#: A real refresh token is valid until it is revoked; here it expires after a month.
REFRESH_TOKEN_LIFETIME = 30 * 24 * 3600

# An expired code is kept for a while, to tell it from an unknown one.
_CODE_REMEMBERED = 3600


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user granted to an app. `answer` says how the token endpoint behaves."""

    client_id: str
    hub_id: int
    user_id: int
    user: str
    hub_domain: str
    region: str
    scope: tuple[str, ...]
    optional_scope: tuple[str, ...]
    answer: str

    @property
    def scopes(self) -> list[str]:
        """Return every scope granted."""
        return [*self.scope, *self.optional_scope]


@dataclass(frozen=True, slots=True)
class SandboxCode:
    """What an authorization code stands for. `expires_at` is in seconds since 1970."""

    grant: Grant
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class SandboxTokens:
    """A pair of new tokens, in the clear."""

    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that is valid now. `expires_in` is None for a refresh token."""

    grant_id: str
    grant: Grant
    expires_in: int | None


def issue_code(sandbox: Sandbox, code: SandboxCode) -> str:
    """Store `code` and return a new value for it."""
    value = f"{code.grant.region}-{sandbox.random(24)}"
    ttl = sandbox.code_lifetime + _CODE_REMEMBERED
    sandbox.state.put(_key("code", value), asdict(code), ttl=ttl)
    if code.grant.answer.endswith("_once"):
        sandbox.state.put(_key("fails-once", value), {}, ttl=ttl)
    return value


def find_code(sandbox: Sandbox, value: str) -> SandboxCode | None:
    """Return the code, which stays valid."""
    return _code(sandbox.state.get(_key("code", value)))


def take_code(sandbox: Sandbox, value: str) -> SandboxCode | None:
    """Return the code and remove it, so that no other caller gets it."""
    return _code(sandbox.state.take(_key("code", value)))


def take_failure(sandbox: Sandbox, value: str) -> bool:
    """Return whether this request is the one that must fail first."""
    return sandbox.state.take(_key("fails-once", value)) is not None


def issue_tokens(sandbox: Sandbox, grant: Grant) -> SandboxTokens:
    """Return the first pair of tokens of a new grant."""
    grant_id = sandbox.random(12)
    refresh_token = f"{grant.region}-{sandbox.random(32)}"
    sandbox.state.put(f"grant:{grant_id}", asdict(grant), ttl=REFRESH_TOKEN_LIFETIME)
    sandbox.state.put(
        _key("refresh", refresh_token), {"grant_id": grant_id}, ttl=REFRESH_TOKEN_LIFETIME
    )
    return SandboxTokens(issue_access_token(sandbox, grant_id), refresh_token)


def issue_access_token(sandbox: Sandbox, grant_id: str) -> str:
    """Return another access token for an existing grant."""
    value = sandbox.random(192)  # about as long as HubSpot's
    expires_at = sandbox.clock() + ACCESS_TOKEN_LIFETIME
    record = {"grant_id": grant_id, "expires_at": expires_at}
    sandbox.state.put(_key("access", value), record, ttl=ACCESS_TOKEN_LIFETIME)
    return value


def find_refresh_token(sandbox: Sandbox, value: str) -> KnownToken | None:
    """Return the refresh token, unless it was revoked or the app uninstalled."""
    return _known(sandbox, sandbox.state.get(_key("refresh", value)))


def find_access_token(sandbox: Sandbox, value: str) -> KnownToken | None:
    """Return the access token, unless it expired or the app was uninstalled."""
    token = _known(sandbox, sandbox.state.get(_key("access", value)))
    return None if token and token.expires_in is not None and token.expires_in <= 0 else token


def revoke(sandbox: Sandbox, value: str) -> None:
    """End a token. As at HubSpot, access tokens outlive a revoked refresh token."""
    sandbox.state.take(_key("refresh", value))
    sandbox.state.take(_key("access", value))


def uninstall(sandbox: Sandbox, grant_id: str) -> None:
    """End a grant, with every token of it."""
    sandbox.state.take(f"grant:{grant_id}")


def _known(sandbox: Sandbox, record: Mapping[str, Any] | None) -> KnownToken | None:
    found = record and sandbox.state.get(f"grant:{record['grant_id']}")
    if not record or not found:
        return None
    expires_at = record.get("expires_at")
    expires_in = None if expires_at is None else int(expires_at - sandbox.clock())
    return KnownToken(record["grant_id"], _grant(found), expires_in)


def _code(record: Mapping[str, Any] | None) -> SandboxCode | None:
    return SandboxCode(**{**record, "grant": _grant(record["grant"])}) if record else None


def _grant(record: Mapping[str, Any]) -> Grant:
    # JSON has made lists of the tuples.
    scopes = {key: tuple(record[key]) for key in ("scope", "optional_scope")}
    return Grant(**{**record, **scopes})


def _key(kind: str, value: str) -> str:
    return f"{kind}:{sha256(value.encode('utf-8', 'replace')).hexdigest()}"
