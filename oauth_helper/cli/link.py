"""The commands on connect links."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from oauth_helper.cli.bootstrap import with_secret_key
from oauth_helper.cli.output import (
    FORMAT,
    PROFILE,
    json_text,
    print_table,
    profile_named,
    read_settings,
)
from oauth_helper.cli.store import audit_operator, open_store
from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.times import iso
from oauth_helper.config.settings import Settings
from oauth_helper.store.connect_links import ConnectLinks
from oauth_helper.store.redis import Client
from oauth_helper.web.api.link_requests import link_json, requested_link
from oauth_helper.web.api.schemas import ConnectLinkBody
from oauth_helper.web.api.validation import validate


@click.group()
def link() -> None:
    """Make, list and withdraw connect links: each starts one customer's connection."""


@link.command("create", short_help="Make a link for a customer.")
@PROFILE
@click.option("--customer", help="Your own id of the customer.")
@click.option("--customer-name", help="The customer's name, which staff read.")
@click.option("--optional-scope", metavar="SCOPES", help="Only these optional scopes.")
@click.option("--return-to", metavar="URL", help="Where the customer continues.")
@click.option("--account", type=int, help="Preselects this HubSpot account.")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True)
@FORMAT
def link_create(name: str | None, days: int, account: int | None, form: str, **texts: str) -> None:
    """Make a link, and print its address.

    It works until the customer has connected. Send it to one person only.
    """
    config = read_settings()
    wanted: dict[str, Any] = {
        "profile": profile_named(config, name).name,
        "expires_in": days * 86_400,
        "hub_id": account,
        **texts,
    }
    now = time.time()
    profiles = {profile.name: profile for profile in config.profiles}
    with _links(config) as (links, client):
        try:
            new = requested_link(validate(ConnectLinkBody, wanted), profiles, now=now)
            (record,) = links.create(new)
            audit_operator(config, client, "create link", new.id)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    made = link_json(record, config.public_url, now=now)
    if form == "json":
        click.echo(json_text(made.model_dump(mode="json")))
        return
    click.echo(made.url)
    click.echo(f"Link {new.id} works until {iso(new.expires_at)}.", err=True)


@link.command("list", short_help="List the latest links.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@FORMAT
def link_list(limit: int, form: str) -> None:
    """List the latest links, with their status."""
    config = read_settings()
    with _links(config) as (links, _):
        found = links.newest(limit=limit)
    now = time.time()
    if form == "json":
        made = [link_json(each, config.public_url, now=now) for each in found]
        click.echo(json_text([each.model_dump(mode="json") for each in made]))
        return
    print_table(
        ("MADE", "EXPIRES", "ID", "STATUS", "PROFILE", "CUSTOMER", "NAME"),
        [
            (
                iso(each.link.created_at),
                iso(each.link.expires_at),
                each.link.id,
                each.status(now),
                each.link.profile,
                each.link.customer,
                each.link.customer_name,
            )
            for each in found
        ],
        "No links.",
    )


@link.command("withdraw", short_help="Withdraw a link.")
@click.argument("link_id", metavar="ID")
def link_withdraw(link_id: str) -> None:
    """Withdraw the link ID, so that nobody can use it. Its connection stays."""
    config = read_settings()
    with _links(config) as (links, client):
        if not links.withdraw(link_id):
            raise click.ClickException("There is no such link.")
        audit_operator(config, client, "withdraw link", link_id)
    click.echo("The link is withdrawn.")


@contextmanager
def _links(config: Settings) -> Iterator[tuple[ConnectLinks, Client]]:
    """Open the links in the store, with the key that decrypts them."""
    with open_store(config) as client:
        encryptor = Encryptor(with_secret_key(config).secret_keys, purpose="links")
        yield ConnectLinks(client, encryptor=encryptor), client
