"""Check passwords against slow hashes, a few at a time, and recognise such hashes."""

from __future__ import annotations

import re
import threading

from werkzeug.security import check_password_hash

# A check takes 32 MB and a tenth of a second on purpose. In each process: how many checks run at
# once, how many threads wait for a turn, and for how many seconds.
_CHECKS, _WAITING, _TURN_TIMEOUT = 2, 4, 1.0

_turns = threading.BoundedSemaphore(_CHECKS)
_places = threading.BoundedSemaphore(_CHECKS + _WAITING)


class TooManyChecksError(Exception):
    """Too many passwords are being checked; try again in a few seconds."""


def check_password(password_hash: str, password: str) -> bool:
    """Return whether the password is the hashed one. Raises `TooManyChecksError`."""
    if not _places.acquire(blocking=False):
        raise TooManyChecksError
    try:
        if not _turns.acquire(timeout=_TURN_TIMEOUT):
            raise TooManyChecksError
        try:
            return check_password_hash(password_hash, password)
        finally:
            _turns.release()
    finally:
        _places.release()


def is_password_hash(text: str) -> bool:
    """Return whether Werkzeug can check a password against this hash; it raises for others."""
    if found := re.fullmatch(r"scrypt:([0-9]{1,7}):[0-9]{1,2}:[0-9]\$[^$]+\$[0-9a-f]{128}", text):
        cost = int(found[1])
        return cost > 1 and cost & (cost - 1) == 0
    return bool(
        re.fullmatch(
            r"pbkdf2:sha(256|512):[1-9][0-9]{0,7}\$[^$]+\$([0-9a-f]{64}|[0-9a-f]{128})", text
        )
    )
