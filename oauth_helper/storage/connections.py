"""Connections: the accounts that are connected, with their tokens sealed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any, Final, cast

from oauth_helper.records import Connection, Tokens
from oauth_helper.reference import day_of
from oauth_helper.secret import Secret
from oauth_helper.storage import keys
from oauth_helper.storage.client import Client, raises_unavailable

_FORGET: Final = """
if redis.call('HGET', KEYS[1], 'reference') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

# Connections whose references are read at a time.
_AT_ONCE: Final = 500

# Seconds. The longest that an attempt takes until it connects, and what clocks may differ.
_LONGEST: Final = 7200
_CLOCKS: Final = 3600
_DAY: Final = 86_400


class Connections:
    """The connections in Redis. Methods raise `StoreUnavailableError`.

    `seal` and `unseal` turn the tokens into what is written and back.
    """

    def __init__(
        self, client: Client, *, seal: Callable[[bytes], bytes], unseal: Callable[[bytes], bytes]
    ) -> None:
        self._client = client
        self._forget = client.register_script(_FORGET)
        self._seal, self._unseal = seal, unseal

    @raises_unavailable
    def save(self, connection: Connection, tokens: Tokens) -> None:
        """Writes a connection; an earlier one of the same id is replaced, tokens and all."""
        plain = json.dumps([tokens.access_token.reveal(), tokens.refresh_token.reveal()])
        fields = {**_to_fields(connection), "tokens": self._seal(plain.encode()).decode()}
        with self._client.pipeline(transaction=False) as pipeline:
            # The index first: an id without record is passed over, a record without id is lost.
            pipeline.zadd(keys.CONNECTIONS, {connection.id: connection.connected_at})
            pipeline.hset(keys.connection(connection.id), mapping=cast("Any", fields))
            pipeline.execute()

    @raises_unavailable
    def get(self, connection_id: str) -> Connection | None:
        """One connection without its tokens, or None."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.connection(connection_id)))
        return _from_fields(fields) if fields else None

    @raises_unavailable
    def tokens(self, connection_id: str) -> Tokens | None:
        """The tokens of a connection, or None when it is gone or no key opens them any more."""
        sealed = cast("str | None", self._client.hget(keys.connection(connection_id), "tokens"))
        if sealed is None:
            return None
        try:
            access_token, refresh_token = json.loads(self._unseal(sealed.encode()))
        except ValueError:
            return None
        return Tokens(Secret(access_token), Secret(refresh_token))

    @raises_unavailable
    def newest(self, *, limit: int, offset: int = 0) -> tuple[Connection, ...]:
        """Connections, the latest first."""
        ids = self._client.zrevrange(keys.CONNECTIONS, offset, offset + limit - 1)
        return self._all(cast("list[str]", ids))

    @raises_unavailable
    def of_account(self, hub_id: int, *, profiles: Iterable[str]) -> tuple[Connection, ...]:
        """The connections of one account with these profiles, the latest first."""
        found = self._all(f"{profile}.{hub_id}" for profile in profiles)
        return tuple(sorted(found, key=lambda each: -each.connected_at))

    @raises_unavailable
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

    @raises_unavailable
    def count(self) -> int:
        """How many connections there are."""
        return self._client.zcard(keys.CONNECTIONS)

    @raises_unavailable
    def forget(self, connection: Connection) -> None:
        """Removes a connection and its tokens, unless the account has connected anew since."""
        if self._forget(keys=[keys.connection(connection.id)], args=[connection.reference]):
            self._client.zrem(keys.CONNECTIONS, connection.id)
            if self._client.exists(keys.connection(connection.id)):  # connected in between
                self._client.zadd(keys.CONNECTIONS, {connection.id: connection.connected_at})


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
    )
