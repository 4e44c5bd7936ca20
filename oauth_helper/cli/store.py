"""Open the store for a command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from oauth_helper.cli.bootstrap import KeyFileError
from oauth_helper.config.settings import Settings
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.audit_log import AuditLog
from oauth_helper.store.embedded.errors import StoreError
from oauth_helper.store.embedded.server import EmbeddedStore, running_store_url
from oauth_helper.store.redis import Client, connect


@contextmanager
def open_store(config: Settings) -> Iterator[Client]:
    """Open the store of REDIS_URL, or of the running program, or start the embedded one.

    Ends the command with one line when the store can't be used, or goes away.
    """
    with store_address(config) as address:
        yield _client(address)


@contextmanager
def store_address(config: Settings) -> Iterator[str]:
    """Return the address of that store, as `open_store` does."""
    try:
        address = config.redis_url.get_secret_value() or running_store_url(config.data_dir)
        if address:
            yield address
        else:
            with EmbeddedStore(config.data_dir) as store:
                yield store.url
    except (StoreError, StoreUnavailableError, KeyFileError) as error:
        raise click.ClickException(f"Can't use the store: {error}") from error


def audit_operator(config: Settings, client: Client, action: str, record: str = "") -> None:
    """Add to the audit log what the operator does."""
    log = AuditLog(client, retention_days=config.audit_retention_days, clock=time.time)
    log.add("the command line", action, [record] if record else [])


def _client(address: str) -> Client:
    try:
        return connect(address)
    except ValueError as error:
        raise click.ClickException("REDIS_URL is not a valid address.") from error
