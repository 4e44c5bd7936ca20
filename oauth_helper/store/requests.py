"""The requested scopes of attempts and failures, stored once a day under their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from oauth_helper.common.references import day_of
from oauth_helper.scopes import RequestedScopes, join_scope
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# Kinds of requests that a process caches. Customers make few kinds, proxy clients more.
_CACHED = 1000


@lru_cache(maxsize=256)
def request_name(requested: RequestedScopes) -> str:
    """Return sixteen characters that identify the requested scopes."""
    return hashlib.sha256(encode_request(requested).encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def encode_request(requested: RequestedScopes) -> str:
    """Return the requested scopes as stored, once for all attempts and failures of a day."""
    return f"{join_scope(requested.scope)}\n{join_scope(requested.optional_scope)}"


def decode_request(text: str) -> RequestedScopes:
    """Return the scopes that `encode_request` wrote."""
    scope, _, optional_scope = text.partition("\n")
    return RequestedScopes(tuple(scope.split()), tuple(optional_scope.split()))


class Requests:
    """The requested scopes in Redis, cached here: what a name stands for never changes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, RequestedScopes] = {}

    def by_name(self, references: Mapping[str, str]) -> dict[str, RequestedScopes]:
        """Return what these names stand for, each with a reference of its day.

        Leaves out what is not stored. Raises `StoreUnavailableError`.
        """
        known = self._known
        missing = [name for name in references if name not in known]
        if not missing:
            return known
        with self._client.pipeline(transaction=False) as pipeline:
            for name in missing:
                pipeline.hget(keys.of_day(day_of(references[name]), keys.REQUESTS), name)
            texts = cast("list[str | None]", pipeline.execute())
        pairs = zip(missing, texts, strict=True)
        found = {name: decode_request(text) for name, text in pairs if text is not None}
        known = {**known, **found}
        self._known = known if len(known) <= _CACHED else found
        return known
