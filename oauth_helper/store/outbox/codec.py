"""Notes as bytes: compressed JSON, with a version."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from typing import Any

from oauth_helper.common.secrets import Secret
from oauth_helper.failures.model import Event, EventType, Failure
from oauth_helper.models import Attempt, Connection, Tokens
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.failure_codec import from_fields, read_request, to_fields, write_request
from oauth_helper.store.outbox.writer import (
    AttemptEvent,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ConnectionSaved,
    ErrorReported,
)


def to_bytes(note: AttemptEvent) -> bytes:
    """A note as bytes."""
    match note:
        case AttemptStarted(attempt):
            document = {**asdict(attempt), "requested": write_request(attempt.requested)}
        case AttemptFailed(failure, replaces):
            document = {"failure": _failure_to(failure), "replaces": replaces}
        case ErrorReported(failure, event):
            document = {"failure": _failure_to(failure), "event": list(_event_to(event))}
        case AttemptSucceeded():
            document = asdict(note)
        case ConnectionSaved(connection, tokens):
            pair = [tokens.access_token.reveal(), tokens.refresh_token.reveal()]
            document = {"connection": asdict(connection), "tokens": pair}
    text = json.dumps({"v": 1, "kind": type(note).__name__, **document}, separators=(",", ":"))
    return zlib.compress(text.encode(), 1)


def from_bytes(data: bytes) -> AttemptEvent:
    """What `to_bytes` wrote. Raises ValueError for anything else."""
    try:
        document = json.loads(zlib.decompress(data))
        if document.pop("v") != 1:
            raise ValueError("a note of another version")
        return _note(document.pop("kind"), document)
    except (zlib.error, KeyError, TypeError) as error:
        raise ValueError("not a note") from error


def _note(kind: str, document: dict[str, Any]) -> AttemptEvent:
    match kind:
        case "AttemptStarted":
            requested = read_request(document.pop("requested"))
            return AttemptStarted(Attempt(requested=requested, **document))
        case "AttemptFailed":
            return AttemptFailed(_failure_from(document["failure"]), document["replaces"])
        case "ErrorReported":
            at, what, by, text = document["event"]
            return ErrorReported(
                _failure_from(document["failure"]), Event(at, EventType(what), by, text)
            )
        case "AttemptSucceeded":
            return AttemptSucceeded(**document)
        case "ConnectionSaved":
            access_token, refresh_token = document["tokens"]
            tokens = Tokens(Secret(access_token), Secret(refresh_token))
            return ConnectionSaved(_connection_from(document["connection"]), tokens)
    raise ValueError(f"a note of the unknown kind {kind[:20]}")


def _failure_to(failure: Failure) -> dict[str, str]:
    return {**to_fields(failure), "requested": write_request(failure.requested)}


def _failure_from(fields: dict[str, str]) -> Failure:
    requested: RequestedScopes = read_request(fields["requested"])
    return from_fields(fields, requested)


def _connection_from(fields: dict[str, Any]) -> Connection:
    granted = fields.pop("granted")
    return Connection(
        granted=None if granted is None else tuple(granted),
        missing_optional=tuple(fields.pop("missing_optional")),
        **fields,
    )


def _event_to(event: Event) -> tuple[float, str, str, str]:
    return event.at, event.what, event.by, event.text
