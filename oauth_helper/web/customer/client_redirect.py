"""Redirect the browser to where the attempt began: the proxy client, or HubSpot's Marketplace."""

from __future__ import annotations

from dataclasses import replace

from oauth_helper.config.profiles import Profile
from oauth_helper.models import ClientRequest, PendingAuthorization, StoreUnavailableError
from oauth_helper.oauth.client.outcome import Connected, Failed
from oauth_helper.web.customer.services import services


def with_way_back(
    profile: Profile, pending: PendingAuthorization, outcome: Connected | Failed
) -> Connected | Failed:
    """Return the outcome with the address that redirects to where the attempt began.

    While Redis is down, a proxy client's success is a failure, because no code could be limited to
    a single use.
    """
    if pending.install_return_url:
        return replace(outcome, client_redirect_url=pending.install_return_url)
    server, client_request = services().server, pending.client_request
    if server is None or client_request is None:  # as it began here
        return outcome
    if isinstance(outcome, Failed):
        return with_error_redirect(outcome, client_request)
    if outcome.issued is None:
        return outcome
    try:
        address = server.code_redirect_url(client_request, outcome.issued)
    except StoreUnavailableError:
        failed = services().callback.fail_interrupted(profile, pending, outcome.hub_id)
        return with_error_redirect(failed, client_request)
    return replace(outcome, issued=None, client_redirect_url=address)


def with_error_redirect(failed: Failed, client_request: ClientRequest) -> Failed:
    """Return the failure with the address that redirects to the client with an error."""
    server = services().server
    if server is None:
        return failed
    address = server.error_redirect_url(
        client_request, failed.cause, failed.reference, title=failed.title
    )
    return replace(failed, client_redirect_url=address)
