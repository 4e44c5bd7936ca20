"""The audit log: who did what, in one stream for each day, to which entries are only added."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from oauth_helper.common.references import midnight
from oauth_helper.store import keys
from oauth_helper.store.redis import Client

# Days that are read at a time, and entries.
_DAYS, _CHUNK = 31, 500

# Characters of an entry's detail.
_MAX_DETAIL = 200


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An action at the time `at` (Unix seconds) that `who` did to some records."""

    id: str
    at: float
    who: str
    action: str
    records: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first; `next_cursor` leads to older ones."""

    entries: tuple[AuditEntry, ...]
    next_cursor: str | None


class AuditLog:
    """The audit log in Redis, kept for `retention_days`. Methods raise `StoreUnavailableError`.

    `clock` returns Unix seconds. The time of an entry is that of the store.
    """

    def __init__(self, client: Client, *, retention_days: int, clock: Callable[[], float]) -> None:
        self._client, self._clock = client, clock
        self._retention = timedelta(days=retention_days)

    def add(self, who: str, action: str, records: Sequence[str] = (), detail: str = "") -> None:
        """Add an entry."""
        day = _day(self._clock())
        expiry = midnight(day) + self._retention + timedelta(days=1)
        fields: dict[Any, Any] = {"who": who, "action": action, "detail": detail[:_MAX_DETAIL]}
        fields["records"] = " ".join(records)
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.xadd(keys.audit(day), fields)
            pipeline.expireat(keys.audit(day), int(expiry.timestamp()))
            pipeline.execute()

    def add_rarely(self, who: str, action: str) -> None:
        """Add an entry unless there was the same one a minute ago: strangers may cause it."""
        name = hashlib.sha256(f"{action} {who}".encode()).hexdigest()[:24]
        if self._client.set(keys.audited(name), "1", nx=True, ex=60):
            self.add(who, action)

    def page(
        self,
        *,
        limit: int,
        cursor: str = "",
        since: float | None = None,
        until: float | None = None,
    ) -> AuditPage:
        """Return up to `limit` entries from `since` to before `until` (Unix seconds)."""
        last_day, _, last_id = cursor.partition("_")
        newest = _day(self._clock()) + timedelta(days=1)
        oldest = newest - self._retention - timedelta(days=2)
        if since is not None:
            oldest = max(oldest, _day(since) - timedelta(days=1))
        if until is not None:
            newest = min(newest, _day(until) + timedelta(days=1))
        if last_day:
            newest = min(newest, date.fromordinal(int(last_day)))
        low = "-" if since is None else f"{int(since * 1000)}"
        high = "+" if until is None else f"({int(until * 1000)}"
        found: list[tuple[date, AuditEntry]] = []
        while newest >= oldest and len(found) <= limit:
            days = [newest - timedelta(days=ago) for ago in range(_DAYS)]
            days = [day for day in days if day >= oldest]
            with self._client.pipeline(transaction=False) as pipeline:
                for day in days:
                    top = f"({last_id}" if last_id and str(day.toordinal()) == last_day else high
                    pipeline.xrevrange(keys.audit(day), top, low, count=limit + 1)
                answers = pipeline.execute()
            for day, entries in zip(days, answers, strict=True):
                found += [(day, _entry(*each)) for each in entries]
            newest -= timedelta(days=_DAYS)
        some, more = found[:limit], found[limit:]
        next_cursor = f"{some[-1][0].toordinal()}_{some[-1][1].id}" if more else None
        return AuditPage(tuple(entry for _, entry in some), next_cursor)

    def each(
        self, *, since: float | None = None, until: float | None = None
    ) -> Iterator[AuditEntry]:
        """Yield all entries, newest first."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.page(limit=_CHUNK, cursor=cursor, since=since, until=until)
            yield from page.entries
            cursor = page.next_cursor


def _entry(entry_id: str, fields: dict[str, Any]) -> AuditEntry:
    return AuditEntry(
        entry_id,
        int(entry_id.partition("-")[0]) / 1000,
        fields["who"],
        fields["action"],
        tuple(fields["records"].split()),
        fields["detail"],
    )


def _day(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()
