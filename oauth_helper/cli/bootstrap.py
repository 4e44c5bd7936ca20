"""Generate what the settings leave out: a key, and a password for support staff."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from werkzeug.security import generate_password_hash

from oauth_helper.common.passwords import is_password_hash
from oauth_helper.config.settings import Settings, SupportUser


class KeyFileError(Exception):
    """A generated secret can't be stored or read; the message says which file and why."""


class NoStaffError(Exception):
    """Nobody could sign in as support staff."""


def with_secret_key(config: Settings) -> Settings:
    """Return `config` with a key: its own, or the one in DATA_DIR, generated when missing.

    Raises `KeyFileError`.
    """
    if config.secret_keys:
        return config
    path = config.data_dir / "secret_key"
    key = _stored(path, lambda: [secrets.token_urlsafe(48)])[0]
    if len(key) < 32:
        raise KeyFileError(f"DATA_DIR: {path} has no key; delete it to generate another")
    return config.model_copy(update={"secret_keys": (SecretStr(key),)})


def password_file(config: Settings) -> Path:
    """Return where the generated password of the sandbox's support user is kept."""
    return config.data_dir / "support_password"


def with_support_user(config: Settings) -> tuple[Settings, str | None]:
    """Return `config` with a support user, and the password if it is a generated one.

    Only the sandbox gets one, kept in DATA_DIR. With an OpenID provider there is none: it would be
    a second way in. Raises `NoStaffError` outside of the sandbox, and `KeyFileError`.
    """
    if config.support_users or config.openid:
        return config, None
    if not config.sandbox:
        raise NoStaffError(
            "SUPPORT_USERS or OIDC_ISSUER must be set: a password is generated for the sandbox "
            "only. The command hash-password makes an entry for SUPPORT_USERS"
        )
    path = password_file(config)
    # With its hash, because sessions end when the hash changes.
    password, *hashed = _stored(path, _new_password)
    if len(hashed) != 1 or not is_password_hash(hashed[0]):
        raise KeyFileError(f"DATA_DIR: {path} has no password; delete it to generate another")
    user = SupportUser("support", SecretStr(hashed[0]), "agent")
    return config.model_copy(update={"support_users": (user,)}), password


def _new_password() -> list[str]:
    password = secrets.token_urlsafe(12)
    return [password, hash_password(password)]


def hash_password(password: str) -> str:
    """Return the hash of a password for SUPPORT_USERS: scrypt with a salt, slow on purpose."""
    return generate_password_hash(password)


def _stored(path: Path, generate: Callable[[], list[str]]) -> list[str]:
    """Return the lines of a file, at least one, generated when the file is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write(path, generate())
        _check_owner(path)
        return path.read_text("utf-8").split() or [""]
    except UnicodeDecodeError:
        return [""]
    except OSError as error:
        raise KeyFileError(f"DATA_DIR: can't use {path}: {error.strerror}") from error


def _check_owner(path: Path) -> None:
    """Raise `KeyFileError` if another user can read the secret, or write it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        found = path.stat()
    if found.st_uid not in (os.getuid(), 0):
        raise KeyFileError(f"DATA_DIR: {path} belongs to another user")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"DATA_DIR: {path} is accessible to other users; run chmod 600 on it")


def _write(path: Path, lines: list[str]) -> None:
    """Write a new file. Programs that start at once agree on one, and never read half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
