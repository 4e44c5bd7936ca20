"""The store of records, as commands reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from oauth_helper.config.settings import Settings

if TYPE_CHECKING:
    from oauth_helper.store.redis import Client


@contextmanager
def open_store(config: Settings) -> Iterator[Client]:
    """The store of REDIS_URL, else that of a running program, else one started just for this.

    When it cannot be used, or stops being there, the command ends in one line that says so.
    """
    from oauth_helper.cli.bootstrap import KeyFileError
    from oauth_helper.models import StoreUnavailableError
    from oauth_helper.store.embedded.errors import StoreError
    from oauth_helper.store.embedded.server import EmbeddedStore, running_store_url

    try:
        address = config.redis_url.reveal() or running_store_url(config.data_dir)
        if address:
            yield _client(address)
        else:
            with EmbeddedStore(config.data_dir) as store:
                yield _client(store.url)
    except (StoreError, StoreUnavailableError, KeyFileError) as error:
        raise click.ClickException(f"The store cannot be used: {error}") from error


def _client(address: str) -> Client:
    from oauth_helper.store.redis import connect

    try:
        return connect(address)
    except ValueError as error:
        raise click.ClickException("REDIS_URL is not an address that can be read") from error
