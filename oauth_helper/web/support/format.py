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


def than_before(difference: float, days: int, noun: str = "") -> str:
    """Return how a number compares with that of as many days before."""
    before = "the day before" if days == 1 else f"the {days} days before"
    number = round(difference)
    if not number:
        return f"{'the same share' if noun else 'as many'} as in {before}"
    more, fewer = ("higher", "lower") if noun else ("more", "fewer")
    amount = counted(abs(number), noun) if noun else f"{abs(number):,}"
    return f"{amount} {more if number > 0 else fewer} than in {before}"


def duration(seconds: float) -> str:
    """Return roughly how long, in one unit."""
    for unit, length in _UNITS:
        if seconds >= 1.5 * length:
            return counted(round(seconds / length), unit)
    return counted(round(seconds), "second")
