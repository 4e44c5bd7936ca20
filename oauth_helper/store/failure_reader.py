"""Read failures: single ones, pages of a query, and those of one browser or account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from oauth_helper.common.references import day_of, midnight
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import Failure
from oauth_helper.failures.query import FailureQuery, Page, Term
from oauth_helper.failures.search import is_match
from oauth_helper.store import keys
from oauth_helper.store.failure_layout import browser_index
from oauth_helper.store.failure_records import FailureRecords
from oauth_helper.store.failure_search import (
    FailureSearch,
    Place,
    Plan,
    plan_for,
    read_cursor,
    write_cursor,
)
from oauth_helper.store.redis import Client

#: Records that one page examines at most for terms that no index answers.
EXAMINED_AT_MOST = 2000

# Records that are read in one round trip while they are examined.
_CHUNK = 250

# Seconds, less than between a place and a cursor that has to find it again.
_STEP = 0.001

# The latest failures of a browser that are read.
_MOST_EARLIER = 50

# The last days on which a browser's other failures are looked for. Its cookies last for one.
_BROWSER_DAYS = 8


@dataclass(frozen=True, slots=True)
class AttemptHistory:
    """What helps to diagnose an attempt.

    `worked` says that the same request has connected an account lately, `is_recorded` that the
    attempt is stored; `earlier` are the causes of its browser's other failures, newest first.
    """

    worked: bool = False
    earlier: tuple[Cause, ...] = ()
    is_recorded: bool = False


class FailureReader:
    """Read failures from Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._search = FailureSearch(client)
        self._records = FailureRecords(client)

    def get(self, reference: str) -> Failure | None:
        """Return one failure, or None if it is not stored."""
        return self._records.get(reference)

    def get_all(self, references: Sequence[str]) -> list[Failure]:
        """Return the failures that are stored, in the order of `references`."""
        return [each for each in self._records.get_all(references) if each is not None]

    def page(
        self, query: FailureQuery, *, limit: int, cursor: str | None = None, newer: bool = False
    ) -> Page:
        """Return up to `limit` failures, newest first, behind `cursor` if there is one.

        With `newer` return those right before `cursor`, or the oldest without a cursor; the newest
        is still first. Raises ValueError for a cursor that `page` has not returned.
        """
        start = read_cursor(cursor) if cursor else None
        found, end, examined = self._collect(query, start, limit, newer=newer)
        failures = [failure for _, failure in found]
        if newer:
            failures.reverse()
        near = _cursor_back(found[0][0] if found else None, start, newer=newer)
        far = write_cursor(end) if end else None
        older, previous = (near, far) if newer else (far, near)
        is_bounded = end is not None and len(found) < limit
        return Page(tuple(failures), older, is_bounded, previous, examined)

    def each(self, query: FailureQuery, *, chunk: int = 500) -> Iterator[Failure]:
        """Yield all failures of a query, newest first; `chunk` are read in one round trip.

        Raises `StoreUnavailableError` between failures too.
        """
        plan = plan_for(query)
        position: Place | None = None
        while True:
            stretch = self._search.stretch(plan, query, position, chunk)
            yield from (failure for _, failure in self._matching(stretch.places, plan.rest))
            position = stretch.rest
            if position is None:
                return

    def of_browser(self, browser_id: str, *, excluding: str) -> list[Failure]:
        """Return the failures of a browser except the reference `excluding`, newest first."""
        return [each for each in self._of_browser(browser_id) if each.reference != excluding]

    def history(
        self, reference: str, *, browser_id: str, fingerprint: str, now: float
    ) -> AttemptHistory:
        """Return what helps to diagnose an attempt; `fingerprint` is that of its request."""
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.exists(keys.succeeded(fingerprint))
            pipeline.hexists(keys.attempt(reference), "v")
            for day in _days_of_browser(browser_id, now):
                index = keys.failures(day, browser_index(browser_id))
                pipeline.zrevrange(index, 0, _MOST_EARLIER - 1)
            worked, is_recorded, *found = pipeline.execute()
        others = [*chain.from_iterable(found)][:_MOST_EARLIER] + [browser_id] * bool(browser_id)
        with self._client.pipeline(transaction=False) as pipeline:
            for other in others:
                if other != reference:
                    pipeline.hget(keys.failure(other), "cause")
            causes = [Cause(each) for each in pipeline.execute() if each in set(Cause)]
        return AttemptHistory(bool(worked and fingerprint), tuple(causes), bool(is_recorded))

    def _of_browser(self, browser_id: str) -> Iterator[Failure]:
        if not browser_id:
            return
        plan = Plan((browser_index(browser_id),), (), ())
        # A browser's id is the reference of its first attempt, so all others are later.
        since = midnight(day_of(browser_id)).timestamp()
        found = self._search.stretch(plan, FailureQuery(since=since), None, _MOST_EARLIER)
        references = [*(reference for _, reference in found.places), browser_id]
        yield from self.get_all(references)

    def _collect(
        self, query: FailureQuery, position: Place | None, limit: int, *, newer: bool
    ) -> tuple[list[tuple[Place, Failure]], Place | None, int]:
        """Return what was found in walking order, where to continue, and how many were examined."""
        plan = plan_for(query)
        size = _CHUNK if plan.rest else limit + 1
        found: list[tuple[Place, Failure]] = []
        examined = 0
        while True:
            stretch = self._search.stretch(plan, query, position, size, newer=newer)
            places = stretch.places[: EXAMINED_AT_MOST - examined]
            matching = self._matching(places, plan.rest)
            missing = limit - len(found)
            if len(matching) > missing:
                found += matching[:missing]
                return found, found[-1][0], examined + len(places)
            found += matching
            examined += len(places)
            rest = places[-1] if len(places) < len(stretch.places) else stretch.rest
            if rest is None or stretch.is_cut_short or examined >= EXAMINED_AT_MOST:
                return found, rest, examined
            position = rest

    def _matching(
        self, places: Sequence[Place], terms: tuple[Term, ...]
    ) -> list[tuple[Place, Failure]]:
        """Return the failures at these places that are stored and match `terms`."""
        if terms:
            texts = self._records.texts([name for _, name in places])
            found = zip(places, texts, strict=True)
            places = [place for place, each in found if each is not None and is_match(each, terms)]
        failures = self._records.get_all([name for _, name in places])
        return [
            (place, each) for place, each in zip(places, failures, strict=True) if each is not None
        ]


def _days_of_browser(browser_id: str, now: float) -> Iterator[date]:
    """Yield the days on which a browser can have failed, the latest first."""
    if browser_id:
        # One more day, as the clocks of several machines differ.
        last = datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
        days = (last - day_of(browser_id)).days + 1
        yield from (last - timedelta(days=ago) for ago in range(min(days, _BROWSER_DAYS)))


def _cursor_back(first: Place | None, start: Place | None, *, newer: bool) -> str | None:
    """Return the cursor of the page that the reader came from, or None without one.

    It leads behind the first failure on this page. On an empty page the failure at the old cursor
    has to be found again, but a cursor excludes its own place.
    """
    if start is None:
        return None
    at, _ = start
    moved = (round(max(0.0, at + (_STEP if newer else -_STEP)), 6), "")
    return write_cursor(first or moved)
