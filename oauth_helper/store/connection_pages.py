"""Pages through the list of connections, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from oauth_helper.models import Connection
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

#: When a connection was made, and its id: the order of the list.
ConnectionPlace = tuple[int, str]

# Ids that one page examines to find those of a profile, and those that are read in one round trip.
_EXAMINED_AT_MOST: Final = 20_000
_BATCH: Final = 500

_CURSOR: Final = re.compile(r"([0-9]{1,12})_([A-Za-z0-9._-]{1,200})")


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some connections, newest first. `next_cursor` continues behind them; None at the end."""

    connections: tuple[Connection, ...]
    next_cursor: str | None


def places_behind(
    client: Client, start: ConnectionPlace | None, *, limit: int, profile: str | None
) -> tuple[list[ConnectionPlace], ConnectionPlace | None]:
    """Return up to `limit` places behind `start`, and the one to continue at; None at the end."""
    found: list[ConnectionPlace] = []
    last = start
    for examined, place in enumerate(_all_behind(client, start)):
        if len(found) == limit or examined == _EXAMINED_AT_MOST:
            return found, last
        # An id starts with its profile, so this needs no record.
        if profile is None or place[1].partition(".")[0] == profile:
            found.append(place)
        last = place
    return found, None


def _all_behind(client: Client, start: ConnectionPlace | None) -> Iterator[ConnectionPlace]:
    """Yield every place behind `start`, by time and then by id, both descending."""
    highest, offset = (start[0] if start else "+inf"), 0
    while True:
        ids = cast(
            "list[tuple[str, float]]",
            client.zrevrangebyscore(
                keys.CONNECTIONS, highest, "-inf", start=offset, num=_BATCH, withscores=True
            ),
        )
        for connection_id, at in ids:
            place = (int(at), connection_id)
            if start is None or place < start:
                yield place
        if len(ids) < _BATCH:
            return
        offset += _BATCH


def place_of(connection: Connection) -> ConnectionPlace:
    """Return a connection's place in the list."""
    return connection.connected_at, connection.id


def write_connection_cursor(place: ConnectionPlace) -> str:
    """Return the cursor for a place."""
    return f"{place[0]}_{place[1]}"


def read_connection_cursor(text: str) -> ConnectionPlace:
    """Return the place of a cursor. Raises ValueError for any other text."""
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise ValueError("cursor is not one that this API has given out")
    return int(parts[1]), parts[2]
