"""The way of one connection: begin, recognise what comes back, finish.

Adapters are handed in, and described here by what is needed of them. Outcomes are values; only bad
input raises.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from oauth_helper.diagnosis import Cause, Evidence, Mistake, Stage
from oauth_helper.noting import Began, Failed, Kept, Note, connected
from oauth_helper.oauth.authorization_request import authorization_endpoint, authorization_url
from oauth_helper.oauth.authorization_response import AuthorizationResponse, Code, Declined
from oauth_helper.oauth.client_request import ClientRequest
from oauth_helper.oauth.pending import STATE_CHANCE, PendingAuthorization, PutOff, make_state
from oauth_helper.oauth.token_request import code_request, token_in_form
from oauth_helper.oauth.token_response import (
    Granted,
    Introspected,
    TokenResponse,
    Unavailable,
)
from oauth_helper.profiles import Profile
from oauth_helper.recognising import Refusal
from oauth_helper.recording import failure_of
from oauth_helper.records import (
    Attempt,
    Claim,
    Connection,
    Failure,
    IssuedCode,
    StoreUnavailableError,
    Tokens,
)
from oauth_helper.reference import new_reference
from oauth_helper.scopes import OAUTH, Problem, RequestedScopes

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


class Notes(Protocol):
    """What is written as soon as it can be."""

    def note(self, note: Note) -> None:
        """Writes a note, or has it wait while the store is down."""


class ClientAnswers(Protocol):
    """The answers to clients of the proxy: addresses that lead back to them."""

    def with_code(self, asked_by: ClientRequest, issued: IssuedCode) -> str | None:
        """The one that brings a code; None when the client is no longer there."""

    def with_error(
        self, asked_by: ClientRequest, cause: Cause, reference: str, *, what: str = ""
    ) -> str | None:
        """The one that tells of a failure; None when the client is no longer there.

        `what` says in a few words what happened, if that is not the title of the cause.
        """


class TokenEndpoint(Protocol):
    """HubSpot, as far as a connection needs it."""

    def is_ready(self, client_id: str) -> bool:
        """Whether an exchange for this app would be tried at once."""

    def exchange(self, form: str, *, client_id: str) -> TokenResponse:
        """The token endpoint's answer to a form, for the app `client_id`."""

    def introspect(self, form: str) -> Introspected | None:
        """What introspection says of a token."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt has begun: keep `pending` in the browser and send it to `url`."""

    pending: PendingAuthorization
    url: str


@dataclass(frozen=True, slots=True)
class Held:
    """A response that cannot be dealt with yet: keep `pending` in the browser, and finish later."""

    why: Refusal
    pending: PendingAuthorization


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended, as far as the person who made it is told.

    `cause` is None when it connected. `missing` are the scopes that a failure is about or, after a
    success, the optional ones that were not granted; `granted` is None when HubSpot did not tell.
    `begun_with` has the choices to begin the same again, as a query; `person` is the reference of
    the first attempt known of the same browser. `client` is the name of the client of the proxy
    that asked, and `back_to` the address that leads back to it with the answer, once. `popup` says
    that the window is to close at the end.
    """

    reference: str
    profile: str
    cause: Cause | None
    missing: tuple[str, ...] = ()
    granted: tuple[str, ...] | None = None
    hub_id: int | None = None
    return_to: str | None = None
    begun_with: str = ""
    person: str = ""
    client: str = ""
    back_to: str | None = None
    popup: bool = False

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.cause is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """Begins and finishes connections. `clock` gives Unix seconds.

    `chance` makes a URL-safe text of as many random characters as it is told, `choose` picks one
    character of a text; both have to be fit for secrets.
    """

    endpoint: str
    attempts: AttemptLog
    notes: Notes
    clients: ClientAnswers
    hubspot: TokenEndpoint
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
        begun_with: str = "",
        person: str = "",
        language: str = "",
        asked_by: ClientRequest | None = None,
        popup: bool = False,
    ) -> Begun | Outcome:
        """Starts an attempt, or ends it at once when HubSpot would certainly refuse it.

        `begun_with` comes back with the outcome. `person` is the reference of the first attempt
        known of the same browser, if there was one; `language` the code of what its person reads.
        `asked_by` is what a client of the proxy asked for; it gets the answer. `popup`
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
            begun_with=begun_with,
            person=person,
            language=language,
            asked_by=asked_by,
            popup=popup,
        )
        if problems := certain_refusals(profile, requested):
            evidence = Evidence(stage=Stage.PREFLIGHT, problems=problems)
            return self._fail(profile, pending, evidence)
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
        deadline = pending.begun_at + self.attempt_timeout
        attempt = Attempt(
            pending.reference,
            profile.name,
            requested,
            pending.begun_at,
            deadline,
            person=pending.person,
            language=pending.language,
            client=pending.client,
        )
        self.notes.note(Began(attempt))
        return Begun(pending, url)

    def turn_away(
        self,
        profile: Profile,
        asked_by: ClientRequest,
        mistake: Mistake,
        *,
        scopes: tuple[str, ...] = (),
        person: str = "",
        language: str = "",
    ) -> Outcome:
        """Records that a client's request ended before anybody was sent to HubSpot."""
        pending = self._pending(
            profile,
            profile.requested_scopes(),
            int(self.clock()),
            return_to=None,
            begun_with="",
            person=person,
            language=language,
            asked_by=asked_by,
        )
        stage = Stage.PREFLIGHT if mistake is Mistake.UNKNOWN_SCOPES else Stage.AUTHORIZATION
        evidence = Evidence(
            stage=stage, mistake=mistake, client=asked_by.client, mistaken_scopes=scopes
        )
        return self._fail(profile, pending, evidence)

    def finish(
        self, profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
    ) -> Outcome | Refusal | Held:
        """Deals with a response that was recognised: tokens are asked for, the outcome is kept.

        `Held` puts it off: the code is as good as before. Why the program cannot go on is recorded,
        and made up for when it is finished later.
        """
        if (put_off := self._hindered(profile, pending, response)) is not None:
            return put_off
        if not isinstance(response, Code):
            words = response.description if isinstance(response, Declined) else ""
            evidence = Evidence(stage=Stage.CALLBACK, response=response, message=words)
            return self._fail(profile, pending, evidence)
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
            code_age = int(self.clock() - pending.put_off.at) if pending.put_off else 0
            evidence = Evidence(stage=Stage.TOKEN, response=answer, code_age=code_age)
            return self._fail(profile, pending, evidence, secrets=(response.code,))
        return self._connect(profile, pending, answer)

    def _pending(
        self,
        profile: Profile,
        requested: RequestedScopes,
        now: int,
        *,
        return_to: str | None,
        begun_with: str,
        person: str,
        language: str,
        asked_by: ClientRequest | None = None,
        popup: bool = False,
    ) -> PendingAuthorization:
        reference = new_reference(datetime.fromtimestamp(now, UTC).date(), self.choose)
        return PendingAuthorization(
            reference=reference,
            profile=profile.name,
            state=make_state(reference, self.chance(STATE_CHANCE)),
            # RFC 7636 section 4.1: 43 to 128 characters.
            code_verifier=self.chance(64) if profile.pkce else None,
            requested=requested,
            begun_at=now,
            return_to=return_to,
            begun_with=begun_with,
            person=person or reference,
            language=language,
            asked_by=asked_by,
            popup=popup,
        )

    def _connect(self, profile: Profile, pending: PendingAuthorization, answer: Granted) -> Outcome:
        granted, hub_id = self._granted(profile, answer)
        required, optional = _missing(profile, pending.requested, granted)
        if required or (optional and profile.missing_optional == "fail"):
            evidence = Evidence(
                stage=Stage.GRANT, missing_required=required, missing_optional=optional
            )
            return self._fail(profile, pending, evidence, granted=granted, hub_id=hub_id)
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
            client=pending.asked_by.client_id if pending.asked_by else "",
        )
        tokens = Tokens(answer.access_token, answer.refresh_token)
        if pending.asked_by is not None:
            issued = IssuedCode(pending=pending, connection=connection, tokens=tokens)
            return self._hand_over(profile, pending.asked_by, issued)
        self.notes.note(Kept(connection, tokens))
        self.notes.note(connected(profile, pending, hub_id, at=self.clock()))
        return Outcome(
            reference=pending.reference,
            profile=profile.name,
            cause=None,
            missing=optional,
            granted=granted,
            hub_id=hub_id,
            return_to=pending.return_to,
            begun_with=pending.begun_with,
            person=pending.person,
            popup=pending.popup,
        )

    def _hand_over(self, profile: Profile, asked_by: ClientRequest, issued: IssuedCode) -> Outcome:
        """Leads the person back to the client with a code; the client comes for the tokens.

        Without the store there is no code that could be used once only.
        """
        pending, connection = issued.pending, issued.connection
        try:
            back_to = self.clients.with_code(asked_by, issued)
        except StoreUnavailableError as error:
            logger.error("%s: the store went down, tokens are lost: %s", pending.reference, error)  # noqa: TRY400
            evidence = Evidence(stage=Stage.CALLBACK, interrupted=True)
            return self._fail(profile, pending, evidence, hub_id=connection.hub_id)
        return Outcome(
            reference=pending.reference,
            profile=pending.profile,
            cause=None,
            missing=connection.missing_optional,
            granted=connection.granted,
            hub_id=connection.hub_id,
            person=pending.person,
            client=pending.client,
            back_to=back_to,
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

    def _hindered(
        self, profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
    ) -> Refusal | Held | None:
        """Why a response cannot be dealt with, or not now; None when the caller is to do so."""
        code = response if isinstance(response, Code) else None
        if code and not self.hubspot.is_ready(profile.client_id):
            evidence = Evidence(stage=Stage.TOKEN, response=Unavailable("HubSpot was not asked"))
            self._note_put_off(profile, pending, evidence)
            return self._held(Refusal.HUBSPOT_BUSY, pending, code)
        mark = self.chance(12)
        try:
            claim = self.attempts.claim(
                pending.reference,
                self.clock(),
                mark=mark,
                before=pending.put_off.marks if pending.put_off else (),
                # A client that has its code says later how it ended.
                once=pending.asked_by is not None or code is None,
            )
        except StoreUnavailableError:
            if code is None:
                return None  # nothing is used up by an error: told twice it is recorded once
            evidence = Evidence(stage=Stage.CALLBACK, interrupted=True)
            self._note_put_off(profile, pending, evidence)
            return self._held(Refusal.STORE_DOWN, pending, code, mark)
        if claim is Claim.IN_HAND and code:
            return self._held(Refusal.IN_HAND, pending, code)
        return None if claim is Claim.WON else Refusal.USED

    def _held(
        self, why: Refusal, pending: PendingAuthorization, code: Code, mark: str = ""
    ) -> Held:
        """`mark` is that of a claim that may have reached the store after all."""
        before = pending.put_off
        if before is None or before.code != code.code:
            before = PutOff(code.code, int(self.clock()))
        marks = (*before.marks, mark)[-_MOST_MARKS:] if mark else before.marks
        return Held(why, replace(pending, put_off=replace(before, marks=marks)))

    def _note_put_off(
        self, profile: Profile, pending: PendingAuthorization, evidence: Evidence
    ) -> None:
        if pending.put_off is None:
            self.notes.note(Failed(failure_of(profile, pending, evidence, at=self.clock())))
            logger.warning("put off: %s %s %s", pending.reference, profile.name, evidence.stage)

    def _fail(
        self,
        profile: Profile,
        pending: PendingAuthorization,
        evidence: Evidence,
        *,
        secrets: Iterable[str] = (),
        granted: tuple[str, ...] | None = None,
        hub_id: int | None = None,
    ) -> Outcome:
        failure = failure_of(
            profile,
            pending,
            evidence,
            at=self.clock(),
            secrets=secrets,
            granted=granted,
            hub_id=hub_id,
        )
        self.notes.note(Failed(failure, replaces=True))
        logger.info("failed: %s %s %s", failure.reference, failure.profile, failure.cause)
        return Outcome(
            reference=pending.reference,
            profile=profile.name,
            cause=failure.cause,
            missing=failure.missing,
            granted=granted,
            hub_id=hub_id,
            return_to=pending.return_to,
            begun_with=pending.asked_by.query if pending.asked_by else pending.begun_with,
            person=pending.person,
            client=pending.client,
            back_to=self._back_to(pending, failure),
            popup=pending.popup,
        )

    def _back_to(self, pending: PendingAuthorization, failure: Failure) -> str | None:
        if pending.asked_by is None:
            return None
        return self.clients.with_error(
            pending.asked_by, failure.cause, failure.reference, what=failure.words.title
        )


def _connection_id(pending: PendingAuthorization, hub_id: int | None) -> str:
    """What names a connection. A client's is another one than this program's own."""
    parts = [pending.profile, str(hub_id or pending.reference)]
    return ".".join([*parts, pending.asked_by.client_id] if pending.asked_by else parts)


def certain_refusals(profile: Profile, requested: RequestedScopes) -> tuple[Problem, ...]:
    """What makes HubSpot refuse for sure, as far as the app's configuration is known."""
    preflight = profile.preflight(requested)
    return preflight.refusals if preflight else ()


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
