"""Commands that set the program up: the hash of a password, and the settings."""

from __future__ import annotations

import json
import secrets
import sys

import click

from oauth_helper.cli.bootstrap import hash_password
from oauth_helper.config.api_tokens import TOKEN_SCOPES, ApiToken
from oauth_helper.config.reference import example_env, settings_table
from oauth_helper.config.toml_file import SettingsError, validate_settings


@click.command("hash-password")
def hash_password_command() -> None:
    """Hash a password for SUPPORT_USERS, or a secret for OAUTH_CLIENTS_FILE.

    It is prompted for, or read from stdin.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("The password is empty.")
    click.echo(hash_password(password))


@click.command("api-token")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(TOKEN_SCOPES),
    metavar="SCOPE",
    help=f"One of {', '.join(TOKEN_SCOPES)}. May be repeated.",
)
def api_token_command(name: str, scopes: tuple[str, ...]) -> None:
    """Make a token of the API for a program called NAME.

    Prints the table for API_TOKENS_FILE, and the token itself, which is stored nowhere, on stderr:
    python -m oauth_helper api-token crm --scope failures:read >> api-tokens.toml
    """
    secret = f"{name}.{secrets.token_urlsafe(32)}"
    table = {"name": name, "hash": hash_password(secret), "scopes": tuple(dict.fromkeys(scopes))}
    try:
        validate_settings(ApiToken, table, None)
    except SettingsError as error:
        raise click.BadParameter(f"{error}.", param_hint="NAME") from error
    click.echo("[[token]]")
    for key, value in table.items():
        click.echo(f"{key} = {json.dumps(value)}")
    click.echo(secret, err=True)


@click.command("settings")
@click.option("--format", "form", type=click.Choice(["table", "env"]), default="table")
def settings_command(form: str) -> None:
    """Print every setting: as the table of the operator guide, or as a .env file.

    python -m oauth_helper settings --format env > .env
    """
    if form == "env":
        click.echo(example_env(), nl=False)
    else:
        click.echo(settings_table())
