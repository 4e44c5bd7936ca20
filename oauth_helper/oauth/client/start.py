"""Start an authorization: choose and check the scopes, and build the authorization URL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from oauth_helper.common.references import make_state, new_reference
from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import ClientError, Evidence, Stage
from oauth_helper.hubspot.authorization_request import authorization_link
from oauth_helper.models import Attempt, ClientRequest, ConnectLink, PendingAuthorization
from oauth_helper.oauth.client.outcome import Failed, fail
from oauth_helper.scopes import Problem, RequestedScopes
from oauth_helper.store.outbox.events import AttemptStarted

if TYPE_CHECKING:
    from oauth_helper.store.outbox.writer import EventWriter
    from oauth_helper.store.rate_limits import RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """The options of one authorization; None means the profile's default.

    `optional_scopes` narrows the optional scopes, `hub_id` preselects an account, and `region` is a
    hublet. The outcome repeats `start_query`. `browser_id` is the reference of the first attempt
    known from the same browser, `language` the language code of the customer's pages.
    `client_request` is the request of a proxy client. `popup` says that the browser window is a
    popup, which closes at the end. `link` is the link that the customer opened, None without one.
    `limit` is what the start counts for, None without a limit.
    """

    optional_scopes: Collection[str] | None = None
    hub_id: int | None = None
    region: str | None = None
    return_to: str | None = None
    start_query: str = ""
    browser_id: str = ""
    language: str = ""
    client_request: ClientRequest | None = None
    popup: bool = False
    link: ConnectLink | None = None
    limit: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The attempt was started: keep `pending` in the browser and redirect it to `url`."""

    pending: PendingAuthorization
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """Start attempts at HubSpot's authorization `endpoint`. `clock` returns Unix seconds.

    `sender` returns a name for the network of the current request, empty when it has no budget.
    """

    endpoint: str
    writer: EventWriter
    clock: Callable[[], float]
    attempt_timeout: int
    sender: Callable[[], str]

    def start_authorization(self, profile: Profile, options: StartOptions) -> Started | Failed:
        """Start an attempt, or fail it at once when HubSpot would certainly reject the link.

        Raises `UnknownScopesError` when an optional scope isn't in the catalogue, ValueError for an
        unknown region, and `RateLimitExceededError`.
        """
        requested = (
            profile.usual_request
            if options.optional_scopes is None
            else profile.requested_scopes(options.optional_scopes)
        )
        pending = self._pending(profile, requested, options)
        if problems := certain_refusals(profile, requested):
            if options.limit:
                options.limit.count()
            evidence = Evidence(stage=Stage.PREFLIGHT, problems=problems)
            return fail(self.writer, profile, pending, evidence, at=self.clock())
        link = authorization_link(
            self.endpoint,
            client_id=profile.client_id,
            redirect_uri=profile.redirect_uri,
            requested=requested,
            hub_id=options.hub_id or profile.hub_id,
            region=options.region or profile.region,
        )
        self.write_started(pending, options.limit)
        return Started(pending, with_state(link, pending.state, pending.code_verifier))

    def new_install(
        self, profile: Profile, *, return_url: str, browser_id: str, language: str
    ) -> PendingAuthorization:
        """Return an attempt that began in HubSpot's Marketplace, for `write_started`.

        HubSpot has built its link, which has no PKCE challenge.
        """
        options = StartOptions(browser_id=browser_id, language=language)
        pending = self._pending(profile, profile.usual_request, options)
        return replace(pending, code_verifier=None, install_return_url=return_url)

    def write_started(self, pending: PendingAuthorization, limit: RateLimit | None = None) -> None:
        """Write that a customer is at HubSpot, and count it for `limit`."""
        attempt = Attempt(
            pending.reference,
            pending.profile,
            pending.requested,
            pending.started_at,
            deadline=pending.started_at + self.attempt_timeout,
            browser_id=pending.browser_id,
            language=pending.language,
            client=pending.client_request.client if pending.client_request else "",
            customer=pending.link.customer if pending.link else "",
            customer_name=pending.link.customer_name if pending.link else "",
            sender=pending.sender,
        )
        self.writer.write(AttemptStarted(attempt), limit=limit)

    def reject_client_request(
        self,
        profile: Profile,
        client_request: ClientRequest,
        client_error: ClientError,
        *,
        scopes: tuple[str, ...] = (),
        browser_id: str = "",
        language: str = "",
    ) -> Failed:
        """Log that a proxy client's request failed before the customer was sent to HubSpot."""
        options = StartOptions(
            browser_id=browser_id, language=language, client_request=client_request
        )
        pending = self._pending(profile, profile.requested_scopes(), options)
        is_preflight = client_error is ClientError.UNKNOWN_SCOPES
        evidence = Evidence(
            stage=Stage.PREFLIGHT if is_preflight else Stage.AUTHORIZATION,
            client_error=client_error,
            client=client_request.client,
            client_error_scopes=scopes,
        )
        return fail(self.writer, profile, pending, evidence, at=self.clock())

    def _pending(
        self, profile: Profile, requested: RequestedScopes, options: StartOptions
    ) -> PendingAuthorization:
        now = int(self.clock())
        reference = new_reference(datetime.fromtimestamp(now, UTC).date())
        return PendingAuthorization(
            reference=reference,
            profile=profile.name,
            state=make_state(reference, _random_text()),
            code_verifier=_random_text() if profile.pkce else None,
            requested=requested,
            started_at=now,
            return_to=options.return_to,
            start_query=options.start_query,
            browser_id=options.browser_id or reference,
            language=options.language,
            client_request=options.client_request,
            popup=options.popup,
            link=options.link,
            sender=self.sender(),
        )


def certain_refusals(profile: Profile, requested: RequestedScopes) -> tuple[Problem, ...]:
    """Return why HubSpot will certainly reject a link; empty if the app's settings are unknown."""
    preflight = profile.preflight(requested) if profile.app else None
    return preflight.refusals if preflight else ()


def with_state(link: str, state: str, code_verifier: str | None) -> str:
    """Return an authorization URL with state and the S256 challenge of the verifier (RFC 7636)."""
    link = f"{link}&state={state}"  # URL-safe, as `make_state` returns it
    if code_verifier:
        challenge = create_s256_code_challenge(code_verifier)
        link += f"&code_challenge={challenge}&code_challenge_method=S256"
    return link


def _random_text() -> str:
    """Return 32 random bytes as 43 URL-safe characters, as RFC 7636 section 4.1 recommends."""
    return secrets.token_urlsafe(32)
