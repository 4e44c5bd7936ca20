"""A fresh access token of a connection: HubSpot is asked once, however many ask at a time.

Adapters are handed in, and described here by what is needed of them. Outcomes are values.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from oauth_helper.common.references import new_reference
from oauth_helper.common.secrets import Secret
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.failures.record import build_failure
from oauth_helper.hubspot.client import refresh_request
from oauth_helper.hubspot.token_response import Granted, Refused, TokenResponse, Unavailable
from oauth_helper.models import Attempt, Connection, Tokens
from oauth_helper.scopes import RequestedScopes

logger = logging.getLogger(__name__)

#: Seconds. With less left than this a token is refreshed.
REFRESHED_BELOW = 300

#: Seconds. A token with more left than this is handed out while it cannot be refreshed.
USABLE_ABOVE = 60

#: Seconds that a failure is told to whoever else asks, without asking HubSpot again.
TOLD_FOR = 10

# Seconds until it is worth asking again when somebody else is still refreshing.
_BUSY_FOR = 5


class ConnectionStore(Protocol):
    """Where connections are kept."""

    def with_tokens(self, connection_id: str) -> tuple[Connection, Tokens | None] | None:
        """A connection with its tokens, None in place of what nothing opens; None for none."""

    def refresh(self, connection: Connection, tokens: Tokens, *, expires_at: int) -> bool:
        """Writes new tokens; False when it is not the connection any more that was read."""

    def end(self, connection: Connection, *, at: int, by: str) -> bool:
        """Marks it as ended and drops its tokens; False as for `refresh`."""


class Turn(Protocol):
    """One caller's place among those who want the same connection refreshed."""

    def take(self, reference: str) -> str | None:
        """Empty when it is the caller's turn, None when somebody else has it, else their note.

        `reference` is the connection's; a note about an earlier one counts no more.
        """

    def wait(self) -> bool:
        """Waits until the one whose turn it is has left; False when that takes too long."""

    def leave(self, note: str) -> None:
        """Ends the caller's turn. A note stands for those who come within `TOLD_FOR` seconds."""


class Turns(Protocol):
    """Who refreshes which connection."""

    def turn(self, connection_id: str) -> Turn:
        """A new caller's place."""


class FirstFailures(Protocol):
    """Which failures of refreshing are recorded already."""

    def first(self, connection: str, cause: str, reference: str) -> str:
        """The reference for this cause: that of a failure within the last day, else `reference`.

        `connection` is the reference of the connection that could not be refreshed.
        """


class FailureLog(Protocol):
    """Where failures are recorded."""

    def record(self, failure: Failure) -> bool:
        """Writes a failure; False if there is one already."""


class TokenEndpoint(Protocol):
    """HubSpot, as far as it is needed here."""

    def exchange(self, form: str, *, client_id: str) -> TokenResponse:
        """The token endpoint's answer to a form, for the app `client_id`."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """An access token that works, as far as anybody can know."""

    connection: Connection
    access_token: Secret

    @property
    def token_id(self) -> str:
        """What names the token without opening anything."""
        return token_id(self.access_token)


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is no such connection."""


@dataclass(frozen=True, slots=True)
class NotYours:
    """The tokens belong to somebody else: to `client`, or where that is empty to the operator."""

    client: str


@dataclass(frozen=True, slots=True)
class NoProfile:
    """The connection's profile is no longer there, so nobody knows the app to ask as."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No key opens the connection's tokens."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Ended:
    """HubSpot ended it: the failure that told so is `connection.ended_by`."""

    connection: Connection

    @property
    def cause(self) -> Cause:
        """Why it ended."""
        return Cause.REFRESH_TOKEN_INVALID


@dataclass(frozen=True, slots=True)
class RefreshFailed:
    """HubSpot gave no new token. `retry_after` is in seconds, None when that would not help."""

    reference: str
    cause: Cause
    retry_after: int | None

    def to_text(self) -> str:
        """The note that tells others of it."""
        return json.dumps([self.reference, self.cause, self.retry_after])

    @classmethod
    def from_text(cls, text: str) -> RefreshFailed:
        """What `to_text` wrote."""
        reference, cause, retry_after = json.loads(text)
        return cls(reference, Cause(cause), retry_after)


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else is refreshing it and takes long. `retry_after` is in seconds."""

    retry_after: int = _BUSY_FOR


NoToken = NotFound | NotYours | NoProfile | Unreadable | Ended | RefreshFailed | Busy


@dataclass(frozen=True, slots=True)
class Recorded:
    """The failure that stands for it in the log."""

    reference: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFailures:
    """Records why tokens could not be refreshed. `clock` gives Unix seconds.

    `choose` picks one character of a text by chance.
    """

    failures: FailureLog
    firsts: FirstFailures
    clock: Callable[[], float]
    choose: Callable[[str], str]

    def record(
        self,
        profile: Profile | None,
        connection: Connection,
        answer: Refused | Unavailable,
        *,
        secrets: Iterable[str] = (),
        client: str = "",
    ) -> Recorded:
        """The failure that stands for HubSpot's answer to a refresh; a new one once a day only.

        For the same connection and cause there is one record in a day. `secrets` go into none.
        `client` is the name of the client of the proxy that wanted it.
        """
        now = self.clock()
        today = datetime.fromtimestamp(now, UTC).date()
        # A refresh is an attempt of its own, for what is granted already.
        attempt = Attempt(
            reference=new_reference(today, self.choose),
            profile=connection.profile,
            requested=RequestedScopes(connection.granted or (), ()),
            started_at=int(now),
            deadline=int(now),
            client=client,
        )
        failure = build_failure(
            profile,
            attempt,
            Evidence(stage=Stage.REFRESH, response=answer),
            at=now,
            secrets=secrets,
            granted=connection.granted,
            hub_id=connection.hub_id,
        )
        first = self.firsts.first(connection.reference, failure.cause, failure.reference)
        # Written again it changes nothing; but whoever was first may not have got to writing it.
        if self.failures.record(replace(failure, reference=first)):
            logger.info("failed: %s %s %s", first, failure.profile, failure.cause)
        return Recorded(first, failure.cause)


@dataclass(frozen=True, slots=True)
class _Held:
    """A connection whose tokens are at hand, with its app."""

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
class _Asked:
    """What a caller wants: whose token, as whom, and the id of one that HubSpot has refused."""

    connection_id: str
    client: str
    refused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefresher:
    """Hands out access tokens, and refreshes them in time. `clock` gives Unix seconds."""

    connections: ConnectionStore
    profiles: Mapping[str, Profile]
    hubspot: TokenEndpoint
    turns: Turns
    recording: RefreshFailures
    clock: Callable[[], float]

    def token(self, connection_id: str, *, refused: str = "", client: str = "") -> Fresh | NoToken:
        """An access token of a connection that belongs to `client`; empty for the operator's own.

        `refused` is the id of a token that HubSpot has refused although it has not expired: if that
        is still the current one, it is refreshed. However many ask, one of them asks HubSpot, and
        the others get what came of it. Raises `StoreUnavailableError`.
        """
        asked = _Asked(connection_id, client, refused)
        turn = self.turns.turn(connection_id)
        first = ""
        while True:
            held = self._held(asked)
            if not isinstance(held, _Held):
                return held
            first = first or held.token_id
            if self._serves(held, refused, first):
                return held.fresh
            note = turn.take(held.connection.reference)
            if note == "":
                return self._in_turn(asked, turn, first)
            if self._is_usable(held, refused):
                return held.fresh
            if note:
                return RefreshFailed.from_text(note)
            if not turn.wait():
                return Busy()

    def _held(self, asked: _Asked) -> _Held | NoToken:
        found = self.connections.with_tokens(asked.connection_id)
        if found is None:
            return NotFound()
        connection, tokens = found
        if connection.client != asked.client:
            return NotYours(connection.client)
        if connection.ended_at is not None:
            return Ended(connection)
        profile = self.profiles.get(connection.profile)
        if profile is None:
            return NoProfile(connection)
        return _Held(connection, tokens, profile) if tokens else Unreadable(connection)

    def _serves(self, held: _Held, refused: str, first: str) -> bool:
        """Whether the token can be handed out as it is; `first` was there when the caller came."""
        left = held.connection.expires_at - self.clock()
        if held.token_id != first:
            return left > 0  # somebody has just refreshed it: it gets no better than that
        return left >= REFRESHED_BELOW and held.token_id != refused

    def _is_usable(self, held: _Held, refused: str) -> bool:
        left = held.connection.expires_at - self.clock()
        return left > USABLE_ABOVE and held.token_id != refused

    def _in_turn(self, asked: _Asked, turn: Turn, first: str) -> Fresh | NoToken:
        note = ""
        try:
            # Somebody else's turn may have ended just before this one began.
            held = self._held(asked)
            if not isinstance(held, _Held):
                return held
            if self._serves(held, asked.refused, first):
                return held.fresh
            outcome = self._refresh(asked, held)
            if not isinstance(outcome, RefreshFailed):
                return outcome
            note = outcome.to_text()
            return held.fresh if self._is_usable(held, asked.refused) else outcome
        finally:
            turn.leave(note)

    def _refresh(self, asked: _Asked, held: _Held) -> Fresh | NoToken:
        """Asks HubSpot, and keeps what comes of it."""
        profile, now = held.profile, int(self.clock())
        answer = self.hubspot.exchange(
            refresh_request(
                client_id=profile.client_id,
                client_secret=profile.client_secret,
                refresh_token=held.tokens.refresh_token,
            ),
            client_id=profile.client_id,
        )
        if not isinstance(answer, Granted):
            return self._failed(asked, held, answer)
        tokens, expires_at = (
            Tokens(answer.access_token, answer.refresh_token),
            now + answer.expires_in,
        )
        if not self.connections.refresh(held.connection, tokens, expires_at=expires_at):
            return self._as_it_is(asked)
        logger.info("refreshed: %s", held.connection.id)
        return Fresh(replace(held.connection, expires_at=expires_at), tokens.access_token)

    def _failed(self, asked: _Asked, held: _Held, answer: Refused | Unavailable) -> Fresh | NoToken:
        tokens = (held.tokens.access_token.reveal(), held.tokens.refresh_token.reveal())
        recorded = self.recording.record(held.profile, held.connection, answer, secrets=tokens)
        if isinstance(answer, Unavailable):
            wait = max(TOLD_FOR, answer.retry_after or 0)
            return RefreshFailed(recorded.reference, recorded.cause, wait)
        if recorded.cause is not Cause.REFRESH_TOKEN_INVALID:
            return RefreshFailed(recorded.reference, recorded.cause, None)
        at = int(self.clock())
        if not self.connections.end(held.connection, at=at, by=recorded.reference):
            return self._as_it_is(asked)
        return Ended(replace(held.connection, ended_at=at, ended_by=recorded.reference))

    def _as_it_is(self, asked: _Asked) -> Fresh | NoToken:
        """Made anew, refreshed by somebody else or forgotten while HubSpot was asked."""
        held = self._held(asked)
        return held.fresh if isinstance(held, _Held) else held


def token_id(access_token: Secret) -> str:
    """Sixteen hexadecimal digits that name an access token, by which nobody can use it."""
    return hashlib.sha256(access_token.reveal().encode()).hexdigest()[:16]
