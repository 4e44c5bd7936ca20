"""What people know about each group of failures, and the events that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from oauth_helper.store import keys
from oauth_helper.store.redis import Client
from oauth_helper.store.webhook_events import WebhookEvents

# New groups that people hear about in an hour. Anyone can make new ones, by scopes that they name.
_MOST_NEW, _HOUR = 20, 3600


class GroupStates:
    """The states of groups. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client, events: WebhookEvents) -> None:
        self._client, self._events = client, events

    def get(self, group: str) -> str | None:
        """Return the state of a group."""
        return cast("str | None", self._client.get(keys.webhook("groups", f"state:{group}")))

    def may_start(self) -> bool:
        """Count a new group, and return whether people hear about it."""
        key = keys.webhook("groups", "started")
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, _HOUR, nx=True)
            count, _ = pipeline.execute()
        return int(count) <= _MOST_NEW

    def save(
        self, group: str, state: str, kept: int, event: str, data: Mapping[str, object]
    ) -> None:
        """Publish an event of the group with `data`, if any, and keep its state for some seconds.

        A worker that dies in between publishes the event twice.
        """
        with self._client.pipeline(transaction=False) as pipeline:
            if event:
                self._events.of_group(event, group, data, pipeline)
            pipeline.set(keys.webhook("groups", f"state:{group}"), state, ex=kept)
            pipeline.execute()
