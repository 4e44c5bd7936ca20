"""Serve a token endpoint that answers at once: `python -m benchmarks.token_endpoint PORT`."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
from typing import cast

from oauth_helper.scopes import shipped_catalogue

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_accounts = itertools.count(1)


class _Endpoint(asyncio.Protocol):
    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a connection, which may carry many requests."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer when the whole request has arrived."""
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._data, 0, end)
        if len(self._data) < end + 4 + (int(found[1]) if found else 0):
            return
        self._data = b""
        body = json.dumps(
            {
                "access_token": "a" * 60,
                "refresh_token": "r" * 36,
                "expires_in": 1800,
                "token_type": "bearer",
                "hub_id": next(_accounts),
                "scopes": list(shipped_catalogue().by_name),
            }
        ).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(_Endpoint, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
