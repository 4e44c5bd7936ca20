"""Erase what is stored about an account or a customer. Counters stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oauth_helper.failures.model import Failure
from oauth_helper.failures.query import FailureQuery
from oauth_helper.models import Attempt, Connection, ConnectLink
from oauth_helper.store.outbox.events import AttemptEvent, AttemptStarted, AttemptSucceeded

if TYPE_CHECKING:
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.connect_links import ConnectLinks
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.failures import Failures
    from oauth_helper.store.outbox.queue import Outbox
    from oauth_helper.store.refresh_locks import RefreshLocks
    from oauth_helper.store.webhook_queue import WebhookQueues


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many records were erased. `events` waited in this instance's outbox."""

    failures: int
    attempts: int
    connections: int
    links: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Erase records. Raises `StoreUnavailableError`; what is left is erased by doing it again."""

    attempts: Attempts
    failures: Failures
    connections: Connections
    links: ConnectLinks
    locks: RefreshLocks
    outbox: Outbox
    webhooks: WebhookQueues
    clock: Callable[[], float]

    def erase(
        self, *, account: int | None = None, customer: str = "", dry_run: bool = False
    ) -> Erased:
        """Erase an account or a customer; `dry_run` only counts.

        A customer's are also the failures of their accounts, unless those name another customer.
        """
        whose = _Whose(account, customer)
        connections = self._connections(whose)
        failures = self._failures(whose, connections)
        links = [
            each
            for each in self.links.all()
            if whose.has(each.link) or each.connection in {one.id for one in connections}
        ]
        attempts = {*failures, *(each.reference for each in connections)}
        if customer:
            attempts.update(self.attempts.of_customer(customer, self.clock()))
        # First what could still be written, then what it would be written to.
        events = self.outbox.erase(whose.has_event, dry_run=dry_run)
        if not dry_run:
            self.attempts.erase(attempts, customer=customer)
            self.links.erase(links)
            for connection in connections:
                self.connections.forget(connection)
                self.locks.erase(connection)
            self.failures.erase(failures.values())
            records = [f"connection:{each.id}" for each in connections]
            records += [f"failure:{reference}" for reference in failures]
            self.webhooks.erase(records, self.clock())
        return Erased(
            failures=len(failures),
            attempts=len(attempts),
            connections=len(connections),
            links=len(links),
            events=events,
        )

    def _connections(self, whose: _Whose) -> tuple[Connection, ...]:
        if whose.account is not None:
            return self.connections.of_account(whose.account)
        return self.connections.of_customer(whose.customer)

    def _failures(
        self, whose: _Whose, connections: tuple[Connection, ...]
    ) -> Mapping[str, Failure]:
        """Return the failures by reference."""
        accounts = {each.hub_id for each in connections} | {whose.account}
        queries = [FailureQuery(account=str(each)) for each in accounts if each is not None]
        if whose.customer:
            queries.append(FailureQuery(customer=whose.customer))
        found = (failure for query in queries for failure in self.failures.each(query))
        return {
            each.reference: each
            for each in found
            if whose.account is not None or each.customer in ("", whose.customer)
        }


@dataclass(frozen=True, slots=True)
class _Whose:
    """An account, or a customer."""

    account: int | None
    customer: str

    def has(self, record: Attempt | Connection | ConnectLink | Failure) -> bool:
        """Return whether a record names the account or the customer."""
        if self.account is not None:
            return getattr(record, "hub_id", None) == self.account
        return record.customer == self.customer

    def has_event(self, event: AttemptEvent) -> bool:
        """Return whether a queued event is about the account or the customer."""
        match event:
            case AttemptStarted(attempt):
                return self.has(attempt)
            case AttemptSucceeded(connection=connection):
                return self.has(connection)
            case _:
                return self.has(event.failure)
