"""Notice when a group of failures starts, spikes or is resolved, once for each burst."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from oauth_helper.config.webhooks import Threshold
from oauth_helper.failures.query import FailureQuery
from oauth_helper.notifications.delivery import distribute
from oauth_helper.store.counters import Counters
from oauth_helper.store.group_states import GroupStates
from oauth_helper.store.webhook_queue import WebhookQueues

# Seconds for which the state of a group is kept: one that fails again the day after it was
# resolved is new again.
_KEPT = {"resolved": 86_400, "announced": 30 * 86_400, "silent": 30 * 86_400}

_Name: TypeAlias = Literal["new", "announced", "silent", "resolved"]


@dataclass(frozen=True, slots=True)
class GroupState:
    """What people know about a group. It spikes anew only after `spiking_until`."""

    name: _Name = "new"
    spiking_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupWatch:
    """Publish what becomes of changed groups. `clock` returns Unix seconds."""

    queues: WebhookQueues
    states: GroupStates
    counters: Counters
    threshold: Threshold
    clock: Callable[[], float]

    def watch(self) -> None:
        """Look at each group that changed. Raises `StoreUnavailableError`."""
        distribute(self.queues, self.clock())
        while event := self.queues.groups.claim(self.clock()):
            self._look_at(event.record.partition(":")[2])
            self.queues.groups.delivered(event, self.clock())

    def _look_at(self, group: str) -> None:
        now, seconds = self.clock(), self.threshold.seconds
        found = self.counters.groups(FailureQuery(group=group), limit=1)
        recent = self.counters.counts(FailureQuery(group=group, since=now - seconds)).total or 0
        stored = self.states.get(group)
        before = GroupState(**json.loads(stored)) if stored else GroupState()
        is_open = any(each.open_count for each in found)
        after, kind = next_state(before, is_open, recent, now, self.threshold)
        if kind == "group.started" and not self.states.may_start():
            after, kind = GroupState("silent"), ""
        if after.name != "new":
            text, data = json.dumps(asdict(after)), {"recent": recent, "seconds": seconds}
            self.states.save(group, text, _KEPT[after.name], kind, data)


def next_state(
    before: GroupState,
    is_open: bool,  # noqa: FBT001
    recent: int,
    now: float,
    threshold: Threshold,
) -> tuple[GroupState, str]:
    """Return the state of a group, and the event that this is; empty for none.

    `recent` failures happened within the time of the threshold. Failures that were only written
    after an outage of the store are older, and make no news.
    """
    name: _Name = before.name
    if not is_open:
        event = "group.resolved" if name == "announced" else ""
        return GroupState("new" if name == "new" else "resolved", before.spiking_until), event
    if recent >= threshold.count:
        event = "group.spiking" if now > before.spiking_until else ""
        return GroupState("announced" if event else name, now + threshold.seconds), event
    if name == "new":
        return (GroupState("announced"), "group.started") if recent else (GroupState("silent"), "")
    return GroupState("silent" if name == "resolved" else name, before.spiking_until), ""
