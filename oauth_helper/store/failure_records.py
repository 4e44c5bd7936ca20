"""Read the records of failures, many in one round trip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from oauth_helper.failures.model import Failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.failure_layout import TEXTS, from_fields, from_texts
from oauth_helper.store.redis import Client, in_calls, read_fields
from oauth_helper.store.redis_clients import LuaScript
from oauth_helper.store.requests import Requests

# As one command: redis-py takes three times as long to send and read fifty.
_FETCH_HASHES: Final = """
local found = {}
for i = 1, #KEYS do
  found[i] = #ARGV > 0 and redis.call('HMGET', KEYS[i], unpack(ARGV))
    or redis.call('HGETALL', KEYS[i])
end
return found
"""

# The requested scopes, if only they are missing from the store.
_UNKNOWN = RequestedScopes(())


class FailureRecords:
    """The records in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requests = Requests(client)
        self._fetch_hashes = LuaScript(client, _FETCH_HASHES)

    def get(self, reference: str) -> Failure | None:
        """Return one failure, or None if there is no record of it."""
        (found,) = self.get_all([reference])
        return found

    def get_all(self, references: Sequence[str]) -> list[Failure | None]:
        """Return the failures in this order, with None for each that is not stored."""
        records = self._fetch(references)
        return self._parse([dict(zip(each[::2], each[1::2], strict=True)) for each in records])

    def texts(self, references: Sequence[str]) -> list[Failure | None]:
        """Return the same with only their texts, in a third of the time."""
        records = [
            {name: value for name, value in zip(TEXTS, values, strict=True) if value is not None}
            for values in self._fetch(references, TEXTS)
        ]
        return [read_fields(from_texts, fields) for fields in records]

    def _fetch(self, references: Sequence[str], fields: Sequence[str] = ()) -> Iterator[list[Any]]:
        """Yield the values of each record's `fields`, or all its fields with their values."""
        names = [keys.failure(reference) for reference in references]
        calls = [(part, fields) for part in in_calls(self._client, names)]
        return chain.from_iterable(self._fetch_hashes.run_all(calls))

    def _parse(self, records: Sequence[dict[str, str]]) -> list[Failure | None]:
        known = self._requests.by_name(
            {
                fields["request"]: fields["reference"]
                for fields in records
                if {"request", "reference"} <= fields.keys()
            }
        )
        return [
            read_fields(from_fields, fields, known.get(fields.get("request", ""), _UNKNOWN))
            for fields in records
        ]
