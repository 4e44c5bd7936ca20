"""Complete an authorization: validate the state, exchange the code, compare the scopes.

Call `validate_state` before reading anything else in a response. `Callback.complete` does the rest
and returns `Connected | Failed | Deferred | Rejected`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Evidence, Stage
from oauth_helper.hubspot.authorization_request import is_issuer
from oauth_helper.hubspot.authorization_response import AuthorizationResponse, Code, Declined
from oauth_helper.hubspot.token_response import Granted, Unavailable
from oauth_helper.models import (
    Claim,
    Connection,
    DeferredCode,
    IssuedCode,
    PendingAuthorization,
    StoreUnavailableError,
    Tokens,
)
from oauth_helper.oauth.client.outcome import (
    Connected,
    Deferred,
    Failed,
    Rejected,
    Rejection,
    build_failure,
    fail,
)
from oauth_helper.scopes import RequestedScopes, missing_scopes
from oauth_helper.store.outbox.events import AttemptFailed, AttemptSucceeded

if TYPE_CHECKING:
    from oauth_helper.hubspot.client import HubSpotClient
    from oauth_helper.store.attempts import Attempts
    from oauth_helper.store.connections import Connections
    from oauth_helper.store.outbox.writer import EventWriter

logger = logging.getLogger(__name__)

#: Seconds for which a response is accepted. Longer than ATTEMPT_TIMEOUT, for late customers.
PENDING_LIFETIME = 3600

# Seconds by which a clock may be set back while a customer is at HubSpot.
_CLOCK_TOLERANCE = 60

# Claims of one browser whose replies from Redis were lost. No outage causes more.
_MAX_CLAIM_IDS = 5


def validate_state(
    pending: PendingAuthorization | None,
    *,
    profile: Profile,
    state: str | None,
    iss: Sequence[str],
    endpoint: str,
    now: float,
) -> PendingAuthorization | Rejected:
    """Return the pending authorization that a response belongs to, or why it belongs to none.

    `pending` is what this browser keeps for the attempt named by the state. `iss` holds all values
    of that parameter, `endpoint` is the authorization endpoint. Source: RFC 6749 section 10.12,
    RFC 9700 sections 2.1 and 4.4, RFC 9207.
    """
    if not state:
        return Rejected(Rejection.NO_STATE)
    if pending is None:
        return Rejected(Rejection.OTHER_BROWSER)
    if not pending.matches(state) or pending.profile != profile.name:
        return Rejected(Rejection.ALTERED)
    if len(iss) > 1 or not all(is_issuer(each, endpoint) for each in iss):
        return Rejected(Rejection.ALTERED)
    if not -_CLOCK_TOLERANCE <= now - pending.started_at <= PENDING_LIFETIME:
        return Rejected(Rejection.EXPIRED)
    return pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Complete attempts. `clock` returns Unix seconds."""

    attempts: Attempts
    connections: Connections
    writer: EventWriter
    hubspot: HubSpotClient
    clock: Callable[[], float]

    def complete(
        self, profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
    ) -> Connected | Failed | Deferred | Rejected:
        """Process a response whose state is valid, once, and return the outcome.

        `Deferred` leaves the code unused. The reason is logged as a failure, which is resolved when
        the response is completed later.
        """
        claimed = self._claim(profile, pending, response)
        if not isinstance(claimed, PendingAuthorization):
            return claimed
        pending = claimed
        if not isinstance(response, Code):
            words = response.description if isinstance(response, Declined) else ""
            evidence = Evidence(stage=Stage.CALLBACK, response=response, message=words)
            return fail(self.writer, profile, pending, evidence, at=self.clock())
        asked_at = int(self.clock())
        tokens = self.hubspot.exchange_code(
            profile.credentials, response.code, pending.code_verifier
        )
        if not isinstance(tokens, Granted):
            deferred = pending.deferred
            code_age = int(self.clock() - deferred.at) if deferred else 0
            evidence = Evidence(stage=Stage.TOKEN, response=tokens, code_age=code_age)
            return fail(
                self.writer, profile, pending, evidence, at=self.clock(), secrets=(response.code,)
            )
        granted, hub_id = self._granted(profile, tokens)
        required, optional = _missing(profile, pending.requested, granted)
        if required or (optional and profile.missing_optional == "fail"):
            evidence = Evidence(
                stage=Stage.GRANT,
                app=profile.app,
                missing_required=required,
                missing_optional=optional,
            )
            return fail(
                self.writer,
                profile,
                pending,
                evidence,
                at=self.clock(),
                granted=granted,
                hub_id=hub_id,
            )
        now = int(self.clock())
        connection = Connection(
            id=_connection_id(profile, pending, hub_id, tokens.user_id),
            profile=profile.name,
            hub_id=hub_id,
            granted=granted,
            missing_optional=optional,
            connected_at=now,
            expires_at=asked_at + tokens.expires_in,
            issued_at=asked_at,
            reference=pending.reference,
            client=pending.client_request.client_id if pending.client_request else "",
            customer=pending.customer,
            customer_name=pending.customer_name,
            link=pending.link.id if pending.link else "",
        )
        return self._connect(
            profile, pending, connection, Tokens(tokens.access_token, tokens.refresh_token)
        )

    def fail_interrupted(
        self, profile: Profile, pending: PendingAuthorization, hub_id: int | None
    ) -> Failed:
        """Log that Redis went down before the client could get its code."""
        logger.error("%s: Redis went down, tokens are lost", pending.reference)
        evidence = Evidence(stage=Stage.CALLBACK, interrupted=True)
        return fail(self.writer, profile, pending, evidence, at=self.clock(), hub_id=hub_id)

    def _claim(
        self, profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
    ) -> PendingAuthorization | Rejected | Deferred:
        """Return the authorization to complete, or why the response is rejected or deferred.

        A caller that may proceed has claimed the attempt, unless Redis is down.
        """
        code = response.code if isinstance(response, Code) else None
        if code and not self.hubspot.is_ready(profile.client_id):
            busy = Unavailable("HubSpot was not asked")
            self._log_deferral(profile, pending, Evidence(stage=Stage.TOKEN, response=busy))
            return self._defer(Rejection.HUBSPOT_BUSY, pending, code)
        claim_id = secrets.token_urlsafe(9)
        try:
            claim = self.attempts.claim(
                pending.reference,
                self.clock(),
                claim_id=claim_id,
                earlier_claim_ids=pending.deferred.claim_ids if pending.deferred else (),
                # A proxy client's attempt ends only when the client redeems its code. Two workers
                # may log an error: that leaves one failure.
                single_use=pending.client_request is not None and code is not None,
            )
            is_connected = claim is Claim.TAKEN_OVER and self._is_connected(profile, pending)
        except StoreUnavailableError:
            if code is None:
                return pending  # an error uses nothing up; logging it twice leaves one failure
            interrupted = Evidence(stage=Stage.CALLBACK, interrupted=True)
            self._log_deferral(profile, pending, interrupted)
            return self._defer(Rejection.STORE_DOWN, pending, code, claim_id)
        if claim is Claim.CLAIMED and code:
            return self._defer(Rejection.CLAIMED, pending, code)
        if claim is Claim.USED or is_connected:
            return Rejected(Rejection.USED)
        # What is stored is within its network's daily budget.
        return replace(pending, sender="") if claim is Claim.WON else pending

    def _is_connected(self, profile: Profile, pending: PendingAuthorization) -> bool:
        """Return whether the worker that died saved the connection, and finish its work.

        The code is used up then.
        """
        connection = self.connections.of_reference(pending.reference)
        tokens = self.connections.tokens(connection.id) if connection else None
        if connection is None or tokens is None:
            return False
        self.writer.write(success_of(profile, pending, connection, tokens, at=self.clock()))
        return True

    def _defer(
        self, reason: Rejection, pending: PendingAuthorization, code: str, claim_id: str = ""
    ) -> Deferred:
        """Keep the code for later. `claim_id` names a claim that may have reached Redis."""
        deferred = pending.deferred
        if deferred is None or deferred.code != code:
            deferred = DeferredCode(code, int(self.clock()))
        if claim_id:
            claim_ids = (*deferred.claim_ids, claim_id)[-_MAX_CLAIM_IDS:]
            deferred = replace(deferred, claim_ids=claim_ids)
        return Deferred(reason, replace(pending, deferred=deferred))

    def _log_deferral(
        self, profile: Profile, pending: PendingAuthorization, evidence: Evidence
    ) -> None:
        if pending.deferred is None:
            failure = build_failure(profile, pending, evidence, at=self.clock())
            self.writer.write(AttemptFailed(failure, sender=pending.sender))
            logger.warning("deferred: %s %s %s", pending.reference, profile.name, evidence.stage)

    def _granted(
        self, profile: Profile, tokens: Granted
    ) -> tuple[tuple[str, ...] | None, int | None]:
        """Return the granted scopes and the account, each None if HubSpot doesn't name it."""
        if tokens.scopes is not None and tokens.hub_id is not None:
            return tokens.scopes, tokens.hub_id
        found = self.hubspot.introspect(profile.credentials, tokens.access_token)
        if found is None or not found.active:
            return tokens.scopes, tokens.hub_id
        return (
            found.scopes if tokens.scopes is None else tokens.scopes,
            found.hub_id if tokens.hub_id is None else tokens.hub_id,
        )

    def _connect(
        self,
        profile: Profile,
        pending: PendingAuthorization,
        connection: Connection,
        tokens: Tokens,
    ) -> Connected:
        """Save the connection. A proxy client's is saved when the client redeems its code."""
        if pending.client_request is None:
            self.writer.write(success_of(profile, pending, connection, tokens, at=self.clock()))
            issued = None
        else:
            issued = IssuedCode(pending=pending, connection=connection, tokens=tokens)
        return Connected(
            reference=pending.reference,
            profile=profile.name,
            granted=connection.granted,
            missing=connection.missing_optional,
            hub_id=connection.hub_id,
            return_to=pending.return_to,
            start_query=pending.start_query,
            browser_id=pending.browser_id,
            client=pending.client,
            popup=pending.popup,
            issued=issued,
        )


def success_of(
    profile: Profile | None,
    pending: PendingAuthorization,
    connection: Connection,
    tokens: Tokens,
    *,
    at: float,
) -> AttemptSucceeded:
    """Return the event for an attempt that connected its account at the time `at`.

    `profile` is None when it is no longer there.
    """
    return AttemptSucceeded(
        connection=connection,
        tokens=tokens,
        browser_id=pending.browser_id or pending.reference,
        fingerprint=profile.fingerprint(pending.requested) if profile else "",
        at=at,
    )


def _connection_id(
    profile: Profile, pending: PendingAuthorization, hub_id: int | None, user_id: int | None
) -> str:
    """Return the id of a connection. A proxy client's differs from the operator's own.

    Users of one account have one each when the app is user-level.
    """
    if pending.link and pending.link.connection and pending.link.hub_id is None:
        return pending.link.connection  # HubSpot didn't name its account, so nothing else would
    whose = str(hub_id or pending.reference)
    if profile.app and profile.app.is_user_level:
        whose = f"{hub_id}-{user_id}" if hub_id and user_id else pending.reference
    parts = [pending.profile, whose]
    client_request = pending.client_request
    return ".".join([*parts, client_request.client_id] if client_request else parts)


def _missing(
    profile: Profile, requested: RequestedScopes, granted: tuple[str, ...] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the required and the optional scopes that were requested but not granted.

    A scope that the catalogue requires counts as required even if the app lists it as optional.
    """
    if granted is None:
        return (), ()
    missing = missing_scopes(
        (*requested.scope, *requested.optional_scope), granted, profile.catalogue
    )
    needed = profile.required.union(requested.scope)
    return (
        tuple(name for name in missing if name in needed),
        tuple(name for name in missing if name not in needed),
    )
