"""The progress of downloads of failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import msgspec

from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# Seconds after the last update.
_KEPT = 3600


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How many failures are `written` of `total`, which is None if they were not counted.

    `owner` is the staff member whose download it is.
    """

    owner: str
    total: int | None
    written: int = 0
    done: bool = False


class Exports:
    """The downloads in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def begin(self, export_id: str, *, owner: str, total: int | None) -> None:
        """Store that a download starts."""
        self._put(export_id, ExportProgress(owner, total))

    def update(self, export_id: str, before: ExportProgress, *, written: int, done: bool) -> None:
        """Store the progress of a download."""
        self._put(export_id, ExportProgress(before.owner, before.total, written, done))

    def get(self, export_id: str) -> ExportProgress | None:
        """Return the progress of a download; None if it is unknown or expired."""
        text = cast("str | None", self._client.get(keys.export(export_id)))
        return None if text is None else msgspec.json.decode(text, type=ExportProgress)

    def _put(self, export_id: str, progress: ExportProgress) -> None:
        self._client.set(keys.export(export_id), msgspec.json.encode(progress), ex=_KEPT)
