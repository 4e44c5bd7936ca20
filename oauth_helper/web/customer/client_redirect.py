"""Redirect the browser to the proxy client that made the request, with the response."""

from __future__ import annotations

from dataclasses import replace

from oauth_helper.config.profiles import Profile
from oauth_helper.models import ClientRequest, PendingAuthorization, StoreUnavailableError
from oauth_helper.oauth.client.outcome import Connected, Failed
from oauth_helper.web.customer.services import services


def with_error_redirect(failed: Failed, client_request: ClientRequest) -> Failed:
    """Return the failure with the address that redirects to the client with an error."""
    server = services().server
    if server is None:
        return failed
    address = server.error_redirect_url(
        client_request, failed.cause, failed.reference, title=failed.title
    )
    return replace(failed, client_redirect_url=address)


def with_code_redirect(
    profile: Profile, pending: PendingAuthorization, connected: Connected
) -> Connected | Failed:
    """Return the outcome with the address that redirects to the client with a code.

    While Redis is down this is a failure, because no code could be limited to a single use.
    """
    server, client_request = services().server, pending.client_request
    if server is None or client_request is None or connected.issued is None:
        return connected
    try:
        address = server.code_redirect_url(client_request, connected.issued)
    except StoreUnavailableError:
        failed = services().callback.fail_interrupted(profile, pending, connected.hub_id)
        return with_error_redirect(failed, client_request)
    return replace(connected, issued=None, client_redirect_url=address)
