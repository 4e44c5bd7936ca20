"""Look at this program's connections as the kernel does: end slow and idle ones, accept no more.

granian limits the time for a request's headers, but not for its body: a thread waits for as long as
the client stays connected. The kernel knows when a connection was last sent anything.
"""

from __future__ import annotations

import ctypes
import socket
import stat
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from operator import itemgetter
from pathlib import Path

from oauth_helper.web.security import network_of

# Seconds without a byte sent. Every wait of a request for HubSpot or the store is shorter, and
# granian ends idle connections earlier: see the time for headers of `supervisor`.
LIMIT = 80.0

# `tcpi_state`, `tcpi_last_data_sent` and `tcpi_last_data_recv` of Linux's `struct tcp_info`; times
# are milliseconds, since the connection began if there was nothing.
_LAST_DATA = struct.Struct("B43xI4xI")
_ESTABLISHED = 1

# Connections of a process from which on each network keeps only its share of them.
_CROWDED, _SHARE = 256, 64


# A filter of packets (Linux's classic BPF) that drops those that open a connection: SYN without
# ACK. Offset 13 of a TCP header has these flags.
_DROP_SYN = struct.pack("=HBBI", 0x30, 0, 0, 13)  # load the byte
_DROP_SYN += struct.pack("=HBBI", 0x54, 0, 0, 0x12)  # keep SYN and ACK of it
_DROP_SYN += struct.pack("=HBBI", 0x15, 0, 1, 0x02)  # if only SYN is set,
_DROP_SYN += struct.pack("=HBBI", 0x06, 0, 0, 0)  # drop the packet,
_DROP_SYN += struct.pack("=HBBI", 0x06, 0, 0, 0xFFFFFFFF)  # otherwise take it
_SO_ATTACH_FILTER = 26


def accept_no_more(listener: socket.socket) -> None:
    """Let nobody connect to a listening socket any more; those who have connected stay.

    Closing it would reset those that no worker has accepted yet. Clients try again after a second,
    and find the socket closed, or the next program. Only for Linux.
    """
    program = ctypes.create_string_buffer(_DROP_SYN)
    count, address = len(_DROP_SYN) // 8, ctypes.addressof(program)
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", count, address))


def is_connected(port: int) -> bool:
    """Return whether a client is connected, or connecting, to a local `port`; False if unknown."""
    with suppress(OSError):
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                if int(local.rpartition(":")[2], 16) == port and state in _OPEN:
                    return True
    return False


# Of the kernel's states: ESTABLISHED and SYN_RECV.
_OPEN = ("01", "03")


def end_slow_connections(port: int, limit: float = LIMIT, *, shared: bool = False) -> int:
    """End this process's connections to `port` that were sent nothing for `limit` seconds.

    A thread that reads a body from one then gets its end. While there are many connections, a
    network's idle ones beyond its share end too, the longest idle first, if the places are `shared`
    by networks. Returns how many were ended; none on systems other than Linux.
    """
    ended = 0
    with ExitStack() as stack:
        idle: defaultdict[str, list[tuple[int, socket.socket]]] = defaultdict(list)
        for connection in _connections_to(port):
            stack.enter_context(connection)
            with suppress(OSError):
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA.size)
                state, sent, received = _LAST_DATA.unpack(info)
                if state != _ESTABLISHED:
                    continue
                if sent >= limit * 1000:
                    connection.shutdown(socket.SHUT_RDWR)
                    ended += 1
                elif received >= sent:  # otherwise it waits for its response
                    idle[network_of(connection.getpeername()[0])].append((sent, connection))
        if shared and sum(map(len, idle.values())) >= _CROWDED:
            for connections in idle.values():
                connections.sort(key=itemgetter(0))
                for _, connection in connections[_SHARE:]:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                        ended += 1
    return ended


def _connections_to(port: int) -> Iterator[socket.socket]:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        return
    for descriptor in list(descriptors.iterdir()):  # without the duplicates
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
