"""Commands on what is stored: failures and connections."""

from __future__ import annotations

import time

import click

from oauth_helper.cli.bootstrap import with_secret_key
from oauth_helper.cli.export import failures_export
from oauth_helper.cli.output import (
    PROFILE,
    json_text,
    print_table,
    profile_named,
    read_settings,
)
from oauth_helper.cli.store import audit_operator, open_store
from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.references import parse_reference
from oauth_helper.common.times import iso
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.export import csv_text
from oauth_helper.failures.query import FailureQuery
from oauth_helper.hubspot.client import HubSpotClient
from oauth_helper.oauth.client.revocation import revoke
from oauth_helper.store.connect_links import ConnectLinks
from oauth_helper.store.connections import Connections
from oauth_helper.store.failures import Failures
from oauth_helper.store.granted_scopes import ANY_SCOPE, Lacks
from oauth_helper.store.redis import Client
from oauth_helper.web.api.failure_schemas import failure_json
from oauth_helper.web.api.link_requests import RECONNECT_COLUMNS, reconnect_rows


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


@connections.command("links", short_help="Make a link for each that lacks a scope, as CSV.")
@PROFILE
@click.option("--missing-scope", default=ANY_SCOPE, show_default=True, help="The scope.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True)
def connections_links(name: str | None, missing_scope: str, days: int) -> None:
    """Make a link for each connection that lacks a scope, and print them as CSV.

    A connection keeps its id, and its tokens until the new ones are there.
    """
    config = read_settings()
    profiles = {profile.name: profile for profile in config.profiles}
    wanted = Lacks(profiles, missing_scope)
    profile = profile_named(config, name).name
    click.echo(csv_text([RECONNECT_COLUMNS]), nl=False)
    with open_store(config) as client:
        keys, cursor = with_secret_key(config).secret_keys, None
        links = ConnectLinks(client, encryptor=Encryptor(keys, purpose="links"))
        audit_operator(config, client, "create links")
        while True:
            page = connections_of(config, client).page(
                limit=500, cursor=cursor, profile=profile, lacks=wanted
            )
            rows = reconnect_rows(
                page.connections,
                profiles,
                links,
                public_url=config.public_url,
                now=time.time(),
                expires_in=days * 86_400,
            )
            click.echo(csv_text(rows), nl=False)
            cursor = page.next_cursor
            if cursor is None:
                return


@connections.command("revoke", short_help="Revoke a connection at HubSpot and delete it.")
@click.argument("connection_id", metavar="ID")
@click.option("--uninstall", is_flag=True, help="Uninstall the app in the account instead.")
@click.option("--forget", is_flag=True, help="Only delete it here; HubSpot isn't asked.")
def connections_revoke(connection_id: str, *, uninstall: bool, forget: bool) -> None:
    """Revoke the connection ID at HubSpot and delete it here."""
    config = read_settings()
    with open_store(config) as client:
        stored = connections_of(config, client)
        found = stored.get(connection_id)
        done = revoke(
            connection_id,
            connections=stored,
            hubspot=HubSpotClient(config.api_url, config.api_version),
            profiles={profile.name: profile for profile in config.profiles},
            uninstall=uninstall,
            forget=forget,
        )
        audit_operator(config, client, "revoke connection", found.reference if found else "")
    if not done.ok:
        raise click.ClickException(done.message)
    click.echo(done.message)


def connections_of(config: Settings, client: Client) -> Connections:
    """Return the connections in the store, with the key that decrypts their tokens."""
    encryptor = Encryptor(with_secret_key(config).secret_keys, purpose="tokens")
    return Connections(client, encryptor=encryptor)
