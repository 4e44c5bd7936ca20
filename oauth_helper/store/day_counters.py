"""The counters of each day, read again only when they have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# Days that a process remembers, and fields of one: with 400 fields a day, about 5 MB for 90 days.
_DAYS, _FIELDS = 400, 2000

# Sums that are remembered: those of the spans that people choose.
_SUMS = 20

#: What one day counts, by field.
DayCounts = Mapping[str, int]


class DayCounters:
    """One kind of counter, a hash of each day. Raises redis-py's errors.

    Each write gives its day a new version, by chance, so that an emptied store has none of the old.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._known: dict[date, tuple[str, DayCounts]] = {}
        self._sums: dict[tuple[tuple[date, str | None], ...], Counter[str]] = {}
        # Days share most of their fields.
        self._fields: dict[str, str] = {}

    def of_days(self, days: Sequence[date]) -> list[DayCounts]:
        """What each of these days counts."""
        return self._of_days(days, self._versions(days))

    def sum_of(self, days: Sequence[date]) -> Counter[str]:
        """What these days count together; not to be changed."""
        versions = self._versions(days)
        state = tuple(zip(days, versions, strict=True))
        known = self._sums.get(state)
        if known is not None:
            return known
        total: Counter[str] = Counter()
        for counts in self._of_days(days, versions):
            total.update(counts)
        if None not in versions:
            if len(self._sums) >= _SUMS:
                self._sums = {}
            self._sums[state] = total
        return total

    def _versions(self, days: Sequence[date]) -> list[str | None]:
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.get(keys.of_day(day, keys.VERSION))
            return pipeline.execute()

    def _of_days(self, days: Sequence[date], versions: Sequence[str | None]) -> list[DayCounts]:
        found: dict[date, DayCounts] = {}
        changed: list[tuple[date, str | None]] = []
        for day, version in zip(days, versions, strict=True):
            known = self._known.get(day)
            if known is not None and known[0] == version:
                found[day] = known[1]
            else:
                changed.append((day, version))
        for (day, version), counts in zip(changed, self._read(changed), strict=True):
            found[day] = counts
            # What is younger than its version is read once more, and nothing worse.
            if version is not None and len(counts) <= _FIELDS:
                self._remember(day, version, counts)
        return [found[day] for day in days]

    def _read(self, days: Sequence[tuple[date, str | None]]) -> list[DayCounts]:
        with self._client.pipeline(transaction=False) as pipeline:
            for day, _ in days:
                pipeline.hgetall(keys.of_day(day, self._name))
            answers = pipeline.execute()
        shared = self._fields.setdefault
        return [
            {shared(field, field): int(count) for field, count in counts.items()}
            for counts in answers
        ]

    def _remember(self, day: date, version: str, counts: DayCounts) -> None:
        if len(self._known) >= _DAYS:
            self._known, self._fields = {}, {}
        self._known[day] = (version, counts)
