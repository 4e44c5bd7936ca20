"""What is recorded: failures to look at, and connections to look at and to revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oauth_helper.cli.export import failures_export
from oauth_helper.cli.output import json_text, profile_named, read_config
from oauth_helper.cli.store import open_store
from oauth_helper.common.references import parse_reference
from oauth_helper.common.times import iso
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Cause

if TYPE_CHECKING:
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.redis import Client


@click.group()
def failures() -> None:
    """Look at the failures that are recorded."""


failures.add_command(failures_export)


@failures.command("list")
@click.option(
    "--cause",
    type=click.Choice([cause.value for cause in Cause]),
    metavar="CAUSE",
    help="Only of this cause.",
)
@click.option("--profile", help="Only failures of this profile.")
@click.option("--client", help="Only those that this client asked for; - for what none did.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def failures_list(cause: str | None, profile: str | None, client: str | None, limit: int) -> None:
    """The newest failures, one a line."""
    from oauth_helper.failures.query import FailureQuery
    from oauth_helper.store.failures import Failures

    config = read_config()
    if profile:
        profile_named(config, profile)  # refuses an unknown one
    with open_store(config) as store:
        log = Failures(store, retention_days=config.failure_retention_days)
        page = log.page(FailureQuery(cause=cause, profile=profile, client=client), limit=limit)
    for failure in page.failures:
        through = f"  through {failure.client}" if failure.client else ""
        click.echo(
            f"{iso(failure.at)}  {failure.reference}  {failure.profile}  {failure.hub_id or '-'}"
            f"  {failure.cause}{through}"
        )
    if not page.failures:
        click.echo("No failure is recorded.", err=True)


@failures.command("show")
@click.argument("reference")
def failures_show(reference: str) -> None:
    """One failure as JSON."""
    from oauth_helper.store.failures import Failures
    from oauth_helper.web.api.failure_schemas import failure_json

    config = read_config()
    parsed = parse_reference(reference)
    if parsed is None:
        raise click.BadParameter("this is no reference; is it mistyped?", param_hint="REFERENCE")
    with open_store(config) as client:
        found = Failures(client, retention_days=config.failure_retention_days).get(parsed)
    if found is None:
        raise click.ClickException(f"There is no failure {parsed}.")
    click.echo(json_text(failure_json(found), ascii_only=False))


@click.group()
def connections() -> None:
    """Look at the accounts that are connected, and revoke."""


@connections.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def connections_list(limit: int) -> None:
    """The latest connections, one a line."""
    config = read_config()
    with open_store(config) as client:
        found = connections_of(config, client).newest(limit=limit)
    for each in found:
        count = "?" if each.granted is None else len(each.granted)
        click.echo(f"{iso(each.connected_at)}  {each.id}  {count} scopes  {each.reference}")
    if not found:
        click.echo("Nobody is connected.", err=True)


@connections.command("revoke")
@click.argument("connection_id", metavar="ID")
def connections_revoke(connection_id: str) -> None:
    """Revoke a connection at HubSpot and forget it here."""
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.oauth.client.revocation import revoke

    config = read_config()
    with open_store(config) as client:
        done = revoke(
            connection_id,
            connections=connections_of(config, client),
            hubspot=HubSpotClient(config.api_url, config.api_version),
            profiles={profile.name: profile for profile in config.profiles},
        )
    if not done.ok:
        raise click.ClickException(done.message)
    click.echo(done.message)


def connections_of(config: Settings, client: Client) -> Connections:
    """The connections in the store, with the key that opens their tokens."""
    from oauth_helper.cli.bootstrap import with_secret_key
    from oauth_helper.common.encryption import Encryptor
    from oauth_helper.store.connections import Connections

    encryptor = Encryptor(with_secret_key(config).secret_keys, purpose="tokens")
    return Connections(client, encryptor=encryptor)
