"""Log how a proxy client uses its authorization code: it redeems the code or makes an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import ClientError, Evidence, Stage
from oauth_helper.models import Attempt, IssuedCode
from oauth_helper.oauth.client.callback import success_of
from oauth_helper.oauth.client.outcome import build_failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.outbox.events import AttemptFailed

if TYPE_CHECKING:
    from oauth_helper.store.outbox.writer import EventWriter
    from oauth_helper.store.refresh_locks import RefreshLocks


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRedemption:
    """Log how attempts of proxy clients end. `clock` returns Unix seconds."""

    writer: EventWriter
    locks: RefreshLocks
    profiles: Mapping[str, Profile]
    clock: Callable[[], float]

    def redeemed(self, issued: IssuedCode) -> None:
        """Save the connection and close the attempt, because the client has its tokens now."""
        profile = self.profiles.get(issued.pending.profile)
        self.writer.write(
            success_of(profile, issued.pending, issued.connection, issued.tokens, at=self.clock())
        )

    def client_error(self, issued: IssuedCode, error: ClientError, *, client: str) -> str:
        """Log an error of the client named `client` with a valid code; return the reference.

        The attempt has one failure, however often the client tries.
        """
        pending = issued.pending
        failure = build_failure(
            self.profiles.get(pending.profile),
            pending,
            Evidence(stage=Stage.TOKEN, client_error=error, client=client),
            at=self.clock(),
            granted=issued.connection.granted,
            hub_id=issued.connection.hub_id,
        )
        self.writer.write(AttemptFailed(failure))
        return pending.reference

    def code_reuse(self, *, profile: str, client: str, grant: str) -> str:
        """Log that a client reused a code, which revoked its grant, and return the reference.

        The attempt itself has connected, so this is a separate failure, one per grant and day.
        """
        now = self.clock()
        attempt = Attempt(
            reference=new_reference(datetime.fromtimestamp(now, UTC).date()),
            profile=profile,
            requested=RequestedScopes(()),
            started_at=int(now),
            deadline=int(now),
            client=client,
        )
        evidence = Evidence(stage=Stage.TOKEN, client_error=ClientError.CODE_REUSED, client=client)
        failure = build_failure(self.profiles.get(profile), attempt, evidence, at=now)
        reference = self.locks.first_failure(grant, failure.cause, attempt.reference)
        if reference == attempt.reference:
            self.writer.write(AttemptFailed(failure))
        return reference
