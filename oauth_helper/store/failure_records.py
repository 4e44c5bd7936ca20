"""Read the records of failures, many in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from oauth_helper.failures.model import Failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.failure_layout import TEXTS, decode_candidates, from_fields, from_texts
from oauth_helper.store.redis import Client, in_calls, read_fields
from oauth_helper.store.redis_clients import LuaScript
from oauth_helper.store.shared_texts import SharedTexts, decode_request

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
        self._requests = SharedTexts(client, keys.REQUESTS, decode_request)
        self._diagnoses = SharedTexts(client, keys.DIAGNOSES, decode_candidates)
        self._fetch_hashes = LuaScript(client, _FETCH_HASHES)

    def get(self, reference: str) -> Failure | None:
        """Return one failure, or None if there is no record of it."""
        (found,) = self.get_all([reference])
        return found

    def get_all(self, references: Sequence[str]) -> list[Failure | None]:
        """Return the failures in this order, with None for each that is not stored."""
        records = [
            _record(reference, zip(fields[::2], fields[1::2], strict=True))
            for reference, fields in self._fetch(references)
        ]
        requests = self._requests.by_name(_names_in(records, "request"))
        diagnoses = self._diagnoses.by_name(_names_in(records, "diagnosis"))
        return [
            read_fields(
                from_fields,
                fields,
                requests.get(fields.get("request", ""), _UNKNOWN),
                diagnoses.get(fields.get("diagnosis", ""), ()),
            )
            for fields in records
        ]

    def texts(self, references: Sequence[str]) -> list[Failure | None]:
        """Return the same with only their texts, in a third of the time."""
        records = [
            _record(reference, zip(TEXTS, values, strict=True))
            for reference, values in self._fetch(references, *TEXTS)
        ]
        return [read_fields(from_texts, fields) for fields in records]

    def _fetch(
        self, references: Sequence[str], *fields: str
    ) -> Iterable[tuple[str, list[str | None]]]:
        """Return the values of `fields` of each record, or all its fields with their values."""
        names = [keys.failure(reference) for reference in references]
        calls = [(part, fields) for part in in_calls(self._client, names)]
        found = chain.from_iterable(self._fetch_hashes.run_all(calls))
        return zip(references, found, strict=True)


def _record(reference: str, fields: Iterable[tuple[str | None, str | None]]) -> dict[str, str]:
    """Return the fields that a record has, with the reference of its key; empty without one."""
    found = {name: value for name, value in fields if name and value is not None}
    return {**found, "reference": reference} if found else {}


def _names_in(records: Iterable[Mapping[str, str]], field: str) -> dict[str, str]:
    """Return the names of shared texts in a field, each with a reference of its day."""
    return {fields[field]: fields["reference"] for fields in records if fields.get(field)}
