"""Read the responses of HubSpot's token and introspection endpoints.

The bodies vary with the year: RFC 6749 errors since 2026-01, `status` and `message` before, and any
field may be missing. Nothing is taken for granted, not even that a 200 is a success.
https://developers.hubspot.com/changelog (2025-08, 2026-01)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from pydantic import SecretStr

from oauth_helper.hubspot.hublets import is_hublet

#: Longer texts from outside are cut. A record takes less, so that no secret is cut in half before
#: it is redacted.
MAX_MESSAGE = 4000

_MAX_TOKEN = 8192

# The most characters of a name in the DNS (RFC 1035 section 2.3.4).
_MAX_DOMAIN = 253
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)

# 477 is HubSpot's own: the account is being moved to another region.
_TRANSIENT = frozenset({408, 423, 425, 429, 477})

_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens were issued. What the response lacks is None; `expires_in` is in seconds."""

    access_token: SecretStr
    refresh_token: SecretStr
    expires_in: int
    scopes: tuple[str, ...] | None = None
    hub_id: int | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint rejected the request, and would reject it again.

    `status` is HubSpot's own code such as BAD_AUTH_CODE, `error` the one of RFC 6749 section 5.2.
    `body` is the whole text, cut to `MAX_MESSAGE`: text from outside, to be read and not stored.
    `correct_hublet` is the region that HubSpot names for an account that lives elsewhere.
    """

    http_status: int
    status: str = ""
    error: str = ""
    message: str = ""
    correlation_id: str = ""
    body: str = field(default="", repr=False, compare=False)
    correct_hublet: str = ""

    @property
    def words(self) -> str:
        """Return everything that the response says."""
        return self.body or self.message


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No usable response. `http_status` is None when there was none at all.

    `code_unused` is True only when the request certainly wasn't processed; `retry_after` is in
    seconds, if the response names it.
    """

    why: str
    http_status: int | None = None
    retry_after: int | None = None
    code_unused: bool = False
    correlation_id: str = field(default="")


TokenResponse = Granted | Refused | Unavailable


@dataclass(frozen=True, slots=True)
class Introspected:
    """The introspection of a token (RFC 7662), without the e-mail address in it."""

    active: bool
    scopes: tuple[str, ...] | None = None
    hub_id: int | None = None
    hub_domain: str = ""


def read_token_response(http_status: int, headers: Mapping[str, str], body: bytes) -> TokenResponse:
    """Return the token endpoint's response to a grant, whatever its shape."""
    document = _json_object(body)
    text = _Text(document or {})
    if http_status >= 500 or http_status in _TRANSIENT:
        return Unavailable(
            why=text("message") or text("error_description") or f"HTTP {http_status}",
            http_status=http_status,
            retry_after=_seconds(headers.get("Retry-After", "")),
            # Locked and rate-limited requests are rejected before the code is used; a 5xx may come
            # after it.
            code_unused=http_status in (423, 429),
            correlation_id=text("correlationId"),
        )
    if document is None and not 400 <= http_status < 500:
        return Unavailable("the response is no JSON object", http_status)
    # An introspection of a token that is no longer valid is a 200 as well (RFC 7662 section 2.2).
    inactive = document is not None and document.get("active") is False
    if http_status != 200 or inactive or text("error") or text("status"):
        return _refused(http_status, text, body)
    return _granted(document or {}, text) or Unavailable("the response has no token", http_status)


def read_introspection(http_status: int, body: bytes) -> Introspected | None:
    """Return the introspection endpoint's response; None without a usable one."""
    document = _json_object(body)
    if http_status != 200 or document is None or not isinstance(document.get("active"), bool):
        return None
    domain = _Text(document)("hub_domain", _MAX_DOMAIN + 1)
    return Introspected(
        document["active"],
        _scopes(document),
        _id(document, "hub_id"),
        domain if len(domain) <= _MAX_DOMAIN and _DOMAIN.fullmatch(domain) else "",
    )


def _refused(http_status: int, text: _Text, body: bytes) -> Refused:
    # The older body has "error" as its status, which says nothing.
    status, hublet = text("status"), text("correctHublet")
    return Refused(
        http_status=http_status,
        status=status if re.fullmatch(r"[A-Z][A-Z_]{2,60}", status) else "",
        error=text("error"),
        message=text("message") or text("error_description"),
        correlation_id=text("correlationId"),
        body=body[:MAX_MESSAGE].decode(errors="replace"),
        correct_hublet=hublet if hublet and is_hublet(hublet) else "",
    )


def _granted(document: Mapping[str, Any], text: _Text) -> Granted | None:
    access_token = text("access_token", _MAX_TOKEN + 1)
    refresh_token = text("refresh_token", _MAX_TOKEN + 1)
    if max(len(access_token), len(refresh_token)) > _MAX_TOKEN:
        return None  # half a token is useless
    expires_in = document.get("expires_in")
    token_type = text("token_type") or "bearer"
    if not access_token or not refresh_token or token_type.lower() != "bearer":
        return None
    return Granted(
        access_token=SecretStr(access_token),
        refresh_token=SecretStr(refresh_token),
        # HubSpot's access tokens live for 30 minutes. A wrong number only means an early refresh.
        expires_in=expires_in if _is_whole(expires_in) and 0 < expires_in <= 86_400 else 1800,
        scopes=_scopes(document),
        hub_id=_id(document, "hub_id"),
        user_id=_id(document, "user_id"),
    )


class _Text:
    """Reads text fields of a document; anything else reads as empty.

    JSON may contain half of a surrogate pair, which can't be stored: it reads as a question mark.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def __call__(self, key: str, most: int = MAX_MESSAGE) -> str:
        value = self._document.get(key)
        return value[:most].encode(errors="replace").decode() if isinstance(value, str) else ""


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _scopes(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return `scopes` as HubSpot sends it, or `scope` (RFC 6749 section 5.1), or None."""
    names = document.get("scopes")
    if not isinstance(names, list):
        text = document.get("scope")
        names = text.split() if isinstance(text, str) else []
        if not names:
            return None
    legal = [name for name in names if isinstance(name, str) and _NAME.fullmatch(name)]
    # An empty list means that nothing is granted, but a list without a readable name is unknown.
    return tuple(dict.fromkeys(legal)) if legal or not names else None


def _id(document: Mapping[str, Any], key: str) -> int | None:
    value = document.get(key)
    return value if _is_whole(value) and 0 < value < 10**15 else None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _seconds(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text.strip()) else None
