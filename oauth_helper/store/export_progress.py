"""Exports of failures: how far their downloads are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from oauth_helper.store.redis import Client

# Seconds that it is remembered after the last news.
_KEPT = 3600


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How many failures are `written` of `total`, which is None when nobody has counted them.

    `owner` is the member of the staff who may ask for it.
    """

    owner: str
    total: int | None
    written: int = 0
    done: bool = False


class Exports:
    """The exports in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def begin(self, export_id: str, *, owner: str, total: int | None) -> None:
        """Remembers a download that nothing is written of yet."""
        self._put(export_id, ExportProgress(owner, total))

    def note(self, export_id: str, before: ExportProgress, *, written: int, done: bool) -> None:
        """Remembers how far a download is by now."""
        self._put(export_id, ExportProgress(before.owner, before.total, written, done))

    def get(self, export_id: str) -> ExportProgress | None:
        """How far a download is; None when it is not known, or no longer."""
        text = self._client.get(_key(export_id))
        return ExportProgress(**json.loads(str(text))) if text is not None else None

    def _put(self, export_id: str, progress: ExportProgress) -> None:
        self._client.set(_key(export_id), json.dumps(asdict(progress)), ex=_KEPT)


def _key(export_id: str) -> str:
    return f"oh:export:{export_id}"
