"""Pages through the list of connections, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
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
    client: Client,
    start: ConnectionPlace | None,
    *,
    limit: int,
    wanted: Callable[[list[str]], Collection[str]],
) -> tuple[list[ConnectionPlace], ConnectionPlace | None]:
    """Return up to `limit` places behind `start`, and the one to continue at; None at the end.

    `wanted` returns those of some ids that are.
    """
    found: list[ConnectionPlace] = []
    last, examined = start, 0
    for batch in _all_behind(client, start):
        chosen = wanted([connection_id for _, connection_id in batch])
        for place in batch:
            if len(found) == limit or examined == _EXAMINED_AT_MOST:
                return found, last
            if place[1] in chosen:
                found.append(place)
            last = place
            examined += 1
    return found, None


def _all_behind(client: Client, start: ConnectionPlace | None) -> Iterator[list[ConnectionPlace]]:
    """Yield every place behind `start`, by time and then by id, both descending, in batches."""
    highest, offset = (start[0] if start else "+inf"), 0
    while True:
        ids = cast(
            "list[tuple[str, float]]",
            client.zrevrangebyscore(
                keys.CONNECTIONS, highest, "-inf", start=offset, num=_BATCH, withscores=True
            ),
        )
        places = [(int(at), connection_id) for connection_id, at in ids]
        yield [place for place in places if start is None or place < start]
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
