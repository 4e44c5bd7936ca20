"""Commands that set the program up: the hash of a password, and the settings."""

from __future__ import annotations

import sys

import click

from oauth_helper.cli.bootstrap import hash_password
from oauth_helper.config.reference import example_env, settings_table


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
