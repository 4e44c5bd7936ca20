"""Records of earlier versions, written as they are written now, once for a store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, cast

from oauth_helper.store import keys
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client, LuaScript

# The version of what this program stores.
_FORMAT: Final = "2"

# Records that are looked at together.
_AT_ONCE = 1000

# The first version kept a set where there is a hash of counters now, which no write gets past.
_DROP_SET: Final = """
if redis.call('TYPE', KEYS[1]).ok == 'set' then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Migrations:
    """Brings what an earlier program left up to date. Methods raise `StoreUnavailableError`.

    Any number of processes may do it together, and one that dies over it is followed by another.
    """

    def __init__(self, client: Client, failures: Failures) -> None:
        self._client = client
        self._failures = failures
        self._drop_set = LuaScript(client, _DROP_SET)
        self._is_done = False

    def migrate(self) -> int:
        """How many failures were written anew; 0 once it is done."""
        if self._is_done or self._client.get(keys.FORMAT) == _FORMAT:
            self._is_done = True
            return 0
        days = [
            date.fromisoformat(day)
            for day in cast("list[str]", self._client.zrange(keys.DAYS, 0, -1))
        ]
        for day in days:
            self._drop_set(keys=[keys.of_day(day, keys.GROUPS)], args=[])
        changed = sum(self._day_brought_up_to_date(day) for day in days)
        self._list_connections_by_account()
        # Last, so that whoever dies before leaves it to the next.
        self._client.set(keys.FORMAT, _FORMAT)
        self._is_done = True
        return changed

    def _day_brought_up_to_date(self, day: date) -> int:
        """Records of the first version are in fewer indexes, and not counted at all."""
        if self._is_counted(day):
            return 0
        changed = 0
        for references in self._chunks(keys.failures(day)):
            with self._client.pipeline(transaction=False) as pipeline:
                for reference in references:
                    pipeline.hget(keys.failure(reference), "v")
                versions = pipeline.execute()
            old = [each for each, v in zip(references, versions, strict=True) if v == "1"]
            changed += sum(self._failures.migrate(each) for each in old)
        return changed

    def _is_counted(self, day: date) -> bool:
        counts = cast("list[str]", self._client.hvals(keys.of_day(day, keys.COUNTS)))
        return sum(map(int, counts)) == self._client.zcard(keys.failures(day))

    def _list_connections_by_account(self) -> None:
        for ids in self._chunks(keys.CONNECTIONS):
            with self._client.pipeline(transaction=False) as pipeline:
                for each in ids:
                    pipeline.hget(keys.connection(each), "hub_id")
                accounts = cast("list[str | None]", pipeline.execute())
            with self._client.pipeline(transaction=False) as pipeline:
                for each, account in zip(ids, accounts, strict=True):
                    if account:
                        pipeline.sadd(keys.connections_of(int(account)), each)
                pipeline.execute()

    def _chunks(self, key: str) -> Iterator[list[str]]:
        """The members of a sorted set. Nothing here changes their order."""
        start = 0
        while some := cast("list[str]", self._client.zrange(key, start, start + _AT_ONCE - 1)):
            yield some
            start += len(some)
