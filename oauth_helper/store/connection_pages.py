"""Pages through the list of connections, newest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from oauth_helper.models import Connection
from oauth_helper.store.redis import Client

#: When a connection was made, and its id: the order of the list.
ConnectionPlace = tuple[int, str]

_CURSOR: Final = re.compile(r"([0-9]{1,12})_([A-Za-z0-9._-]{1,200})")


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """Some connections, newest first. `next_cursor` continues behind them; None at the end."""

    connections: tuple[Connection, ...]
    next_cursor: str | None


def places_behind(
    client: Client, sets: Sequence[str], start: ConnectionPlace | None, *, limit: int
) -> tuple[list[ConnectionPlace], ConnectionPlace | None]:
    """Return up to `limit` places behind `start`, and the one to continue at; None at the end.

    `sets` are the keys of the sorted sets that have them.
    """
    most = start[0] if start else "+inf"
    # Of many sets each probably has few of them. Before `start` are others of the same second.
    number = min(limit, 9 + 3 * limit // max(1, len(sets))) + 5
    while True:
        with client.pipeline(transaction=False) as pipeline:
            for key in sets:
                pipeline.zrevrangebyscore(key, most, "-inf", start=0, num=number, withscores=True)
            places = [[(int(at), name) for name, at in each] for each in pipeline.execute()]
        found = sorted(chain(*places), reverse=True)
        behind = [place for place in found if start is None or place < start][: limit + 1]
        last = behind[limit] if len(behind) > limit else (0, "")
        if all(len(each) < number or each[-1] < last for each in places):
            return behind[:limit], behind[limit - 1] if len(behind) > limit else None
        number *= 4


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
