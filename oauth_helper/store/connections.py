"""Connections: the accounts that are connected, with their tokens sealed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any, Final, cast

from oauth_helper.common.encryption import DecryptionError, Encryptor
from oauth_helper.common.references import day_of
from oauth_helper.models import Connection, Tokens
from oauth_helper.store import keys
from oauth_helper.store.lua_script import LuaScript
from oauth_helper.store.redis import Client

_FORGET: Final = """
if redis.call('HGET', KEYS[1], 'reference') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

# What HubSpot gave or refused belongs to the tokens that it was asked with: whoever connected anew
# or refreshed meanwhile has others. KEYS: connection. ARGV: its reference, when its token expires,
# the field that goes if any, then the fields and values that change.
_CHANGE: Final = """
if redis.call('HGET', KEYS[1], 'reference') ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'expires_at') ~= ARGV[2] then return 0 end
if (redis.call('HGET', KEYS[1], 'ended_at') or '') ~= '' then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[1], ARGV[3]) end
return 1
"""

# Connections whose references are read at a time.
_AT_ONCE: Final = 500

# Seconds. The longest that an attempt takes until it connects, and what clocks may differ.
_LONGEST: Final = 7200
_CLOCKS: Final = 3600
_DAY: Final = 86_400


class Connections:
    """The connections in Redis. Methods raise `StoreUnavailableError`.

    `encrypt` and `decrypt` turn the tokens into what is written and back.
    """

    def __init__(
        self,
        client: Client,
        *,
        encryptor: Encryptor,
    ) -> None:
        self._client = client
        self._forget = LuaScript(client, _FORGET)
        self._change = LuaScript(client, _CHANGE)
        self._encryptor = encryptor

    def save(self, connection: Connection, tokens: Tokens) -> None:
        """Writes a connection; an earlier one of the same id is replaced, tokens and all."""
        fields = {**_to_fields(connection), "tokens": self._encrypted(tokens)}
        with self._client.pipeline(transaction=False) as pipeline:
            # The index first: an id without record is passed over, a record without id is lost.
            pipeline.zadd(keys.CONNECTIONS, {connection.id: connection.connected_at})
            if connection.hub_id is not None:
                pipeline.sadd(keys.connections_of(connection.hub_id), connection.id)
            pipeline.hset(keys.connection(connection.id), mapping=cast("Any", fields))
            pipeline.execute()

    def refresh(self, connection: Connection, tokens: Tokens, *, expires_at: int) -> bool:
        """Writes new tokens; False when it is not the connection any more that was read."""
        changed = ["expires_at", str(expires_at), "tokens", self._encrypted(tokens)]
        return self._change_if_same(connection, "", changed)

    def end(self, connection: Connection, *, at: int, by: str) -> bool:
        """Marks it as ended by the failure `by` and drops its tokens; False as for `refresh`."""
        return self._change_if_same(connection, "tokens", ["ended_at", str(at), "ended_by", by])

    def _change_if_same(self, connection: Connection, dropped: str, changed: list[str]) -> bool:
        same = [connection.reference, str(connection.expires_at)]
        key = keys.connection(connection.id)
        return bool(self._change(keys=[key], args=[*same, dropped, *changed]))

    def get(self, connection_id: str) -> Connection | None:
        """One connection without its tokens, or None."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.connection(connection_id)))
        return _from_fields(fields) if fields else None

    def tokens(self, connection_id: str) -> Tokens | None:
        """The tokens of a connection, or None when it is gone or no key opens them any more."""
        encrypted = cast("str | None", self._client.hget(keys.connection(connection_id), "tokens"))
        return self._decrypted(encrypted)

    def with_tokens(self, connection_id: str) -> tuple[Connection, Tokens | None] | None:
        """A connection with its own tokens, None in place of what no key opens; None for none."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.connection(connection_id)))
        return (_from_fields(fields), self._decrypted(fields.get("tokens"))) if fields else None

    def _encrypted(self, tokens: Tokens) -> str:
        return self._encryptor.encrypt_value(tokens)

    def _decrypted(self, encrypted: str | None) -> Tokens | None:
        if encrypted is None:
            return None
        try:
            tokens: Tokens = self._encryptor.decrypt_value(encrypted, Tokens)
        except DecryptionError:
            return None
        return tokens

    def newest(self, *, limit: int, offset: int = 0) -> tuple[Connection, ...]:
        """Connections, the latest first."""
        ids = self._client.zrevrange(keys.CONNECTIONS, offset, offset + limit - 1)
        return self._all(cast("list[str]", ids))

    def of_account(self, hub_id: int, *, profiles: Iterable[str]) -> tuple[Connection, ...]:
        """The connections of one account with these profiles, the latest first."""
        wanted = set(profiles)
        return tuple(each for each in self._of_account(hub_id) if each.profile in wanted)

    def _of_account(self, hub_id: int) -> tuple[Connection, ...]:
        ids = cast("set[str]", self._client.smembers(keys.connections_of(hub_id)))
        return tuple(sorted(self._all(ids), key=place_of, reverse=True))

    def page(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        profile: str | None = None,
        hub_id: int | None = None,
        reference: str | None = None,
    ) -> ConnectionPage:
        """The latest connections that are all that is given, behind `cursor` if one is given.

        At most `limit`; fewer also where many others lie in between. Raises ValueError when the
        cursor is none of ours.
        """
        start = None if cursor is None else read_cursor(cursor)
        if reference is None and hub_id is None:
            places, rest = walk(self._client, start, limit=limit, profile=profile)
            found = self._all(connection_id for _, connection_id in places)
            return ConnectionPage(found, write_cursor(rest) if rest else None)
        wanted = [
            each
            for each in self._few(hub_id, reference)
            if profile in (None, each.profile) and (start is None or place_of(each) < start)
        ]
        last = place_of(wanted[limit - 1]) if len(wanted) > limit else None
        return ConnectionPage(tuple(wanted[:limit]), write_cursor(last) if last else None)

    def _few(self, hub_id: int | None, reference: str | None) -> tuple[Connection, ...]:
        """Those of an account, or the one of a reference, or what is both; the latest first."""
        if reference is None:
            return () if hub_id is None else self._of_account(hub_id)
        made = self.of_reference(reference)
        return (made,) if made is not None and hub_id in (None, made.hub_id) else ()

    def of_reference(self, reference: str) -> Connection | None:
        """The connection that this attempt has made; None too when the account has made it anew."""
        # The reference tells the day, so there is no need to look through more.
        began = datetime.combine(day_of(reference), time(), UTC).timestamp()
        last = began + _DAY + _LONGEST + _CLOCKS
        ids = cast("list[str]", self._client.zrangebyscore(keys.CONNECTIONS, began - _CLOCKS, last))
        for some in _in_chunks(ids):
            with self._client.pipeline(transaction=False) as pipeline:
                for connection_id in some:
                    pipeline.hget(keys.connection(connection_id), "reference")
                found = pipeline.execute()
            if reference in found:
                fields = self._client.hgetall(keys.connection(some[found.index(reference)]))
                return _from_fields(cast("dict[str, str]", fields)) if fields else None
        return None

    def _all(self, ids: Iterable[str]) -> tuple[Connection, ...]:
        """Those that are there, in the order of their ids."""
        with self._client.pipeline(transaction=False) as pipeline:
            for connection_id in ids:
                pipeline.hgetall(keys.connection(connection_id))
            return tuple(_from_fields(fields) for fields in pipeline.execute() if fields)

    def count(self) -> int:
        """How many connections there are."""
        return self._client.zcard(keys.CONNECTIONS)

    def forget(self, connection: Connection) -> None:
        """Removes a connection and its tokens, unless the account has connected anew since."""
        if self._forget(keys=[keys.connection(connection.id)], args=[connection.reference]):
            self._client.zrem(keys.CONNECTIONS, connection.id)
            if connection.hub_id is not None:
                self._client.srem(keys.connections_of(connection.hub_id), connection.id)
            if self._client.exists(keys.connection(connection.id)):  # connected in between
                self._client.zadd(keys.CONNECTIONS, {connection.id: connection.connected_at})
                if connection.hub_id is not None:
                    self._client.sadd(keys.connections_of(connection.hub_id), connection.id)


def _in_chunks(ids: list[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some


def _to_fields(connection: Connection) -> dict[str, str]:
    return {
        "v": "1",
        "id": connection.id,
        "profile": connection.profile,
        "hub_id": "" if connection.hub_id is None else str(connection.hub_id),
        "granted": "" if connection.granted is None else json.dumps(connection.granted),
        "missing_optional": " ".join(connection.missing_optional),
        "connected_at": str(connection.connected_at),
        "expires_at": str(connection.expires_at),
        "reference": connection.reference,
        "client": connection.client,
        "ended_at": "" if connection.ended_at is None else str(connection.ended_at),
        "ended_by": connection.ended_by,
    }


def _from_fields(fields: dict[str, str]) -> Connection:
    return Connection(
        id=fields["id"],
        profile=fields["profile"],
        hub_id=int(fields["hub_id"]) if fields["hub_id"] else None,
        granted=tuple(json.loads(fields["granted"])) if fields["granted"] else None,
        missing_optional=tuple(fields["missing_optional"].split()),
        connected_at=int(fields["connected_at"]),
        expires_at=int(fields["expires_at"]),
        reference=fields["reference"],
        client=fields["client"],
        ended_at=int(fields["ended_at"]) if fields["ended_at"] else None,
        ended_by=fields["ended_by"],
    )


#: When a connection was made, and its id.
Place = tuple[int, str]

# Ids that one page looks at to find those of a profile.
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
