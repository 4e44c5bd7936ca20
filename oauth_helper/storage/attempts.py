"""Attempts: noted when they begin, claimed once when they return, closed with their outcome."""

from __future__ import annotations

from typing import Final, cast

from oauth_helper.records import Attempt
from oauth_helper.reference import day_of
from oauth_helper.scopes import join_scope
from oauth_helper.storage import keys
from oauth_helper.storage.client import Client, raises_unavailable

# Seconds that an attempt is remembered: over a weekend, and so much longer than one can take.
_KEPT = 3 * 86_400

_NOTE: Final = """
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""

_CLAIM: Final = """
local first = redis.call('HSETNX', KEYS[1], 'claimed', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
return first
"""

_CLOSE: Final = """
redis.call('HSET', KEYS[1], 'outcome', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return redis.call('ZREM', KEYS[2], ARGV[1])
"""


class Attempts:
    """The attempts in Redis. Each method is one round trip; raises `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._note = client.register_script(_NOTE)
        self._claim = client.register_script(_CLAIM)
        self._close = client.register_script(_CLOSE)

    @raises_unavailable
    def note(self, attempt: Attempt) -> None:
        """Remembers an attempt that has begun."""
        fields = {
            "v": "1",
            "profile": attempt.profile,
            "scope": join_scope(attempt.requested.scope),
            "optional_scope": join_scope(attempt.requested.optional_scope),
            "begun_at": str(attempt.begun_at),
        }
        arguments = [attempt.reference, str(attempt.deadline), str(_KEPT)]
        self._note(
            keys=self._keys(attempt.reference),
            args=[*arguments, *(part for field in fields.items() for part in field)],
        )

    @raises_unavailable
    def claim(self, reference: str) -> bool:
        """True for the first caller only: an authorization response is dealt with once."""
        return bool(self._claim(keys=[keys.attempt(reference)], args=[str(_KEPT)]))

    @raises_unavailable
    def close(self, reference: str, outcome: str) -> None:
        """Notes how the attempt ended; it no longer counts as open."""
        self._close(keys=self._keys(reference), args=[reference, outcome, str(_KEPT)])

    @raises_unavailable
    def outcome(self, reference: str) -> str | None:
        """How an attempt stands: `open`, `connected` or `failed`; None when nothing is known."""
        known, outcome = self._client.hmget(keys.attempt(reference), ["v", "outcome"])
        return cast("str | None", outcome or (known and "open"))

    @staticmethod
    def _keys(reference: str) -> list[str]:
        return [keys.attempt(reference), keys.open_attempts(day_of(reference))]
