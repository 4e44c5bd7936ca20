"""The counters of each day, read from Redis only when they have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import chain

from oauth_helper.store import keys
from oauth_helper.store.redis import Client, in_calls

# Days that a process caches, and fields of one day: at 400 fields, 90 days take about 5 MB.
_DAYS, _FIELDS = 400, 2000

# Sums that a process caches: those of the usual time spans.
_SUMS = 20

#: The counters of one day, by field.
DayCounts = Mapping[str, int]


class DayCounters:
    """One kind of counter, a hash per day. Methods raise `StoreUnavailableError`.

    Each write gives its day a new random version, so an emptied store has none of the old ones.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._known: dict[date, tuple[str, DayCounts]] = {}
        self._sums: dict[tuple[tuple[date, str | None], ...], Counter[str]] = {}
        # Days share most of their fields.
        self._fields: dict[str, str] = {}

    def of_days(self, days: Sequence[date]) -> list[DayCounts]:
        """Return the counters of each day."""
        return self._of_days(days, self._versions(days))

    def sum_of(self, days: Sequence[date]) -> Counter[str]:
        """Return the sums over these days, which the caller must not change."""
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
        names = [keys.of_day(day, keys.VERSION) for day in days]
        with self._client.pipeline(transaction=False) as pipeline:
            for part in in_calls(self._client, names):
                # A Cluster's pipeline has no `mget`.
                pipeline.execute_command("MGET", *part)  # type: ignore[no-untyped-call]
            return list(chain.from_iterable(pipeline.execute()))

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
            # Counters that are newer than their version are merely read once more.
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
