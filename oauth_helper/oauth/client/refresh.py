"""Return a connection's access token, refreshed in time: one request to HubSpot for all callers."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import SecretStr

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence, Stage, ends_connection
from oauth_helper.hubspot.token_response import Granted, Refused, Unavailable
from oauth_helper.models import Attempt, Connection, Tokens
from oauth_helper.oauth.client.outcome import build_failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.outbox.events import AttemptFailed

if TYPE_CHECKING:
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.outbox.writer import EventWriter
    from oauth_helper.store.refresh_locks import RefreshLock, RefreshLocks

logger = logging.getLogger(__name__)

#: Seconds. A token that expires sooner than this is refreshed.
REFRESHED_BELOW = 300

#: Seconds. A token that lives longer than this is returned when it can't be refreshed.
USABLE_ABOVE = 60

#: Seconds for which other callers get a failure without another request to HubSpot.
TOLD_FOR = 10

# Seconds until a retry makes sense while another caller is still refreshing.
_BUSY_FOR = 5


@dataclass(frozen=True, slots=True)
class Fresh:
    """An access token that hasn't expired and that HubSpot isn't known to reject."""

    connection: Connection
    access_token: SecretStr

    @property
    def token_id(self) -> str:
        """Return the id of the token, which grants no access."""
        return token_id(self.access_token)


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is no such connection."""


@dataclass(frozen=True, slots=True)
class NotYours:
    """The tokens belong to the proxy client `client`, or to the operator when that is empty."""

    client: str


@dataclass(frozen=True, slots=True)
class NoProfile:
    """The connection's profile is gone, so the app's credentials are unknown."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No key decrypts the connection's tokens."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """HubSpot ended the connection; `connection.ended_by` names the failure that showed it."""

    connection: Connection

    @property
    def cause(self) -> Cause:
        """Return why it ended."""
        return Cause(self.connection.ended_cause or Cause.REFRESH_TOKEN_INVALID)


@dataclass(frozen=True, slots=True)
class RefreshFailed:
    """HubSpot issued no token. `retry_after` is in seconds, None when a retry won't help."""

    reference: str
    cause: Cause
    retry_after: int | None

    def to_text(self) -> str:
        """Return the text that other callers read in the lock."""
        return json.dumps([self.reference, self.cause, self.retry_after])

    @classmethod
    def from_text(cls, text: str) -> RefreshFailed:
        """Return what `to_text` wrote."""
        reference, cause, retry_after = json.loads(text)
        return cls(reference, Cause(cause), retry_after)


@dataclass(frozen=True, slots=True)
class Busy:
    """Another caller is still refreshing the token. `retry_after` is in seconds."""

    retry_after: int = _BUSY_FOR


NoToken = NotFound | NotYours | NoProfile | Unreadable | ConnectionEnded | RefreshFailed | Busy


@dataclass(frozen=True, slots=True)
class LoggedFailure:
    """The logged failure of a refresh."""

    reference: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailures:
    """Log why tokens couldn't be refreshed. `clock` returns Unix seconds."""

    writer: EventWriter
    locks: RefreshLocks
    clock: Callable[[], float]

    def record(
        self,
        profile: Profile | None,
        connection: Connection,
        response: Refused | Unavailable,
        *,
        secrets: Iterable[str] = (),
        client: str = "",
    ) -> LoggedFailure:
        """Log HubSpot's response to a refresh and return its failure.

        Each connection and cause have one failure a day. It contains none of `secrets`. `client` is
        the name of the proxy client that made the request.
        """
        now = self.clock()
        # A refresh counts as an attempt that requests the scopes already granted.
        attempt = Attempt(
            reference=new_reference(datetime.fromtimestamp(now, UTC).date()),
            profile=connection.profile,
            requested=RequestedScopes(connection.granted or (), ()),
            started_at=int(now),
            deadline=int(now),
            client=client,
            customer=connection.customer,
            customer_name=connection.customer_name,
        )
        failure = build_failure(
            profile,
            attempt,
            Evidence(stage=Stage.REFRESH, response=response),
            at=now,
            secrets=secrets,
            granted=connection.granted,
            hub_id=connection.hub_id,
        )
        first = self.locks.first_failure(connection.reference, failure.cause, failure.reference)
        # Writing it again changes nothing, and the first worker may have died before writing it.
        self.writer.write(AttemptFailed(replace(failure, reference=first)))
        return LoggedFailure(first, failure.cause)


@dataclass(frozen=True, slots=True)
class _Held:
    """A stored connection with its tokens and its profile."""

    connection: Connection
    tokens: Tokens
    profile: Profile

    @property
    def token_id(self) -> str:
        return token_id(self.tokens.access_token)

    @property
    def fresh(self) -> Fresh:
        return Fresh(self.connection, self.tokens.access_token)


@dataclass(frozen=True, slots=True)
class _TokenQuery:
    """The connection, the requesting client, and the id of a token that HubSpot rejected."""

    connection_id: str
    client: str
    rejected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefresher:
    """Return access tokens, and refresh them in time. `clock` returns Unix seconds."""

    connections: Connections
    profiles: Mapping[str, Profile]
    hubspot: HubSpotClient
    locks: RefreshLocks
    failures: RefreshFailures
    clock: Callable[[], float]

    def token(self, connection_id: str, *, rejected: str = "", client: str = "") -> Fresh | NoToken:
        """Return an access token of a connection that belongs to `client`, or why there is none.

        An empty `client` means the operator. `rejected` is the id of a token that HubSpot rejected
        before it expired; if that is still the current one, it is refreshed. One caller at a time
        sends the request to HubSpot, and the others get its result. Raises `StoreUnavailableError`.
        """
        query = _TokenQuery(connection_id, client, rejected)
        lock = self.locks.lock(connection_id)
        first = ""
        while True:
            held = self._held(query)
            if not isinstance(held, _Held):
                return held
            first = first or held.token_id
            if self._is_fresh(held, rejected, first):
                return held.fresh
            failure = lock.acquire(held.connection.reference)
            if failure == "":
                return self._refresh_locked(query, lock, first)
            if self._is_usable(held, rejected):
                return held.fresh
            if failure:
                return RefreshFailed.from_text(failure)
            with self.hubspot.waits_for_refresh() as may_wait:
                if not (may_wait and lock.wait()):
                    return Busy()

    def _held(self, query: _TokenQuery) -> _Held | NoToken:
        found = self.connections.with_tokens(query.connection_id)
        if found is None:
            return NotFound()
        connection, tokens = found
        if connection.client != query.client:
            return NotYours(connection.client)
        if connection.ended_at is not None:
            return ConnectionEnded(connection)
        profile = self.profiles.get(connection.profile)
        if profile is None:
            return NoProfile(connection)
        return _Held(connection, tokens, profile) if tokens else Unreadable(connection)

    def _is_fresh(self, held: _Held, rejected: str, first: str) -> bool:
        """Return whether the token needs no refresh. `first` is the first token id of this call."""
        left = held.connection.expires_at - self.clock()
        if held.token_id != first:
            return left > 0  # another caller has just refreshed it, and a retry would gain nothing
        return left >= REFRESHED_BELOW and held.token_id != rejected

    def _is_usable(self, held: _Held, rejected: str) -> bool:
        left = held.connection.expires_at - self.clock()
        return left > USABLE_ABOVE and held.token_id != rejected

    def _refresh_locked(self, query: _TokenQuery, lock: RefreshLock, first: str) -> Fresh | NoToken:
        failure = ""
        try:
            # Another caller may have released the lock just before this one acquired it.
            held = self._held(query)
            if not isinstance(held, _Held):
                return held
            if self._is_fresh(held, query.rejected, first):
                return held.fresh
            outcome = self._refresh(query, held)
            if not isinstance(outcome, RefreshFailed):
                return outcome
            failure = outcome.to_text()
            return held.fresh if self._is_usable(held, query.rejected) else outcome
        finally:
            lock.release(failure)

    def _refresh(self, query: _TokenQuery, held: _Held) -> Fresh | NoToken:
        """Request new tokens from HubSpot and save them, or log the failure."""
        now = int(self.clock())
        response = self.hubspot.refresh(held.profile.credentials, held.tokens.refresh_token)
        if not isinstance(response, Granted):
            return self._failed(query, held, response)
        tokens = Tokens(response.access_token, response.refresh_token)
        expires_at = now + response.expires_in
        if not self.connections.refresh(
            held.connection, tokens, expires_at=expires_at, issued_at=now
        ):
            return self._current(query)
        logger.info("refreshed: %s", held.connection.id)
        refreshed = replace(held.connection, expires_at=expires_at, issued_at=now)
        return Fresh(refreshed, tokens.access_token)

    def _failed(
        self, query: _TokenQuery, held: _Held, response: Refused | Unavailable
    ) -> Fresh | NoToken:
        secrets = (
            held.tokens.access_token.get_secret_value(),
            held.tokens.refresh_token.get_secret_value(),
        )
        logged = self.failures.record(held.profile, held.connection, response, secrets=secrets)
        if isinstance(response, Unavailable):
            wait = max(TOLD_FOR, response.retry_after or 0)
            return RefreshFailed(logged.reference, logged.cause, wait)
        if not ends_connection(logged.cause):
            return RefreshFailed(logged.reference, logged.cause, None)
        at = int(self.clock())
        by, cause = logged.reference, logged.cause
        if not self.connections.end(held.connection, at=at, by=by, cause=cause):
            return self._current(query)
        ended = replace(held.connection, ended_at=at, ended_by=by, ended_cause=cause)
        return ConnectionEnded(ended)

    def _current(self, query: _TokenQuery) -> Fresh | NoToken:
        """Return the stored token after the connection changed during the request to HubSpot."""
        held = self._held(query)
        return held.fresh if isinstance(held, _Held) else held


def token_id(access_token: SecretStr) -> str:
    """Return sixteen hexadecimal digits that identify an access token but can't be used as one."""
    return hashlib.sha256(access_token.get_secret_value().encode()).hexdigest()[:16]
