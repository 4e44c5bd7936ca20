"""Act as an authorization server (the OAuth proxy) for clients that know only standard OAuth.

Authlib's server framework provides the grants and the checks of the RFCs. This package adds the
registered clients, the codes and refresh tokens, and HubSpot's responses in standard form.
"""

from oauth_helper.oauth.server.authorization_endpoint import (
    RegisteredClient,
    UnknownScopesRequestedError,
    standard_parameters,
)
from oauth_helper.oauth.server.dependencies import ServerDependencies
from oauth_helper.oauth.server.messages import ServerRequest, ServerResponse, error_description
from oauth_helper.oauth.server.refresh_tokens import RefreshTokens
from oauth_helper.oauth.server.server import ProxyServer

__all__ = [
    "ProxyServer",
    "RefreshTokens",
    "RegisteredClient",
    "ServerDependencies",
    "ServerRequest",
    "ServerResponse",
    "UnknownScopesRequestedError",
    "error_description",
    "standard_parameters",
]
