"""HubSpot's regions, which it calls hublets."""

from __future__ import annotations

import re

#: As of 2026-11, by the environment table of HubSpot's CLI libraries. More may come.
HUBLETS = ("na1", "na2", "na3", "eu1", "ap1")


def is_hublet(name: str) -> bool:
    """Return whether `name` has the form of a region's name, known or not."""
    return re.fullmatch(r"[a-z]{2}[0-9]", name) is not None
