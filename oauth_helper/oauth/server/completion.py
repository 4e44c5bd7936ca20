"""The last step of a connection through the proxy: the client comes for its tokens, or fails to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Evidence, Mistake, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.failures.record import failure_of
from oauth_helper.models import Attempt, Connection, IssuedCode, Tokens
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.outbox.writer import Failed, Note, connected, tolerating_outage

logger = logging.getLogger(__name__)


class Notes(Protocol):
    """What is written as soon as it can be."""

    def note(self, note: Note) -> None:
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
class HandingOver:
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
        tolerating_outage(lambda: self.connections.save(issued.connection, issued.tokens))
        profile = self.profiles.get(issued.pending.profile)
        if profile is None:  # taken out of the settings in the meantime
            return
        hub_id = issued.connection.hub_id
        self.notes.note(connected(profile, issued.pending, hub_id, at=self.clock()))

    def failed(self, issued: IssuedCode, mistake: Mistake, *, client: str) -> str:
        """The client named `client` made a mistake with a code that is good: its reference.

        One record for each attempt, however often a client tries.
        """
        pending = issued.pending
        evidence = Evidence(stage=Stage.TOKEN, mistake=mistake, client=client)
        failure = failure_of(
            self.profiles.get(pending.profile),
            pending,
            evidence,
            at=self.clock(),
            granted=issued.connection.granted,
            hub_id=issued.connection.hub_id,
        )
        self._record(failure)
        return pending.reference

    def used_twice(self, *, profile: str, client: str, grant: str) -> str:
        """The client used a code again, whose grant was withdrawn for that: the reference.

        The attempt itself has connected, so this is a record of its own, one a day and grant.
        """
        now = self.clock()
        attempt = Attempt(
            reference=new_reference(datetime.fromtimestamp(now, UTC).date(), self.choose),
            profile=profile,
            requested=RequestedScopes(()),
            begun_at=int(now),
            deadline=int(now),
            client=client,
        )
        evidence = Evidence(stage=Stage.TOKEN, mistake=Mistake.USED_TWICE, client=client)
        failure = failure_of(self.profiles.get(profile), attempt, evidence, at=now)
        reference = self.firsts.first(grant, failure.cause, attempt.reference)
        if reference == attempt.reference:
            self._record(failure)
        return reference

    def _record(self, failure: Failure) -> None:
        self.notes.note(Failed(failure))
        logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
