"""Authorization codes for proxy clients, and the grants that clients got for them."""

from __future__ import annotations

import hashlib
from typing import Final, cast

from oauth_helper.common.encryption import DecryptionError, Encryptor
from oauth_helper.models import IssuedCode
from oauth_helper.store import keys
from oauth_helper.store.redis import Client
from oauth_helper.store.redis_clients import LuaScript

#: Seconds that a code is valid. RFC 6749 section 4.1.2 allows ten minutes; a client takes a second.
#: Shorter than `attempts.CLAIM_LIFETIME`, so that a code that no client redeems becomes a failure.
CODE_LIFETIME = 100

# Seconds for which the second use of a code is recognised.
_REDEEMED_LIFETIME: Final = 600

# Seconds after its last use that a grant is remembered. HubSpot's refresh tokens never expire; one
# that a desktop program has not used for this long is given up.
_GRANT_LIFETIME: Final = 400 * 86_400

# Seconds for which a replaced refresh token stays valid, as responses get lost.
_GRACE: Final = 60

#: Seconds for which a request that redeems a code keeps others away. After that it has died, or
#: Redis has failed, so that the client may try again.
REDEEMING = 2

# KEYS: code, used code. ARGV: who redeemed it, seconds.
_USE_UP: Final = """
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return redis.call('DEL', KEYS[1])
"""

# KEYS: grant. ARGV: the token's generation, Unix time, grace, whether to replace the token,
# seconds, id of the token. The token that was used last stays valid for the grace period. Any other
# token of an older generation is a replay, and so is the twin that its second use created.
_ROTATE: Final = """
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


class AuthorizationCodes:
    """The codes and grants in Redis. Methods raise `StoreUnavailableError`.

    `encryptor` encrypts what a code stands for; of the code only a hash is stored.
    """

    def __init__(self, client: Client, *, encryptor: Encryptor) -> None:
        self._client = client
        self._encryptor = encryptor
        self._use_up = LuaScript(client, _USE_UP)
        self._rotate = LuaScript(client, _ROTATE)

    def save(self, code: str, issued: IssuedCode) -> None:
        """Store what a code stands for, for `CODE_LIFETIME` seconds."""
        encrypted = self._encryptor.encrypt_value(issued)
        self._client.set(keys.code(_hashed(code)), encrypted, ex=CODE_LIFETIME)

    def get(self, code: str) -> IssuedCode | None:
        """Return what a code stands for; None if it is unknown, used or expired."""
        encrypted = cast("str | None", self._client.get(keys.code(_hashed(code))))
        if encrypted is None:
            return None
        try:
            issued: IssuedCode = self._encryptor.decrypt_value(encrypted, IssuedCode)
        except DecryptionError:
            return None
        return issued

    def begin_redeeming(self, code: str) -> bool:
        """Return whether the caller may redeem a code: no other request is redeeming it."""
        key = keys.redeeming(_hashed(code))
        return bool(self._client.set(key, "1", nx=True, ex=REDEEMING))

    def use_up(self, code: str, *, client_id: str, grant: str) -> None:
        """Delete a code that a client has redeemed for a grant, and remember both."""
        hashed = _hashed(code)
        self._use_up(
            keys=[keys.code(hashed), keys.used_code(hashed)],
            args=[f"{client_id} {grant}", str(_REDEEMED_LIFETIME)],
        )

    def grant_for(self, code: str, *, client_id: str) -> str | None:
        """Return the grant that this client has redeemed a code for, None if it has not."""
        redeemer = cast("str | None", self._client.get(keys.used_code(_hashed(code))))
        client, _, grant = (redeemer or "").partition(" ")
        return grant if redeemer and client == client_id else None

    def start_grant(self, grant: str, now: float) -> None:
        """Start to count the refresh tokens of a public client's grant, if it is new."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hsetnx(keys.grant(grant), "generation", "0")
            pipeline.hsetnx(keys.grant(grant), "since", str(int(now)))
            pipeline.expire(keys.grant(grant), _GRANT_LIFETIME)
            pipeline.execute()

    def rotate(
        self, grant: str, generation: int | None, token_id: str, now: float, *, replace: bool
    ) -> int | None:
        """Return the generation that follows that of a refresh token, None if the grant is revoked.

        A replay of a token that was replaced revokes the grant (RFC 9700 section 4.14.2). `replace`
        marks the token as replaced. Tokens without generation are never replaced.
        """
        given = "" if generation is None else str(generation)
        step = "1" if replace else ""
        arguments = [given, str(int(now)), str(_GRACE), step, str(_GRANT_LIFETIME), token_id]
        found = cast("int", self._rotate(keys=[keys.grant(grant)], args=arguments))
        return found if found >= 0 else None

    def revoke_grant(self, grant: str) -> None:
        """Make every refresh token of a grant invalid here."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(keys.grant(grant), "withdrawn", "1")
            pipeline.expire(keys.grant(grant), _GRANT_LIFETIME)
            pipeline.execute()


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
