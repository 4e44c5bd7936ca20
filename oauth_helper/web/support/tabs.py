"""The tabs of the list, and how many failures each shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask_login import current_user

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import Counts, FailureQuery
from oauth_helper.web.support.filters import ALL, MINE, Filters
from oauth_helper.web.support.services import services

_TITLES = {Status.OPEN: "Open", MINE: "Mine", Status.RESOLVED: "Resolved", ALL: "All"}


#: A count that is not in the counters ends here.
MOST_COUNTED = 500


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab with its address. `count` is empty when unknown, and ends with "+" for "at least"."""

    name: str
    title: str
    address: str
    count: str
    is_current: bool


def tabs_of(filters: Filters, counts: Counts) -> list[Tab]:
    """Return the tabs of the list; `counts` are those of its query."""
    numbers = tab_counts(filters, counts)
    if counts.total is not None and not numbers.get(filters.tab):
        numbers[filters.tab] = f"{counts.total:,}"
    return [
        Tab(name, title, filters.tab_address(name), numbers.get(name, ""), name == filters.tab)
        for name, title in _TITLES.items()
        if name != MINE or current_user.is_agent
    ]


def tab_counts(filters: Filters, counts: Counts) -> dict[str, str]:
    """Return the number of failures that each tab shows, if the indexes tell it."""
    if filters.problems:
        return {}
    wanted = replace(filters.wanted, status=None)
    if filters.tab == MINE:
        wanted = replace(wanted, assignee=None)
        counts = services().counters.counts(wanted)
    mine = replace(wanted, status=Status.OPEN, assignee=current_user.id)
    numbers: dict[str, str] = {MINE: _counted(mine)} if current_user.is_agent else {}
    states = counts.by_field.get("status")
    if states is None:
        numbers |= {each: _counted(replace(wanted, status=each)) for each in Status}
        return numbers | {ALL: _counted(wanted)}
    numbers |= {each: f"{states.get(each, 0):,}" for each in Status}
    return numbers | {ALL: f"{sum(states.values()):,}"}


def _counted(query: FailureQuery) -> str:
    found = services().counters.at_least(query, MOST_COUNTED)
    return "" if found is None else f"{found[0]:,}{'+' if found[1] else ''}"
