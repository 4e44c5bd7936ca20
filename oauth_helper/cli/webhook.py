"""The command that tries out the addresses of webhooks."""

from __future__ import annotations

import json
import secrets
import time

import click

from oauth_helper.cli.output import read_settings
from oauth_helper.common.times import iso
from oauth_helper.common.urls import origin_of
from oauth_helper.notifications.webhooks import WebhookSender


@click.group()
def webhook() -> None:
    """Try out the addresses of WEBHOOK_URL."""


@webhook.command("test", short_help="Send a signed test event to each address.")
def webhook_test() -> None:
    """Send an event of the type `test` to each address. Exit code 1 if one rejects it."""
    config = read_settings()
    if not config.webhook_urls:
        raise click.ClickException("WEBHOOK_URL is not set.")
    sender = WebhookSender(config.webhook_secrets, allow_private=config.webhook_allow_private)
    now, has_failed = time.time(), False
    body = json.dumps({"type": "test", "timestamp": iso(now), "data": {}})
    for url in config.webhook_urls:
        result = sender.send(url.reveal(), f"msg_{secrets.token_hex(12)}", body, now=now)
        has_failed |= not result.is_delivered
        click.echo(f"{origin_of(url.reveal())}: {result.reason or 'delivered'}")
    if has_failed:
        raise click.exceptions.Exit(1)
