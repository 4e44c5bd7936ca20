"""The bearer tokens of the JSON API (RFC 6750): two settings, and named tokens with scopes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from hmac import compare_digest

from flask import Response, current_app, g, request
from pydantic import SecretStr

from oauth_helper.common.passwords import check_password
from oauth_helper.config.api_tokens import ApiToken
from oauth_helper.store.outbox.writer import ignore_outage
from oauth_helper.store.token_uses import TokenUses
from oauth_helper.web.api.operation import operation_of
from oauth_helper.web.api.services import services
from oauth_helper.web.errors import answer
from oauth_helper.web.security import count_token_check

# Seconds for which a token that was right is not checked again, and tokens that are remembered.
_REMEMBERED, _MOST = 300, 100

# A token that doesn't start with its name is compared with this many; each takes a tenth of a
# second on purpose.
_MOST_WITHOUT_NAME = 5


class ApiTokens:
    """Recognise the named tokens. `clock` returns Unix seconds."""

    def __init__(
        self, tokens: Sequence[ApiToken], uses: TokenUses, clock: Callable[[], float]
    ) -> None:
        self._tokens, self._uses, self._clock = tokens, uses, clock
        self._known: dict[bytes, tuple[float, ApiToken]] = {}

    def find(self, sent: str) -> ApiToken | None:
        """Return the token that was sent. Raises `TooManyChecksError`, and 429 for too many."""
        digest, now = hashlib.sha256(sent.encode()).digest(), self._clock()
        until, known = self._known.get(digest, (0.0, None))
        if now < until:
            return known
        token = self._check(sent)
        if token:
            if len(self._known) >= _MOST:
                self._known = {}
            self._known[digest] = (now + _REMEMBERED, token)
            ignore_outage(lambda: self._uses.add(token.name, now))
        return token

    def _check(self, sent: str) -> ApiToken | None:
        named = [each for each in self._tokens if sent.startswith(f"{each.name}.")]
        possible = named or self._tokens[:_MOST_WITHOUT_NAME]
        if possible:
            count_token_check()
        matching = (each for each in possible if check_password(each.hash.get_secret_value(), sent))
        return next(matching, None)


def authenticate() -> Response | None:
    """End the request with 401 or 403 unless its token has the scope of its operation."""
    operation = operation_of(current_app.view_functions[request.endpoint or ""])
    if operation is None:
        raise LookupError(f"{request.endpoint} is no operation")
    config, sent = services().config, _sent()
    older, setting = config.support_api_token, "SUPPORT_API_TOKEN"
    if request.blueprint in ("api_connections", "api_erasure"):
        older, setting = config.connections_api_token, "CONNECTIONS_API_TOKEN"
    if _is(older, sent):
        g.program = setting
        return None
    token = services().api_tokens.find(sent) if sent else None
    if token is None:
        names = [setting] if older else []
        return _unauthorized([*names, *(["API_TOKENS_FILE"] if config.api_tokens else [])], setting)
    g.program = f"token {token.name}"
    if operation.scope in token.scopes:
        return None
    why = f"The token {token.name} lacks the scope {operation.scope}."
    response = answer(403, "Forbidden", why, scope=operation.scope)
    response.headers["WWW-Authenticate"] = (
        f'Bearer realm="oauth_helper", error="insufficient_scope", scope="{operation.scope}"'
    )
    return response


def unless_bearer(token: SecretStr, setting: str) -> Response | None:
    """Return 401 unless the request has the bearer `token`, the value of `setting`."""
    return None if _is(token, _sent()) else _unauthorized([setting] if token else [], setting)


def _sent() -> str:
    given = request.authorization
    return (given.token or "") if given is not None and given.type == "bearer" else ""


def _is(expected: SecretStr, sent: str) -> bool:
    return bool(expected and sent) and compare_digest(
        sent.encode(), expected.get_secret_value().encode()
    )


def _unauthorized(settings: list[str], setting: str) -> Response:
    why = (
        f"The Authorization header needs the bearer token of {' or '.join(settings)}."
        if settings
        else f"This is closed: {setting} is not set."
    )
    response = answer(401, "Unauthorized", why)
    response.headers["WWW-Authenticate"] = 'Bearer realm="oauth_helper"'
    return response
