"""Publish the events of webhooks and notices in the same step that writes the record.

An event names its record, which is read when the event is sent: the stream holds no personal data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from oauth_helper.failures.model import EventType, Failure, Status
from oauth_helper.models import Connection
from oauth_helper.store import keys
from oauth_helper.store.redis import Client, is_cluster
from oauth_helper.store.redis_clients import Pipeline

# Type, record, and how the event is stored.
_Event = tuple[str, str, str]

# Events that no worker has distributed yet; about 250 bytes each.
_KEPT: Final = 100_000

# Adds to a script's arguments: pairs of record and event, then their number.
_PUBLISH: Final = """
local events = {{}}
for i = 1, 2 * tonumber(table.remove(ARGV)) do table.insert(events, 1, table.remove(ARGV)) end
local function write()
{script}
end
local written = write()
if written ~= 0 then
  for i = 1, #events, 2 do
    redis.call('XADD', '{stream}', 'MAXLEN', '~', {kept}, '*', 'r', events[i], 'e', events[i + 1])
  end
end
return written
"""


#: An event that changes only the group of a failure, for `GroupWatch`.
REGROUPED: Final = "failure.regrouped"


class WebhookEvents:
    """The stream of events. `types` are those wanted; `clock` returns Unix seconds.

    With `by_group`, every event of a failure is published, with the groups that it changes.

    On a Cluster the stream is on another node than most records. There, events are published just
    before the record is written: one that is not written in the end is sent in vain, none is lost.
    """

    def __init__(
        self,
        client: Client,
        types: Collection[str],
        *,
        by_group: bool,
        clock: Callable[[], float],
    ) -> None:
        self._client, self._types = client, types
        self.clock = clock
        self._by_group = by_group
        self._is_cluster = is_cluster(client)

    def publish_by(self, script: str) -> str:
        """Return `script` so that it also publishes the events at the end of its arguments."""
        if self._is_cluster:
            return script
        return _PUBLISH.format(script=script, stream=keys.WEBHOOK_EVENTS, kept=_KEPT)

    def of_failure(self, old: Failure | None, new: Failure) -> list[str]:
        """Return the arguments that publish what a change of a failure means."""
        record, kinds = f"failure:{new.reference}", _kinds(old, new)
        more: dict[str, object] = {}
        if self._by_group:
            groups = list(dict.fromkeys(each.fingerprint for each in (old, new) if each))
            kinds = kinds or [REGROUPED] * (len(groups) - 1)
            more = {"groups": groups}
        events = [self._event(kind, record, new.revision, **more) for kind in kinds]
        return self._arguments(events)

    def of_group(
        self, kind: str, group: str, data: Mapping[str, object], pipeline: Pipeline
    ) -> None:
        """Add the command that publishes what became of a group; `data` is sent with it."""
        number = int(self.clock() * 1000)
        self._add([self._event(kind, f"group:{group}", number, data=data)], pipeline)

    def of_connection(self, connection: Connection, *, is_end: bool) -> list[str]:
        """Return the arguments that publish that a connection ended, or nothing."""
        record, at = f"connection:{connection.id}", connection.connected_at
        return self._arguments([self._event("connection.ended", record, at)] if is_end else [])

    def connection_created(self, connection: Connection, pipeline: Any) -> None:  # noqa: ANN401 - redis-py has two
        """Add the command that publishes a new connection."""
        record = f"connection:{connection.id}"
        self._add([self._event("connection.created", record, connection.connected_at)], pipeline)

    def _event(self, kind: str, record: str, number: int, **more: object) -> _Event:
        # The id depends on the change alone, so that receivers recognise an event sent twice.
        name = hashlib.sha256(f"{kind} {record} {number}".encode()).hexdigest()[:24]
        event = {"id": f"msg_{name}", "type": kind, "at": self.clock(), **more}
        return kind, record, json.dumps(event)

    def _arguments(self, events: list[_Event]) -> list[str]:
        if self._is_cluster:
            self._add(events, self._client)
            return []
        pairs = [part for kind, *pair in events if self._is_wanted(kind) for part in pair]
        return [*pairs, str(len(pairs) // 2)]

    def _is_wanted(self, kind: str) -> bool:
        return kind in self._types or (self._by_group and kind.startswith("failure."))

    def _add(self, events: list[_Event], to: Any) -> None:  # noqa: ANN401
        for kind, record, event in events:
            if self._is_wanted(kind):
                fields = {"r": record, "e": event}
                to.xadd(keys.WEBHOOK_EVENTS, fields, maxlen=_KEPT, approximate=True)


def _kinds(old: Failure | None, new: Failure) -> list[str]:
    known = () if old is None else old.history
    kinds = ["failure.recorded"] if old is None else []
    if any(each.what is EventType.REPORTED and each not in known for each in new.history):
        kinds.append("failure.reported")
    if old is not None and old.status is not new.status:
        is_resolved = new.status is Status.RESOLVED
        kinds.append("failure.resolved" if is_resolved else "failure.reopened")
    return kinds
