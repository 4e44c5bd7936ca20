"""Tell people about groups of failures by Apprise: in Slack, Teams, by e-mail and others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import SecretStr

from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Cause, fix_for, wording
from oauth_helper.notifications.delivery import SendResult

#: The events that people get.
NOTICE_TYPES = ("group.started", "group.spiking", "group.resolved")

# Seconds; a claim on an event lasts longer.
_TIMEOUT = 20

_HEADINGS = {
    "group.started": "New failure",
    "group.spiking": "Many failures",
    "group.resolved": "Resolved",
}


class NoticeSender:
    """Send notices to one address of Apprise, with links to the pages at `public_url`.

    They name only the `scopes`: others are texts from outside.
    """

    def __init__(
        self, address: SecretStr, public_url: str, scopes: Collection[str] = frozenset()
    ) -> None:
        self._address, self._public_url, self._scopes = address, public_url, scopes

    def send(self, event: dict[str, Any], data: dict[str, Any], _now: float) -> SendResult:
        """Send the notice of an event."""
        return self.send_text(*notice(event["type"], data, self._public_url, self._scopes))

    def send_text(self, title: str, body: str) -> SendResult:
        """Send a notice."""
        # Imported only here: it costs 25 MB, and is optional.
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415

        # Without its pictures, which are at another site.
        service = Apprise(
            asset=AppriseAsset(app_id="oauth_helper", image_url_mask="", image_url_logo="")
        )
        service.add(self._address.get_secret_value())
        if service.notify(body=body, title=title, body_format="text", timeout=_TIMEOUT):
            return SendResult(is_delivered=True)
        return SendResult(is_delivered=False, reason="the service did not take it; see the log")


def notice(
    kind: str, data: dict[str, Any], public_url: str, scopes: Collection[str]
) -> tuple[str, str]:
    """Return the title and the text of a notice. They hold no text from outside."""
    cause, profile = Cause(data["cause"]), data["profile"]
    title = f"{_HEADINGS[kind]}: {wording(cause).title.replace('`', '')} ({profile})"
    link = f"{public_url}/support/failures?group={data['group']}"
    if kind == "group.resolved":
        return title, f"No failure of this group is open. There were {data['count']}.\n{link}"
    counts = f"{data['recent']} in the last {data['seconds'] // 60} minutes, {data['open']} open"
    named = [name for name in data["scopes"] if name in scopes]
    fixes = [
        f"Who fixes it: {fix.who.title}. {fix.steps[0]}"
        for fix in fix_for(cause, scopes=named, profile=profile)[:1]
    ]
    return title, "\n".join([f"Failures: {counts}.", *fixes, link])


def types_by_url(config: Settings) -> dict[str, Collection[str]]:
    """Return the types of events that each address of webhooks and notices gets."""
    webhooks = {url.get_secret_value(): config.webhook_events for url in config.webhook_urls}
    return {**webhooks, **{url.get_secret_value(): NOTICE_TYPES for url in config.notify_urls}}
