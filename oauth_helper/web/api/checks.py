"""What the API answers without a record: the check of an app's configuration, and a diagnosis.

Both raise `FieldError` or `AppConfigurationError`, which name the field of the body that is wrong.
"""

from __future__ import annotations

import json
from typing import Any

from oauth_helper.config.profiles import Profile
from oauth_helper.diagnosis import Role, Stage
from oauth_helper.diagnosis.app_check import (
    CheckedLink,
    LinkError,
    check_size,
    compare,
    link_in,
    link_of,
    link_with,
    preflight_json,
    read_app,
)
from oauth_helper.diagnosis.explanation import evidence_from, explain, explanation_json
from oauth_helper.hubspot.token_response import TokenResponse, read_token_response
from oauth_helper.scopes import AppConfiguration, Tier, join_scope, read_app_configuration
from oauth_helper.scopes.app_file import corrected_document
from oauth_helper.web.api.request_body import Body, FieldError, read_body
from oauth_helper.web.services import services

_PREFLIGHT_FIELDS = ("app_config", "profile", "scope", "optional_scope")
_DIAGNOSE_FIELDS = (
    "message",
    "stage",
    "authorize_url",
    "scope",
    "optional_scope",
    "app_config",
    "response",
    "tier",
    "role",
    "code_age",
)
_RESPONSE_FIELDS = ("status", "body")

# Seconds; a year is older than any code.
_OLDEST_CODE = 31_536_000


def preflight() -> dict[str, Any]:
    """The check of the app in the body against a profile, or against the scopes in the body."""
    body = read_body(_PREFLIGHT_FIELDS)
    app = _app(body)
    if app is None:
        raise FieldError("app_config is missing")
    configuration, document = app
    link = _scopes(body)
    if link and "profile" in body:
        raise FieldError("profile has scopes of its own: give either profile or scope")
    profile = _profile(body)
    checked = compare(configuration, link or link_of(profile), profile.catalogue)
    return preflight_json(checked, corrected_document(document, checked.corrected))


def diagnosis() -> dict[str, Any]:
    """The diagnosis of what the body tells."""
    body = read_body(_DIAGNOSE_FIELDS)
    app = _app(body)
    profiles = tuple(services().profiles.values())
    evidence = evidence_from(
        catalogue=profiles[0].catalogue,
        message=body.text("message") or "",
        stage=body.one_of("stage", Stage),
        link=_link(body),
        app=app[0] if app else None,
        answer=_answer(body),
        tier=body.one_of("tier", Tier),
        role=body.one_of("role", Role),
        code_age=body.number("code_age", 0, _OLDEST_CODE),
    )
    secrets = [profile.client_secret.reveal() for profile in profiles]
    return explanation_json(explain(evidence, secrets))


def _app(body: Body) -> tuple[AppConfiguration, dict[str, Any]] | None:
    """What the app lists, and the document that says so."""
    given = body.document_or_text("app_config")
    if given is None:
        return None
    if isinstance(given, str):
        file = read_app(given, origin="app_config")
        return file.configuration, file.document
    configuration = read_app_configuration(given, origin="app_config")
    check_size(configuration, origin="app_config")
    return configuration, given


def _profile(body: Body) -> Profile:
    profiles = services().profiles
    name = body.text("profile")
    if name is None:
        return next(iter(profiles.values()))
    if name not in profiles:
        raise FieldError(f"profile has to be one of {', '.join(profiles)}")
    return profiles[name]


def _link(body: Body) -> CheckedLink | None:
    text = body.text("authorize_url")
    if text is None:
        return _scopes(body)
    if "scope" in body or "optional_scope" in body:
        raise FieldError("authorize_url has scopes of its own: give either it or scope")
    try:
        return link_in(text)
    except LinkError as error:
        raise FieldError(f"authorize_url: {error}") from error


def _scopes(body: Body) -> CheckedLink | None:
    scope, optional = body.names("scope"), body.names("optional_scope")
    if scope is None and optional is None:
        return None
    try:
        return link_with(join_scope(scope or ()), join_scope(optional or ()))
    except LinkError as error:
        raise FieldError(f"scope: {error}") from error


def _answer(body: Body) -> TokenResponse | None:
    """The answer of the token endpoint that somebody got."""
    response = body.part("response", _RESPONSE_FIELDS)
    if response is None:
        return None
    status = response.number("response.status", 100, 599)
    if status is None:
        raise FieldError("response.status is missing")
    content = response.document_or_text("response.body") or ""
    text = content if isinstance(content, str) else json.dumps(content)
    return read_token_response(status, {}, text.encode(errors="replace"))
