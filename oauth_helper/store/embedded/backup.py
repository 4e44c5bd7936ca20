"""Back up the embedded store into one encrypted file while it serves, and restore it.

The server writes a snapshot of one moment. The file is encrypted in pieces; each is bound to its
file, its place and whether it is the last, so that pieces can't be cut off, moved or mixed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from redis import ResponseError

from oauth_helper.common.encryption import DecryptionError, Encryptor
from oauth_helper.store.embedded.data_dir import disk_problems, store_directory
from oauth_helper.store.embedded.errors import StoreError, StoreInUseError
from oauth_helper.store.embedded.server import EmbeddedStore
from oauth_helper.store.redis import Client, connect

_MAGIC = b"oauth_helper backup 1\n"
_FILE_ID_BYTES = 16
_PIECE = 1 << 20
_OVERHEAD = 28  # bytes that encryption adds: nonce and tag
_POLL_SECONDS = 0.05
_FILE = "appendonly.aof.1.base.rdb"


class BackupError(StoreError):
    """A backup can't be made or read; the message says why."""


def back_up(client: Client, target: IO[bytes], encryptor: Encryptor) -> None:
    """Write the records of this moment to `target`. Raises `BackupError`.

    `client` is connected to an embedded store of this machine.
    """
    snapshot = _snapshot(client)
    try:
        with snapshot.open("rb") as source:
            _encrypt(source, target, encryptor)
    except OSError as error:
        raise BackupError(f"the backup can't be written: {error.strerror}") from error
    finally:
        snapshot.unlink(missing_ok=True)


def restore(source: IO[bytes], data_dir: Path, encryptor: Encryptor) -> int:
    """Restore a backup into `data_dir`, which has no store, and return the number of keys.

    The server loads it and checks its checksum. Raises a `StoreError`.
    """
    store = store_directory(data_dir)
    if store.exists():
        raise StoreInUseError(f"{store} exists; restore into an empty DATA_DIR")
    with disk_problems(data_dir):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=data_dir, prefix="restore-") as unfinished:
            files = Path(unfinished, "store", "appendonlydir")
            files.mkdir(mode=0o700, parents=True)
            with (files / _FILE).open("wb") as target:
                target.writelines(_decrypted(source, encryptor))
            manifest = files / "appendonly.aof.manifest"
            manifest.write_text(f"file {_FILE} seq 1 type b\n")
            with EmbeddedStore(Path(unfinished)) as loaded, connect(loaded.url) as client:
                count = int(client.dbsize())
            Path(unfinished, "store").replace(store)
    return count


def _snapshot(client: Client) -> Path:
    """Return the file of a new snapshot. Raises `BackupError`."""
    try:
        saves = client.info("persistence")["rdb_saves"]
        client.bgsave(schedule=True)
        state = client.info("persistence")
        while state["rdb_saves"] == saves or state["rdb_bgsave_in_progress"]:
            time.sleep(_POLL_SECONDS)
            state = client.info("persistence")
        if state["rdb_last_bgsave_status"] != "ok":
            raise BackupError("the server can't write a snapshot; is the disk full?")
        directory, name = (client.config_get(each)[each] for each in ("dir", "dbfilename"))
        return Path(str(directory), str(name))
    except ResponseError as error:
        raise BackupError(f"the server takes no snapshot: {error}") from error


def _encrypt(source: IO[bytes], target: IO[bytes], encryptor: Encryptor) -> None:
    file_id = os.urandom(_FILE_ID_BYTES)
    target.write(_MAGIC + file_id)
    number, piece = 0, source.read(_PIECE)
    while True:
        following = source.read(_PIECE)
        target.write(encryptor.encrypt_bytes(piece, _context(file_id, number, not following)))
        if not following:
            return
        number, piece = number + 1, following


def _decrypted(source: IO[bytes], encryptor: Encryptor) -> Iterator[bytes]:
    if source.read(len(_MAGIC)) != _MAGIC:
        raise BackupError("this is no backup of oauth_helper")
    file_id = source.read(_FILE_ID_BYTES)
    number, piece = 0, source.read(_PIECE + _OVERHEAD)
    while True:
        following = source.read(_PIECE + _OVERHEAD)
        try:
            yield encryptor.decrypt_bytes(piece, _context(file_id, number, not following))
        except DecryptionError as error:
            raise BackupError(
                "the backup is damaged, or SECRET_KEY is not the one that it was made with"
            ) from error
        if not following:
            return
        number, piece = number + 1, following


def _context(file_id: bytes, number: int, last: bool) -> bytes:  # noqa: FBT001 - a part of it
    return file_id + number.to_bytes(8) + bytes([last])
