"""Back up the embedded store while the program runs, and restore it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from oauth_helper.cli.bootstrap import KeyFileError, with_secret_key
from oauth_helper.cli.export import destination
from oauth_helper.cli.output import read_settings
from oauth_helper.cli.store import open_store
from oauth_helper.common.encryption import Encryptor
from oauth_helper.config.settings import Settings
from oauth_helper.store.embedded.backup import back_up
from oauth_helper.store.embedded.backup import restore as restore_store
from oauth_helper.store.embedded.errors import StoreError

_FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))


@click.command()
@_FILE
def backup(path: Path) -> None:
    """Back up the embedded store into FILE, while the program runs.

    FILE is encrypted with SECRET_KEY, or the key in DATA_DIR/secret_key. Keep a copy of the key
    elsewhere: it isn't in FILE. FILE appears after a test restore.
    """
    config, encryptor = _prepare()
    with open_store(config) as client, destination(path) as file:
        back_up(client, file, encryptor)
        file.seek(0)
        with tempfile.TemporaryDirectory(dir=config.data_dir, prefix="backup-") as trial:
            count = restore_store(file, Path(trial), encryptor)
    click.echo(f"{path}: {count} keys, encrypted and verified.")


@click.command()
@_FILE
def restore(path: Path) -> None:
    """Restore the embedded store from FILE into a DATA_DIR that has none.

    Needs the SECRET_KEY, or the file DATA_DIR/secret_key, that it was made with.
    """
    config, encryptor = _prepare(restoring=True)
    try:
        with path.open("rb") as file:
            count = restore_store(file, config.data_dir, encryptor)
    except OSError as error:
        raise click.ClickException(f"Can't read {path}: {error.strerror}.") from error
    except StoreError as error:
        raise click.ClickException(f"Can't restore {path}: {error}") from error
    click.echo(f"{config.data_dir}: {count} keys restored. Start the program.")


def _prepare(*, restoring: bool = False) -> tuple[Settings, Encryptor]:
    config = read_settings()
    if config.redis_url:
        raise click.ClickException("REDIS_URL is set: use the backup of that server.")
    key_file = config.data_dir / "secret_key"
    if restoring and not config.secret_keys and not key_file.exists():
        raise click.ClickException(f"Set SECRET_KEY, or put the key file at {key_file}, first.")
    try:
        keys = with_secret_key(config).secret_keys
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    return config, Encryptor(keys, purpose="backup")
