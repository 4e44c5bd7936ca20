"""Counts of failures and attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures with one fingerprint. `sample` are references, newest first.

    `people` and `accounts` estimate how many are affected, within a few percent. `by_day` counts
    the failures of each day of the query, oldest first.
    """

    fingerprint: str
    cause: str
    profile: str
    scopes: tuple[str, ...]
    count: int
    open_count: int
    first_seen: float
    last_seen: float
    sample: tuple[str, ...]
    people: int = 0
    accounts: int = 0
    by_day: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How many failures of one kind have attempts that started on a day (UTC)."""

    day: date
    cause: str
    profile: str
    status: str
    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class ScopeCount:
    """How many failures about a scope have attempts that started on a day (UTC)."""

    day: date
    profile: str
    scope: str
    count: int


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """How many attempts started on a day (UTC), and how many of these connected."""

    day: date
    profile: str
    begun: int
    connected: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a failure until its account connected."""

    day: date
    profile: str
    seconds: float
