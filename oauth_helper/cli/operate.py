"""What an operator needs beside `serve`: the check-up, and the hash of a password."""

from __future__ import annotations

import os
import sys

import click

from oauth_helper.cli.output import read_config
from oauth_helper.config.reference import example_env, settings_table


@click.command()
def doctor() -> None:
    """Check settings, store, clock and endpoints; exit 1 when something is wrong."""
    from oauth_helper.cli.doctor import examine

    findings = examine(read_config(), os.environ)
    for finding in findings:
        mark, colour = {True: ("ok", "green"), False: ("WRONG", "red"), None: ("note", "yellow")}[
            finding.ok
        ]
        click.echo(f"{click.style(f'{mark:<5}', fg=colour)}  {finding.about}: {finding.text}")
    if any(finding.ok is False for finding in findings):
        sys.exit(1)


@click.command("hash-password")
def hash_password_command() -> None:
    """Make the hash of a password, asked for or read from stdin."""
    from oauth_helper.cli.bootstrap import hash_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("The password is empty.")
    click.echo(hash_password(password))


@click.command("settings", short_help="Print every setting with its default and meaning.")
@click.option("--format", "form", type=click.Choice(["table", "env"]), default="table")
def settings_command(form: str) -> None:
    """Print every setting with its default and meaning: the table of the operator guide, or a .env.

    python -m oauth_helper settings --format env > .env
    """
    click.echo(example_env() if form == "env" else settings_table(), nl=form == "table")
