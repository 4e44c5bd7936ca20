"""The customer's way: what will be asked, to HubSpot, and back."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request
from flask import url_for as url
from structlog.contextvars import bind_contextvars
from werkzeug.wrappers import Response as BaseResponse

from oauth_helper.common.urls import origin_of
from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.hublets import HUBLETS
from oauth_helper.hubspot.authorization_response import (
    AuthorizationResponse,
    read_authorization_response,
    single,
)
from oauth_helper.models import PendingAuthorization, reference_in_state
from oauth_helper.oauth.client.callback import (
    Deferred,
    Outcome,
    ResponseRejected,
    allowed_issuers,
    validate_state,
)
from oauth_helper.oauth.client.start import Started
from oauth_helper.scopes import UnknownScopesError
from oauth_helper.web.customer.scope_choice import (
    describe_scope_choice,
    is_prefetch,
    scopes_from_query,
)
from oauth_helper.web.i18n import language
from oauth_helper.web.security import limit
from oauth_helper.web.services import profile_or_404, services

blueprint = Blueprint("connect", __name__)

#: A return address has to fit into the attempt's cookie.
MAX_RETURN_TO = 500

# HubSpot's codes are far shorter; one has to fit into the attempt's cookie.
_MAX_CODE = 500


@blueprint.get("/")
@limit("300 per minute")
def home() -> str:
    """The profiles, each with its button and what it will ask for."""
    profiles = services().profiles
    waiting = services().cookies.pending(request)
    return render_template(
        "home.html",
        offers=[describe_scope_choice(profile) for profile in profiles.values()],
        waiting=[each for each in waiting if each.profile in profiles],
        profiles=profiles,
        now=services().clock(),
    )


@blueprint.get("/connect/<name>")
@limit("120 per minute")
def connect(name: str) -> BaseResponse:
    """Starts an attempt and sends the browser to HubSpot."""
    profile = profile_or_404(name)
    if is_prefetch():
        return Response(status=204)
    optional, hub_id, region = scopes_from_query(), _hub_id(), _region()
    return_to = _return_to(profile)
    try:
        begun = services().connecting.begin(
            profile,
            optional=optional,
            hub_id=hub_id,
            region=region,
            return_to=return_to,
            start_query=_begun_with(profile, optional, hub_id, region),
            browser_id=services().cookies.browser_id(request),
            language=language(),
            popup=_popup(profile, return_to),
        )
    except UnknownScopesError as error:
        abort(400, f"The address asks for scopes that profile “{profile.name}” lacks: {error}.")
    if isinstance(begun, Started):
        bind_contextvars(reference=begun.pending.reference)
        # Without the page that `redirect` makes: nobody sees it.
        response = Response(status=302, headers={"Location": begun.url})
        services().cookies.keep(request, response, begun.pending)
        return response
    return _to_attempt(begun.reference, begun)


@blueprint.get("/callback/<name>")
@limit("240 per minute")
def callback(name: str) -> BaseResponse:
    """The redirection endpoint (RFC 6749 section 3.1.2): always leads on to the attempt's page."""
    profile = profile_or_404(name)
    if is_prefetch():
        return Response(status=204)
    parameters = request.args.to_dict(flat=False)
    state = single(parameters, "state")
    reference = reference_in_state(state) if state else None
    if reference:
        bind_contextvars(reference=reference)
    kept = services().cookies.read(request, reference) if reference else None
    if isinstance(kept, Outcome):
        return _to_attempt(kept.reference)
    recognised = validate_state(
        kept,
        profile=profile,
        state=state,
        iss=parameters.get("iss", ()),
        issuers=allowed_issuers(services().connecting.endpoint),
        now=services().clock(),
    )
    if isinstance(recognised, ResponseRejected):
        return _refuse(reference, profile, recognised)
    return _finish(profile, recognised, read_authorization_response(parameters))


def _finish(
    profile: Profile, pending: PendingAuthorization, answer: AuthorizationResponse
) -> BaseResponse:
    match services().finishing.finish(profile, pending, answer):
        case ResponseRejected.USED if pending.client_request is None:
            # By this very browser, whose answer was lost: how it ended is told there.
            return _to_attempt(pending.reference)
        case ResponseRejected() as refusal:
            return _refuse(pending.reference, profile, refusal)
        case Deferred(why, held) if _is_too_long(held):
            return _refuse(pending.reference, profile, why)
        case Deferred(_, held):
            # The attempt's page tries again; until then the browser keeps the code, sealed.
            return _to_attempt(pending.reference, held)
        case outcome:
            return _to_attempt(pending.reference, outcome)


def _is_too_long(pending: PendingAuthorization) -> bool:
    """Whether the code does not fit into a cookie."""
    return pending.deferred is not None and len(pending.deferred.code) > _MAX_CODE


def _to_attempt(reference: str, kept: Outcome | PendingAuthorization | None = None) -> BaseResponse:
    """See Other: code and state leave the address bar."""
    response = redirect(url("attempts.page", reference=reference), 303)
    if kept is not None:
        services().cookies.keep(request, response, kept)
    return response


def _refuse(reference: str | None, profile: Profile, refusal: ResponseRejected) -> BaseResponse:
    address = url(
        "attempts.page", reference=reference or "unknown", refused=refusal, profile=profile.name
    )
    return redirect(address, 303)


def _begun_with(
    profile: Profile,
    optional: tuple[str, ...] | None,
    hub_id: int | None,
    region: str | None,
) -> str:
    """The choices to begin the same again, as a query. Raises `UnknownScopesError`.

    A choice that is the default is left out: a form sends all of its boxes.
    """
    fields: dict[str, object] = {"hub_id": hub_id, "region": region}
    if optional is not None:
        chosen = profile.requested_scopes(optional)
        if chosen != profile.requested_scopes():
            fields["optional_scope"] = " ".join(name for name in chosen.all if name in optional)
    return urlencode({name: value for name, value in fields.items() if value is not None})


def _hub_id() -> int | None:
    text = request.args.get("hub_id", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        abort(400, "hub_id has to be the number of a HubSpot account.")
    return int(text) if text else None


def _region() -> str | None:
    region = request.args.get("region") or None
    if region not in (None, *HUBLETS):
        abort(400, f"region has to be one of {', '.join(HUBLETS)}.")
    return region


def _return_to(profile: Profile) -> str | None:
    """The address to lead back to, if its origin is registered; exact match, nothing clever."""
    address = request.args.get("return_to")
    if not address:
        return None
    if len(address) > MAX_RETURN_TO:
        abort(400, f"return_to may have {MAX_RETURN_TO} characters.")
    if origin_of(address) not in profile.return_origins:
        abort(400, f"return_to has to be at an origin that profile “{profile.name}” registers.")
    return address


def _popup(profile: Profile, return_to: str | None) -> bool:
    """Whether it happens in a window of its own, which tells the origin of `return_to`."""
    display = request.args.get("display") or None
    if display not in (None, "popup"):
        abort(400, "display has to be popup.")
    if display and not return_to:
        abort(
            400,
            "display=popup needs a return_to at an origin that profile "
            f"“{profile.name}” registers in return_origins.",
        )
    return display is not None
