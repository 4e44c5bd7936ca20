"""Connections: the connected accounts, with their tokens encrypted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any, Final, cast

from oauth_helper.common.encryption import DecryptionError, Encryptor
from oauth_helper.common.references import day_of
from oauth_helper.models import Connection, Tokens
from oauth_helper.store import keys
from oauth_helper.store.connection_pages import (
    ConnectionPage,
    place_of,
    places_behind,
    read_connection_cursor,
    write_connection_cursor,
)
from oauth_helper.store.granted_scopes import GrantedScopes, Lacks
from oauth_helper.store.redis import Client, read_fields
from oauth_helper.store.redis_clients import LuaScript, Pipeline
from oauth_helper.store.webhook_events import WebhookEvents

# KEYS: connection. ARGV: its reference.
_FORGET: Final = """
if redis.call('HGET', KEYS[1], 'reference') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""

# KEYS: connection. ARGV: its reference, when its token expires, the field to delete if any, then
# the fields and values that change. HubSpot's response is about the tokens in the request: after a
# new connection or another refresh there are other tokens.
_CHANGE: Final = """
if redis.call('HGET', KEYS[1], 'reference') ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'expires_at') ~= ARGV[2] then return 0 end
if (redis.call('HGET', KEYS[1], 'ended_at') or '') ~= '' then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[1], ARGV[3]) end
return 1
"""

# KEYS: what a profile's connections were granted. ARGV: a connection, when it was made, the name of
# its set and the set, both empty to forget it, and `new` to leave one that is indexed.
_INDEX: Final = """
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and ARGV[5] == 'new' then return end
if before and before ~= ARGV[3] then
  local key = KEYS[1] .. ':' .. before
  redis.call('ZREM', key, ARGV[1])
  if redis.call('EXISTS', key) == 0 then redis.call('HDEL', KEYS[1] .. ':sets', before) end
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('HSET', KEYS[1] .. ':sets', ARGV[3], ARGV[4])
  redis.call('ZADD', KEYS[1] .. ':' .. ARGV[3], ARGV[2], ARGV[1])
end
"""

# Connections that are read in one round trip.
_BATCH: Final = 500

# Seconds. The longest time until an attempt connects, and the largest difference of clocks.
_LONGEST_ATTEMPT: Final = 7200
_CLOCK_SKEW: Final = 3600
_DAY: Final = 86_400


class Connections:
    """The connections in Redis. Methods raise `StoreUnavailableError`.

    `encryptor` encrypts the tokens; `events` gets what webhooks send.
    """

    def __init__(
        self, client: Client, *, encryptor: Encryptor, events: WebhookEvents | None = None
    ) -> None:
        self._client = client
        self._events = events
        self._forget = LuaScript(client, _FORGET)
        self._change = LuaScript(client, events.publish_by(_CHANGE) if events else _CHANGE)
        self._encryptor = encryptor
        self._granted = GrantedScopes(client)

    def save(self, connection: Connection, tokens: Tokens) -> None:
        """Store a connection; it replaces an earlier one of the same id with its tokens.

        The earlier one's customer stays, unless it names another.
        """
        with self._client.pipeline(transaction=False) as pipeline:
            self.add_to(pipeline, connection, tokens)
            pipeline.execute()

    def add_to(self, pipeline: Pipeline, connection: Connection, tokens: Tokens) -> None:
        """Add the commands of `save` to a pipeline."""
        fields = {**_to_fields(connection), "tokens": self._encryptor.encrypt_value(tokens)}
        if connection.customer or connection.customer_name:
            fields["customer"] = connection.customer
            fields["customer_name"] = connection.customer_name
            before = self._client.hget(keys.connection(connection.id), "customer")
            if before and before != connection.customer:
                pipeline.srem(keys.connections_of_customer(str(before)), connection.id)
        if self._events:
            self._events.connection_created(connection, pipeline)
        # The index first: an id without record is skipped, a record without id is never found.
        self._list(pipeline, connection)
        pipeline.hset(keys.connection(connection.id), mapping=cast("Any", fields))
        if connection.link:
            used = {"connection": connection.id, "reference": connection.reference}
            pipeline.hset(keys.link(connection.link), mapping=cast("Any", used))
            pipeline.expire(keys.link(connection.link), keys.LINK_KEPT)

    def index_all(self) -> None:
        """Once a day, index the connections that an earlier version stored."""
        if not self._client.set(keys.INDEXED, 1, nx=True, ex=_DAY):
            return
        ids = cast("list[str]", self._client.zrange(keys.CONNECTIONS, 0, -1))
        for batch in _batches(ids):
            with self._client.pipeline(transaction=False) as pipeline:
                for each in batch:
                    pipeline.hexists(keys.granted(each.partition(".")[0]), each)
                is_indexed = pipeline.execute()
                new = (each for each, known in zip(batch, is_indexed, strict=True) if not known)
                for connection in self._all(new):
                    self._list(pipeline, connection, only_new=True)
                pipeline.execute()

    def _list(self, pipeline: Pipeline, connection: Connection, *, only_new: bool = False) -> None:
        if not only_new:
            pipeline.zadd(keys.CONNECTIONS, {connection.id: connection.connected_at})
        if connection.hub_id is not None:
            pipeline.sadd(keys.connections_of(connection.hub_id), connection.id)
        if connection.customer:
            pipeline.sadd(keys.connections_of_customer(connection.customer), connection.id)
        granted = json.dumps([connection.granted, connection.missing_optional])
        name = hashlib.sha256(granted.encode()).hexdigest()[:16]
        _index(pipeline, connection, name, granted, "new" if only_new else "")

    def refresh(
        self, connection: Connection, tokens: Tokens, *, expires_at: int, issued_at: int = 0
    ) -> bool:
        """Store new tokens; False if the stored connection is no longer the one that was read."""
        changed = ["expires_at", str(expires_at), "issued_at", str(issued_at)]
        changed += ["tokens", self._encryptor.encrypt_value(tokens)]
        return self._change_if_same(connection, "", changed)

    def store_domain(self, connection: Connection, hub_domain: str) -> bool:
        """Store the domain of the account; False as for `refresh`. A new connection keeps it."""
        return self._change_if_same(connection, "", ["hub_domain", hub_domain])

    def end(self, connection: Connection, *, at: int, by: str, cause: str = "") -> bool:
        """Mark it as ended by the failure `by` and delete its tokens; False as for `refresh`."""
        ended = _ended_fields(at, by, cause)
        return self._change_if_same(connection, "tokens", ended, is_end=True)

    def _change_if_same(
        self, connection: Connection, dropped: str, changed: list[str], *, is_end: bool = False
    ) -> bool:
        if self._events:
            changed += self._events.of_connection(connection, is_end=is_end)
        same = [connection.reference, str(connection.expires_at)]
        key = keys.connection(connection.id)
        return bool(self._change(keys=[key], args=[*same, dropped, *changed]))

    def get(self, connection_id: str) -> Connection | None:
        """Return one connection without its tokens, or None."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.connection(connection_id)))
        return read_fields(_from_fields, fields)

    def tokens(self, connection_id: str) -> Tokens | None:
        """Return the tokens of a connection; None if it is gone or no key decrypts them."""
        encrypted = cast("str | None", self._client.hget(keys.connection(connection_id), "tokens"))
        return self._decrypted(encrypted)

    def with_tokens(self, connection_id: str) -> tuple[Connection, Tokens | None] | None:
        """Return a connection with its tokens, which are None if no key decrypts them."""
        fields = cast("dict[str, str]", self._client.hgetall(keys.connection(connection_id)))
        connection = read_fields(_from_fields, fields)
        return (connection, self._decrypted(fields.get("tokens"))) if connection else None

    def _decrypted(self, encrypted: str | None) -> Tokens | None:
        if encrypted is None:
            return None
        try:
            tokens: Tokens = self._encryptor.decrypt_value(encrypted, Tokens)
        except DecryptionError:
            return None
        return tokens

    def newest(self, *, limit: int) -> tuple[Connection, ...]:
        """Return connections, newest first."""
        ids = self._client.zrevrange(keys.CONNECTIONS, 0, limit - 1)
        return self._all(cast("list[str]", ids))

    def of_customer(self, customer: str) -> tuple[Connection, ...]:
        """Return the connections of one customer, newest first."""
        ids = cast("set[str]", self._client.smembers(keys.connections_of_customer(customer)))
        found = sorted(self._all(ids), key=place_of, reverse=True)
        return tuple(each for each in found if each.customer == customer)

    def of_account(self, hub_id: int) -> tuple[Connection, ...]:
        """Return the connections of one account, newest first."""
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
        customer: str | None = None,
        lacks: Lacks | None = None,
    ) -> ConnectionPage:
        """Return up to `limit` connections that match all filters, newest first, behind `cursor`.

        Raises ValueError for a cursor that `page` has not returned.
        """
        start = None if cursor is None else read_connection_cursor(cursor)
        if reference is None and hub_id is None and customer is None:
            sets = self._sets(profile, lacks)
            places, rest = places_behind(self._client, sets, start, limit=limit)
            found = self._all(connection_id for _, connection_id in places)
            return ConnectionPage(found, write_connection_cursor(rest) if rest else None)
        matching = [
            each
            for each in self._few(hub_id, reference, customer)
            if profile in (None, each.profile)
            and (start is None or place_of(each) < start)
            and (lacks is None or lacks(each.profile, (each.granted, each.missing_optional)))
        ]
        last = place_of(matching[limit - 1]) if len(matching) > limit else None
        return ConnectionPage(
            tuple(matching[:limit]), write_connection_cursor(last) if last else None
        )

    def _sets(self, profile: str | None, lacks: Lacks | None) -> list[str]:
        """Return the keys of the sorted sets with the connections of a profile that lack scopes."""
        if profile is None and lacks is None:
            return [keys.CONNECTIONS]
        names = (lacks.profiles if lacks else ()) if profile is None else (profile,)
        return self._granted.keys(names, lacks)

    def _few(
        self, hub_id: int | None, reference: str | None, customer: str | None
    ) -> tuple[Connection, ...]:
        """Return those of an account, a reference and a customer, as far as given; newest first."""
        if reference is not None:
            made = self.of_reference(reference)
            found: tuple[Connection, ...] = (made,) if made else ()
        elif hub_id is not None:
            found = self.of_account(hub_id)
        else:
            found = self.of_customer(customer or "")
        return tuple(
            each
            for each in found
            if hub_id in (None, each.hub_id) and customer in (None, each.customer)
        )

    def of_reference(self, reference: str) -> Connection | None:
        """Return the connection of an attempt; None also if the account has connected again."""
        # The reference contains the day, so only that day is searched.
        started = datetime.combine(day_of(reference), time(), UTC).timestamp()
        last = started + _DAY + _LONGEST_ATTEMPT + _CLOCK_SKEW
        ids = cast(
            "list[str]", self._client.zrangebyscore(keys.CONNECTIONS, started - _CLOCK_SKEW, last)
        )
        for batch in _batches(ids):
            with self._client.pipeline(transaction=False) as pipeline:
                for connection_id in batch:
                    pipeline.hget(keys.connection(connection_id), "reference")
                found = pipeline.execute()
            if reference in found:
                fields = self._client.hgetall(keys.connection(batch[found.index(reference)]))
                return read_fields(_from_fields, cast("dict[str, str]", fields))
        return None

    def _all(self, ids: Iterable[str]) -> tuple[Connection, ...]:
        """Return those that exist, in the order of `ids`."""
        with self._client.pipeline(transaction=False) as pipeline:
            for connection_id in ids:
                pipeline.hgetall(keys.connection(connection_id))
            found = (read_fields(_from_fields, fields) for fields in pipeline.execute())
            return tuple(each for each in found if each is not None)

    def count(self, *, profile: str | None = None, lacks: Lacks | None = None) -> int:
        """Return the number of connections, of a profile or of those that lack scopes."""
        return self._granted.count(self._sets(profile, lacks))

    def forget(self, connection: Connection) -> None:
        """Delete a connection and its tokens, unless the account has connected again since."""
        if self._forget(keys=[keys.connection(connection.id)], args=[connection.reference]):
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.zrem(keys.CONNECTIONS, connection.id)
                _index(pipeline, connection, "", "", "")
                if connection.hub_id is not None:
                    pipeline.srem(keys.connections_of(connection.hub_id), connection.id)
                if connection.customer:
                    pipeline.srem(keys.connections_of_customer(connection.customer), connection.id)
                pipeline.execute()
            if anew := self.get(connection.id):  # connected in the meantime
                with self._client.pipeline(transaction=False) as pipeline:
                    self._list(pipeline, anew)
                    pipeline.execute()


def _index(pipeline: Pipeline, connection: Connection, *arguments: str) -> None:
    # The script is sent whole, as a pipeline can't send it again to a server that doesn't know it.
    key, at = keys.granted(connection.profile), connection.connected_at
    pipeline.execute_command("EVAL", _INDEX, 1, key, connection.id, at, *arguments)  # type: ignore[no-untyped-call]


def _batches(ids: list[str]) -> Iterator[list[str]]:
    remaining = iter(ids)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _ended_fields(at: int, by: str, cause: str) -> list[str]:
    return ["ended_at", str(at), "ended_by", by, "ended_cause", cause]


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
        "issued_at": str(connection.issued_at),
        "reference": connection.reference,
        "client": connection.client,
        "ended_at": "" if connection.ended_at is None else str(connection.ended_at),
        "ended_by": connection.ended_by,
        "ended_cause": connection.ended_cause,
        "link": connection.link,
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
        ended_cause=fields.get("ended_cause", ""),
        customer=fields.get("customer", ""),
        customer_name=fields.get("customer_name", ""),
        link=fields.get("link", ""),
        issued_at=int(fields.get("issued_at", 0)),
        hub_domain=fields.get("hub_domain", ""),
    )
