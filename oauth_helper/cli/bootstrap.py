"""Generate what the settings leave out: a key, and a password for support staff."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

from werkzeug.security import generate_password_hash

from oauth_helper.common.secrets import Secret
from oauth_helper.config.settings import Settings, SupportUser


class KeyFileError(Exception):
    """The generated key can't be stored or read; the message says which file and why."""


def with_secret_key(config: Settings) -> Settings:
    """Return `config` with a key: its own, or the one in DATA_DIR, generated when missing.

    Raises `KeyFileError`.
    """
    if config.secret_keys:
        return config
    return config.model_copy(update={"secret_keys": (_stored_key(config.data_dir / "secret_key"),)})


def with_support_user(config: Settings) -> tuple[Settings, str | None]:
    """Return `config` with a support user, and the password if one was generated.

    With an OpenID provider, none is: it would be a second way in, with its password in the log.
    """
    if config.support_users or config.openid:
        return config, None
    password = secrets.token_urlsafe(12)
    user = SupportUser("support", Secret(hash_password(password)), "agent")
    return config.model_copy(update={"support_users": (user,)}), password


def hash_password(password: str) -> str:
    """Return the hash of a password for SUPPORT_USERS: scrypt with a salt, slow on purpose."""
    return generate_password_hash(password)


def _stored_key(path: Path) -> Secret:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _generate_key(path)
        _check_owner(path)
        key = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        key = ""
    except OSError as error:
        raise KeyFileError(f"DATA_DIR: can't use {path}: {error.strerror}") from error
    if len(key) < 32:
        raise KeyFileError(f"DATA_DIR: {path} has no key; delete it to generate another")
    return Secret(key)


def _check_owner(path: Path) -> None:
    """Raise `KeyFileError` if another user can read the key, and so all tokens, or write it."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        found = path.stat()
    if found.st_uid not in (os.getuid(), 0):
        raise KeyFileError(f"DATA_DIR: {path} belongs to another user")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"DATA_DIR: {path} is accessible to other users; run chmod 600 on it")


def _generate_key(path: Path) -> None:
    """Write a new key. Programs that start at once agree on one, and never read half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
