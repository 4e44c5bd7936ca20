"""The command that exports the audit log."""

from __future__ import annotations

import time

import click

from oauth_helper.cli.export import SPAN
from oauth_helper.cli.output import read_settings
from oauth_helper.cli.store import open_store
from oauth_helper.store.audit_log import AuditLog
from oauth_helper.web.support.audit import audit_line


@click.group()
def audit() -> None:
    """Export who did what."""


@audit.command("export", short_help="Export the audit log as JSON lines.")
@SPAN[0]
@SPAN[1]
def audit_export(since: float | None, until: float | None) -> None:
    """Print who did what as JSON lines, newest first."""
    config = read_settings()
    with open_store(config) as client:
        log = AuditLog(client, retention_days=config.audit_retention_days, clock=time.time)
        for entry in log.each(since=since, until=until):
            click.echo(audit_line(entry), nl=False)
