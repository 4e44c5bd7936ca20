"""Notice that a connection has ended although nobody asks for its token: about once a day each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oauth_helper.oauth.client.refresh import Fresh, RefreshFailed

if TYPE_CHECKING:
    from oauth_helper.oauth.client.account_domain import AccountDomains
    from oauth_helper.oauth.client.refresh import TokenRefresher
    from oauth_helper.store.connection_checks import ConnectionChecks
    from oauth_helper.store.connections import Connections

_DAY = 86_400.0

# Seconds without a refresh after which a connection is checked; a little less than a day, as the
# walk through all of them takes one.
_DUE = 0.9 * _DAY

# Seconds until the next check after HubSpot was busy or away, and at least and at most otherwise.
_PAUSE, _LEAST, _MOST = 600.0, 1.0, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCheck:
    """Check one connection at a time, over all workers. `clock` returns Unix seconds."""

    connections: Connections
    token_refresher: TokenRefresher
    domains: AccountDomains
    checks: ConnectionChecks
    clock: Callable[[], float]

    def check_next(self) -> None:
        """Check the next connection when its time has come. Raises `StoreUnavailableError`.

        A backend's refresh is left alone: a token that still works needs no request to HubSpot, and
        one refresh at a time is sent for each connection.
        """
        place = self.checks.begin()
        if place is None:
            return
        pause = _PAUSE
        try:
            page = self.connections.page(limit=1, cursor=place or None)
            place = page.next_cursor or ""
            pause = min(_MOST, max(_LEAST, _DAY / max(1, self.connections.count())))
            for connection in page.connections:
                is_due = self.clock() - connection.expires_at >= _DUE
                if is_due and connection.ended_at is None and not connection.client:
                    outcome = self.token_refresher.token(connection.id)
                    if isinstance(outcome, RefreshFailed):
                        pause = max(_PAUSE, outcome.retry_after or 0)
                    elif isinstance(outcome, Fresh):
                        self.domains.of_connection(outcome.connection)
        finally:
            self.checks.end(place, pause)
