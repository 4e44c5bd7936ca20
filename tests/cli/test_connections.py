"""Connections whose requests never end."""

import socket
from contextlib import ExitStack
from pathlib import Path

from oauth_helper.cli.connections import end_slow_connections


def test_of_many_idle_connections_a_network_keeps_its_share():
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=600))
        port = listener.getsockname()[1]

        def connect(count, sender, *, says=b""):
            for _ in range(count):
                address = ("127.0.0.1", port)
                client = stack.enter_context(
                    socket.create_connection(address, 60, source_address=(sender, 0))
                )
                near, _ = listener.accept()
                near.sendall(b"x")
                stack.enter_context(near)
                client.sendall(says)

        connect(20, "127.0.0.2")
        connect(300, "127.0.0.3")
        assert end_slow_connections(port) == 0
        assert end_slow_connections(port, shared=True) == 300 - 64
        assert end_slow_connections(port, shared=True) == 0


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
