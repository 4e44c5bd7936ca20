"""The command that tries out the addresses of webhooks and notices."""

from __future__ import annotations

import json
import secrets
import time

import click

from oauth_helper.cli.output import read_settings
from oauth_helper.common.times import iso
from oauth_helper.common.urls import origin_of
from oauth_helper.notifications.notices import NoticeSender
from oauth_helper.notifications.webhooks import WebhookSender


@click.group()
def webhook() -> None:
    """Try out the addresses of WEBHOOK_URL and NOTIFY_URLS."""


@webhook.command("test", short_help="Send a signed test event to each address.")
def webhook_test() -> None:
    """Send a `test` event or a notice to each address. Exit code 1 if one rejects it."""
    config = read_settings()
    if not config.webhook_urls and not config.notify_urls:
        raise click.ClickException("Neither WEBHOOK_URL nor NOTIFY_URLS is set.")
    results = []
    sender = WebhookSender(config.webhook_secrets, allow_private=config.webhook_allow_private)
    now = time.time()
    body = json.dumps({"type": "test", "timestamp": iso(now), "data": {}})
    for url in config.webhook_urls:
        result = sender.send(url.get_secret_value(), f"msg_{secrets.token_hex(12)}", body, now=now)
        results.append((origin_of(url.get_secret_value()), result))
    for url in config.notify_urls:
        notices = NoticeSender(url, config.public_url)
        result = notices.send_text("Test", f"Notices of {config.public_url} come here.")
        results.append((url.get_secret_value().partition("://")[0], result))
    for place, result in results:
        click.echo(f"{place}: {result.reason or 'delivered'}")
    if not all(result.is_delivered for _, result in results):
        raise click.exceptions.Exit(1)
