"""Commands on what is stored: failures and connections."""

from __future__ import annotations

import click

from oauth_helper.cli.bootstrap import with_secret_key
from oauth_helper.cli.export import failures_export
from oauth_helper.cli.output import json_text, print_table, profile_named, read_settings
from oauth_helper.cli.store import audit_operator, open_store
from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.references import parse_reference
from oauth_helper.common.times import iso
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.query import FailureQuery
from oauth_helper.hubspot.client import HubSpotClient
from oauth_helper.oauth.client.revocation import revoke
from oauth_helper.store.connections import Connections
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client
from oauth_helper.web.api.failure_schemas import failure_json


@click.group()
def failures() -> None:
    """List, show and export failures."""


failures.add_command(failures_export)


@failures.command("list", short_help="List the newest failures.")
@click.option(
    "--cause",
    type=click.Choice([cause.value for cause in Cause]),
    metavar="CAUSE",
    help="Only failures with this cause.",
)
@click.option("--profile", help="Only failures of this profile.")
@click.option("--client", help="Only failures of this OAuth client; - for those without one.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def failures_list(cause: str | None, profile: str | None, client: str | None, limit: int) -> None:
    """List the newest failures, one per line."""
    config = read_settings()
    if profile:
        profile_named(config, profile)  # rejects an unknown one
    with open_store(config) as store:
        log = Failures(store, retention_days=config.failure_retention_days)
        page = log.page(FailureQuery(cause=cause, profile=profile, client=client), limit=limit)
    print_table(
        ("TIME", "REFERENCE", "PROFILE", "ACCOUNT", "CAUSE", "CLIENT"),
        [
            (iso(each.at), each.reference, each.profile, each.hub_id, each.cause, each.client)
            for each in page.failures
        ],
        "No failures.",
    )


@failures.command("show", short_help="Show a failure as JSON.")
@click.argument("reference")
def failures_show(reference: str) -> None:
    """Show the failure REFERENCE as JSON."""
    config = read_settings()
    parsed = parse_reference(reference)
    if parsed is None:
        raise click.BadParameter("not a reference; is it mistyped?", param_hint="REFERENCE")
    with open_store(config) as client:
        found = Failures(client, retention_days=config.failure_retention_days).get(parsed)
    if found is None:
        raise click.ClickException(f"There is no failure {parsed}.")
    click.echo(json_text(failure_json(found), ascii_only=False))


@click.group()
def connections() -> None:
    """List and revoke connections."""


@connections.command("list", short_help="List the latest connections.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def connections_list(limit: int) -> None:
    """List the latest connections, one per line."""
    config = read_settings()
    with open_store(config) as client:
        found = connections_of(config, client).newest(limit=limit)
    print_table(
        ("TIME", "ID", "SCOPES", "REFERENCE"),
        [
            (
                iso(each.connected_at),
                each.id,
                None if each.granted is None else len(each.granted),
                each.reference,
            )
            for each in found
        ],
        "No connections.",
    )


@connections.command("revoke", short_help="Revoke a connection at HubSpot and delete it.")
@click.argument("connection_id", metavar="ID")
@click.option("--uninstall", is_flag=True, help="Uninstall the app in the account instead.")
def connections_revoke(connection_id: str, *, uninstall: bool) -> None:
    """Revoke the connection ID at HubSpot and delete it here."""
    config = read_settings()
    with open_store(config) as client:
        done = revoke(
            connection_id,
            connections=connections_of(config, client),
            hubspot=HubSpotClient(config.api_url, config.api_version),
            profiles={profile.name: profile for profile in config.profiles},
            uninstall=uninstall,
        )
        audit_operator(config, client, "revoke connection", connection_id[:100])
    if not done.ok:
        raise click.ClickException(done.message)
    click.echo(done.message)


def connections_of(config: Settings, client: Client) -> Connections:
    """Return the connections in the store, with the key that decrypts their tokens."""
    encryptor = Encryptor(with_secret_key(config).secret_keys, purpose="tokens")
    return Connections(client, encryptor=encryptor)
