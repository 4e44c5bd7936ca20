"""The second half of a connection: what HubSpot sent back, tokens, and what is kept of them.

Adapters are handed in, and described here by what is needed of them. Outcomes are values.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Cause, Evidence, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.failures.record import build_failure
from oauth_helper.hubspot.authorization_request import authorization_endpoint
from oauth_helper.hubspot.hublets import HUBLETS
from oauth_helper.hubspot.authorization_response import AuthorizationResponse, Code, Declined
from oauth_helper.hubspot.client import code_request, token_in_form
from oauth_helper.hubspot.token_response import Granted, Introspected, TokenResponse, Unavailable
from oauth_helper.models import (
    Claim,
    ClientRequest,
    Connection,
    DeferredCode,
    IssuedCode,
    PendingAuthorization,
    StoreUnavailableError,
    Tokens,
)
from oauth_helper.scopes import OAUTH, RequestedScopes
from oauth_helper.store.outbox.writer import AttemptEvent, AttemptFailed, ConnectionSaved, connected

logger = logging.getLogger(__name__)

# Claims of one browser whose replies were lost; more than that is no outage.
_MOST_MARKS = 5


class AttemptLog(Protocol):
    """Where attempts are noted."""

    def claim(
        self,
        reference: str,
        now: float,
        *,
        mark: str,
        before: tuple[str, ...] = (),
        once: bool = False,
    ) -> Claim:
        """Whether the caller may deal with a response."""


class Codes(Protocol):
    """The clients of the proxy, which get codes of ours."""

    def with_code(self, client_request: ClientRequest, issued: IssuedCode) -> str | None:
        """The address that brings a code back to one; None when it is no longer there."""


class TokenEndpoint(Protocol):
    """HubSpot, as far as a connection needs it."""

    def is_ready(self, client_id: str) -> bool:
        """Whether an exchange for this app would be tried at once."""

    def exchange(self, form: str, *, client_id: str) -> TokenResponse:
        """The token endpoint's answer to a form, for the app `client_id`."""

    def introspect(self, form: str) -> Introspected | None:
        """What introspection says of a token."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """A response that cannot be dealt with yet: keep `pending` in the browser, and finish later."""

    why: ResponseRejected
    pending: PendingAuthorization


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Finishes attempts. `clock` gives Unix seconds.

    `chance` makes a URL-safe text of as many random characters as it is told.
    """

    attempts: AttemptLog
    notes: Notes
    clients: Codes
    failing: Failing
    hubspot: TokenEndpoint
    clock: Callable[[], float]
    chance: Callable[[int], str]

    def finish(
        self, profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
    ) -> Outcome | ResponseRejected | Deferred:
        """Deals with a response that was recognised: tokens are asked for, the outcome is kept.

        `Deferred` puts it off: the code is as good as before. Why the program cannot go on is recorded,
        and made up for when it is finished later.
        """
        if (deferred := self._hindered(profile, pending, response)) is not None:
            return deferred
        if not isinstance(response, Code):
            words = response.description if isinstance(response, Declined) else ""
            evidence = Evidence(stage=Stage.CALLBACK, response=response, message=words)
            return self.failing.fail(profile, pending, evidence)
        answer = self.hubspot.exchange(
            code_request(
                client_id=profile.client_id,
                client_secret=profile.client_secret,
                redirect_uri=profile.redirect_uri,
                code=response.code,
                code_verifier=pending.code_verifier,
            ),
            client_id=profile.client_id,
        )
        if not isinstance(answer, Granted):
            code_age = int(self.clock() - pending.deferred.at) if pending.deferred else 0
            evidence = Evidence(stage=Stage.TOKEN, response=answer, code_age=code_age)
            return self.failing.fail(profile, pending, evidence, secrets=(response.code,))
        return self._connect(profile, pending, answer)

    def _hindered(
        self, profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
    ) -> ResponseRejected | Deferred | None:
        """Why a response cannot be dealt with, or not now; None when the caller is to do so."""
        code = response if isinstance(response, Code) else None
        if code and not self.hubspot.is_ready(profile.client_id):
            evidence = Evidence(stage=Stage.TOKEN, response=Unavailable("HubSpot was not asked"))
            self._note_put_off(profile, pending, evidence)
            return self._held(ResponseRejected.HUBSPOT_BUSY, pending, code)
        mark = self.chance(12)
        try:
            claim = self.attempts.claim(
                pending.reference,
                self.clock(),
                mark=mark,
                before=pending.deferred.marks if pending.deferred else (),
                # A client that has its code says later how it ended.
                once=pending.client_request is not None or code is None,
            )
        except StoreUnavailableError:
            if code is None:
                return None  # nothing is used up by an error: told twice it is recorded once
            evidence = Evidence(stage=Stage.CALLBACK, interrupted=True)
            self._note_put_off(profile, pending, evidence)
            return self._held(ResponseRejected.STORE_DOWN, pending, code, mark)
        if claim is Claim.CLAIMED and code:
            return self._held(ResponseRejected.CLAIMED, pending, code)
        return None if claim is Claim.WON else ResponseRejected.USED

    def _held(
        self, why: ResponseRejected, pending: PendingAuthorization, code: Code, mark: str = ""
    ) -> Deferred:
        """`mark` is that of a claim that may have reached the store after all."""
        before = pending.deferred
        if before is None or before.code != code.code:
            before = DeferredCode(code.code, int(self.clock()))
        marks = (*before.marks, mark)[-_MOST_MARKS:] if mark else before.marks
        return Deferred(why, replace(pending, deferred=replace(before, marks=marks)))

    def _note_put_off(
        self, profile: Profile, pending: PendingAuthorization, evidence: Evidence
    ) -> None:
        if pending.deferred is None:
            self.notes.note(
                AttemptFailed(build_failure(profile, pending, evidence, at=self.clock()))
            )
            logger.warning("put off: %s %s %s", pending.reference, profile.name, evidence.stage)

    def _connect(self, profile: Profile, pending: PendingAuthorization, answer: Granted) -> Outcome:
        granted, hub_id = self._granted(profile, answer)
        required, optional = _missing(profile, pending.requested, granted)
        if required or (optional and profile.missing_optional == "fail"):
            evidence = Evidence(
                stage=Stage.GRANT, missing_required=required, missing_optional=optional
            )
            return self.failing.fail(profile, pending, evidence, granted=granted, hub_id=hub_id)
        now = int(self.clock())
        connection = Connection(
            id=_connection_id(pending, hub_id),
            profile=profile.name,
            hub_id=hub_id,
            granted=granted,
            missing_optional=optional,
            connected_at=now,
            expires_at=now + answer.expires_in,
            reference=pending.reference,
            client=pending.client_request.client_id if pending.client_request else "",
        )
        tokens = Tokens(answer.access_token, answer.refresh_token)
        if pending.client_request is not None:
            issued = IssuedCode(pending=pending, connection=connection, tokens=tokens)
            return self._hand_over(profile, pending.client_request, issued)
        self.notes.note(ConnectionSaved(connection, tokens))
        self.notes.note(connected(profile, pending, hub_id, at=self.clock()))
        return Outcome(
            reference=pending.reference,
            profile=profile.name,
            cause=None,
            missing=optional,
            granted=granted,
            hub_id=hub_id,
            return_to=pending.return_to,
            start_query=pending.start_query,
            browser_id=pending.browser_id,
            popup=pending.popup,
        )

    def _hand_over(
        self, profile: Profile, client_request: ClientRequest, issued: IssuedCode
    ) -> Outcome:
        """Leads the person back to the client with a code; the client comes for the tokens.

        Without the store there is no code that could be used once only.
        """
        pending, connection = issued.pending, issued.connection
        try:
            client_redirect_url = self.clients.with_code(client_request, issued)
        except StoreUnavailableError as error:
            logger.error("%s: the store went down, tokens are lost: %s", pending.reference, error)  # noqa: TRY400
            evidence = Evidence(stage=Stage.CALLBACK, interrupted=True)
            return self.failing.fail(profile, pending, evidence, hub_id=connection.hub_id)
        return Outcome(
            reference=pending.reference,
            profile=pending.profile,
            cause=None,
            missing=connection.missing_optional,
            granted=connection.granted,
            hub_id=connection.hub_id,
            browser_id=pending.browser_id,
            client=pending.client,
            client_redirect_url=client_redirect_url,
        )

    def _granted(
        self, profile: Profile, answer: Granted
    ) -> tuple[tuple[str, ...] | None, int | None]:
        """The granted scopes and the account: as answered, else as introspected, else unknown."""
        if answer.scopes is not None and answer.hub_id is not None:
            return answer.scopes, answer.hub_id
        told = self.hubspot.introspect(
            token_in_form(
                client_id=profile.client_id,
                client_secret=profile.client_secret,
                token=answer.access_token.reveal(),
                token_type_hint="access_token",  # noqa: S106 - the name of a kind of token
            )
        )
        if told is None or not told.active:
            return answer.scopes, answer.hub_id
        return (
            told.scopes if answer.scopes is None else answer.scopes,
            told.hub_id if answer.hub_id is None else answer.hub_id,
        )


def _connection_id(pending: PendingAuthorization, hub_id: int | None) -> str:
    """What names a connection. A client's is another one than this program's own."""
    parts = [pending.profile, str(hub_id or pending.reference)]
    return ".".join([*parts, pending.client_request.client_id] if pending.client_request else parts)


def _missing(
    profile: Profile, requested: RequestedScopes, granted: tuple[str, ...] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The required and the optional scopes that were asked for and are known not to be granted.

    What the catalogue requires counts as required also where the app lists it as optional.
    """
    if granted is None:
        return (), ()
    missing = [name for name in requested.all if name not in {OAUTH, *granted}]
    needed = profile.required.union(requested.scope)
    return (
        tuple(name for name in missing if name in needed),
        tuple(name for name in missing if name not in needed),
    )


#: Seconds for which a response is accepted. Longer than ATTEMPT_TIMEOUT: late is better than never.
PENDING_LIFETIME = 3600

# A clock may be set back a little while somebody is on the way.
_SET_BACK = 60


class ResponseRejected(StrEnum):
    """Why a response is not dealt with. Nothing is recorded for it: anybody could have sent it.

    The last four are found out later than here: the response was dealt with already; what it
    brings could not be kept, or HubSpot could not be asked, at the moment; it is being dealt with.
    """

    NO_STATE = "no_state"
    OTHER_BROWSER = "other_browser"
    ALTERED = "altered"
    EXPIRED = "expired"
    USED = "used"
    STORE_DOWN = "store_down"
    HUBSPOT_BUSY = "hubspot_busy"
    CLAIMED = "in_hand"


#: What is over after a while, with the response as good as before.
RETRYABLE = frozenset(
    {ResponseRejected.STORE_DOWN, ResponseRejected.HUBSPOT_BUSY, ResponseRejected.CLAIMED}
)


def validate_state(
    pending: PendingAuthorization | None,
    *,
    profile: Profile,
    state: str | None,
    iss: Sequence[str],
    issuers: Collection[str],
    now: float,
) -> PendingAuthorization | ResponseRejected:
    """The pending authorization that a response belongs to, or why it belongs to none.

    `pending` is what this very browser keeps for the attempt that the state names, `iss` has the
    values of that parameter. Checked before
    anything else in the response is looked at (RFC 6749 section 10.12, RFC 9700 sections 2.1 and
    4.4, RFC 9207).
    """
    if not state:
        return ResponseRejected.NO_STATE
    if pending is None:
        return ResponseRejected.OTHER_BROWSER
    if not pending.matches(state) or pending.profile != profile.name:
        return ResponseRejected.ALTERED
    if len(iss) > 1 or any(each.rstrip("/") not in issuers for each in iss):
        return ResponseRejected.ALTERED
    if not -_SET_BACK <= now - pending.started_at <= PENDING_LIFETIME:
        return ResponseRejected.EXPIRED
    return pending


def allowed_issuers(endpoint: str) -> frozenset[str]:
    """The issuers that a response may name: the origin of `endpoint`, in any region."""
    parts = urlsplit(endpoint)
    urls = (authorization_endpoint(endpoint, region=region) for region in HUBLETS)
    regional = {f"https://{urlsplit(url).netloc}" for url in urls}
    return frozenset({f"{parts.scheme}://{parts.netloc}", *regional})


logger = logging.getLogger(__name__)


class Notes(Protocol):
    """What is written as soon as it can be."""

    def note(self, note: AttemptEvent) -> None:
        """Writes a note, or has it wait while the store is down."""


class WayBack(Protocol):
    """The addresses that lead back to clients of the proxy."""

    def with_error(
        self, client_request: ClientRequest, cause: Cause, reference: str, *, what: str = ""
    ) -> str | None:
        """The one that tells of a failure; None when the client is no longer there.

        `what` says in a few words what happened, if that is not the title of the cause.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended, as far as the person who made it is told.

    `cause` is None when it connected. `missing` are the scopes that a failure is about or, after a
    success, the optional ones that were not granted; `granted` is None when HubSpot did not tell.
    `start_query` has the choices to begin the same again, as a query; `browser_id` is the reference of
    the first attempt known of the same browser. `client` is the name of the client of the proxy
    that asked, and `client_redirect_url` the address that leads back to it with the answer, once. `popup` says
    that the window is to close at the end.
    """

    reference: str
    profile: str
    cause: Cause | None
    missing: tuple[str, ...] = ()
    granted: tuple[str, ...] | None = None
    hub_id: int | None = None
    return_to: str | None = None
    start_query: str = ""
    browser_id: str = ""
    client: str = ""
    client_redirect_url: str | None = None
    popup: bool = False

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.cause is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Ends attempts that failed. `clock` gives Unix seconds."""

    notes: Notes
    clients: WayBack
    clock: Callable[[], float]

    def fail(
        self,
        profile: Profile,
        pending: PendingAuthorization,
        evidence: Evidence,
        *,
        secrets: Iterable[str] = (),
        granted: tuple[str, ...] | None = None,
        hub_id: int | None = None,
    ) -> Outcome:
        """Has the failure recorded, as far as it is known what happened; what is told of it."""
        failure = build_failure(
            profile,
            pending,
            evidence,
            at=self.clock(),
            secrets=secrets,
            granted=granted,
            hub_id=hub_id,
        )
        self.notes.note(AttemptFailed(failure, replaces=True))
        logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
        return Outcome(
            reference=pending.reference,
            profile=profile.name,
            cause=failure.cause,
            missing=failure.missing,
            granted=granted,
            hub_id=hub_id,
            return_to=pending.return_to,
            start_query=pending.client_request.query
            if pending.client_request
            else pending.start_query,
            browser_id=pending.browser_id,
            client=pending.client,
            client_redirect_url=self._back_to(pending, failure),
            popup=pending.popup,
        )

    def _back_to(self, pending: PendingAuthorization, failure: Failure) -> str | None:
        if pending.client_request is None:
            return None
        return self.clients.with_error(
            pending.client_request, failure.cause, failure.reference, what=failure.words.title
        )
