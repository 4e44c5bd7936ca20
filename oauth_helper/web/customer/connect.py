"""Serve the first page, the start of an attempt, and the callback that HubSpot redirects to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
)
from flask import url_for as url
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as BaseResponse

from oauth_helper.common.logging import LOG_CONTEXT
from oauth_helper.common.references import reference_in_state
from oauth_helper.common.urls import origin_of
from oauth_helper.config.profiles import Profile
from oauth_helper.hubspot.authorization_response import (
    AuthorizationResponse,
    Code,
    Malformed,
    read_authorization_response,
    single,
)
from oauth_helper.hubspot.hublets import HUBLETS, is_hublet
from oauth_helper.hubspot.install_request import InstallRequest, read_install_request
from oauth_helper.models import ConnectLink, PendingAuthorization, StoreUnavailableError
from oauth_helper.oauth.client.callback import validate_state
from oauth_helper.oauth.client.outcome import Connected, Deferred, Failed, Rejected, Rejection
from oauth_helper.oauth.client.start import Started, StartOptions
from oauth_helper.scopes import UnknownScopesError, parse_scope
from oauth_helper.web.customer.client_redirect import with_way_back
from oauth_helper.web.customer.scope_choice import describe_scope_choice
from oauth_helper.web.customer.services import profile_or_404, services
from oauth_helper.web.i18n import language, translate
from oauth_helper.web.security import count_request, is_prefetch, limit, rate_limit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

blueprint = Blueprint("connect", __name__)

#: Characters of a return address, which must fit into the attempt's cookie.
MAX_RETURN_TO = 500

# Characters of a code, which must fit into the attempt's cookie. HubSpot's are far shorter.
_MAX_CODE = 500

# Starts a minute from one network, counted with the attempt.
_STARTS = 120

# Characters of a choice. All scopes of the shipped catalogue take a fifth of it.
_MAX_CHOICE = 8000


@blueprint.get("/")
@limit(300)
def home() -> str:
    """Show the profiles, each with its button and the scopes that it requests."""
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
def connect(name: str) -> BaseResponse:
    """Start an attempt and send the browser to HubSpot."""
    profile = profile_or_404(name)
    if is_prefetch():
        return Response(status=204)
    link = _link(profile)
    try:
        if _begins_here(profile):
            count_request("start pages", _STARTS)
            return Response(_start_page(profile, link))
        result = services().authorizer.start_authorization(profile, _options(profile, link))
    except UnknownScopesError as error:
        abort(400, f"The address asks for scopes that profile “{profile.name}” lacks: {error}.")
    match result:
        case Started(pending, address):
            LOG_CONTEXT.get()["reference"] = pending.reference
            response = _for_script(pending.reference, address) or _Redirect(address, 302)
            services().cookies.keep(request, response, pending)
            return response
        case Failed() as failed:
            page = url("attempts.page", reference=failed.reference)
            answer = _for_script(failed.reference, page)
            if answer:
                services().cookies.keep(request, answer, failed)
            return answer or _to_attempt(failed.reference, failed)


def _for_script(reference: str, address: str) -> Response | None:
    """Return where to go on as JSON, for the start page's script, which tells the opener first."""
    if "begin" in request.args and request.accept_mimetypes.best == "application/json":
        return jsonify(reference=reference, url=address)
    return None


def _begins_here(profile: Profile) -> bool:
    """Return whether the customer still has to press Continue on our own page.

    Browsers skip a page that redirects when the customer goes Back, and a page without a click.
    """
    asked = request.args
    is_wanted = profile.start_page or ("display" in asked and asked["display"] == "popup")
    return is_wanted and "begin" not in asked


def _start_page(profile: Profile, link: ConnectLink | None) -> str:
    options = _options(profile, link)
    origin = origin_of(options.return_to) if options.popup and options.return_to else None
    waiting = services().cookies.pending(request)
    return render_template(
        "start.html",
        profile=profile,
        profiles=services().profiles,
        fields=list(request.args.items(multi=True)),
        opener_origin=origin,
        waiting=[each for each in waiting if each.profile == profile.name],
    )


@blueprint.get("/logo")
@blueprint.get("/logo/<name>")
def logo(name: str = "") -> Response:
    """Return the logo of the settings, or of a profile."""
    path = profile_or_404(name).brand_logo if name else services().config.brand_logo
    if path is None:
        abort(404)
    response = send_file(path, max_age=3600)
    # An image could contain a script.
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


@blueprint.get("/callback/<name>")
@limit(240)
def callback(name: str) -> BaseResponse:
    """Serve the redirection endpoint (RFC 6749 section 3.1.2): redirect to the attempt's page."""
    profile = profile_or_404(name)
    if is_prefetch():
        return Response(status=204)
    parameters = request.args.to_dict(flat=False)
    install = _install_request(profile, parameters)
    if install and "state" not in parameters:
        return _install(profile, install, read_authorization_response(parameters))
    state = single(parameters, "state")
    reference = reference_in_state(state) if state else None
    kept = None
    if reference:
        LOG_CONTEXT.get()["reference"] = reference
        kept = services().cookies.read(request, reference)
    if isinstance(kept, Connected | Failed):
        return _to_attempt(kept.reference)
    pending = validate_state(
        kept,
        profile=profile,
        state=state,
        iss=parameters.get("iss", ()),
        endpoint=services().authorizer.endpoint,
        now=services().clock(),
    )
    if isinstance(pending, Rejected):
        is_of_before = reference and services().cookies.is_unreadable(request, reference)
        reason = Rejection.UPDATED if is_of_before else pending.reason
        return _to_refusal(reference, profile, reason)
    answer = read_authorization_response(parameters)
    if install:
        pending = replace(pending, install_return_url=install.return_url)
        if not install.return_url:
            answer = Malformed("its returnUrl does not lead to HubSpot")
    return _complete(profile, pending, answer)


def _install_request(
    profile: Profile, parameters: Mapping[str, Sequence[str]]
) -> InstallRequest | None:
    """Return the step of an install from HubSpot's Marketplace, None without one."""
    if not {"step", "returnUrl"} & parameters.keys():
        return None
    if not profile.marketplace:
        current_app.logger.warning("profile %s takes no install from the Marketplace", profile.name)
        return None
    return read_install_request(parameters, services().authorizer.endpoint)


@limit(60)
def _install(
    profile: Profile, install: InstallRequest, response: AuthorizationResponse
) -> BaseResponse:
    """Send a state to HubSpot's Marketplace, or complete an install that comes without one.

    Anyone could have sent a code without a state, so it means nothing to this browser's attempts.
    """
    is_first_step = install.step == "authorize"
    if not install.return_url or not (
        is_first_step or (not install.step and isinstance(response, Code))
    ):
        return _to_refusal(None, profile, Rejection.NO_STATE)
    pending = services().authorizer.new_install(
        profile,
        return_url=install.return_url,
        browser_id=services().cookies.browser_id(request) if is_first_step else "",
        language=language(),
    )
    if isinstance(response, Code) and not is_first_step:
        with suppress(StoreUnavailableError):
            first = services().attempts.first_install(response.code, pending.reference)
            if first != pending.reference:
                return _to_attempt(first)
    LOG_CONTEXT.get()["reference"] = pending.reference
    services().authorizer.write_started(pending)
    if not is_first_step:
        return _complete(profile, pending, response)
    to_hubspot = _Redirect(install.return_url_with(pending.state), 302)
    services().cookies.keep(request, to_hubspot, pending)
    return to_hubspot


class _Redirect(Response):
    """A redirect without the body that `redirect` would add, which no browser shows.

    The address is built here and needs no corrections, which for fifty scopes take a tenth of a
    start's time.
    """

    default_mimetype = None

    def __init__(self, address: str, status: int) -> None:
        super().__init__(status=status, headers=[("Location", address), ("Content-Length", "0")])

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:  # noqa: ARG002
        """Return the headers as they are."""
        return self.headers


def _complete(
    profile: Profile, pending: PendingAuthorization, response: AuthorizationResponse
) -> BaseResponse:
    if pending.link:  # another browser may have finished first
        check_link(pending.link, pending.reference)
    match services().callback.complete(profile, pending, response):
        case Connected() | Failed() as outcome:
            if pending.client_request or pending.install_return_url:
                outcome = with_way_back(profile, pending, outcome)
            return _to_attempt(pending.reference, outcome)
        case Deferred(reason, deferred):
            if _is_too_long(deferred):
                return _to_refusal(pending.reference, profile, reason)
            # The attempt's page retries; until then the browser keeps the code, encrypted.
            return _to_attempt(pending.reference, deferred)
        case Rejected(Rejection.USED) if pending.client_request is None:
            # This browser used it, but lost our response. The attempt's page shows the outcome.
            return _to_attempt(pending.reference)
        case Rejected(reason):
            return _to_refusal(pending.reference, profile, reason)


def _is_too_long(pending: PendingAuthorization) -> bool:
    """Return whether the code is too long for a cookie."""
    return pending.deferred is not None and len(pending.deferred.code) > _MAX_CODE


def _to_attempt(
    reference: str, kept: Connected | Failed | PendingAuthorization | None = None
) -> BaseResponse:
    """Redirect to the attempt's page, which removes code and state from the address bar."""
    response = _Redirect(url("attempts.page", reference=reference), 303)
    if kept is not None:
        services().cookies.keep(request, response, kept)
    return response


def _to_refusal(reference: str | None, profile: Profile, reason: Rejection) -> BaseResponse:
    address = url(
        "attempts.page", reference=reference or "unknown", refused=reason, profile=profile.name
    )
    return redirect(address, 303)


def _link(profile: Profile) -> ConnectLink | None:
    """Return the connect link in the query, or end the request if it doesn't work any more."""
    if "link" not in request.args:
        return None
    link = services().connect_links.read(request.args["link"])
    if link is None or link.profile != profile.name:
        abort(400, translate("This link is incomplete. Open it again from the message."))
    check_link(link)
    if services().clock() >= link.expires_at:
        abort(410, translate("This link has expired. Ask its sender for a new one."))
    return link


def check_link(link: ConnectLink, reference: str = "") -> None:
    """End the request if a link was withdrawn, or used by another attempt than `reference`."""
    try:
        record = services().connect_links.get(link.id, link)
    except StoreUnavailableError:
        return  # nobody is stopped because Redis is down
    match record.status(services().clock()) if record else None:
        case "connected" if record and record.reference != reference:
            abort(410, translate("This link has been used: HubSpot is connected."))
        case "withdrawn":
            abort(410, translate("This link was withdrawn. Ask its sender for a new one."))


def _linked_options(profile: Profile, link: ConnectLink) -> StartOptions:
    """Return the choices of a link. Only how the window is shown comes from the query."""
    return_to = link.return_to or _return_to(profile)
    return StartOptions(
        optional_scopes=link.optional_scopes,
        hub_id=link.hub_id,
        region=_region(),
        return_to=return_to,
        start_query=urlencode({"link": request.args["link"]}),
        browser_id=services().cookies.browser_id(request),
        language=language(),
        popup=_popup(profile, return_to),
        link=link,
        limit=rate_limit("starts", _STARTS),
    )


def _options(profile: Profile, link: ConnectLink | None) -> StartOptions:
    """Read the query. Raises `UnknownScopesError`; other bad values end the request."""
    if link is not None:
        return _linked_options(profile, link)
    if not request.args:
        browser_id = services().cookies.browser_id(request)
        return StartOptions(
            browser_id=browser_id, language=language(), limit=rate_limit("starts", _STARTS)
        )
    optional, hub_id, region = scopes_from_query(), _hub_id(), _region()
    return_to = _return_to(profile)
    return StartOptions(
        optional_scopes=optional,
        hub_id=hub_id,
        region=region,
        return_to=return_to,
        start_query=_start_query(profile, optional, hub_id, region),
        browser_id=services().cookies.browser_id(request),
        language=language(),
        popup=_popup(profile, return_to),
        limit=rate_limit("starts", _STARTS),
    )


def _start_query(
    profile: Profile,
    optional: tuple[str, ...] | None,
    hub_id: int | None,
    region: str | None,
) -> str:
    """Return the customer's choices as a query string, to start again with the same.

    Leaves out default choices, because a form sends all its boxes. Raises `UnknownScopesError`.
    """
    fields: dict[str, object] = {"hub_id": hub_id, "region": region}
    if optional is not None:
        chosen = profile.requested_scopes(optional)
        if chosen != profile.requested_scopes():
            fields["optional_scope"] = " ".join(name for name in chosen.all if name in optional)
    return urlencode({name: value for name, value in fields.items() if value is not None})


def scopes_from_query() -> tuple[str, ...] | None:
    """Return the optional scopes that the query chooses; None when it makes no choice.

    The parameter occurs once, with spaces, or once for each scope, as a form sends it. Ends the
    request with 400 when it is longer than any valid choice.
    """
    values = request.args.getlist("optional_scope")
    text = " ".join(values)
    if len(text) > _MAX_CHOICE:
        abort(400, "The address chooses more scopes than there are.")
    return parse_scope(text) if values else None


def _hub_id() -> int | None:
    text = request.args.get("hub_id", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0):
        abort(400, "hub_id has to be the number of a HubSpot account.")
    return int(text) if text else None


def _region() -> str | None:
    region = request.args.get("region") or None
    if region is not None and not is_hublet(region):
        abort(400, f"region has to be a hublet of HubSpot, such as {', '.join(HUBLETS)}.")
    return region


def _return_to(profile: Profile) -> str | None:
    """Return the requested return address, or end the request if its origin isn't registered."""
    address = request.args.get("return_to")
    if not address:
        return None
    if len(address) > MAX_RETURN_TO:
        abort(400, f"return_to may have {MAX_RETURN_TO} characters.")
    if origin_of(address) not in profile.return_origins:
        abort(400, f"return_to has to be at an origin that profile “{profile.name}” registers.")
    return address


def _popup(profile: Profile, return_to: str | None) -> bool:
    """Return whether the window is a popup, which sends its outcome to `return_to`'s origin."""
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
