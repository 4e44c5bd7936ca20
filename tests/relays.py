"""A relay between the program and its store, which can break as networks and servers do."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from benchmarks import servers


class Relay:
    """Passes bytes on between clients that connect at `url` and the server at the URL `target`.

    `cut` ends every connection and refuses new ones until `restore`; `hold` keeps them and passes
    nothing on. With `most_bytes` it cuts by itself after that many bytes from the server.
    """

    def __init__(self, target: str, *, most_bytes: int | None = None) -> None:
        self._target = urlsplit(target)
        self._left = most_bytes
        self._replies: int | None = None
        self._lock = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._is_cut = False
        self._sockets: set[socket.socket] = set()
        self._port = servers.free_port()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self._accept_from(self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flows.set()
        self.cut()

    def cut(self) -> None:
        """No connection gets through any more, as when the server was killed."""
        with self._lock:
            self._is_cut, self._replies = True, None
            self._close(self._listener)
            for each in self._sockets:
                self._close(each)
            self._sockets.clear()

    def restore(self) -> None:
        """Connections get through again."""
        with self._lock:
            self._is_cut = False
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._accept_from(self._listener)

    def cut_after(self, replies: int) -> None:
        """It cuts by itself in place of the reply after that many more from the server."""
        self._replies = replies

    def lead_to(self, target: str) -> None:
        """Connects new clients to another server."""
        self._target = urlsplit(target)

    def hold(self) -> None:
        """Nothing is passed on until `let_go`, as when the server hangs."""
        self._flows.clear()

    def let_go(self) -> None:
        """What was held is passed on."""
        self._flows.set()

    def _accept_from(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, self._to_target() as far, contextlib.suppress(OSError):
            with self._lock:
                if self._is_cut:
                    return
                self._sockets.update((near, far))
            with selectors.DefaultSelector() as selector:
                selector.register(near, selectors.EVENT_READ, far)
                selector.register(far, selectors.EVENT_READ, near)
                while True:
                    for key, _ in selector.select():
                        self._flows.wait()
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data or (key.fileobj is far and self._is_too_much(len(data))):
                            self._forget(near, far)
                            return
                        key.data.sendall(data)

    def _is_too_much(self, count: int) -> bool:
        if self._replies is not None:
            self._replies -= 1
            if self._replies < 0:
                self.cut()
                return True
        if self._left is None:
            return False
        self._left -= count
        if self._left < 0:
            self.cut()
        return self._left < 0

    def _to_target(self) -> socket.socket:
        if self._target.scheme == "unix":
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(unquote(self._target.path))
            return far
        return socket.create_connection((self._target.hostname or "", self._target.port or 6379))

    def _forget(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._sockets.difference_update(sockets)
            for each in sockets:
                self._close(each)

    @staticmethod
    def _close(each: socket.socket) -> None:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
