"""How the support staff sign in at an OpenID provider (OpenID Connect Core 1.0 section 3.1)."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from flask import abort, current_app, redirect, request, session
from werkzeug.wrappers import Response

from oauth_helper.common.encryption import DecryptionError
from oauth_helper.config.staff_access import StaffIdentity
from oauth_helper.web.security import limit
from oauth_helper.web.services import services
from oauth_helper.web.support import staff_session
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.login import next_page
from oauth_helper.web.support.oidc_metadata import NotAcceptedError, ProviderDownError

_PENDING = "openid"

# Seconds in which somebody comes back from the provider.
_LIFETIME = 600

# The errors of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6; in the log no
# others, because a response can say anything.
_ERRORS = (
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A sign-in that has been begun; sealed, it lies in the browser's session."""

    state: str
    nonce: str
    code_verifier: str
    next: str
    at: int

    def matches(self, states: list[str]) -> bool:
        """Whether a response with these `state` parameters is the one that is waited for."""
        age = services().clock() - self.at
        is_ours = len(states) == 1 and hmac.compare_digest(states[0].encode(), self.state.encode())
        return is_ours and -60 <= age <= _LIFETIME


# A link rather than a form: the policy of our pages lets no form lead to another site.
@blueprint.get("/oidc/sign-in")
@limit("30 per minute")
def openid_sign_in() -> Response:
    """Sends the browser to the provider."""
    openid = services().oidc_provider
    if openid is None:
        abort(404)
    pending = _Pending(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        code_verifier=secrets.token_urlsafe(48),
        next=next_page(request.args.get("next", "")[:1000]),
        at=int(services().clock()),
    )
    with _provider_answers():
        address = openid.authorization_url(
            state=pending.state, nonce=pending.nonce, code_verifier=pending.code_verifier
        )
    session[_PENDING] = (
        services().sign_in_encryptor.encrypt(json.dumps(asdict(pending)).encode()).decode()
    )
    return redirect(address, 302)


@blueprint.get("/oidc/callback")
@limit("30 per minute")
def openid_callback() -> Response:
    """Takes the provider's response, and signs in whom a rule lets in."""
    pending = _pending()
    if pending is None or not pending.matches(request.args.getlist("state")):
        # Nothing else in it has been looked at: anybody could have sent it.
        abort(400, "This sign-in was not begun in this browser, or is over. Please sign in again.")
    session.pop(_PENDING)  # good once
    admitted = _admitted(pending)
    if admitted is None:
        current_app.logger.warning("sign-in refused: no rule of OIDC_AGENTS or OIDC_VIEWERS fits")
        abort(403, "Your account may not use these pages. Ask whoever runs this program.")
    staff_session.begin(admitted.name, admitted.role, admitted.rule)
    return redirect(pending.next, 303)


def _admitted(pending: _Pending) -> StaffIdentity | None:
    """Who comes in with this response; None when no rule lets them in."""
    openid, settings = services().oidc_provider, services().config.openid
    if openid is None or settings is None:
        abort(404)
    with _provider_answers():
        if not openid.is_issuer(request.args.getlist("iss")):
            raise NotAcceptedError("the response names another issuer")
        if "error" in request.args:
            error = request.args["error"]
            raise NotAcceptedError(f"it says {error if error in _ERRORS else 'an unknown error'}")
        claims = openid.claims(
            request.args.get("code", "")[:4000],
            nonce=pending.nonce,
            code_verifier=pending.code_verifier,
            now=services().clock(),
        )
        return settings.admit(claims)


def _pending() -> _Pending | None:
    """The sign-in that this browser has begun."""
    try:
        encrypted = str(session.get(_PENDING, ""))
        return _Pending(**json.loads(services().sign_in_encryptor.decrypt(encrypted.encode())))
    except DecryptionError:
        return None


@contextmanager
def _provider_answers() -> Iterator[None]:
    """Ends the request with a page that says so when the provider does not, or says no."""
    try:
        yield
    except ProviderDownError as error:
        current_app.logger.warning("the OpenID provider is down: %s", error)
        abort(503, "The sign-in service does not answer. Try again in a moment.")
    except NotAcceptedError as error:
        current_app.logger.warning("the OpenID provider signs nobody in: %s", error)
        abort(403, "The sign-in service did not sign you in. Please try again.")
