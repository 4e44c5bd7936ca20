"""The failure log: each failure is written with its indexes and counters in one step."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from oauth_helper.common.metrics import FAILURES
from oauth_helper.common.references import day_of, midnight
from oauth_helper.failures.model import EventType, Failure, Status
from oauth_helper.failures.triage import resolve_as_connected
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store import keys
from oauth_helper.store.change_feed import CHANGES_KEPT, ChangeFeed
from oauth_helper.store.failure_layout import (
    counters_of,
    group_name,
    indexes_of,
    shared_diagnosis,
    to_fields,
)
from oauth_helper.store.failure_reader import FailureReader
from oauth_helper.store.failure_scripts import CHANGE, RECORD
from oauth_helper.store.redis import Client
from oauth_helper.store.redis_clients import LuaScript, Pipeline
from oauth_helper.store.shared_texts import encode_request, name_of, request_name
from oauth_helper.store.webhook_events import WebhookEvents

_FIRST_OF_DAY = 2

# A failure may happen this much later than its attempt starts, and is kept as much longer.
_LONGER = timedelta(days=2)

# The latest failures of a browser or account that a success resolves.
_MOST_UNRESOLVED = 50

# Others may change the same record at the same time, but not this often.
_TRIES = 20


class Failures(FailureReader):
    """The failures in Redis. Methods raise `StoreUnavailableError`.

    `feed` lists each new and changed failure; `events` gets what webhooks send.
    """

    def __init__(
        self, client: Client, *, retention_days: int, events: WebhookEvents | None = None
    ) -> None:
        super().__init__(client)
        self._events = events
        self._client = client
        self._retention = timedelta(days=retention_days)
        record, change = (events.publish_by(text) if events else text for text in (RECORD, CHANGE))
        self._record = LuaScript(client, record)
        self._change = LuaScript(client, change)
        self._known_days: set[date] = set()
        self.feed = ChangeFeed(client)

    def record(self, failure: Failure, *, only_if_open: bool = False) -> bool:
        """Write a failure with its indexes; False if it exists or its attempt has connected.

        With `only_if_open` also False if the attempt has any outcome or is not stored.
        """
        day = day_of(failure.reference)
        if day not in self._known_days:
            # Once per day and process, and before the record, so that no record is unlisted.
            self._list_day(day)
        counters = counters_of(failure)
        call = (
            [
                keys.failure(failure.reference),
                keys.attempt(failure.reference),
                keys.open_attempts(day),
                *_shared_keys(day),
                *(keys.of_day(day, name) for name, _ in counters),
                *(keys.failures(day, index) for index in indexes_of(failure)),
            ],
            [
                failure.reference,
                repr(failure.at),
                self._expiry(day),
                "1" if only_if_open else "",
                secrets.token_hex(6),
                *_shared_values(failure),
                str(len(counters)),
                *(field for _, field in counters),
                *_flat(to_fields(failure)),
                *(self._events.of_failure(None, failure) if self._events else ()),
            ],
        )
        # The marks first: one without a failure is skipped, a failure without is never resolved.
        # An announcement of what is there already changes nothing.
        written, *_ = self._record.run_all(
            [call],
            before=partial(self._mark_unresolved, failure),
            after=partial(self._announce, failure),
        )
        if written == _FIRST_OF_DAY:
            # Also after the store lost the day that this process has listed.
            self._list_day(day)
        if written:
            FAILURES.labels(failure.profile, failure.stage, failure.cause).inc()
        return bool(written)

    def change(self, reference: str, change: Callable[[Failure], Failure]) -> Failure | None:
        """Write a failure after `change`, and return it; None if it is not stored.

        No change is lost: if another caller was faster, `change` is called again with the new
        record. It must keep time and reference.
        """
        for _ in range(_TRIES):
            old = self._records.get(reference)
            if old is None:
                return None
            new = change(old)
            if new == old:
                return old
            new = replace(new, revision=old.revision + 1)
            if self._replace(old, new):
                with self._client.pipeline(transaction=False) as pipeline:
                    self._store_recovery(old, new, pipeline)
                    if new.status is Status.OPEN and _differ_in_whom(old, new):
                        self._mark_unresolved(new, pipeline)
                    self._announce(new, pipeline)
                    pipeline.execute()
                return new
        raise StoreUnavailableError(f"{reference} keeps changing")

    def resolve_as_connected(
        self, references: Iterable[str], *, at: float, reference: str, hub_id: int | None
    ) -> None:
        """Resolve the open ones of these failures, because the attempt `reference` has connected.

        Leaves those of another account than `hub_id` open.
        """
        resolve = partial(resolve_as_connected, at=at, reference=reference)
        for failure in self.get_all(list(dict.fromkeys(references))):
            is_own = failure.reference == reference
            if not is_own and failure.hub_id not in (None, hub_id):
                continue
            if is_own or failure.status is Status.OPEN:
                self.change(failure.reference, resolve)
            with self._client.pipeline(transaction=False) as pipeline:
                for key in _unresolved_keys(failure):
                    pipeline.zrem(key, failure.reference)
                pipeline.execute()

    def erase(self, failures: Collection[Failure]) -> None:
        """Delete failures from the log. Counters stay."""
        for failure in failures:
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.delete(keys.failure(failure.reference))
                for index in indexes_of(failure):
                    index_key = keys.failures(day_of(failure.reference), index)
                    pipeline.zrem(index_key, failure.reference)
                for key in _unresolved_keys(failure):
                    pipeline.zrem(key, failure.reference)
                pipeline.execute()
        self.feed.forget({failure.reference for failure in failures})

    def _announce(self, failure: Failure, pipeline: Pipeline) -> None:
        """Add a new or changed failure to the feed, and count whom its group affects."""
        whom = {"people": failure.browser_id or failure.reference}
        if failure.hub_id is not None:
            whom["accounts"] = str(failure.hub_id)
        pipeline.xadd(keys.FEED, {"r": failure.reference}, maxlen=CHANGES_KEPT, approximate=True)
        for name, who in whom.items():
            key = keys.affected(name, failure.fingerprint)
            pipeline.pfadd(key, who)
            pipeline.expireat(key, int(self._expiry(day_of(failure.reference))))

    def _mark_unresolved(self, failure: Failure, pipeline: Pipeline) -> None:
        """Let a success of the same browser or account find the failure."""
        for key in _unresolved_keys(failure):
            pipeline.zadd(key, {failure.reference: failure.at})
            pipeline.zremrangebyrank(key, 0, -_MOST_UNRESOLVED - 1)
            pipeline.expireat(key, int(self._expiry(day_of(failure.reference))))

    def _replace(self, old: Failure, new: Failure) -> bool:
        day = day_of(new.reference)
        before, after = counters_of(old), counters_of(new)
        down, up = _difference(before, after), _difference(after, before)
        indexes = indexes_of(new)
        left = [index for index in indexes_of(old) if index not in indexes]
        # Records of version 2 have candidates of their own.
        before_fields = dict.fromkeys((*to_fields(old), "candidates"), "")
        fields = {**before_fields, **to_fields(new)}
        return bool(
            self._change(
                keys=[
                    keys.failure(new.reference),
                    *_shared_keys(day),
                    *(keys.of_day(day, name) for name, _ in (*down, *up)),
                    *(keys.failures(day, index) for index in (*left, *indexes)),
                ],
                args=[
                    new.reference,
                    str(old.revision),
                    repr(new.at),
                    self._expiry(day),
                    secrets.token_hex(6),
                    *_shared_values(new),
                    str(len(down)),
                    str(len(up)),
                    str(len(left)),
                    *(field for _, field in (*down, *up)),
                    *_flat(fields),
                    *(self._events.of_failure(old, new) if self._events else ()),
                ],
            )
        )

    def _store_recovery(self, old: Failure, new: Failure, pipeline: Pipeline) -> None:
        """Store how long it took until the account connected, if it just has."""
        seconds = _recovered_after(new)
        if seconds is None or _recovered_after(old) is not None:
            return
        day = day_of(new.reference)
        recovered = keys.of_day(day, keys.RECOVERED)
        pipeline.hset(recovered, new.reference, f"{seconds:.0f} {new.profile}")
        pipeline.expireat(recovered, int(self._expiry(day)))

    def _expiry(self, day: date) -> str:
        return str(int((midnight(day) + self._retention + _LONGER).timestamp()))

    def _list_day(self, day: date) -> None:
        self._client.zadd(keys.DAYS, {day.isoformat(): day.toordinal()})
        expired = day - self._retention - 2 * _LONGER
        self._client.zremrangebyscore(keys.DAYS, "-inf", expired.toordinal())
        self._known_days.add(day)


def _unresolved_keys(failure: Failure) -> tuple[str, ...]:
    # A browser's first failure is found by the browser's id, which is its reference.
    is_first = failure.browser_id in ("", failure.reference)
    whom = (None if is_first else failure.browser_id, failure.hub_id)
    return tuple(keys.unresolved(each, failure.profile) for each in whom if each is not None)


def _differ_in_whom(old: Failure, new: Failure) -> bool:
    """Return whether a success finds the new record elsewhere, or can resolve only that."""
    return old.status is not Status.OPEN or _unresolved_keys(old) != _unresolved_keys(new)


def _shared_keys(day: date) -> list[str]:
    names = (keys.NAMES, keys.REQUESTS, keys.DIAGNOSES, keys.VERSION)
    return [keys.of_day(day, name) for name in names]


def _shared_values(failure: Failure) -> list[str]:
    """Return what many failures share: scopes of the group, requested scopes, diagnosis."""
    requested, diagnosis = failure.requested, shared_diagnosis(failure)
    return [
        failure.fingerprint,
        group_name(failure),
        request_name(requested),
        encode_request(requested),
        name_of(diagnosis),
        diagnosis,
    ]


def _flat(fields: dict[str, str]) -> list[str]:
    return [part for field in fields.items() for part in field]


def _difference(
    some: tuple[tuple[str, str], ...], others: tuple[tuple[str, str], ...]
) -> list[tuple[str, str]]:
    return list((Counter(some) - Counter(others)).elements())


def _recovered_after(failure: Failure) -> float | None:
    """Return the seconds from the failure to the next connection, None without one."""
    times = (event.at for event in failure.history if event.what is EventType.CONNECTED)
    first = next(times, None)
    return None if first is None else max(0.0, first - failure.at)
