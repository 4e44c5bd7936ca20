"""The bodies of the token endpoint's responses, and the failures to choose from. Pure.

The `status` values and older bodies are from public threads; since 2026-01 HubSpot adds `error` and
`error_description` (RFC 6749 section 5.2). Every field may be missing. As of 2026-11:
https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from oauth_helper.scopes import shipped_catalogue

#: For each `status` the error of RFC 6749 section 5.2, and HubSpot's message or one in its manner.
FAILURES: Mapping[str, tuple[str, str]] = {
    "BAD_AUTH_CODE": ("invalid_grant", "missing or unknown auth code"),
    "EXPIRED_AUTH_CODE": ("invalid_grant", "the auth code has expired"),
    "MISMATCH_REDIRECT_URI_AUTH_CODE": (
        "invalid_grant",
        "redirect URI does not match the one used to get the auth code",
    ),
    "BAD_REDIRECT_URI": ("invalid_request", "missing or invalid redirect URI"),
    "BAD_CLIENT_ID": ("invalid_client", "missing or invalid client id"),
    "BAD_CLIENT_SECRET": ("invalid_client", "missing or invalid client secret"),
    "BAD_CODE_VERIFIER": ("invalid_grant", "missing or invalid code verifier"),
    "BAD_GRANT_TYPE": ("unsupported_grant_type", "missing or unknown grant type"),
    "BAD_SCOPES": ("invalid_scope", "one or more scopes are invalid"),
    # A project's log, 2026-11: the account was deleted.
    "BAD_HUB": ("access_denied", "missing or unknown hub id"),
    "BAD_REFRESH_TOKEN": ("invalid_grant", "missing or invalid refresh token"),
}

#: Temporary failures: HTTP status and label.
TRANSIENT: Mapping[str, tuple[int, str]] = {
    "423": (423, "423 Locked"),
    "429": (429, "429 Too many requests"),
    "477": (477, "477 Account is moving to another region"),
    "500": (500, "500 Internal error"),
    "502": (502, "502 Bad gateway"),
    "503": (503, "503 Service unavailable"),
    "429_once": (429, "429 once, then it works"),
    "503_once": (503, "503 once, then it works"),
}

_ODD = {
    "error_in_200": "200 with an error in the body",
    "empty": "200 with an empty body",
    "html": "200 with an HTML page",
    "list": "A list in place of an object",
    "truncated": "JSON that breaks off",
    "wrong_types": "Fields of the wrong types",
    "huge": "A body of some megabytes",
    "slow": "Answers late",
}

_GRANTS = {
    "ok": "Tokens, as usual",
    "no_scopes": "Tokens without hub_id and scopes",
    "no_scopes_no_introspection": "The same, and introspection fails",
    "misses_required": "Granted without crm.objects.contacts.read",
    "misses_optional": "Granted without one of the optional scopes",
    "granular": "Tokens that name granular scopes for coarse ones",
    "ok_then_moved": "Tokens; refreshed, the account is in another region",
    "ok_then_gone": "Tokens; refreshed, the account is gone",
}

_HUGE = 4_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    http_status: int
    body: str
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerGroup:
    """Token answers of one kind, as (value, label), for an <optgroup>."""

    label: str
    answers: tuple[tuple[str, str], ...]


def token_answers() -> tuple[AnswerGroup, ...]:
    """Return every value that `token_answer` may have, grouped for a menu."""
    statuses = [status for status in FAILURES if status != "BAD_REFRESH_TOKEN"]
    return (
        AnswerGroup("It works", tuple(_GRANTS.items())),
        AnswerGroup("Refused", tuple((f"rfc_body:{name}", name) for name in statuses)),
        AnswerGroup(
            "Refused, with the body from before 2026",
            tuple((f"older_body:{name}", f"{name}, older body") for name in statuses),
        ),
        AnswerGroup(
            "Fails for a while", tuple((name, label) for name, (_, label) in TRANSIENT.items())
        ),
        AnswerGroup("Odd answers", tuple(_ODD.items())),
    )


def is_token_answer(value: str) -> bool:
    """Return whether `value` is one of `token_answers`."""
    return any(value == name for group in token_answers() for name, _ in group.answers)


def json_answer(body: object, *, http_status: int = 200) -> Answer:
    """Return `body` as JSON that must not be stored (RFC 6749 section 5.1)."""
    return Answer(
        http_status, json.dumps(body), headers={"Cache-Control": "no-store", "Pragma": "no-cache"}
    )


def failure(
    status: str, correlation_id: str, *, older: bool = False, http_status: int = 400
) -> Answer:
    """Return the error body for a `status` of `FAILURES`; `older` gives the form before 2026-01."""
    error, message = FAILURES[status]
    body = {"status": status, "message": message, "correlationId": correlation_id}
    if not older:
        body = {"error": error, "error_description": message, **body}
    return json_answer(body, http_status=http_status)


def refresh_refusal(answer: str, hub_id: int, correlation_id: str) -> Answer | None:
    """Return the failure of a refresh that `answer` requests; None for a success."""
    if answer == "ok_then_gone":
        return failure("BAD_HUB", correlation_id)
    if answer == "ok_then_moved":
        # HubSpot/hubspot-api-python#261; the HTTP status is HubSpot's own.
        body = {
            "status": "error",
            "message": f"Hub {hub_id} is unknown to this Hublet, but it appears to exist in "
            "Hublet na2",
            "correlationId": correlation_id,
            "correctHublet": "na2",
        }
        return json_answer(body, http_status=488)
    return None


def refusal(answer: str, correlation_id: str) -> Answer | None:
    """Return the failure that `answer` requests, before the code is used; None for a success."""
    kind, _, status = answer.partition(":")
    if status in FAILURES:
        return failure(status, correlation_id, older=kind == "older_body")
    if answer == "error_in_200":
        return failure("BAD_AUTH_CODE", correlation_id, http_status=200)
    if answer in TRANSIENT:
        return _transient(TRANSIENT[answer][0], correlation_id)
    return None


def granted(
    answer: str, scope: tuple[str, ...], optional: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is granted, by parameter, if `answer` grants less than was approved."""
    if answer == "misses_required":
        return tuple(name for name in scope if name != "crm.objects.contacts.read"), optional
    if answer == "misses_optional":
        return scope, optional[1:]
    return scope, optional


def dressed(answer: str, body: Mapping[str, Any]) -> Answer:
    """Return the token response with `body`, damaged as `answer` requests."""
    if answer == "empty":
        return Answer(200, "")
    if answer == "html":
        page = "<!doctype html><title>HubSpot</title><h1>We'll be right back</h1>"
        return Answer(200, page, content_type="text/html;charset=utf-8")
    whole = json_answer(_content(answer, body))
    if answer == "truncated":
        return replace(whole, body=whole.body[: len(whole.body) // 2])
    return whole


def _content(answer: str, body: Mapping[str, Any]) -> object:
    match answer:
        case "list":
            return [body]
        case "granular":
            return {**body, "scopes": _granular(body["scopes"])}
        case "wrong_types":
            return _wrong_types(body)
        case "no_scopes" | "no_scopes_no_introspection":
            return {key: body[key] for key in body if key not in ("hub_id", "scopes")}
        case "huge":
            return {**body, "padding": "x" * _HUGE}
        case _:
            return body


def _granular(scopes: Iterable[str]) -> list[str]:
    """Return `scopes` as a token names them after its app was moved to granular scopes."""
    known = shipped_catalogue().by_name
    return [
        granular
        for name in scopes
        for granular in (known[name].replaced_by if name in known else ()) or (name,)
    ]


def _wrong_types(body: Mapping[str, Any]) -> dict[str, object]:
    return {
        "token_type": ["bearer"],
        "access_token": 1234567890,
        "refresh_token": None,
        "expires_in": "half an hour",
        "hub_id": {"id": body["hub_id"]},
        "scopes": " ".join(body["scopes"]),
        "token_use": False,
        "user_id": "somebody",
    }


def _transient(http_status: int, correlation_id: str) -> Answer:
    message = {
        423: "The resource is locked",
        429: "You have reached your secondly limit.",
        477: "This account is being migrated to another region",
    }.get(http_status, "There was a problem with the request.")
    body = {"status": "error", "message": message, "correlationId": correlation_id}
    headers = {"Cache-Control": "no-store"}
    if http_status == 429:
        body["errorType"] = "RATE_LIMIT"
    if http_status == 477:
        # HubSpot's API usage guide (2026): a migration takes up to 24 hours.
        headers["Retry-After"] = "86400"
    if http_status == 502:  # comes from the proxy in front, as HTML
        page = "<html><head><title>502 Bad Gateway</title></head></html>"
        return Answer(502, page, content_type="text/html")
    return Answer(http_status, json.dumps(body), headers=headers)
