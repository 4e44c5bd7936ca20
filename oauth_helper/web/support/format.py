"""Format numbers, shares and durations for people."""

from __future__ import annotations

from oauth_helper.failures.insights import AttemptTotals

# The longest first; a duration of at least 1.5 units is written in this unit.
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60))


def counted(number: int, name: str) -> str:
    """Return a number with its noun, such as “1 failure” or “1,234 failures”."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def percent(share: float) -> str:
    """Return a share from 0 to 1 as a whole percentage; 0 and 100 only for none and all."""
    whole = round(100 * share)
    if 0 < share < 1:
        whole = min(max(whole, 1), 99)
    return f"{whole} %"


def connected_of(attempts: AttemptTotals) -> str:
    """Return how many attempts connected, in words."""
    if attempts.share is None:
        return "no attempts"
    of = f"{attempts.connected:,} of {counted(attempts.begun, 'attempt')} connected"
    return f"{percent(attempts.share)}: {of}"


def duration(seconds: float) -> str:
    """Return roughly how long, in one unit."""
    for unit, length in _UNITS:
        if seconds >= 1.5 * length:
            return counted(round(seconds / length), unit)
    return counted(round(seconds), "second")
