"""Counts of failures and attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one fingerprint. `sample` are references, the newest first.

    `people` and `accounts` are how many are known to be affected, within some per cent. `by_day` is
    how many failed on each day that was asked for, the oldest first.
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
    """How many failures of one kind there are whose attempts began on one day (UTC)."""

    day: date
    cause: str
    profile: str
    status: str
    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class ScopeCount:
    """How many failures are about a scope, whose attempts began on one day (UTC)."""

    day: date
    profile: str
    scope: str
    count: int


@dataclass(frozen=True, slots=True)
class AttemptCount:
    """How many attempts began on one day (UTC), and how many of these connected."""

    day: date
    profile: str
    begun: int
    connected: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a failure to the connection that its account made after all."""

    day: date
    profile: str
    seconds: float
