"""The OAuth proxy's endpoints: HubSpot for any standard OAuth client."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, abort, jsonify, make_response, redirect, render_template
from flask import request as http
from flask import url_for as url
from werkzeug.wrappers import Response as BaseResponse

from oauth_helper.config.redirect_uri import destination_of
from oauth_helper.diagnosis import ClientError
from oauth_helper.models import ClientRequest, PendingAuthorization
from oauth_helper.oauth.client.callback import PENDING_LIFETIME
from oauth_helper.oauth.client.outcome import Failed
from oauth_helper.oauth.client.start import Started, StartOptions
from oauth_helper.oauth.server import (
    ProxyServer,
    RegisteredClient,
    ServerRequest,
    ServerResponse,
    UnknownScopesRequestedError,
)
from oauth_helper.web.customer.client_redirect import with_error_redirect
from oauth_helper.web.customer.scope_choice import is_prefetch
from oauth_helper.web.i18n import language, translate
from oauth_helper.web.security import allow_forms_to, csrf, is_same_origin, limit, limit_errors
from oauth_helper.web.services import services

blueprint = Blueprint("proxy", __name__)

# Seconds. Whoever comes again sooner than this has another tab rather than an error before them.
_STRANDED_AFTER = 30


def server() -> ProxyServer:
    """The authorization server; where no client is registered the request ends in 404."""
    found = services().server
    if found is None:
        abort(404)
    return found


@blueprint.get("/.well-known/oauth-authorization-server")
@limit("300 per minute")
def metadata() -> Response:
    """What clients find out by themselves (RFC 8414)."""
    return jsonify(server().metadata())


@blueprint.get("/oauth/authorize")
@limit("120 per minute")
def authorize() -> BaseResponse:
    """The authorization endpoint (RFC 6749 section 3.1): asks the person, or leads on at once."""
    server()
    if is_prefetch():
        return Response(status=204)
    checked = _checked()
    if isinstance(checked, BaseResponse):
        return checked
    client_request, client = checked
    stranded = _stranded(client)
    if client.client.consent or stranded:
        return _consent_page(client_request, client, stranded)
    return _start(client_request, client)


@blueprint.post("/oauth/authorize")
@limit("120 per minute")
def decide() -> BaseResponse:
    """What the person decided on the page. Its form is guarded against other sites."""
    if not is_same_origin():
        abort(403, translate("This form was sent from another site."))
    checked = _checked()
    if isinstance(checked, BaseResponse):
        return checked
    client_request, client = checked
    allow_forms_to(client_request.redirect_uri)
    if http.form.get("decision") == "allow":
        return _start(client_request, client)
    outcome = services().authorizer.reject_client_request(
        client.profile,
        client_request,
        ClientError.DECLINED_HERE,
        browser_id=services().cookies.browser_id(http),
        language=language(),
    )
    failed = with_error_redirect(outcome, client_request)
    return redirect(failed.client_redirect_url or url("connect.home"), 303)


@blueprint.post("/oauth/token")
@csrf.exempt  # type: ignore[untyped-decorator]  # clients prove who they are, and have no cookies
@limit("6000 per minute")
@limit_errors("120 per minute")
def token() -> Response:
    """The token endpoint (RFC 6749 section 3.2)."""
    return _json(server().token(_form_message()))


@blueprint.post("/oauth/revoke")
@csrf.exempt  # type: ignore[untyped-decorator]
@limit("6000 per minute")
@limit_errors("120 per minute")
def revoke() -> Response:
    """The revocation endpoint (RFC 7009)."""
    return _json(server().revocation(_form_message()))


def _checked() -> tuple[ClientRequest, RegisteredClient] | BaseResponse:
    """The request with its client, or the answer to one that is not in order."""
    message = ServerRequest("GET", _endpoint("authorize"), http.args.to_dict(flat=False))
    try:
        return server().check(message)
    except UnknownScopesRequestedError as error:
        return _lead_to(server().error_response(message, error, _recorded(message, error)))
    except OAuth2Error as error:
        if error.redirect_uri:
            return _lead_to(server().error_response(message, error))
        return _no_way_back(message, error)


def _recorded(message: ServerRequest, error: UnknownScopesRequestedError) -> str:
    """The reference of the failure that a request for unknown scopes is."""
    client = server().query_client(message.payload.client_id)
    if client is None:
        return ""
    client_request = ClientRequest(
        client_id=client.client.id, client=client.client.name, redirect_uri=error.redirect_uri
    )
    outcome = services().authorizer.reject_client_request(
        client.profile,
        client_request,
        ClientError.UNKNOWN_SCOPES,
        scopes=error.names,
        browser_id=services().cookies.browser_id(http),
        language=language(),
    )
    return outcome.reference


def _start(client_request: ClientRequest, client: RegisteredClient) -> BaseResponse:
    """Go on to HubSpot, or to the page that says why that would be of no use."""
    options = StartOptions(
        optional_scopes=client.wanted(client_request.scope),
        client_request=client_request,
        browser_id=services().cookies.browser_id(http),
        language=language(),
    )
    match services().authorizer.start_authorization(client.profile, options):
        case Started(pending, address):
            response = redirect(address, 303 if http.method == "POST" else 302)
            services().cookies.keep(http, response, pending)
            return response
        case Failed() as failed:
            response = redirect(url("attempts.page", reference=failed.reference), 303)
            services().cookies.keep(http, response, with_error_redirect(failed, client_request))
            return response


def _consent_page(
    client_request: ClientRequest, client: RegisteredClient, stranded: PendingAuthorization | None
) -> Response:
    allow_forms_to(client_request.redirect_uri)
    shown = render_template(
        "consent.html",
        client=client.client,
        profile=client.profile,
        destination=destination_of(client_request.redirect_uri),
        requested=client.profile.requested_scopes(client.wanted(client_request.scope)),
        dropped=client_request.dropped,
        stranded=stranded,
        action=f"{url('proxy.decide')}?{client_request.query}",
    )
    return make_response(shown)


def _stranded(client: RegisteredClient) -> PendingAuthorization | None:
    """An attempt of this browser with the same client that no answer has come to.

    HubSpot shows most of its errors on a page of its own: whoever comes again from the client has
    probably seen one, and would see it again.
    """
    now = services().clock()
    for pending in services().cookies.pending(http):
        client_request = pending.client_request
        is_theirs = client_request is not None and client_request.client_id == client.client.id
        if is_theirs and _STRANDED_AFTER <= now - pending.started_at <= PENDING_LIFETIME:
            return pending
    return None


def _no_way_back(message: ServerRequest, error: OAuth2Error) -> Response:
    """The page for a request whose answer must not be sent anywhere (RFC 9700 section 4.11)."""
    client = server().query_client(message.payload.client_id or "")
    named = message.payload.redirect_uri if client and not message.repeated else None
    shown = render_template(
        "no_way_back.html",
        why=error.get_error_description(),
        client=client.client if client else None,
        client_id=(message.payload.client_id or "")[:100],
        redirect_uri=(named or "")[:500],
    )
    return make_response(shown, 400)


def _lead_to(answer: ServerResponse) -> BaseResponse:
    """Sends the browser to the client with an answer."""
    status = 303 if http.method == "POST" else 302
    return redirect(answer.location or url("connect.home"), status)


def _form_message() -> ServerRequest:
    if http.mimetype != "application/x-www-form-urlencoded":
        abort(400, "The body has to be form-encoded.")
    form = http.form.to_dict(flat=False)
    return ServerRequest("POST", _endpoint("token"), form, dict(http.headers))


def _endpoint(name: str) -> str:
    return f"{services().config.public_url}/oauth/{name}"


def _json(answer: ServerResponse) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.status
    for name, value in answer.headers:
        response.headers[name] = value
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"  # RFC 6749 section 5.1
    return response
