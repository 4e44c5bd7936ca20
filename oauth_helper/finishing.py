"""The second half of a connection: what HubSpot sent back, tokens, and what is kept of them.

Adapters are handed in, and described here by what is needed of them. Outcomes are values.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from oauth_helper.diagnosis import Evidence, Stage
from oauth_helper.failing import Failing, Notes, Outcome
from oauth_helper.noting import Failed, Kept, connected
from oauth_helper.oauth.authorization_response import AuthorizationResponse, Code, Declined
from oauth_helper.oauth.client_request import ClientRequest
from oauth_helper.oauth.pending import PendingAuthorization, PutOff
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
    Claim,
    Connection,
    IssuedCode,
    StoreUnavailableError,
    Tokens,
)
from oauth_helper.scopes import OAUTH, RequestedScopes

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

    def with_code(self, asked_by: ClientRequest, issued: IssuedCode) -> str | None:
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
class Held:
    """A response that cannot be dealt with yet: keep `pending` in the browser, and finish later."""

    why: Refusal
    pending: PendingAuthorization


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
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
            code_age = int(self.clock() - pending.put_off.at) if pending.put_off else 0
            evidence = Evidence(stage=Stage.TOKEN, response=answer, code_age=code_age)
            return self.failing.fail(profile, pending, evidence, secrets=(response.code,))
        return self._connect(profile, pending, answer)

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
            return self.failing.fail(profile, pending, evidence, hub_id=connection.hub_id)
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


def _connection_id(pending: PendingAuthorization, hub_id: int | None) -> str:
    """What names a connection. A client's is another one than this program's own."""
    parts = [pending.profile, str(hub_id or pending.reference)]
    return ".".join([*parts, pending.asked_by.client_id] if pending.asked_by else parts)


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
