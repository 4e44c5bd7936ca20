"""The most common causes over time, each with its colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from oauth_helper.diagnosis import Cause, wording
from oauth_helper.failures.periods import InsightsQuery, LinkedCount, Period
from oauth_helper.failures.statistics import FailureCount

#: Causes with a separate colour; the others are shown as one.
MAX_CAUSES = 6

#: The title of the other causes.
OTHER = "Other causes"

# The most common causes almost everywhere, so that none takes the colour of another.
_USUAL = (
    Cause.URL_MISSING_REQUIRED_SCOPE,
    Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
    Cause.ACCOUNT_LACKS_FEATURE,
    Cause.NEVER_RETURNED,
    Cause.USER_DENIED,
    Cause.CODE_EXPIRED_OR_REUSED,
)


@dataclass(frozen=True, slots=True)
class CauseSeries:
    """The failures of one cause, by period and in total.

    `colour` is a number below `MAX_CAUSES`; None for the other causes.
    """

    title: str
    counts: tuple[LinkedCount, ...]
    total: LinkedCount
    colour: int | None = None

    @property
    def is_rest(self) -> bool:
        """Return whether this is the series of the other causes."""
        return self.colour is None


def cause_series(
    query: InsightsQuery, periods: tuple[Period, ...], counts: list[FailureCount]
) -> Iterator[CauseSeries]:
    """Yield the most common causes, the most common first, then the others as one."""
    totals: Counter[str] = Counter()
    for each in counts:
        totals[each.cause] += each.count
    ranked = sorted(totals, key=lambda cause: (-totals[cause], cause))
    shown = ranked[:MAX_CAUSES]
    colours = cause_colours(shown)
    for cause in shown:
        found = [each for each in counts if each.cause == cause]
        series = _series(query, periods, cause_title(cause), ("cause", cause), found)
        yield replace(series, colour=colours[cause])
    if len(ranked) > MAX_CAUSES:
        rest = ("q", " ".join(f"-cause:{cause}" for cause in shown))
        found = [each for each in counts if each.cause not in shown]
        yield _series(query, periods, OTHER, rest, found)


def cause_colours(causes: Sequence[str]) -> dict[str, int]:
    """Return the colours of at most `MAX_CAUSES` causes, given with the most common first.

    A cause has the same colour on every page, unless a more common one on the page has it too. Then
    it gets one that no other cause on the page has.
    """
    own = [_own_colour(cause) for cause in causes]
    free = iter(colour for colour in range(MAX_CAUSES) if colour not in own)
    return {
        cause: next(free) if colour in own[:place] else colour
        for place, (cause, colour) in enumerate(zip(causes, own, strict=True))
    }


def cause_title(cause: str) -> str:
    """Return the title of a cause, or its name if a newer version of this program counted it."""
    known = {str(each): each for each in Cause}
    return wording(known[cause]).title.replace("`", "") if cause in known else cause


def _series(
    query: InsightsQuery,
    periods: tuple[Period, ...],
    title: str,
    condition: tuple[str, str],
    counts: list[FailureCount],
) -> CauseSeries:
    def count(period: Period) -> LinkedCount:
        number = sum(each.count for each in counts if period.first <= each.day <= period.last)
        return LinkedCount(number, query.filters(period, condition))

    return CauseSeries(title, tuple(count(period) for period in periods), count(query.period))


def _own_colour(cause: str) -> int:
    """Return a number that stays the same for a cause; causes of newer versions share one."""
    known = [*_USUAL, *(each for each in Cause if each not in _USUAL)]
    return (known.index(Cause(cause)) if cause in set(Cause) else len(known)) % MAX_CAUSES
