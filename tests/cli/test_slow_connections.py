"""Connections whose requests never end."""

import socket
from contextlib import ExitStack
from pathlib import Path

from oauth_helper.cli.slow_connections import end_slow_connections


def test_a_connection_that_was_sent_nothing_for_too_long_ends():
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        near, _ = listener.accept()
        stack.enter_context(near)
        client.sendall(b"POST / HTTP/1.1")
        assert near.recv(100)
        count = len(list(Path("/proc/self/fd").iterdir()))
        assert end_slow_connections(port, limit=3600) == 0
        assert len(list(Path("/proc/self/fd").iterdir())) == count
        assert end_slow_connections(client.getsockname()[1] + 1, limit=0) == 0
        assert end_slow_connections(port, limit=0) == 1
        # The thread that waits for the rest gets its end, as does the client. The port stays open.
        assert near.recv(100) == b""
        assert client.recv(100) == b""
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
