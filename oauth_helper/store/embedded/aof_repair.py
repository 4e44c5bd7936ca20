"""The embedded server's log of commands after a power cut: an unreadable end is cut off."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger(__name__)

# A power cut can spoil what was written since the last fsync, a second ago. More than this is not
# an end that was being written, and not ours to cut off.
_DAMAGED_END_BYTES = 4 * 1024 * 1024


def cut_damaged_end(store: Path) -> bool:
    """Cuts what cannot be read off the end of the newest log of commands, and keeps it beside.

    The server itself forgives an end that is missing, not one that is wrong, such as the zeros
    that some file systems leave after a power cut. False when there is no such end.
    """
    logs = list((store / "appendonlydir").glob("appendonly.aof.*.incr.aof"))
    if not logs:
        return False
    newest = max(logs, key=lambda log: int(log.name.split(".")[2]))
    with newest.open("r+b") as log:
        size = log.seek(0, os.SEEK_END)
        good = _readable_length(log)
        if not 0 < size - good <= _DAMAGED_END_BYTES:
            return False
        log.seek(good)
        kept = store / f"damaged-{time.time_ns()}.aof"
        kept.write_bytes(log.read())
        log.truncate(good)
    logger.warning(
        "the last %d bytes of %s were damaged; they are in %s now", size - good, newest, kept
    )
    return True


def _readable_length(log: BinaryIO) -> int:
    """Where the last whole command ends. Source: the RESP protocol, arrays of bulk strings."""
    good = log.seek(0)
    try:
        while head := log.readline(32):
            for _ in range(_number(head, b"*")):
                length = _number(log.readline(32), b"$")
                if not log.read(length + 2).endswith(b"\r\n"):
                    return good
            good = log.tell()
    except ValueError:
        pass
    return good


def _number(line: bytes, kind: bytes) -> int:
    if not re.fullmatch(re.escape(kind) + rb"[0-9]{1,10}\r\n", line):
        raise ValueError(line)
    return int(line[1:])
