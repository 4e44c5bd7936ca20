"""The command line: its commands are in `commands`; without one it serves."""

from __future__ import annotations

import os

import click
from dotenv import find_dotenv, load_dotenv

from oauth_helper.cli.check_app import check
from oauth_helper.cli.demo.command import demo
from oauth_helper.cli.diagnose import diagnose
from oauth_helper.cli.operate import doctor, hash_password_command, settings_command
from oauth_helper.cli.print_docs import causes, hubspot_scopes
from oauth_helper.cli.records import connections, failures
from oauth_helper.cli.scopes import catalogue, url
from oauth_helper.cli.serve import serve


def main() -> None:
    """Runs the command line."""
    # Settings in the environment win over those in `.env`.
    load_dotenv(find_dotenv(usecwd=True))
    cli(prog_name="python -m oauth_helper")


@click.group(
    invoke_without_command=True,
    commands=[
        serve,
        catalogue,
        url,
        check,
        diagnose,
        causes,
        hubspot_scopes,
        failures,
        connections,
        demo,
        doctor,
        hash_password_command,
        settings_command,
    ],
)
@click.pass_context
def cli(context: click.Context) -> None:
    """Connects customers to HubSpot and explains each connection that fails.

    Without a command it serves. Settings come from the environment or from a file named .env;
    config.example.env explains each.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    if context.invoked_subcommand is None:
        context.invoke(serve)
