"""What many records of a day share, stored once under its hash: requested scopes, candidates."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Generic, TypeVar, cast

from oauth_helper.common.references import day_of
from oauth_helper.scopes import RequestedScopes, join_scope
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Texts of each kind that a process caches. Customers make few kinds of requests, clients more.
_CACHED = 1000


@lru_cache(maxsize=256)
def request_name(requested: RequestedScopes) -> str:
    """Return sixteen characters that identify the requested scopes."""
    return name_of(encode_request(requested))


@lru_cache(maxsize=256)
def encode_request(requested: RequestedScopes) -> str:
    """Return the requested scopes as stored, once for all attempts and failures of a day."""
    return f"{join_scope(requested.scope)}\n{join_scope(requested.optional_scope)}"


def decode_request(text: str) -> RequestedScopes:
    """Return the scopes that `encode_request` wrote."""
    scope, _, optional_scope = text.partition("\n")
    return RequestedScopes(tuple(scope.split()), tuple(optional_scope.split()))


@lru_cache(maxsize=512)
def name_of(text: str) -> str:
    """Return sixteen characters that identify a shared text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class SharedTexts(Generic[T]):
    """The shared texts of one hash of the days, cached here: what a name means never changes."""

    def __init__(self, client: Client, name: str, read: Callable[[str], T]) -> None:
        self._client, self._name, self._read = client, name, read
        self._known: dict[str, T] = {}

    def by_name(self, references: Mapping[str, str]) -> dict[str, T]:
        """Return what these names stand for, each with a reference of its day.

        Leaves out what is not stored or another version's. Raises `StoreUnavailableError`.
        """
        known = self._known
        missing = [name for name in references if name not in known]
        if not missing:
            return known
        with self._client.pipeline(transaction=False) as pipeline:
            for name in missing:
                pipeline.hget(keys.of_day(day_of(references[name]), self._name), name)
            texts = cast("list[str | None]", pipeline.execute())
        found: dict[str, T] = {}
        for name, text in zip(missing, texts, strict=True):
            try:
                found |= {} if text is None else {name: self._read(text)}
            except (KeyError, TypeError, ValueError):
                logger.exception("a shared text can't be read, and is left out: %s", name)
        known = {**known, **found}
        self._known = known if len(known) <= _CACHED else found
        return known
