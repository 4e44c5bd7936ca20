"""The command that erases an account or a customer."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from oauth_helper.cli.bootstrap import with_secret_key
from oauth_helper.cli.output import read_settings
from oauth_helper.cli.records import connections_of
from oauth_helper.cli.store import audit_operator, open_store
from oauth_helper.common.encryption import Encryptor
from oauth_helper.notifications.notices import types_by_url
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.connect_links import ConnectLinks
from oauth_helper.store.erasure import Erasure
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.refresh_locks import RefreshLocks
from oauth_helper.store.webhook_queue import WebhookQueues


@click.command()
@click.option("--account", type=click.IntRange(1, 10**15 - 1), help="Number of the account.")
@click.option("--customer", default="", help="Your own id of the customer.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def erase(account: int | None, customer: str, *, dry_run: bool, yes: bool) -> None:
    """Erase everything about an account or a customer, except for counters.

    The app stays installed in the account: revoke its connections first to end them at HubSpot.
    """
    if (account is None) == (not customer):
        raise click.UsageError("Give either --account or --customer.")
    config = with_secret_key(read_settings())
    secret_keys = config.secret_keys
    with open_store(config) as client:
        erasure = Erasure(
            attempts=Attempts(client),
            failures=Failures(client, retention_days=config.failure_retention_days),
            connections=connections_of(config, client),
            links=ConnectLinks(client, encryptor=Encryptor(secret_keys, purpose="links")),
            locks=RefreshLocks(client),
            outbox=Outbox(
                config.data_dir / "outbox",
                encryptor=Encryptor(config.secret_keys, purpose="outbox"),
            ),
            webhooks=WebhookQueues(client, types_by_url(config)),
            clock=time.time,
        )
        found = erasure.erase(account=account, customer=customer, dry_run=True)
        counts = ", ".join(f"{count} {name}" for name, count in asdict(found).items())
        click.echo(f"{'Would erase' if dry_run else 'Found'} {counts}.")
        if dry_run:
            return
        if not yes:
            click.confirm("Erase them?", abort=True, err=True)
        erasure.erase(account=account, customer=customer)
        audit_operator(config, client, "erase")
    click.echo("Erased.")
