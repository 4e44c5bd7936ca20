"""The command that serves, and what it prints when it is ready."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from oauth_helper.cli.bootstrap import (
    KeyFileError,
    NoStaffError,
    password_file,
    with_secret_key,
    with_support_user,
)
from oauth_helper.cli.output import read_settings
from oauth_helper.common.times import iso
from oauth_helper.config.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from oauth_helper.cli.supervisor import PeriodicTask

# Seconds between each worker's checks for expired attempts, for queued writes, and for webhooks.
_EXPIRY_INTERVAL = 15.0
_FLUSH_INTERVAL = 2.0
_WEBHOOK_INTERVAL = 1.0
# Seconds between readings of the store's clock: how long a step of a clock can matter.
_CLOCK_INTERVAL = 10.0
# Seconds between each worker's looks whether a connection's check is due.
_CHECK_INTERVAL = 1.0
# Seconds between each worker's looks whether connections have to be indexed.
_INDEX_INTERVAL = 60.0


@click.command()
def serve() -> None:
    """Serve the pages and the API. This is the default command."""
    config = read_settings()
    try:
        config, password = with_support_user(config)
        with tempfile.TemporaryDirectory(prefix="oauth_helper-") as counts:
            # prometheus_client reads it when it is imported. Each worker writes its counts there.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
            code = _serve(config, password)
    except (KeyFileError, NoStaffError) as error:
        click.echo(f"oauth_helper can't start: {error}", err=True)
        code = 2
    sys.exit(code)


def _serve(config: Settings, password: str | None) -> int:
    from oauth_helper.app import create_app
    from oauth_helper.cli import supervisor

    expiry_interval = min(_EXPIRY_INTERVAL, max(1.0, config.attempt_timeout / 10))
    return supervisor.serve(
        config,
        create_app=create_app,
        on_startup=with_secret_key,
        periodic_tasks=lambda app: _periodic_tasks(app, config, expiry_interval),
        ready=lambda config: click.echo(_welcome(config, password)),
    )


def _periodic_tasks(app: Flask, config: Settings, expiry_interval: float) -> list[PeriodicTask]:
    from oauth_helper.app import BACKGROUND, Background
    from oauth_helper.cli.supervisor import PeriodicTask

    background: Background = app.extensions[BACKGROUND]
    tasks = [
        PeriodicTask(background.expiry.record_expired, expiry_interval),
        PeriodicTask(background.writer.flush, _FLUSH_INTERVAL),
        PeriodicTask(background.store_clock.set, _CLOCK_INTERVAL),
        PeriodicTask(background.connections.index_all, _INDEX_INTERVAL),
    ]
    # A thread for each address: one that hangs delays no other.
    tasks += [
        PeriodicTask(partial(background.events.deliver, url), _WEBHOOK_INTERVAL)
        for url in background.events.queues.by_url
    ]
    if group_watch := background.group_watch:
        tasks.append(PeriodicTask(group_watch.watch, _WEBHOOK_INTERVAL))
    if config.connection_checks:
        tasks.append(PeriodicTask(background.connection_check.check_next, _CHECK_INTERVAL))
    return tasks


def _welcome(config: Settings, password: str | None) -> str:
    """Return what is printed when the program is ready; as JSON, without the password."""
    if config.log_format == "json":
        event = {"event": "ready", "url": config.public_url, "sandbox": config.sandbox}
        if password:
            event["support_password_file"] = str(password_file(config))
        return json.dumps({**event, "level": "info", "timestamp": iso(time.time())})
    lines = [f"oauth_helper is ready: open {config.public_url}"]
    if config.sandbox:
        lines.append("  HUBSPOT_CLIENT_ID is not set, so the built-in sandbox simulates HubSpot.")
    if password:
        lines.append(
            f"  Support staff: {config.public_url}/support/failures  user: support  "
            f"password: {password}"
        )
        lines.append(f"  The password is kept in {password_file(config)}.")
    return "\n".join(lines)
