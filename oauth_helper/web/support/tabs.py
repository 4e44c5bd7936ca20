"""The tabs of the list, and how many failures each shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask_login import current_user

from oauth_helper.failures.model import Status
from oauth_helper.failures.query import Counts, FailureQuery, Page
from oauth_helper.web.support.filters import ALL, MINE, Filters
from oauth_helper.web.support.services import services

_TITLES = {Status.OPEN: "Open", MINE: "Mine", Status.RESOLVED: "Resolved", ALL: "All"}


# What a user is assigned is counted up to this number.
_MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab with its address. `count` is empty when unknown, and ends with "+" for "at least"."""

    name: str
    title: str
    address: str
    count: str
    is_current: bool


def tabs_of(filters: Filters, counts: Counts, page: Page | None = None) -> list[Tab]:
    """Return the tabs of the list; `counts` are those of its query, `page` is what it shows."""
    numbers = tab_counts(filters, counts)
    if page and page.next_cursor and page.failures:
        numbers.setdefault(filters.tab, f"{len(page.failures):,}+")
    return [
        Tab(name, title, filters.tab_address(name), numbers.get(name, ""), name == filters.tab)
        for name, title in _TITLES.items()
        if name != MINE or current_user.is_agent
    ]


def tab_counts(filters: Filters, counts: Counts) -> dict[str, str]:
    """Return the number of failures that each tab shows, as far as the counters tell it."""
    if filters.problems:
        return {}
    wanted = replace(filters.wanted, status=None)
    total = {} if counts.total is None else {filters.tab: f"{counts.total:,}"}
    if filters.tab == MINE:
        wanted = replace(wanted, assignee=None)
        counts = services().counters.counts(wanted)
    states = counts.by_field.get("status")
    if states is None:
        return total
    numbers = {each.value: f"{states.get(each, 0):,}" for each in Status}
    numbers[ALL] = f"{sum(states.values()):,}"
    if current_user.is_agent:
        mine = replace(wanted, status=Status.OPEN, assignee=current_user.id)
        numbers[MINE] = total.get(MINE) or _mine(mine)
    return numbers


def _mine(query: FailureQuery) -> str:
    found = services().counters.at_least(query, _MOST_COUNTED)
    return "" if found is None else f"{found[0]:,}{'+' if found[1] else ''}"
