"""Convert between Unix seconds and readable times."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def iso(at: float) -> str:
    """Return a time in the format of RFC 3339, in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def readable(at: float) -> str:
    """Return a time in UTC for people to read."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


def ago(at: float, now: float) -> str:
    """Return how long ago a time was, in one unit."""
    seconds = max(0, int(now - at))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def parse_time(text: str) -> float:
    """Return the Unix seconds of an RFC 3339 time (UTC by default), or of a number of them.

    Years are limited to 1970 to 5138. Raises ValueError for anything else.
    """
    if re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,6})?", text):
        return float(text)
    if not re.match(r"\d{4}-\d\d-\d\d", text) or len(text) > 40:
        raise ValueError("a time is written like 2026-11-23T08:00:00Z")
    # In a query, "+" means a blank.
    moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return min(max(0.0, at), 10.0**11 - 1)
