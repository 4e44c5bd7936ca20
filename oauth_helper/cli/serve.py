"""Serving the pages and the API, and what is said once they are there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from oauth_helper.cli.output import read_config
from oauth_helper.config.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from oauth_helper.cli.supervisor import PeriodicTask

# Each worker looks this often for attempts that have not returned, and for what waits to be
# written.
_SWEEP_SECONDS = 15.0
_CATCH_UP_SECONDS = 2.0


@click.command()
def serve() -> None:
    """Serve the pages and the API (what happens without a command)."""
    from oauth_helper.app import BACKGROUND, Background, create_app
    from oauth_helper.cli.bootstrap import KeyFileError, with_secret_key, with_support_user
    from oauth_helper.cli.supervisor import PeriodicTask
    from oauth_helper.cli.supervisor import serve as serve_forever

    config = read_config()
    config, password = with_support_user(config)

    def periodic_tasks(app: Flask) -> list[PeriodicTask]:
        background: Background = app.extensions[BACKGROUND]
        pause = min(_SWEEP_SECONDS, max(1.0, config.attempt_timeout / 10))
        return [
            PeriodicTask(background.expiry.record_expired, pause),
            PeriodicTask(background.writer.flush, _CATCH_UP_SECONDS),
        ]

    def ready(config: Settings) -> None:
        click.echo(_welcome(config, password))

    try:
        code = serve_forever(
            config,
            create_app=create_app,
            on_startup=with_secret_key,
            periodic_tasks=periodic_tasks,
            ready=ready,
        )
    except KeyFileError as error:
        click.echo(f"oauth_helper cannot start: {error}", err=True)
        code = 2
    sys.exit(code)


def _welcome(config: Settings, password: str | None) -> str:
    lines = [f"oauth_helper is ready: open {config.public_url}"]
    if config.sandbox:
        lines.append("  No HUBSPOT_CLIENT_ID is set, so a built-in sandbox plays HubSpot.")
    if password:
        lines.append(
            f"  Support staff: {config.public_url}/support/failures  user: support  "
            f"password: {password}"
        )
    return "\n".join(lines)
