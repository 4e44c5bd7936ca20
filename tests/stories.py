"""Attempts as notes, and the parts around one store that write them."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from failure_examples import a_failure

from oauth_helper.common.encryption import Sealer
from oauth_helper.common.secrets import Secret
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import Event, What
from oauth_helper.models import Attempt, Connection, StoreUnavailableError, Tokens
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.connections import Connections
from oauth_helper.store.counters import Tallies
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.outbox.writer import Began, Connected, Failed, Kept, Noting, Reported
from oauth_helper.store.redis import Server, connect

SEALER = Sealer([Secret("a key of the outbox that is long enough")], purpose="outbox")
NOW = datetime.now(UTC)
FAILURE = a_failure(NOW, stage=Stage.CALLBACK, cause=Cause.USER_DENIED, person="", hub_id=7)
ATTEMPT = Attempt(
    FAILURE.reference, "workato", FAILURE.requested, FAILURE.begun_at, FAILURE.begun_at + 900
)
CONNECTED = Connected(FAILURE.reference, "workato", FAILURE.reference, "f", 7, NOW.timestamp() + 9)
KEPT = Kept(
    Connection(
        id="workato.7",
        profile="workato",
        hub_id=7,
        granted=("oauth",),
        missing_optional=(),
        connected_at=int(NOW.timestamp()),
        expires_at=int(NOW.timestamp()) + 1800,
        reference=FAILURE.reference,
    ),
    Tokens(Secret("access"), Secret("refresh")),
)
REPORTED = Reported(
    replace(FAILURE, stage=Stage.AUTHORIZATION, at=FAILURE.at - 5),
    Event(FAILURE.at - 5, What.REPORTED, "customer", "denied"),
)


class Everything:
    """The parts around one store, as one process has them."""

    def __init__(self, url, folder):
        self.client = connect(url)
        self.attempts = Attempts(self.client)
        self.failures = Failures(self.client, retention_days=90)
        self.connections = Connections(self.client, seal=SEALER.seal, unseal=SEALER.unseal)
        self.outbox = Outbox(folder / "outbox", seal=SEALER.seal, unseal=SEALER.unseal)
        self.now = NOW.timestamp()
        self.noting = Noting(
            attempts=self.attempts,
            failures=self.failures,
            connections=self.connections,
            outbox=self.outbox,
            identity=Server(self.client).identity,
            clock=lambda: self.now,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.outbox.close()
        self.client.close()

    def left_behind(self):
        """What can be seen of an attempt, as staff see it."""
        failure = self.failures.get(FAILURE.reference)
        today = NOW.date()
        tallies = Tallies(self.client)
        return {
            "outcome": self.attempts.outcome(FAILURE.reference),
            "open": self.client.keys("oh:*}:open"),
            "counted": tallies.attempts(today, today),
            "failures": len(self.client.keys("oh:*:failure:*")),
            "status": failure and failure.status,
            "cause": failure and failure.cause,
            # That a response came back is said where something else was known before.
            "events": failure
            and {(e.what, e.text) for e in failure.history if e.what is not What.RETURNED},
            "connection": self.connections.get("workato.7"),
        }


STORIES = {
    "failed": [Began(ATTEMPT), Failed(FAILURE, replaces=True)],
    "connected": [Began(ATTEMPT), KEPT, CONNECTED],
    "reported": [Began(ATTEMPT), REPORTED],
    "reported, then failed": [Began(ATTEMPT), REPORTED, Failed(FAILURE, replaces=True)],
    "put off, then connected": [Began(ATTEMPT), Failed(FAILURE), KEPT, CONNECTED],
    "reported, then connected": [Began(ATTEMPT), REPORTED, KEPT, CONNECTED],
}


def caught_up(parts):
    """What was written, once the store is asked again."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return parts.noting.catch_up()
        except StoreUnavailableError:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
