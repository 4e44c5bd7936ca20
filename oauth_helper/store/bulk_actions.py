"""Bulk actions of staff, stored for a while so that they can be undone."""

from __future__ import annotations

from typing import Final, cast

import msgspec

from oauth_helper.failures.query import BulkAction
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

#: Seconds within which a bulk action can be undone.
KEPT: Final = 3600

_decoder = msgspec.json.Decoder(BulkAction)


class BulkActions:
    """The bulk actions in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def save(self, name: str, action: BulkAction) -> None:
        """Store an action under a name that can't be guessed."""
        self._client.set(keys.bulk_action(name), msgspec.json.encode(action), ex=KEPT)

    def get(self, name: str) -> BulkAction | None:
        """Return an action; None if it is unknown or expired."""
        return _read(self._client.get(keys.bulk_action(name)))

    def pop(self, name: str) -> BulkAction | None:
        """Return and delete an action, so that it is undone only once; None as for `get`."""
        return _read(self._client.getdel(keys.bulk_action(name)))


def _read(text: object) -> BulkAction | None:
    return None if text is None else _decoder.decode(cast("str", text))
