"""The embedded store: a Valkey server that runs with the program when REDIS_URL is empty.

The supervising process starts and stops it; all other processes use its Unix socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from oauth_helper.store.embedded.data_dir import (
    disk_problems,
    lock_directory,
    make_private,
    remove_private,
    socket_path,
    store_directory,
    unlock_directory,
)
from oauth_helper.store.embedded.errors import StoreError, StoreNotWritableError
from oauth_helper.store.embedded.valkey import ask, shut_down_orphan, start_server

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 2.0
_STOP_SECONDS = 10.0
_WATCH_SECONDS = 0.2
_RETRY_SECONDS = 5.0


def running_store_url(data_dir: Path) -> str | None:
    """Return the URL of the store that a running program has in `data_dir`; None without one.

    Raises `StoreNotWritableError` if the running store belongs to another user.
    """
    path = socket_path(data_dir)
    try:
        is_ours = path.parent.lstat().st_uid in (os.getuid(), 0)
        answer = ask(path, b"PING", _ANSWER_SECONDS) if is_ours else b""
    except PermissionError as error:
        raise StoreNotWritableError(
            f"DATA_DIR {data_dir} belongs to another user; run this command as that user"
        ) from error
    except OSError:
        return None
    return _url(path) if answer.startswith(b"+PONG") else None


class EmbeddedStore:
    """The store of one data directory, which runs within a `with` statement.

    `url` is its address for redis-py, in all processes of the same user. Entering raises a
    `StoreError`. It first stops a server that a killed program left behind, which writes its data.
    """

    def __init__(self, data_dir: Path) -> None:
        self.url = _url(socket_path(data_dir))
        self._data_dir = data_dir
        self._server: Any = None
        self._lock: FileIO | None = None
        self._private: Path | None = None
        self._owner = os.getpid()
        self._changing = threading.Lock()

    def __enter__(self) -> Self:
        self._owner = os.getpid()
        try:
            with disk_problems(self._data_dir):
                self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = lock_directory(self._data_dir)
                self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def keep_running(self, stopped: threading.Event) -> None:
        """Restart the server whenever it dies, until `stopped` is set.

        Unless the machine dies too, the server's file has every write that was answered.
        """
        pause = _WATCH_SECONDS
        while not stopped.wait(pause):
            pause = _WATCH_SECONDS
            with self._changing:
                if self._server is None or not self._server.has_died():
                    continue
                logger.error("the embedded store died; restarting it")
                try:
                    self._start()
                except (StoreError, OSError) as error:
                    logger.error("the embedded store doesn't start: %s", error)  # noqa: TRY400
                    pause = _RETRY_SECONDS
                else:
                    logger.warning("the embedded store is running again")

    def _start(self) -> None:
        path = socket_path(self._data_dir)
        store = store_directory(self._data_dir)
        store.mkdir(mode=0o700, exist_ok=True)
        if path.parent != store:
            make_private(path.parent)
            self._private = path.parent
        shut_down_orphan(path)
        self._server = start_server(store, path)

    def _stop(self) -> None:
        if os.getpid() != self._owner:
            return  # a forked process that leaves the same `with` statement
        with self._changing:
            if self._server is not None:
                # It kills the server after the timeout; the file has every write by then.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._server.stop(timeout=_STOP_SECONDS)
                self._server = None
        if self._lock is not None:
            if self._private is not None:
                remove_private(self._private)
                self._private = None
            unlock_directory(self._data_dir, self._lock)
            self._lock = None


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"
