"""The command line. Each command's module is imported when the command runs."""

from __future__ import annotations

import os
from importlib import import_module

import click
from dotenv import find_dotenv, load_dotenv

from oauth_helper.common.version import VERSION

# Commands: their function, in which module, and their line in `--help`.
_COMMANDS = {
    "serve": ("serve:serve", "Serve the pages and the API (the default)."),
    "check": ("check_app:check", "Check an app's configuration file before you deploy it."),
    "catalogue": ("scopes:catalogue", "List the scopes and redirect URLs to enter at HubSpot."),
    "url": ("scopes:url", "Print an authorize URL to look at."),
    "diagnose": ("diagnose:diagnose", "Explain HubSpot's error message."),
    "causes": ("print_docs:causes", "Print every cause of a failure, and its fix."),
    "hubspot-scopes": ("print_docs:hubspot_scopes", "Print the scopes that HubSpot knows."),
    "failures": ("records:failures", "List, show and export failures."),
    "connections": ("records:connections", "List and revoke connections."),
    "link": ("link:link", "Make, list and withdraw connect links."),
    "erase": ("erase:erase", "Erase everything about an account or a customer."),
    "webhook": ("webhook:webhook", "Send a test event to the addresses of webhooks."),
    "mcp": ("mcp_server:mcp", "Let assistants read, by the Model Context Protocol."),
    "audit": ("audit:audit", "Export who did what."),
    "demo": ("demo.command:demo", "Fill the sandbox's store with made-up failures."),
    "backup": ("backup:backup", "Back up the embedded store while the program runs."),
    "restore": ("backup:restore", "Restore such a backup into an empty DATA_DIR."),
    "doctor": ("doctor:doctor", "Check settings, Redis, clocks and endpoints."),
    "hash-password": ("operate:hash_password_command", "Hash a password for SUPPORT_USERS."),
    "api-token": ("operate:api_token_command", "Make a named token of the API, with its scopes."),
    "settings": ("operate:settings_command", "Print every setting with its default and meaning."),
}


def main() -> None:
    """Run the command line."""
    # The environment takes precedence over `.env`.
    load_dotenv(find_dotenv(usecwd=True))
    cli(prog_name="python -m oauth_helper")


class _Commands(click.Group):
    """Imports a command when it runs, so that those without Flask and Redis start at once."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        return _load(name) if name in _COMMANDS else None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


def _load(name: str) -> click.Command:
    module, function = _COMMANDS[name][0].split(":")
    command: click.Command = getattr(import_module(f"oauth_helper.cli.{module}"), function)
    return command


@click.group(cls=_Commands, invoke_without_command=True)
@click.version_option(VERSION, prog_name="oauth_helper")
@click.pass_context
def cli(context: click.Context) -> None:
    """Connect customers to HubSpot, and explain each connection that fails.

    Without a command, it serves the pages and the API. Settings come from the environment or a
    file named .env; config.example.env explains them.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    if context.invoked_subcommand is None:
        context.invoke(_load("serve"))
