"""End connections on which a request takes too long to arrive, or a response to be read.

granian limits the time for a request's headers, but not for its body: a thread waits for as long as
the client stays connected. The kernel knows when a connection was last sent anything.
"""

from __future__ import annotations

import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Seconds without a byte sent. Every wait of a request for HubSpot or the store is shorter, and
# granian ends idle connections earlier: see the time for headers of `supervisor`.
LIMIT = 80.0

# `tcpi_last_data_sent` of Linux's `struct tcp_info`: milliseconds, since the connection began if
# nothing was sent.
_LAST_DATA_SENT = struct.Struct("44xI")


def end_slow_connections(port: int, limit: float = LIMIT) -> int:
    """End this process's connections to `port` that were sent nothing for `limit` seconds.

    A thread that reads a body from one then gets its end. Returns how many were ended; none on
    systems other than Linux.
    """
    ended = 0
    for connection in _connections_to(port):
        with connection, suppress(OSError):
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT.size)
            (idle,) = _LAST_DATA_SENT.unpack(info)
            if idle >= limit * 1000:
                connection.shutdown(socket.SHUT_RDWR)
                ended += 1
    return ended


def _connections_to(port: int) -> Iterator[socket.socket]:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        return
    for descriptor in descriptors.iterdir():
        with suppress(OSError):
            if stat.S_ISSOCK(descriptor.stat().st_mode):
                # A duplicate: the server can close its own at any time, and reuse the number.
                connection = socket.fromfd(int(descriptor.name), socket.AF_INET, socket.SOCK_STREAM)
                if _is_to(port, connection):
                    yield connection
                else:
                    connection.close()


def _is_to(port: int, connection: socket.socket) -> bool:
    # A listening socket has no peer, a Unix socket no port.
    with suppress(OSError, IndexError, TypeError):
        return bool(connection.getsockname()[1] == port and connection.getpeername())
    return False
