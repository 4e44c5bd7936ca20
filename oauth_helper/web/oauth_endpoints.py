"""Serve the OAuth proxy's endpoints, which connect any standard OAuth client to HubSpot."""

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
    standard_parameters,
)
from oauth_helper.web.customer.client_redirect import with_error_redirect
from oauth_helper.web.customer.services import services
from oauth_helper.web.i18n import language, translate
from oauth_helper.web.security import (
    allow_forms_to,
    count_request,
    csrf,
    is_prefetch,
    is_same_origin,
    limit,
    limit_errors,
    rate_limit,
)

blueprint = Blueprint("proxy", __name__)

# Seconds. A customer who returns sooner probably uses a second tab and hasn't seen an error.
_STRANDED_AFTER = 30

# What clients' requests count as, and how many a minute one network may send.
_STARTS, _MOST_STARTS = "client starts", 120


def server() -> ProxyServer:
    """Return the authorization server, or end the request with 404 if no client is registered."""
    found = services().server
    if found is None:
        abort(404)
    return found


@blueprint.get("/.well-known/oauth-authorization-server")
@limit(300)
def metadata() -> Response:
    """Return the server metadata that clients discover (RFC 8414)."""
    return jsonify(server().metadata())


@blueprint.get("/oauth/authorize")
def authorize() -> BaseResponse:
    """Serve the authorization endpoint (RFC 6749 section 3.1): a consent page or a redirect."""
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
def decide() -> BaseResponse:
    """Process the customer's decision on the consent page. Forms of other sites are rejected."""
    if not is_same_origin():
        abort(403, translate("This form was sent from another site."))
    checked = _checked()
    if isinstance(checked, BaseResponse):
        return checked
    client_request, client = checked
    allow_forms_to(client_request.redirect_uri)
    if http.form.get("decision") == "allow":
        return _start(client_request, client)
    count_request(_STARTS, _MOST_STARTS)
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
@csrf.exempt  # type: ignore[untyped-decorator]  # clients authenticate, and send no cookies
@limit(6000)
@limit_errors(120)
def token() -> Response:
    """Serve the token endpoint (RFC 6749 section 3.2)."""
    return _json(server().token(_form_message()))


@blueprint.post("/oauth/revoke")
@csrf.exempt  # type: ignore[untyped-decorator]
@limit(6000)
@limit_errors(120)
def revoke() -> Response:
    """Serve the revocation endpoint (RFC 7009)."""
    return _json(server().revocation(_form_message()))


def _checked() -> tuple[ClientRequest, RegisteredClient] | BaseResponse:
    """Return the valid request and its client, or the response to an invalid request."""
    parameters = standard_parameters(http.args.to_dict(flat=False))
    message = ServerRequest("GET", _endpoint("authorize"), parameters)
    try:
        return server().check(message)
    except UnknownScopesRequestedError as error:
        reference = _log_unknown_scopes(message, error)
        return _redirect_to_client(server().error_response(message, error, reference))
    except OAuth2Error as error:
        if error.redirect_uri:
            return _redirect_to_client(server().error_response(message, error))
        return _error_page(message, error)


def _log_unknown_scopes(message: ServerRequest, error: UnknownScopesRequestedError) -> str:
    """Log a request for unknown scopes as a failure, and return its reference."""
    client = server().query_client(message.payload.client_id)
    if client is None:
        return ""
    count_request(_STARTS, _MOST_STARTS)
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
    """Redirect to HubSpot, or to the page that says why HubSpot would reject the link."""
    options = StartOptions(
        optional_scopes=client.wanted(client_request.scope),
        client_request=client_request,
        browser_id=services().cookies.browser_id(http),
        language=language(),
        limit=rate_limit(_STARTS, _MOST_STARTS),
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
    count_request("consent pages", _MOST_STARTS)
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
    """Return this browser's latest attempt with the same client that got no response, or None.

    HubSpot shows most of its errors on its own page. A customer who returns from the client has
    probably seen one, and would see it again.
    """
    now = services().clock()
    for pending in services().cookies.pending(http):
        client_request = pending.client_request
        is_theirs = client_request is not None and client_request.client_id == client.client.id
        if is_theirs and _STRANDED_AFTER <= now - pending.started_at <= PENDING_LIFETIME:
            return pending
    return None


def _error_page(message: ServerRequest, error: OAuth2Error) -> Response:
    """Show an error that must not be sent to any redirect URI (RFC 9700 section 4.11)."""
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


def _redirect_to_client(answer: ServerResponse) -> BaseResponse:
    """Redirect the browser to the client with a response."""
    status = 303 if http.method == "POST" else 302
    return redirect(answer.location or url("connect.home"), status)


def _form_message() -> ServerRequest:
    if http.mimetype != "application/x-www-form-urlencoded":
        abort(400, "The body must be form-encoded.")
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
