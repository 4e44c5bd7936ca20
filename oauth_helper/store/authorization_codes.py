"""What clients of the proxy are given: codes, each good for one exchange, and what became of it."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, cast

from oauth_helper.common.encryption import Encryptor
from oauth_helper.models import IssuedCode
from oauth_helper.store import keys
from oauth_helper.store.lua_script import LuaScript
from oauth_helper.store.redis import Client

#: Seconds that a code lives. RFC 6749 section 4.1.2 allows ten minutes; a client takes one second.
#: Shorter than what an attempt may be in hand, so that a code that nobody fetches is noticed.
CODE_LIFETIME = 100

# Seconds that a code is remembered after it was used, to notice that it is used again.
_REMEMBERED: Final = 600

# Seconds after its last use that a grant is remembered. HubSpot's refresh tokens have no end; one
# that a program on somebody's computer has not used for so long is given up.
_GRANT_KEPT: Final = 400 * 86_400

# Seconds for which a refresh token that has been replaced is still good: answers get lost.
_GRACE: Final = 60

# The first caller's mark stays. A client that lost the reply asks again, with the same mark.
_TAKE: Final = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
"""

# Generations of refresh tokens. The very one that was used last is good for a while; anything else
# that is not of the newest generation is a replay, also the twin that its second use has made.
_CHECK: Final = """
if redis.call('HGET', KEYS[1], 'withdrawn') then return -1 end
if ARGV[1] == '' then return 0 end
local newest = tonumber(redis.call('HGET', KEYS[1], 'generation') or '-9')
local since = tonumber(redis.call('HGET', KEYS[1], 'since') or '0')
local given, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local is_last = redis.call('HGET', KEYS[1], 'used') == ARGV[6]
if given == newest - 1 and is_last and now - since <= tonumber(ARGV[3]) then return newest end
if given ~= newest then
  if newest >= 0 then redis.call('HSET', KEYS[1], 'withdrawn', '1') end
  return -1
end
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'generation', newest + 1, 'since', ARGV[2], 'used', ARGV[6])
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return newest + 1
"""


class Codes:
    """The codes and the grants in Redis. Methods raise `StoreUnavailableError`.

    `encrypt` and `decrypt` turn what a code stands for into what is written and back; the code itself
    is not written, only its hash.
    """

    def __init__(
        self,
        client: Client,
        *,
        encryptor: Encryptor,
    ) -> None:
        self._client = client
        self._encryptor = encryptor
        self._take = LuaScript(client, _TAKE)
        self._check = LuaScript(client, _CHECK)

    def keep(self, code: str, issued: IssuedCode) -> None:
        """Remembers what a code stands for, for `CODE_LIFETIME` seconds."""
        encrypted = self._encryptor.encrypt_value(issued)
        self._client.set(keys.code(_hashed(code)), encrypted, ex=CODE_LIFETIME)

    def find(self, code: str) -> IssuedCode | None:
        """What a code stands for; None when it is unknown, used or too old."""
        encrypted = cast("str | None", self._client.get(keys.code(_hashed(code))))
        try:
            if encrypted is None:
                return None
            issued: IssuedCode = self._encryptor.decrypt_value(encrypted, IssuedCode)
        except ValueError:
            return None
        return issued

    def take(self, code: str, *, by: str, grant: str) -> bool:
        """True for the first caller only. Remembers that the client `by` used it for `grant`."""
        mark = f"{secrets.token_hex(8)} {by} {grant}"
        taken = self._take(keys=[keys.used_code(_hashed(code))], args=[mark, str(_REMEMBERED)])
        if taken:
            self._client.delete(keys.code(_hashed(code)))
        return bool(taken)

    def used_for(self, code: str, *, by: str) -> str | None:
        """The grant that a client has used a code for; None when it has not."""
        mark = cast("str | None", self._client.get(keys.used_code(_hashed(code))))
        _, client, grant = (mark or "  ").split(" ")
        return grant if mark and client == by else None

    def begin(self, grant: str, now: float) -> None:
        """Begins to count the refresh tokens of a public client's grant."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(keys.grant(grant), mapping={"generation": 0, "since": int(now)})
            pipeline.expire(keys.grant(grant), _GRANT_KEPT)
            pipeline.execute()

    def next_generation(
        self, grant: str, generation: int | None, mark: str, now: float, *, advance: bool
    ) -> int | None:
        """The generation of the refresh token that comes after one of `generation`, named `mark`.

        None when the grant was withdrawn, or is withdrawn now because the token was replaced long
        ago and somebody still has it (RFC 9700 section 4.14.2). With `advance` the one before
        counts as replaced. Without generation only whether it was withdrawn is looked at.
        """
        given = "" if generation is None else str(generation)
        step = "1" if advance else ""
        arguments = [given, str(int(now)), str(_GRACE), step, str(_GRANT_KEPT), mark]
        found = cast("int", self._check(keys=[keys.grant(grant)], args=arguments))
        return found if found >= 0 else None

    def withdraw(self, grant: str) -> None:
        """Makes every refresh token of a grant worthless here."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(keys.grant(grant), "withdrawn", "1")
            pipeline.expire(keys.grant(grant), _GRANT_KEPT)
            pipeline.execute()


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
