"""Issue tokens to clients for a code or a refresh token, and revoke them."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import ends_connection
from oauth_helper.hubspot.token_response import Granted, Refused, Unavailable
from oauth_helper.models import Connection, IssuedCode
from oauth_helper.oauth.server.authorization_endpoint import RegisteredClient
from oauth_helper.oauth.server.dependencies import ServerDependencies
from oauth_helper.oauth.server.messages import TokenError, error_description
from oauth_helper.oauth.server.refresh_tokens import RefreshToken
from oauth_helper.oauth.server.token_response import token_body
from oauth_helper.store.outbox.writer import ignore_outage


class TokenIssuer:
    """Answer token requests that the grants have validated."""

    def __init__(self, parts: ServerDependencies) -> None:
        self._parts = parts

    def first(self, client: RegisteredClient, issued: IssuedCode) -> dict[str, object]:
        """Return the response body for a code that was just used up."""
        pending, connection = issued.pending, issued.connection
        client_request = pending.client_request
        now = self._parts.clock()
        token = RefreshToken(
            client_id=client.client.id,
            profile=pending.profile,
            grant=pending.reference,
            connection=connection.id,
            token=issued.tokens.refresh_token,
            generation=0 if client.client.is_public else None,
        )
        if client.client.is_public:
            self._parts.codes.start_grant(token.grant, now)
        self._parts.code_redemption.redeemed(issued)
        return token_body(
            client.client,
            access_token=issued.tokens.access_token,
            refresh_token=self._parts.refresh_tokens.write(token),
            expires_in=connection.expires_in(now),
            granted=connection.granted,
            hub_id=connection.hub_id,
            requested=client_request.scope if client_request else "",
            dropped=client_request.dropped if client_request else (),
        )

    def following(
        self, client: RegisteredClient, token: RefreshToken, scope: str
    ) -> dict[str, object]:
        """Return the response body for a refresh token of this client, or raise Authlib's error.

        `scope` holds the scopes that the request names; all of them must have been granted.
        """
        profile = self._parts.profiles.get(token.profile)
        if profile is None:
            raise InvalidGrantError("The refresh token belongs to a profile that was removed.")
        known, unknown = client.split(scope)
        if unknown:
            raise InvalidScopeError("The request names unknown scopes.")
        self._next_generation(token, advance=False)
        answer = self._parts.hubspot.refresh(profile.credentials, token.token)
        if not isinstance(answer, Granted):
            raise self._not_refreshed(client, profile, token, answer)
        if answer.scopes is not None and set(known) - set(answer.scopes):
            raise InvalidScopeError("The request names scopes that were not granted.")
        # Replace the token only now that HubSpot has issued a new one.
        generation = self._next_generation(token, advance=True)
        after = token.following(answer.refresh_token, generation)
        return token_body(
            client.client,
            access_token=answer.access_token,
            refresh_token=self._parts.refresh_tokens.write(after),
            expires_in=answer.expires_in,
            granted=answer.scopes,
            hub_id=answer.hub_id,
            requested=scope,
        )

    def _next_generation(self, token: RefreshToken, *, advance: bool) -> int | None:
        """Return the generation of the replacing token; None for tokens that aren't replaced.

        Raises Authlib's error when the grant was revoked.
        """
        now = self._parts.clock()
        found = self._parts.codes.rotate(
            token.grant, token.generation, token.mark, now, replace=advance
        )
        if found is None:
            raise InvalidGrantError("The refresh token was revoked.")
        return None if token.generation is None else found

    def end(self, token: RefreshToken) -> None:
        """Revoke a refresh token at HubSpot and delete the connection.

        Raises `TokenError` when HubSpot doesn't confirm the revocation.
        """
        profile = self._parts.profiles.get(token.profile)
        if profile is not None:
            is_confirmed = self._parts.hubspot.revoke(profile.credentials, token.token)
            if not is_confirmed:
                raise TokenError(
                    "temporarily_unavailable",
                    "HubSpot did not confirm the revocation.",
                    status=503,
                    retry_after=30,
                )
        self._parts.codes.revoke_grant(token.grant)
        connection = self._connection_of(token)
        if connection is not None:
            self._parts.connections.forget(connection)

    def _not_refreshed(
        self,
        client: RegisteredClient,
        profile: Profile,
        token: RefreshToken,
        answer: Refused | Unavailable,
    ) -> OAuth2Error:
        """Log HubSpot's failed refresh and return it as an error of RFC 6749."""
        connection = self._connection_of(token)
        recorded = self._parts.refresh_failures.record(
            profile,
            connection or _stand_in(token, client.client.id),
            answer,
            secrets=[token.token.get_secret_value()],
            client=client.client.name,
        )
        if ends_connection(recorded.cause):
            if connection is not None and connection.ended_at is None:
                now = int(self._parts.clock())
                ignore_outage(
                    lambda: self._parts.connections.end(
                        connection, at=now, by=recorded.reference, cause=recorded.cause
                    )
                )
            return InvalidGrantError(
                error_description(
                    "HubSpot no longer accepts the refresh token: the app was uninstalled, its "
                    "access was revoked, or the account is gone. Connect again.",
                    recorded.reference,
                )
            )
        if isinstance(answer, Unavailable):
            return TokenError(
                "temporarily_unavailable",
                error_description("HubSpot is not responding.", recorded.reference),
                status=503,
                retry_after=min(answer.retry_after or 10, 3600),
            )
        return TokenError(
            "server_error",
            error_description(
                f"HubSpot rejected this server's request ({recorded.cause}).", recorded.reference
            ),
            status=502,
        )

    def _connection_of(self, token: RefreshToken) -> Connection | None:
        """Return the connection of a refresh token, None if it is gone or was connected anew."""
        connection = self._parts.connections.get(token.connection)
        return connection if connection and connection.reference == token.grant else None


def _stand_in(token: RefreshToken, client_id: str) -> Connection:
    """Return what a refresh token says about a connection that is no longer stored."""
    return Connection(
        id=token.connection,
        profile=token.profile,
        hub_id=None,
        granted=None,
        missing_optional=(),
        connected_at=0,
        expires_at=0,
        reference=token.grant,
        client=client_id,
    )
