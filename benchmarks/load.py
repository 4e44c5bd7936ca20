"""Generate load with a small HTTP client that isn't the bottleneck.

It sends prepared bytes over persistent connections, with one thread for each. The same code
measures the peers. The caller pins this process to a separate processor.
"""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Result:
    """The result of a load. `answers` is empty unless the caller asked to keep them."""

    seconds: float = 0.0
    count: int = 0
    others: dict[int, int] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Return the responses per second with the expected status."""
        return self.count / self.seconds


def request(path: str, *, port: int, **headers: str) -> bytes:
    """Return a GET request as bytes."""
    lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{port}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def run(
    port: int, requests: Iterable[bytes], *, connections: int, expected: int, keep: bool = False
) -> Result:
    """Send every request once, over this many connections, and return the result.

    Each connection comes from another address, as different customers do.
    """
    result, lock, source = Result(), threading.Lock(), iter(requests)

    def work() -> None:
        own = (f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(255)}", 0)  # noqa: S311
        with socket.create_connection(("127.0.0.1", port), 30, own) as wire:
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
    """Return the Cookie header that a browser sends after this response."""
    found = re.findall(rb"^set-cookie: ([^;\r\n]+)", answer, re.IGNORECASE | re.MULTILINE)
    return "; ".join(each.decode() for each in found)


def location_in(answer: bytes) -> str:
    """Return the Location of a response; empty without one."""
    found = re.search(rb"^location: (\S+)", answer, re.IGNORECASE | re.MULTILINE)
    return found[1].decode() if found else ""


def repeated(data: bytes, count: int) -> Iterator[bytes]:
    """Return the same request `count` times."""
    return (data for _ in range(count))


def in_turn(data: Sequence[bytes]) -> Iterator[bytes]:
    """Return each of several requests once."""
    return iter(data)
