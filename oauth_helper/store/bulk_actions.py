"""What was done to many failures at once, kept for a while so that it can be undone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, cast

from oauth_helper.failures.query import BulkAction, Change
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

#: Seconds in which it can be undone.
KEPT: Final = 3600


class BulkActions:
    """The deeds in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def save(self, name: str, deed: BulkAction) -> None:
        """Keeps a deed under a name that cannot be guessed."""
        self._client.set(keys.deed(name), json.dumps(asdict(deed)), ex=KEPT)

    def get(self, name: str) -> BulkAction | None:
        """The deed of that name; None when it is unknown or too long ago."""
        return _deed(cast("str | None", self._client.get(keys.deed(name))))

    def take(self, name: str) -> BulkAction | None:
        """The same, for the first caller only: it is undone once."""
        return _deed(cast("str | None", self._client.getdel(keys.deed(name))))


def _deed(text: str | None) -> BulkAction | None:
    if text is None:
        return None
    document = json.loads(text)
    changes: Sequence[dict[str, object]] = document.pop("changes")
    return BulkAction(
        changes=tuple(Change(**cast("dict[str, Any]", each)) for each in changes), **document
    )
