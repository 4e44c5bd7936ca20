"""Attempts as notes, and the parts around one store that write them."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from failure_examples import a_failure
from harness import KEPT_DAYS
from pydantic import SecretStr

from oauth_helper.common.encryption import Encryptor
from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import Event, EventType
from oauth_helper.models import Attempt, Connection, StoreUnavailableError, Tokens
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.connections import Connections
from oauth_helper.store.counters import Counters
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.events import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ErrorReported,
)
from oauth_helper.store.outbox.outage_log import OutageLog
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.outbox.writer import EventWriter
from oauth_helper.store.redis import RedisServer, connect

ENCRYPTOR = Encryptor([SecretStr("a key of the outbox that is long enough")], purpose="outbox")
NOW = datetime.now(UTC)
FAILURE = a_failure(NOW, stage=Stage.CALLBACK, cause=Cause.USER_DENIED, browser_id="", hub_id=7)
ATTEMPT = Attempt(
    FAILURE.reference, "workato", FAILURE.requested, FAILURE.started_at, FAILURE.started_at + 900
)
CONNECTED = AttemptSucceeded(
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
    Tokens(SecretStr("access"), SecretStr("refresh")),
    browser_id=FAILURE.reference,
    fingerprint="f",
    at=NOW.timestamp() + 9,
)
REPORTED = ErrorReported(
    replace(FAILURE, stage=Stage.AUTHORIZATION, at=FAILURE.at - 5),
    Event(FAILURE.at - 5, EventType.REPORTED, "customer", "denied"),
)


def a_writer(client, clock, folder=Path("nowhere")):
    """A writer as a worker has it; nothing is queued in `folder` while the store is there."""
    outbox = Outbox(folder, encryptor=ENCRYPTOR)
    return EventWriter(
        attempts=Attempts(client),
        failures=Failures(client, retention_days=KEPT_DAYS),
        connections=Connections(client, encryptor=ENCRYPTOR),
        outbox=outbox,
        outage_log=OutageLog(folder, outbox.depth),
        store_identity=RedisServer(client).identity,
        clock=clock,
    )


class Everything:
    """The parts around one store, as one process has them."""

    def __init__(self, url, folder):
        self.client = connect(url)
        self.attempts = Attempts(self.client)
        self.failures = Failures(self.client, retention_days=KEPT_DAYS)
        self.connections = Connections(self.client, encryptor=ENCRYPTOR)
        self.now = NOW.timestamp()
        self.writer = a_writer(self.client, lambda: self.now, folder / "outbox")
        self.outbox = self.writer._outbox

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.client.close()

    def left_behind(self):
        """What can be seen of an attempt, as staff see it."""
        failure = self.failures.get(FAILURE.reference)
        today = NOW.date()
        counters = Counters(self.client)
        return {
            "outcome": self.attempts.outcome(FAILURE.reference),
            "open": self.client.keys("oh:*}:open"),
            "counted": counters.attempts(today, today),
            "failures": len(self.client.keys("oh:*:failure:*")),
            "status": failure and failure.status,
            "cause": failure and failure.cause,
            # That a response came back is said where something else was known before.
            "events": failure
            and {(e.what, e.text) for e in failure.history if e.what is not EventType.RETURNED},
            "connection": self.connections.get("workato.7"),
        }


STORIES = {
    "failed": [AttemptStarted(ATTEMPT), AttemptFailed(FAILURE, replaces=True)],
    "connected": [AttemptStarted(ATTEMPT), CONNECTED],
    "reported": [AttemptStarted(ATTEMPT), REPORTED],
    "reported, then failed": [
        AttemptStarted(ATTEMPT),
        REPORTED,
        AttemptFailed(FAILURE, replaces=True),
    ],
    "put off, then connected": [AttemptStarted(ATTEMPT), AttemptFailed(FAILURE), CONNECTED],
    "reported, then connected": [AttemptStarted(ATTEMPT), REPORTED, CONNECTED],
}


def caught_up(parts):
    """What was written, once the store is asked again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return parts.writer.flush()
        except StoreUnavailableError:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)
