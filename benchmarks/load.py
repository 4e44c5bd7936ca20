"""A small HTTP client that is not the bottleneck: prepared bytes, connections that stay open.

Peers are asked by the very same code. A thread for each connection; the process is pinned to a
processor of its own by whoever starts it.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Result:
    """What came of a load. `answers` are kept only if they were asked for."""

    seconds: float = 0.0
    count: int = 0
    others: dict[int, int] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers with the status that was expected, in a second."""
        return self.count / self.seconds


def request(path: str, *, port: int, **headers: str) -> bytes:
    """A GET as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{port}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def run(
    port: int, requests: Iterable[bytes], *, connections: int, expected: int, keep: bool = False
) -> Result:
    """Sends every request, each once, over so many connections."""
    result, lock, source = Result(), threading.Lock(), iter(requests)

    def work() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                with lock:
                    data = next(source, None)
                if data is None:
                    return
                wire.sendall(data)
                answer = _answer(wire)
                status = int(answer[9:12])
                with lock:
                    if status == expected:
                        result.count += 1
                    else:
                        result.others[status] = result.others.get(status, 0) + 1
                    if keep:
                        result.answers.append(answer)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.seconds = time.perf_counter() - began
    return result


def _answer(wire: socket.socket) -> bytes:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        part = wire.recv(65536)
        if not part:
            raise ConnectionError("the server hung up")
        data += part
    found = _LENGTH.search(data, 0, end)
    missing = int(found[1]) - (len(data) - end - 4) if found else 0
    while missing > 0:
        part = wire.recv(65536)
        missing -= len(part)
    return data[: end + 2]


def cookies_in(answer: bytes) -> str:
    """The Cookie header of whoever got that answer."""
    found = re.findall(rb"^set-cookie: ([^;\r\n]+)", answer, re.IGNORECASE | re.MULTILINE)
    return "; ".join(each.decode() for each in found)


def location_in(answer: bytes) -> str:
    """Where an answer leads."""
    found = re.search(rb"^location: (\S+)", answer, re.IGNORECASE | re.MULTILINE)
    return found[1].decode() if found else ""


def repeated(data: bytes, count: int) -> Iterator[bytes]:
    """The same request so many times."""
    return (data for _ in range(count))


def in_turn(data: Sequence[bytes]) -> Iterator[bytes]:
    """Each of several requests."""
    return iter(data)
