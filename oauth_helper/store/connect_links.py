"""Connect links: encrypted in their own address, with what became of them in Redis."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, cast

from oauth_helper.common.encryption import DecryptionError, Encryptor
from oauth_helper.models import ConnectLink
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

LinkStatus = Literal["open", "connected", "expired", "withdrawn"]

#: Characters of an encrypted link, which the attempt's cookie repeats.
MAX_LINK = 1200

# Links that are read in one round trip.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link as stored: its encrypted text, and what became of it."""

    link: ConnectLink
    encrypted: str
    is_withdrawn: bool = False
    connection: str = ""
    reference: str = ""

    def status(self, now: float) -> LinkStatus:
        """Return what opening the link does now."""
        if self.connection:
            return "connected"
        if self.is_withdrawn:
            return "withdrawn"
        return "expired" if now >= self.link.expires_at else "open"


class ConnectLinks:
    """The links in Redis. All methods but `read` raise `StoreUnavailableError`.

    A link carries everything that it starts, encrypted, so that it also works while Redis is down.
    """

    def __init__(self, client: Client, *, encryptor: Encryptor) -> None:
        self._client, self._encryptor = client, encryptor

    def create(self, *links: ConnectLink) -> list[LinkRecord]:
        """Store new links. Raises ValueError when one is too long to be one."""
        records = [LinkRecord(link, self._encryptor.encrypt_value(link)) for link in links]
        if any(len(each.encrypted) > MAX_LINK for each in records):
            raise ValueError("The link would be too long: choose fewer scopes, or shorter texts.")
        with self._client.pipeline(transaction=False) as pipeline:
            for each in records:
                link = each.link
                pipeline.hset(keys.link(link.id), "link", each.encrypted)
                pipeline.expire(keys.link(link.id), keys.LINK_KEPT)
                pipeline.zadd(keys.LINKS, {link.id: link.created_at})
                pipeline.zremrangebyscore(keys.LINKS, 0, link.created_at - keys.LINK_KEPT)
            pipeline.execute()
        return records

    def read(self, encrypted: str) -> ConnectLink | None:
        """Return the link in an address; None for one that this program hasn't made."""
        if len(encrypted) > MAX_LINK:
            return None
        try:
            return cast("ConnectLink", self._encryptor.decrypt_value(encrypted, ConnectLink))
        except DecryptionError:
            return None

    def get(self, link_id: str, link: ConnectLink | None = None) -> LinkRecord | None:
        """Return a link by its id, until 30 days after it expires; None if it isn't known.

        Give the `link` itself to know what became of an erased one.
        """
        fields = cast("dict[str, str]", self._client.hgetall(keys.link(link_id)))
        if link and "withdrawn" in fields:
            return LinkRecord(link, fields.get("link", ""), is_withdrawn=True)
        return self._record(fields)

    def newest(self, *, limit: int, offset: int = 0) -> tuple[LinkRecord, ...]:
        """Return the latest links, newest first."""
        ids = cast("list[str]", self._client.zrevrange(keys.LINKS, offset, offset + limit - 1))
        with self._client.pipeline(transaction=False) as pipeline:
            for each in ids:
                pipeline.hgetall(keys.link(each))
            found = [self._record(fields) for fields in pipeline.execute()]
        return tuple(record for record in found if record)

    def all(self) -> Iterator[LinkRecord]:
        """Yield every link that is known."""
        for offset in range(0, self.count(), _BATCH):
            yield from self.newest(limit=_BATCH, offset=offset)

    def erase(self, records: Iterable[LinkRecord]) -> None:
        """Delete links, but for the fact that they were withdrawn."""
        with self._client.pipeline(transaction=False) as pipeline:
            for each in records:
                pipeline.hdel(keys.link(each.link.id), "link", "connection", "reference")
                pipeline.hset(keys.link(each.link.id), "withdrawn", "1")
                pipeline.zrem(keys.LINKS, each.link.id)
            pipeline.execute()

    def count(self) -> int:
        """Return how many links are known."""
        return self._client.zcard(keys.LINKS)

    def _record(self, fields: dict[str, str]) -> LinkRecord | None:
        encrypted = fields.get("link", "")
        link = self.read(encrypted)
        if link is None:
            return None
        return LinkRecord(
            link,
            encrypted,
            is_withdrawn="withdrawn" in fields,
            connection=fields.get("connection", ""),
            reference=fields.get("reference", ""),
        )

    def withdraw(self, link_id: str) -> bool:
        """Withdraw a link; False if it isn't known."""
        if self.get(link_id) is None:
            return False
        self._client.hset(keys.link(link_id), "withdrawn", "1")
        return True


def new_link_id() -> str:
    """Return a new id. It names a link, and opens nothing."""
    return secrets.token_hex(8)
