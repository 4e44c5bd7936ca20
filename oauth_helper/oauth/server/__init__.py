"""The OAuth proxy: an authorization server for clients that know nothing of HubSpot's ways.

On Authlib's server framework. The grants and checks of the RFCs are Authlib's; here stands what is
particular: which clients there are, what a code and a refresh token stand for, and what HubSpot's
answers look like to a client.
"""

from oauth_helper.oauth.server.authorization_endpoint import (
    RegisteredClient,
    UnknownScopesRequestedError,
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
]
