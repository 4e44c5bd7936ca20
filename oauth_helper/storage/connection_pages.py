"""The list of connections, page by page: a cursor names a place and not a number of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from oauth_helper.records import Connection
from oauth_helper.storage import keys
from oauth_helper.storage.client import Client

#: When a connection was made, and its id.
Place = tuple[int, str]

# Ids read at a time, and how many one page looks at to find those of a profile.
_AT_ONCE: Final = 500
_EXAMINED_AT_MOST: Final = 20_000

_CURSOR: Final = re.compile(r"([0-9]{1,12})_([A-Za-z0-9._-]{1,200})")


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some connections, the latest first. `next_cursor` continues behind them, None at the end."""

    connections: tuple[Connection, ...]
    next_cursor: str | None


def walk(
    client: Client, start: Place | None, *, limit: int, profile: str | None
) -> tuple[list[Place], Place | None]:
    """The places behind `start`, at most `limit`, and the one to go on behind; None at the end."""
    found: list[Place] = []
    last = start
    for examined, place in enumerate(_places(client, start)):
        if len(found) == limit or examined == _EXAMINED_AT_MOST:
            return found, last
        # An id begins with its profile, so that no record has to be read for this.
        if profile is None or place[1].partition(".")[0] == profile:
            found.append(place)
        last = place
    return found, None


def _places(client: Client, start: Place | None) -> Iterator[Place]:
    """Every place behind `start`, by time and then by id, both downwards."""
    highest, offset = (start[0] if start else "+inf"), 0
    while True:
        ids = cast(
            "list[tuple[str, float]]",
            client.zrevrangebyscore(
                keys.CONNECTIONS, highest, "-inf", start=offset, num=_AT_ONCE, withscores=True
            ),
        )
        for connection_id, at in ids:
            place = (int(at), connection_id)
            if start is None or place < start:
                yield place
        if len(ids) < _AT_ONCE:
            return
        offset += _AT_ONCE


def place_of(connection: Connection) -> Place:
    """Where a connection stands in the list."""
    return connection.connected_at, connection.id


def write_cursor(place: Place) -> str:
    """The text that leads back to a place."""
    return f"{place[0]}_{place[1]}"


def read_cursor(text: str) -> Place:
    """The place that `write_cursor` wrote down. Raises ValueError for any other text."""
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise ValueError("cursor is not one that this API has given out")
    return int(parts[1]), parts[2]
