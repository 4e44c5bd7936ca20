"""What the program makes for itself when the settings leave it out: a key, and a password."""

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
    """The generated key cannot be kept or read; the message names the file and why."""


def with_secret_key(config: Settings) -> Settings:
    """`config` with a key: its own, else the one in DATA_DIR, made now if it is not there yet.

    Raises `KeyFileError`.
    """
    if config.secret_keys:
        return config
    return config.model_copy(update={"secret_keys": (_kept_key(config.data_dir / "secret_key"),)})


def with_support_user(config: Settings) -> tuple[Settings, str | None]:
    """`config` with somebody who can sign in, and the password if one was made for it.

    None is made where an OpenID provider says who they are: a second door that nobody asked for
    would have a password in the logs.
    """
    if config.support_users or config.openid:
        return config, None
    password = secrets.token_urlsafe(12)
    user = SupportUser("support", Secret(hash_password(password)), "agent")
    return config.model_copy(update={"support_users": (user,)}), password


def hash_password(password: str) -> str:
    """The password as SUPPORT_USERS takes it: scrypt with a salt, slow on purpose."""
    return generate_password_hash(password)


def _kept_key(path: Path) -> Secret:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        _refuse_shared(path)
        key = path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        key = ""
    except OSError as error:
        raise KeyFileError(f"DATA_DIR: {path} cannot be kept: {error.strerror}") from error
    if len(key) < 32:
        raise KeyFileError(f"DATA_DIR: {path} holds no key; remove it to have another one made")
    return Secret(key)


def _refuse_shared(path: Path) -> None:
    """Whoever reads the key opens every stored token; whoever writes it can forge a session."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        found = path.stat()
    if found.st_uid not in (os.getuid(), 0):
        raise KeyFileError(f"DATA_DIR: {path} belongs to another user")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"DATA_DIR: {path} is open to other users; run chmod 600 on it")


def _make_key(path: Path) -> None:
    """Of several programs that start at once one makes it; nobody ever reads half of one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
