"""How many: of failures by day, kind, group and scope; of attempts; and how long until connected.

The days are those on which the attempts began. Nothing here looks at single failures, except where
so few can match that looking is cheaper than counting.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast

from oauth_helper.records import (
    AttemptTally,
    Counts,
    Group,
    Recovery,
    ScopeTally,
    Tally,
    Term,
    Wanted,
)
from oauth_helper.storage import keys
from oauth_helper.storage.client import Client, raises_unavailable
from oauth_helper.storage.failure_index import Plan, plan_for
from oauth_helper.storage.failure_search import FailureSearch

#: Fields that are counted for every failure.
COUNTED = ("cause", "profile", "status", "stage")

# So few failures are looked at one by one.
_LOOKED_AT = 1000

# Groups that are told apart; the rest is too rare to matter among these.
_MOST_GROUPS = 1000


class Tallies:
    """The counters in Redis. Methods raise `StoreUnavailableError`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._search = FailureSearch(client)

    @raises_unavailable
    def failures(self, first: date, last: date) -> tuple[Tally, ...]:
        """The failures of the days from `first` to `last`, by day, cause, profile, state, stage."""
        return tuple(
            Tally(day, cause, profile, status, stage, int(count))
            for day, counts in self._of_days(keys.COUNTS, _days(first, last))
            for field, count in counts.items()
            for cause, profile, status, stage in [field.split(" ")]
        )

    @raises_unavailable
    def scopes(self, first: date, last: date) -> tuple[ScopeTally, ...]:
        """The failures of these days by the scopes that they are about."""
        return tuple(
            ScopeTally(day, profile, scope, int(count))
            for day, counts in self._of_days(keys.SCOPES, _days(first, last))
            for field, count in counts.items()
            for scope, _, profile in [field.rpartition(" ")]
        )

    @raises_unavailable
    def attempts(self, first: date, last: date) -> tuple[AttemptTally, ...]:
        """The attempts that began on these days, and how many of them connected, by profile."""
        return tuple(
            AttemptTally(
                day,
                profile,
                begun=int(counts.get(f"begun {profile}", 0)),
                connected=int(counts.get(f"connected {profile}", 0)),
            )
            for day, counts in self._of_days(keys.ATTEMPTS, _days(first, last))
            for profile in sorted({field.partition(" ")[2] for field in counts})
        )

    @raises_unavailable
    def recoveries(self, first: date, last: date) -> tuple[Recovery, ...]:
        """How long it took from the failures of these days until the same accounts connected."""
        return tuple(
            Recovery(day, profile, float(seconds))
            for day, fields in self._of_days(keys.RECOVERED, _days(first, last))
            for value in fields.values()
            for seconds, _, profile in [value.partition(" ")]
        )

    @raises_unavailable
    def counts(self, wanted: Wanted) -> Counts:
        """How many failures a filter finds, and how many each other value of a field would find."""
        terms = wanted.all_terms
        others = tuple(term for term in terms if term.field not in COUNTED)
        plan = plan_for(Wanted(terms=others, since=wanted.since, until=wanted.until))
        if plan.rest:
            return Counts(None, {})
        has_times = wanted.since is not None or wanted.until is not None
        if (others or has_times) and self._search.most(plan, wanted) <= _LOOKED_AT:
            return _counted(self._looked_at(plan, wanted), terms)
        if others:
            return Counts(self._total_by_one_index(wanted), {})
        total: Counter[str] = Counter()
        for _, counts in self._of_days(keys.COUNTS, self._search.days(wanted, None)):
            for field, count in counts.items():
                total[field] += int(count)
        return _counted(total, terms, whole_days=has_times)

    def _total_by_one_index(self, wanted: Wanted) -> int | None:
        plan = plan_for(wanted)
        is_one = len(plan.within) == 1 and not plan.without
        return self._search.most(plan, wanted) if is_one else None

    def _looked_at(self, plan: Plan, wanted: Wanted) -> Counter[str]:
        stretch = self._search.stretch(plan, wanted, None, _LOOKED_AT)
        with self._client.pipeline(transaction=False) as pipeline:
            for _, reference in stretch.places:
                pipeline.hmget(keys.failure(reference), *COUNTED)
            return Counter(" ".join(values) for values in pipeline.execute() if all(values))

    @raises_unavailable
    def groups(self, wanted: Wanted, *, limit: int, sample: int = 3) -> tuple[Group, ...]:
        """The groups of the failures that are wanted, the largest first.

        Of what is wanted the times count by whole days, and `cause`, `profile`, `status` and
        `group`.
        """
        days = sorted(self._search.days(wanted, None))
        by_group: dict[tuple[str, str, str], dict[date, Counter[str]]] = {}
        for day, counts in self._of_days(keys.GROUPS, days):
            for field, count in counts.items():
                fingerprint, cause, profile, status = field.split(" ")
                if _is_wanted(wanted, group=fingerprint, cause=cause, profile=profile):
                    of_days = by_group.setdefault((fingerprint, cause, profile), {})
                    of_days.setdefault(day, Counter())[status] += int(count)
        wanted_states = (wanted.status,) if wanted.status else ("open", "resolved")
        sizes = {
            name: sum(states[each] for states in of_days.values() for each in wanted_states)
            for name, of_days in by_group.items()
        }
        largest = sorted((name for name in by_group if sizes[name]), key=lambda name: -sizes[name])
        details = self._details(
            {name[0]: sorted(by_group[name]) for name in largest[:limit]}, sample
        )
        span = days and _days(days[0], days[-1])
        return tuple(
            Group(
                *name,
                **details[name[0]],
                count=sizes[name],
                open_count=sum(states["open"] for states in by_group[name].values()),
                by_day=tuple(sum(by_group[name].get(day, Counter()).values()) for day in span),
            )
            for name in largest[:limit]
        )

    def _details(
        self, days_of: Mapping[str, Sequence[date]], sample: int
    ) -> dict[str, dict[str, Any]]:
        """What counters do not tell of a group: its scopes, when it was seen, whom it affects."""
        with self._client.pipeline(transaction=False) as pipeline:
            for group, days in days_of.items():
                index = f"group:{group}"
                pipeline.hget(keys.of_day(days[-1], keys.NAMES), group)
                pipeline.zrange(keys.failures(days[0], index), 0, 0, withscores=True)
                pipeline.zrevrange(keys.failures(days[-1], index), 0, sample - 1, withscores=True)
                pipeline.pfcount(keys.affected("people", group))
                pipeline.pfcount(keys.affected("accounts", group))
            answers = pipeline.execute()
        found = {}
        for number, group in enumerate(days_of):
            name, first, newest, people, accounts = answers[5 * number : 5 * number + 5]
            found[group] = {
                "scopes": tuple(json.loads(name or "[]")),
                "first_seen": first[0][1] if first else 0.0,
                "last_seen": newest[0][1] if newest else 0.0,
                "sample": tuple(reference for reference, _ in newest),
                "people": people,
                "accounts": accounts,
            }
        return found

    @raises_unavailable
    def kinds(self, *, sample: int = 3) -> tuple[Group, ...]:
        """The groups of all failures, those of the same cause and profile taken together."""
        merged: dict[tuple[str, str], list[Group]] = {}
        for group in self.groups(Wanted(), limit=_MOST_GROUPS, sample=sample):
            merged.setdefault((group.cause, group.profile), []).append(group)
        found = [_merged(groups, sample) for groups in merged.values()]
        return tuple(sorted(found, key=lambda group: (-group.count, -group.last_seen)))

    def _of_days(self, name: str, days: Sequence[date]) -> Iterator[tuple[date, Mapping[str, str]]]:
        with self._client.pipeline(transaction=False) as pipeline:
            for day in days:
                pipeline.hgetall(keys.of_day(day, name))
            answers = cast("list[dict[str, str]]", pipeline.execute())
        yield from zip(days, answers, strict=True)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _is_wanted(wanted: Wanted, **values: str) -> bool:
    asked = ((getattr(wanted, name), value) for name, value in values.items())
    return all(value in (None, held) for value, held in asked)


def _counted(
    kinds: Mapping[str, int], terms: Iterable[Term], *, whole_days: bool = False
) -> Counts:
    """The counts of a filter, from how many there are of each kind without it."""
    asked = [term for term in terms if term.field in COUNTED]
    by_field: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
    total = 0
    for kind, count in kinds.items():
        values = dict(zip(COUNTED, kind.split(" "), strict=True))
        failing = {
            each.field for each in asked if (values[each.field] == each.value) is each.negated
        }
        if not failing:
            total += count
        for name in COUNTED:
            if failing <= {name}:
                by_field[name][values[name]] += count
    return Counts(total, {name: dict(found) for name, found in by_field.items()}, whole_days)


def _merged(groups: Sequence[Group], sample: int) -> Group:
    largest = groups[0]
    newest = sorted(groups, key=lambda group: -group.last_seen)
    return Group(
        fingerprint="",
        cause=largest.cause,
        profile=largest.profile,
        scopes=(),
        count=sum(group.count for group in groups),
        open_count=sum(group.open_count for group in groups),
        first_seen=min(group.first_seen for group in groups),
        last_seen=newest[0].last_seen,
        sample=tuple(name for group in newest for name in group.sample)[:sample],
    )
