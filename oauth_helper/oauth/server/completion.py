"""The last step of a connection through the proxy: the client comes for its tokens, or fails to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import ClientError, Evidence, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.failures.record import build_failure
from oauth_helper.models import Attempt, Connection, IssuedCode, Tokens
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.outbox.writer import AttemptEvent, AttemptFailed, connected, ignore_outage

logger = logging.getLogger(__name__)


class Notes(Protocol):
    """What is written as soon as it can be."""

    def note(self, note: AttemptEvent) -> None:
        """Writes a note, or has it wait while the store is down."""


class ConnectionStore(Protocol):
    """Where connections are kept."""

    def save(self, connection: Connection, tokens: Tokens) -> None:
        """Writes a connection with its tokens."""


class FirstFailures(Protocol):
    """Which failures are recorded already."""

    def first(self, connection: str, cause: str, reference: str) -> str:
        """The reference for this cause: that of a failure within the last day, else `reference`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRedemption:
    """Notes what becomes of a code. `clock` gives Unix seconds, `choose` picks one character."""

    notes: Notes
    firsts: FirstFailures
    connections: ConnectionStore
    profiles: Mapping[str, Profile]
    clock: Callable[[], float]
    choose: Callable[[str], str]

    def done(self, issued: IssuedCode) -> None:
        """The client has its tokens now: the connection is kept, and the attempt is closed.

        What is kept lets staff see and end it; without the store the client gets on all the same.
        """
        ignore_outage(lambda: self.connections.save(issued.connection, issued.tokens))
        profile = self.profiles.get(issued.pending.profile)
        if profile is None:  # taken out of the settings in the meantime
            return
        hub_id = issued.connection.hub_id
        self.notes.note(connected(profile, issued.pending, hub_id, at=self.clock()))

    def failed(self, issued: IssuedCode, client_error: ClientError, *, client: str) -> str:
        """The client named `client` made a mistake with a code that is good: its reference.

        One record for each attempt, however often a client tries.
        """
        pending = issued.pending
        evidence = Evidence(stage=Stage.TOKEN, client_error=client_error, client=client)
        failure = build_failure(
            self.profiles.get(pending.profile),
            pending,
            evidence,
            at=self.clock(),
            granted=issued.connection.granted,
            hub_id=issued.connection.hub_id,
        )
        self._record(failure)
        return pending.reference

    def code_reuse(self, *, profile: str, client: str, grant: str) -> str:
        """The client used a code again, whose grant was withdrawn for that: the reference.

        The attempt itself has connected, so this is a record of its own, one a day and grant.
        """
        now = self.clock()
        attempt = Attempt(
            reference=new_reference(datetime.fromtimestamp(now, UTC).date(), self.choose),
            profile=profile,
            requested=RequestedScopes(()),
            started_at=int(now),
            deadline=int(now),
            client=client,
        )
        evidence = Evidence(stage=Stage.TOKEN, client_error=ClientError.CODE_REUSED, client=client)
        failure = build_failure(self.profiles.get(profile), attempt, evidence, at=now)
        reference = self.firsts.first(grant, failure.cause, attempt.reference)
        if reference == attempt.reference:
            self._record(failure)
        return reference

    def _record(self, failure: Failure) -> None:
        self.notes.note(AttemptFailed(failure))
        logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
