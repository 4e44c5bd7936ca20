"""The first half of a connection: what is asked for, and where the person is sent.

Adapters are handed in, and described by what is needed of them. Outcomes are values; only bad input
raises.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from oauth_helper.common.references import new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import ClientError, Evidence, Stage
from oauth_helper.hubspot.authorization_request import authorization_endpoint, authorization_url
from oauth_helper.models import (
    STATE_RANDOM_LENGTH,
    Attempt,
    ClientRequest,
    PendingAuthorization,
    make_state,
)
from oauth_helper.oauth.client.callback import Failing, Notes, Outcome
from oauth_helper.scopes import Problem, RequestedScopes
from oauth_helper.store.outbox.writer import AttemptStarted


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt has begun: keep `pending` in the browser and send it to `url`."""

    pending: PendingAuthorization
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """Begins connections. `clock` gives Unix seconds.

    `chance` makes a URL-safe text of as many random characters as it is told, `choose` picks one
    character of a text; both have to be fit for secrets.
    """

    endpoint: str
    notes: Notes
    failing: Failing
    clock: Callable[[], float]
    chance: Callable[[int], str]
    choose: Callable[[str], str]
    attempt_timeout: int

    def begin(
        self,
        profile: Profile,
        *,
        optional: Collection[str] | None = None,
        hub_id: int | None = None,
        region: str | None = None,
        return_to: str | None = None,
        start_query: str = "",
        browser_id: str = "",
        language: str = "",
        client_request: ClientRequest | None = None,
        popup: bool = False,
    ) -> Started | Outcome:
        """Starts an attempt, or ends it at once when HubSpot would certainly refuse it.

        `start_query` comes back with the outcome. `browser_id` is the reference of the first attempt
        known of the same browser, if there was one; `language` the code of what its person reads.
        `client_request` is what a client of the proxy asked for; it gets the answer. `popup`
        says that it happens in a window of its own.

        Raises `UnknownScopesError` when `optional` holds what the catalogue does not, ValueError
        for an unknown region.
        """
        requested = profile.requested_scopes(optional)
        now = self.clock()
        pending = self._pending(
            profile,
            requested,
            int(now),
            return_to=return_to,
            start_query=start_query,
            browser_id=browser_id,
            language=language,
            client_request=client_request,
            popup=popup,
        )
        if problems := certain_refusals(profile, requested):
            evidence = Evidence(stage=Stage.PREFLIGHT, problems=problems)
            return self.failing.fail(profile, pending, evidence)
        url = authorization_url(
            authorization_endpoint(
                self.endpoint, hub_id=hub_id or profile.hub_id, region=region or profile.region
            ),
            client_id=profile.client_id,
            redirect_uri=profile.redirect_uri,
            requested=requested,
            state=pending.state,
            code_verifier=pending.code_verifier,
        )
        deadline = pending.started_at + self.attempt_timeout
        attempt = Attempt(
            pending.reference,
            profile.name,
            requested,
            pending.started_at,
            deadline,
            browser_id=pending.browser_id,
            language=pending.language,
            client=pending.client,
        )
        self.notes.note(AttemptStarted(attempt))
        return Started(pending, url)

    def turn_away(
        self,
        profile: Profile,
        client_request: ClientRequest,
        client_error: ClientError,
        *,
        scopes: tuple[str, ...] = (),
        browser_id: str = "",
        language: str = "",
    ) -> Outcome:
        """Records that a client's request ended before anybody was sent to HubSpot."""
        pending = self._pending(
            profile,
            profile.requested_scopes(),
            int(self.clock()),
            return_to=None,
            start_query="",
            browser_id=browser_id,
            language=language,
            client_request=client_request,
        )
        stage = (
            Stage.PREFLIGHT if client_error is ClientError.UNKNOWN_SCOPES else Stage.AUTHORIZATION
        )
        evidence = Evidence(
            stage=stage,
            client_error=client_error,
            client=client_request.client,
            client_error_scopes=scopes,
        )
        return self.failing.fail(profile, pending, evidence)

    def _pending(
        self,
        profile: Profile,
        requested: RequestedScopes,
        now: int,
        *,
        return_to: str | None,
        start_query: str,
        browser_id: str,
        language: str,
        client_request: ClientRequest | None = None,
        popup: bool = False,
    ) -> PendingAuthorization:
        reference = new_reference(datetime.fromtimestamp(now, UTC).date(), self.choose)
        return PendingAuthorization(
            reference=reference,
            profile=profile.name,
            state=make_state(reference, self.chance(STATE_RANDOM_LENGTH)),
            # RFC 7636 section 4.1: 43 to 128 characters.
            code_verifier=self.chance(64) if profile.pkce else None,
            requested=requested,
            started_at=now,
            return_to=return_to,
            start_query=start_query,
            browser_id=browser_id or reference,
            language=language,
            client_request=client_request,
            popup=popup,
        )


def certain_refusals(profile: Profile, requested: RequestedScopes) -> tuple[Problem, ...]:
    """What makes HubSpot refuse for sure, as far as the app's configuration is known."""
    preflight = profile.preflight(requested)
    return preflight.refusals if preflight else ()
