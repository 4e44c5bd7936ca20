"""Send events to addresses, as the Standard Webhooks specification says."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from oauth_helper.common.http import HttpClient, RequestError, Timeouts
from oauth_helper.common.metrics import WEBHOOK_LAG, WEBHOOKS
from oauth_helper.common.secrets import Secret
from oauth_helper.common.times import iso
from oauth_helper.store.webhook_queue import ClaimedEvent, WebhookQueue, WebhookQueues

logger = logging.getLogger(__name__)

#: Bytes of a body. What is long and can be read by the API is left out of a larger one.
MAX_BODY = 64 * 1024
_LEFT_OUT = ("history", "candidates", "fix", "requested", "granted", "missing", "message")

# Events of one address that a worker sends before it looks for newly published ones.
_ROUND = 100

# A record is written with its event, except on a Cluster, where it may come a moment later.
_TRIES_WITHOUT_RECORD = 2

#: Returns the data of a record, such as `failure:2M7G-7JW3-4R5J`; None if it is gone.
ReadRecord = Callable[[str], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class SendResult:
    """Whether the receiver took an event; otherwise why not, and whether it never will."""

    is_delivered: bool
    reason: str = ""
    is_final: bool = False


class WebhookSender:
    """Sign and send. Each of `secrets` signs, so that receivers can change theirs in peace."""

    def __init__(self, secrets: Sequence[Secret], *, allow_private: bool) -> None:
        self._signers = [Webhook(secret.reveal()) for secret in secrets]
        timeouts = Timeouts(connect=3, read=5, total=8)
        self._http = HttpClient(timeouts, only_public=not allow_private)

    def send(self, url: str, message_id: str, body: str, *, now: float) -> SendResult:
        """Send a body once."""
        at = datetime.fromtimestamp(int(now), UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": " ".join(
                each.sign(message_id, at, body) for each in self._signers
            ),
        }
        try:
            response = self._http.request("POST", url, headers=headers, body=body)
        except RequestError as error:
            return SendResult(is_delivered=False, reason=str(error))
        if 200 <= response.status < 300:
            return SendResult(is_delivered=True)
        # 410 means that the receiver is gone and wants no further events.
        reason = f"the receiver answered {response.status}"
        return SendResult(is_delivered=False, reason=reason, is_final=response.status == 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """Send the events of all addresses. `clock` returns Unix seconds."""

    queues: WebhookQueues
    sender: WebhookSender
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
                logger.error("%d webhook events dropped: too many wait already", dropped)
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
        result = self.sender.send(url, fields["id"], body_of(fields, data), now=now)
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


def body_of(event: dict[str, Any], data: dict[str, Any]) -> str:
    """Return the body of an event, at most 64 kB: `truncated` names what was left out."""
    message = {"type": event["type"], "timestamp": iso(event["at"]), "data": data}
    left_out: list[str] = []
    for field in _LEFT_OUT:
        body = json.dumps(message)
        if len(body) <= MAX_BODY:
            break
        left_out.append(field)
        rest = {key: value for key, value in data.items() if key not in left_out}
        message = {**message, "data": rest, "truncated": left_out}
    return json.dumps(message)
