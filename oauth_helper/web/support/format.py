"""Amounts as people read them: failures, shares of attempts, durations."""

from __future__ import annotations

from oauth_helper.failures.insights import Attempts

# The longest first; from 1.5 of one on, a time is told in it.
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60))


def counted(number: int, name: str) -> str:
    """Such as “1 failure” or “1,234 failures”."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def percent(share: float) -> str:
    """A share from 0 to 1 in whole per cent; 0 and 100 are said of nothing and of all only."""
    whole = round(100 * share)
    if 0 < share < 1:
        whole = min(max(whole, 1), 99)
    return f"{whole} %"


def connected_of(attempts: Attempts) -> str:
    """How many attempts connected, in a sentence."""
    if attempts.share is None:
        return "no attempts"
    of = f"{attempts.connected:,} of {counted(attempts.begun, 'attempt')} connected"
    return f"{percent(attempts.share)}: {of}"


def duration(seconds: float) -> str:
    """Roughly how long, in one unit."""
    for unit, length in _UNITS:
        if seconds >= 1.5 * length:
            return counted(round(seconds / length), unit)
    return counted(round(seconds), "second")
