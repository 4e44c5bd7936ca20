"""Send events to addresses, as the Standard Webhooks specification says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from standardwebhooks import Webhook

from oauth_helper.common.http import HttpClient, RequestError, Timeouts
from oauth_helper.common.times import iso
from oauth_helper.notifications.delivery import SendResult

#: Bytes of a body. What is long and can be read by the API is left out of a larger one.
MAX_BODY = 64 * 1024
_LEFT_OUT = ("history", "candidates", "fix", "requested", "granted", "missing", "message")


class WebhookSender:
    """Sign and send. Each of `secrets` signs, so that receivers can change theirs in peace."""

    def __init__(self, secrets: Sequence[SecretStr], *, allow_private: bool) -> None:
        self._signers = [Webhook(secret.get_secret_value()) for secret in secrets]
        timeouts = Timeouts(connect=3, read=5, total=8)
        self._http = HttpClient(timeouts, only_public=not allow_private)

    def send_event(
        self, url: str, event: dict[str, Any], data: dict[str, Any], now: float
    ) -> SendResult:
        """Send an event with the data of its record."""
        return self.send(url, event["id"], body_of(event, data), now=now)

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
