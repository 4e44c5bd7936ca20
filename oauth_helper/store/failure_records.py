"""Read the records of failures, many in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from oauth_helper.common.references import day_of
from oauth_helper.failures.model import Failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store import keys
from oauth_helper.store.failure_codec import (
    TEXTS,
    decode_request,
    from_fields,
    from_texts,
)
from oauth_helper.store.redis import Client

# The requested scopes, if only they are missing from the store.
_UNKNOWN = RequestedScopes(())

# Kinds of requests that a process caches. Customers make few kinds, proxy clients more.
_CACHED = 1000


class FailureRecords:
    """The records in Redis. Methods raise `StoreUnavailableError`.

    Requested scopes are stored once a day and cached here; they never change, as their name is a
    hash of them.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._requests: dict[str, RequestedScopes] = {}

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
            return [from_texts(values) for values in pipeline.execute()]

    def _read(self, records: Sequence[dict[str, str]]) -> list[Failure | None]:
        known = self._known_requests(records)
        return [
            from_fields(fields, known.get(fields["request"], _UNKNOWN)) if fields else None
            for fields in records
        ]

    def _known_requests(self, records: Sequence[dict[str, str]]) -> dict[str, RequestedScopes]:
        """Return the scopes that these requested, by name."""
        known = self._requests
        missing = {
            fields["request"]: fields["reference"]
            for fields in records
            if fields and fields["request"] not in known
        }
        if not missing:
            return known
        with self._client.pipeline(transaction=False) as pipeline:
            for name, reference in missing.items():
                pipeline.hget(keys.of_day(day_of(reference), keys.REQUESTS), name)
            texts = cast("list[str | None]", pipeline.execute())
        found = {
            name: decode_request(text)
            for name, text in zip(missing, texts, strict=True)
            if text is not None
        }
        known = {**known, **found}
        self._requests = known if len(known) <= _CACHED else found
        return known
