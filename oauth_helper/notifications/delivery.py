"""Deliver events to the addresses of webhooks and notices, each by its own sender."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from oauth_helper.common.metrics import WEBHOOK_LAG, WEBHOOKS
from oauth_helper.store.webhook_queue import ClaimedEvent, WebhookQueue, WebhookQueues

logger = logging.getLogger(__name__)

# Events of one address that a worker sends before it looks for newly published ones.
_ROUND = 100

# A record is written with its event, except on a Cluster, where it may come a moment later.
_TRIES_WITHOUT_RECORD = 2

#: Returns the data of a record, such as `failure:2M7G-7JW3-4R5J`; None if it is gone.
ReadRecord: TypeAlias = Callable[[str], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class SendResult:
    """Whether the receiver took an event; otherwise why not, and whether it never will."""

    is_delivered: bool
    reason: str = ""
    is_final: bool = False


#: Sends an event, given its id, type and time, and the data of its record, at a time.
Send: TypeAlias = Callable[[dict[str, Any], dict[str, Any], float], SendResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDelivery:
    """Send the events of all addresses. `clock` returns Unix seconds."""

    queues: WebhookQueues
    senders: Mapping[str, Send]
    read_record: ReadRecord
    clock: Callable[[], float]

    def deliver(self, url: str) -> int:
        """Send what is due at one address, and return how many events were delivered.

        Raises `StoreUnavailableError`.
        """
        queue, delivered = self.queues.by_url[url], 0
        while True:
            if dropped := self.queues.distribute(self.clock()):
                WEBHOOKS.labels("dropped").inc(dropped)
                logger.error("%d webhook events dropped: the queue is full", dropped)
            for _ in range(_ROUND):
                event = queue.claim(self.clock())
                if event is None:
                    return delivered
                delivered += self._send(queue, url, event)

    def _send(self, queue: WebhookQueue, url: str, event: ClaimedEvent) -> bool:
        fields = event.fields
        data = self.read_record(event.record)
        now = self.clock()
        if data is None:
            if event.tries >= _TRIES_WITHOUT_RECORD:
                queue.delivered(event, now)  # erased or expired
            else:
                queue.failed(event, now, "the record is not there", is_final=False)
            return False
        result = self.senders[url](fields, {**data, **fields.get("data", {})}, now)
        now = self.clock()
        if result.is_delivered:
            queue.delivered(event, now)
            WEBHOOKS.labels("delivered").inc()
            WEBHOOK_LAG.observe(max(0.0, now - fields["at"]))
            return True
        WEBHOOKS.labels("failed").inc()
        if queue.failed(event, now, result.reason, is_final=result.is_final):
            WEBHOOKS.labels("parked").inc()
            logger.warning("webhook events of %s parked: %s", event.record, result.reason)
        return False
