"""Convert between Unix seconds and the times that people and programs read."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def iso(at: float) -> str:
    """The time as RFC 3339 has it, in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def readable(at: float) -> str:
    """The time for a person, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


def ago(at: float, now: float) -> str:
    """How long ago that was, in one unit."""
    seconds = max(0, int(now - at))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def parse_time(text: str) -> float:
    """Unix seconds from an RFC 3339 time (UTC unless it says otherwise) or from such seconds.

    Years before 1970 and after 5138 read as the ends of that. Raises ValueError for anything else.
    """
    if re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,6})?", text):
        return float(text)
    if not re.match(r"\d{4}-\d\d-\d\d", text) or len(text) > 40:
        raise ValueError("a time is written like 2026-11-23T08:00:00Z")
    # "+" in a query is a blank.
    moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return min(max(0.0, at), 10.0**11 - 1)
