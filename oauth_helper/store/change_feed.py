"""The change feed: which failures are new or have changed, in order of arrival, for live pages.

An entry says that a record may have changed, the record itself says how. `Failures` adds it right
after the record, in another slot: if only one arrives, the next load of the page shows the record.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, cast

from oauth_helper.failures.query import FeedUpdate
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

#: About this many changes are kept; a page that missed more has to be loaded again.
CHANGES_KEPT = 20_000

# The place of an empty feed.
_BEGINNING: Final = "0-0"


class ChangeFeed:
    """Read the feed in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def forget(self, references: Collection[str]) -> None:
        """Remove the changes of these failures."""
        entries = cast("list[tuple[str, dict[str, str]]]", self._client.xrange(keys.FEED))
        if theirs := [place for place, fields in entries if fields["r"] in references]:
            self._client.xdel(keys.FEED, *theirs)

    def place(self) -> str:
        """Return the current end of the feed."""
        newest = cast("list[tuple[str, object]]", self._client.xrevrange(keys.FEED, count=1))
        return newest[0][0] if newest else _BEGINNING

    def after(self, place: str, *, limit: int) -> FeedUpdate:
        """Return up to `limit` changes after `place`, oldest first.

        Raises ValueError if `place` is not from this feed.
        """
        if not re.fullmatch(r"[0-9]{1,15}-[0-9]{1,15}", place):
            raise ValueError("this is no place in the feed")
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xrange(keys.FEED, min=f"({place}", count=limit)
            pipeline.xrange(keys.FEED, count=1)
            pipeline.xlen(keys.FEED)
            entries, oldest, length = pipeline.execute()
        # A place before the first entry means that entries were cut off, or the store emptied.
        if place == _BEGINNING:
            has_gap = length >= CHANGES_KEPT
        else:
            has_gap = not oldest or _parts(oldest[0][0]) > _parts(place)
        references = tuple(dict.fromkeys(fields["r"] for _, fields in entries))
        now = entries[-1][0] if entries else place
        return FeedUpdate(now, references, has_gap, has_more=len(entries) == limit)


def _parts(place: str) -> tuple[int, int]:
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number)
