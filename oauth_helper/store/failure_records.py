"""Read the records of failures, many in one round trip."""

from __future__ import annotations

from collections.abc import Sequence

from oauth_helper.failures.model import Failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.failure_layout import TEXTS, from_fields, from_texts
from oauth_helper.store.redis import Client, read_fields
from oauth_helper.store.requests import Requests

# The requested scopes, if only they are missing from the store.
_UNKNOWN = RequestedScopes(())


class FailureRecords:
    """The records in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requests = Requests(client)

    def get(self, reference: str) -> Failure | None:
        """Return one failure, or None if there is no record of it."""
        (found,) = self.get_all([reference])
        return found

    def get_all(self, references: Sequence[str]) -> list[Failure | None]:
        """Return the failures in this order, with None for each that is not stored."""
        with self._client.pipeline(transaction=False) as pipeline:
            for reference in references:
                pipeline.hgetall(keys.failure(reference))
            return self._read(pipeline.execute())

    def texts(self, references: Sequence[str]) -> list[Failure | None]:
        """Return the same with only their texts, in a third of the time."""
        with self._client.pipeline(transaction=False) as pipeline:
            for reference in references:
                pipeline.hmget(keys.failure(reference), *TEXTS)
            records = [
                {
                    name: value
                    for name, value in zip(TEXTS, values, strict=True)
                    if value is not None
                }
                for values in pipeline.execute()
            ]
        return [read_fields(from_texts, fields) for fields in records]

    def _read(self, records: Sequence[dict[str, str]]) -> list[Failure | None]:
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
