"""Staff sign-in at an OpenID provider (OpenID Connect Core 1.0 section 3.1)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import abort, current_app, redirect, request, session
from werkzeug.wrappers import Response

from oauth_helper.common.encryption import DecryptionError
from oauth_helper.config.staff_access import name_in
from oauth_helper.web.audit import audit_log
from oauth_helper.web.security import limit
from oauth_helper.web.support import staff_session
from oauth_helper.web.support.blueprint import blueprint
from oauth_helper.web.support.login import next_page
from oauth_helper.web.support.services import services

_PENDING = "openid"

# Seconds within which the provider has to send the browser back.
_LIFETIME = 600


@dataclass(frozen=True, slots=True)
class _PendingSignIn:
    """A sign-in that has started; the browser's session holds it encrypted."""

    state: str
    nonce: str
    code_verifier: str
    next: str
    at: int

    def matches(self, states: list[str]) -> bool:
        """Return whether a response with these `state` parameters belongs to this sign-in."""
        age = services().clock() - self.at
        is_ours = len(states) == 1 and hmac.compare_digest(states[0].encode(), self.state.encode())
        return is_ours and -60 <= age <= _LIFETIME


# A link rather than a form: the policy of our pages lets no form lead to another site.
@blueprint.get("/oidc/sign-in")
@limit(30)
def openid_sign_in() -> Response:
    """Send the browser to the provider."""
    provider = services().oidc_provider or abort(404)
    started = provider.start()
    pending = _PendingSignIn(
        state=started["state"],
        nonce=started["nonce"],
        code_verifier=started["code_verifier"],
        next=next_page(request.args.get("next", "")[:1000]),
        at=int(services().clock()),
    )
    session[_PENDING] = services().sign_in_encryptor.encrypt_value(pending)
    return redirect(started["url"], 302)


@blueprint.get("/oidc/callback")
@limit(30)
def openid_callback() -> Response:
    """Sign in the user whom the provider's response names, if a rule admits them."""
    provider, settings = services().oidc_provider, services().config.openid
    pending = _pending_sign_in()
    if pending is None or not pending.matches(request.args.getlist("state")):
        # The rest of the response is ignored: it can come from anywhere.
        abort(400, "This sign-in was not begun in this browser, or is over. Please sign in again.")
    if provider is None or settings is None:
        abort(404)
    session.pop(_PENDING)  # valid once
    claims = provider.complete(
        request.args.to_dict(flat=False), nonce=pending.nonce, code_verifier=pending.code_verifier
    )
    identity = settings.admit(claims)
    if identity is None:
        current_app.logger.warning("sign-in refused: no rule of OIDC_AGENTS or OIDC_VIEWERS fits")
        audit_log().add_rarely(name_in(claims), "sign-in refused")
        abort(403, "Your account may not use these pages. Ask the operator of this program.")
    staff_session.begin(identity.name, identity.role, identity.rule)
    return redirect(pending.next, 303)


def _pending_sign_in() -> _PendingSignIn | None:
    """Return the sign-in that this browser has started."""
    try:
        encrypted = str(session.get(_PENDING, ""))
        pending: _PendingSignIn = services().sign_in_encryptor.decrypt_value(
            encrypted, _PendingSignIn
        )
    except DecryptionError:
        return None
    return pending
