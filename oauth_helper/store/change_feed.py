"""The feed: which failures are new or have changed, in order of arrival, for those who watch.

It tells that there is something to look at; the records themselves say what. It is written right
after a record, in a slot of its own: a process that dies in between leaves a record that the next
load of the page shows.
"""

from __future__ import annotations

import re
from typing import Final, cast

from oauth_helper.failures.model import Failure
from oauth_helper.failures.query import FeedUpdate
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# About so many changes are remembered; whoever was away for more has to load the page.
_KEPT = 20_000

# Where a feed that nothing was ever written to stands.
_BEGINNING: Final = "0-0"


class ChangeFeed:
    """The feed in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def announce(self, failure: Failure, *, expires_at: int) -> None:
        """Tells of a failure that was recorded or changed, and counts whom its group affects.

        Raises redis-py's errors.
        """
        whom = {"people": failure.browser_id or failure.reference}
        if failure.hub_id is not None:
            whom["accounts"] = str(failure.hub_id)
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xadd(keys.FEED, {"r": failure.reference}, maxlen=_KEPT, approximate=True)
            for name, who in whom.items():
                key = keys.affected(name, failure.fingerprint)
                pipeline.pfadd(key, who)
                pipeline.expireat(key, expires_at)
            pipeline.execute()

    def place(self) -> str:
        """Where the feed stands."""
        newest = cast("list[tuple[str, object]]", self._client.xrevrange(keys.FEED, count=1))
        return newest[0][0] if newest else _BEGINNING

    def after(self, place: str, *, limit: int) -> FeedUpdate:
        """What happened after `place`, the oldest first, at most `limit` changes.

        Raises ValueError when `place` is none.
        """
        if not re.fullmatch(r"[0-9]{1,15}-[0-9]{1,15}", place):
            raise ValueError("this is no place in the feed")
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xrange(keys.FEED, min=f"({place}", count=limit)
            pipeline.xrange(keys.FEED, count=1)
            pipeline.xlen(keys.FEED)
            entries, oldest, length = pipeline.execute()
        # Only what was cut off, or a store that was emptied, leaves a place before the first.
        if place == _BEGINNING:
            has_gap = length >= _KEPT
        else:
            has_gap = not oldest or _parts(oldest[0][0]) > _parts(place)
        references = tuple(dict.fromkeys(fields["r"] for _, fields in entries))
        now = entries[-1][0] if entries else place
        return FeedUpdate(now, references, has_gap, has_more=len(entries) == limit)


def _parts(place: str) -> tuple[int, int]:
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number)
