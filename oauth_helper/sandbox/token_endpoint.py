"""The routes of HubSpot's OAuth API: token, introspection, revocation and uninstalling.

As of 2026-11: https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
"""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import Any
from uuid import uuid4
from zlib import crc32

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Blueprint, Response, abort, request

from oauth_helper.sandbox import grants
from oauth_helper.sandbox.answers import (
    Answer,
    dressed,
    failure,
    json_answer,
    refresh_refusal,
    refusal,
)
from oauth_helper.sandbox.apps import Sandbox, SandboxApp

_VERSION = re.compile(r"v[1-9]|20[0-9]{2}-[0-9]{2}")
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1


class SandboxTokenEndpoint:
    """The views of one sandbox that a client's server calls. `register` adds them to a blueprint.

    No browser calls them, so they must be exempt from CSRF protection.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def register(self, blueprint: Blueprint) -> None:
        """Add the routes."""
        base = "/oauth/<version>/token"
        blueprint.add_url_rule(base, view_func=self.token, methods=["POST"])
        blueprint.add_url_rule(f"{base}/introspect", view_func=self.introspect, methods=["POST"])
        blueprint.add_url_rule(f"{base}/revoke", view_func=self.revoke, methods=["POST"])
        blueprint.add_url_rule(
            "/appinstalls/<version>/external-install",
            view_func=self.uninstall,
            methods=["DELETE"],
        )

    def token(self, version: str) -> Response:
        """Serve the token endpoint, for `authorization_code` and `refresh_token`."""
        app = self._client(version)
        if isinstance(app, Answer):
            return _response(app)
        match request.form.get("grant_type"):
            case "authorization_code":
                return _response(self._code_for_tokens(app))
            case "refresh_token":
                return _response(self._refresh(app))
            case _:
                return _response(failure("BAD_GRANT_TYPE", _correlation_id()))

    def introspect(self, version: str) -> Response:
        """Describe a token; an unknown one isn't active."""
        app = self._client(version)
        if isinstance(app, Answer):
            return _response(app)
        value = request.form.get("token", "")
        token = grants.find_access_token(self._sandbox, value)
        use = "access_token" if token else "refresh_token"
        token = token or grants.find_refresh_token(self._sandbox, value)
        if token is None or token.grant.client_id != app.client_id:
            return _response(json_answer({"active": False}))
        if token.grant.answer == "no_scopes_no_introspection":
            body = {"status": "error", "message": "internal error"}
            return _response(json_answer(body, http_status=500))
        return _response(json_answer(_introspection(token, use)))

    def revoke(self, version: str) -> Response:
        """End a token of the client; an unknown one counts as revoked (RFC 7009 section 2.2)."""
        app = self._client(version)
        if isinstance(app, Answer):
            return _response(app)
        value = request.form.get("token", "")
        for find in (grants.find_refresh_token, grants.find_access_token):
            token = find(self._sandbox, value)
            if token and token.grant.client_id == app.client_id:
                grants.revoke(self._sandbox, value)
        return _response(Answer(200, ""))

    def uninstall(self, version: str) -> Response:
        """Uninstall the app in the account whose access token is the bearer token."""
        _check_version(version)
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        token = grants.find_access_token(self._sandbox, value.strip())
        if scheme.lower() != "bearer" or token is None:
            body = {
                "status": "error",
                "message": "Authentication credentials not found or no longer valid.",
                "correlationId": _correlation_id(),
                "category": "INVALID_AUTHENTICATION",
            }
            return _response(json_answer(body, http_status=401))
        grants.uninstall(self._sandbox, token.grant_id)
        return _response(Answer(204, ""))

    def _client(self, version: str) -> SandboxApp | Answer:
        """Return the app that authenticated itself in the form, or an error response."""
        _check_version(version)
        if request.mimetype != "application/x-www-form-urlencoded":
            abort(415)
        app = self._sandbox.app(request.form.get("client_id", ""))
        if app is None:  # hides every other mistake, as at HubSpot
            return failure("BAD_CLIENT_ID", _correlation_id())
        given = request.form.get("client_secret", "").encode("utf-8", "replace")
        if not compare_digest(given, app.client_secret.encode()):
            return failure("BAD_CLIENT_SECRET", _correlation_id())
        return app

    def _code_for_tokens(self, app: SandboxApp) -> Answer:
        value = request.form.get("code", "")
        found = grants.find_code(self._sandbox, value)
        if found is None or found.grant.client_id != app.client_id:
            return failure("BAD_AUTH_CODE", _correlation_id())
        answer = found.grant.answer
        fails = not answer.endswith("_once") or grants.take_failure(self._sandbox, value)
        if fails and (refused := refusal(answer, _correlation_id())):
            return refused
        code = grants.take_code(self._sandbox, value)
        if code is None:  # another request was faster
            return failure("BAD_AUTH_CODE", _correlation_id())
        if status := self._flaw(code):
            return failure(status, _correlation_id())
        tokens = grants.issue_tokens(self._sandbox, code.grant)
        if answer == "slow":
            self._wait()
        return dressed(answer, _token_body(code.grant, tokens))

    def _flaw(self, code: grants.SandboxCode) -> str | None:
        if code.expires_at <= self._sandbox.clock():
            return "EXPIRED_AUTH_CODE"
        if request.form.get("redirect_uri") != code.redirect_uri:
            return "MISMATCH_REDIRECT_URI_AUTH_CODE"
        if code.code_challenge and not _verifies(request.form.get("code_verifier", ""), code):
            return "BAD_CODE_VERIFIER"
        return None

    def _refresh(self, app: SandboxApp) -> Answer:
        value = request.form.get("refresh_token", "")
        token = grants.find_refresh_token(self._sandbox, value)
        if token is None or token.grant.client_id != app.client_id:
            return failure("BAD_REFRESH_TOKEN", _correlation_id())
        grant = token.grant
        if refused := refresh_refusal(grant.answer, grant.hub_id, _correlation_id()):
            return refused
        access_token = grants.issue_access_token(self._sandbox, token.grant_id)
        return json_answer(_token_body(token.grant, grants.SandboxTokens(access_token, value)))

    def _wait(self) -> None:
        places = self._sandbox.slow_places
        if places.acquire(blocking=False):
            try:
                self._sandbox.hurry.wait(self._sandbox.slow_seconds)
            finally:
                places.release()


def _check_version(version: str) -> None:
    if not _VERSION.fullmatch(version):
        abort(404)


def _correlation_id() -> str:
    return str(uuid4())


def _verifies(code_verifier: str, code: grants.SandboxCode) -> bool:
    """Return whether the verifier belongs to the challenge (RFC 7636 section 4.6)."""
    if not _CODE_VERIFIER.fullmatch(code_verifier):
        return False
    plain = code.code_challenge_method == "plain"
    expected = code_verifier if plain else create_s256_code_challenge(code_verifier)
    # As bytes: the challenge came in a query and may not be ASCII.
    return compare_digest(expected.encode(), code.code_challenge.encode("utf-8", "replace"))


def _token_body(grant: grants.Grant, tokens: grants.SandboxTokens) -> dict[str, Any]:
    return {
        "token_type": "bearer",
        "refresh_token": tokens.refresh_token,
        "access_token": tokens.access_token,
        "expires_in": grants.ACCESS_TOKEN_LIFETIME,
        "hub_id": grant.hub_id,
        "scopes": grant.scopes,
        "token_use": "access_token",
        "user_id": grant.user_id,
    }


def _introspection(token: grants.KnownToken, use: str) -> dict[str, Any]:
    grant = token.grant
    body: dict[str, Any] = {
        "active": True,
        "hub_id": grant.hub_id,
        "user_id": grant.user_id,
        "user": grant.user,
        "hub_domain": grant.hub_domain,
        "app_id": crc32(grant.client_id.encode()),  # any number that stays the same
        "client_id": grant.client_id,
        "scopes": grant.scopes,
        "token_use": use,
        "token_type": "bearer",
    }
    return body if token.expires_in is None else {**body, "expires_in": token.expires_in}


def _response(answer: Answer) -> Response:
    response = Response(answer.body, status=answer.http_status, content_type=answer.content_type)
    response.headers.update(answer.headers)
    return response
