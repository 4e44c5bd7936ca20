"""The authorization request (RFC 6749 section 4.1.1) as HubSpot takes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri

from oauth_helper.hubspot.hublets import HUBLETS, is_hublet
from oauth_helper.hubspot.wrapped_urls import in_one_piece
from oauth_helper.scopes import RequestedScopes, join_scope, parse_scope

_HUBSPOT_HOST = "app.hubspot.com"

# What is in angle brackets, quotation marks or brackets isn't part of the address.
_URL = re.compile(
    r"https?(?::|%3a|%253a)(?:/|%2f|%252f){2}[^\s<>\"'`\\()\[\]{}|]{10,16000}", re.IGNORECASE
)

# An e-mail filter's link holds a login's, which holds the authorize URL: deeper ones don't occur.
_MOST_WRAPPERS = 3


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """An authorization request, read from an address; missing parameters are None."""

    client_id: str | None
    redirect_uri: str | None
    requested: RequestedScopes


def find_authorization_url(text: str) -> AuthorizationRequest | None:
    """Return the first authorize URL in `text` whose scopes can be read; None without one.

    HubSpot's error page keeps the query of the request, so its address tells what was requested. It
    may be in a parameter of another URL, such as that of HubSpot's login or of an e-mail filter.
    Blanks in a list of scopes count as `%20`, and line breaks with their indentation as nothing. An
    address that was cut off proves nothing about what is missing, so it doesn't count. A list of
    scopes that was encoded twice stays as it is.
    """
    joined = in_one_piece(text)
    for match in _URL.finditer(joined):
        cut_off = match[0].endswith(("..", "\u2026")) or joined[
            match.end() : match.end() + 4
        ].strip(" ").startswith(("...", "\u2026"))
        found = None if cut_off else _read_authorization_url(match[0])
        if found is not None:
            return found
    return None


def _read_authorization_url(url: str, depth: int = 0) -> AuthorizationRequest | None:
    while "://" not in url[:8]:
        url = unquote(url)
    if url.startswith("https://urldefense.com/v3/"):  # it writes "*" for "%"
        url = url.partition("__;")[0].replace("*", "%")
    address, _, query = url.partition("?")
    # Copied from elsewhere, the whole query may be encoded, or its "&" as HTML has them.
    query = query.replace("&amp;", "&")
    if "=" not in query:
        query = unquote(query)
    try:
        fields = parse_qs(query, max_num_fields=50)
    except ValueError:
        return None
    if "/oauth" not in address:
        inner = (value[0] for value in fields.values() if _URL.match(value[0]))
        read = (
            _read_authorization_url(each, depth + 1) for each in inner if depth < _MOST_WRAPPERS
        )
        return next((found for found in read if found), None)
    if "scope" not in fields and "optional_scope" not in fields:
        return None
    scope, optional_scope = (fields.get(name, [""])[0] for name in ("scope", "optional_scope"))
    return AuthorizationRequest(
        client_id=fields.get("client_id", [None])[0],
        redirect_uri=fields.get("redirect_uri", [None])[0],
        requested=RequestedScopes(parse_scope(scope), parse_scope(optional_scope)),
    )


def authorization_endpoint(
    base: str, *, hub_id: int | None = None, region: str | None = None
) -> str:
    """Return the authorization endpoint for one account and region, from the general one.

    `hub_id` preselects the account: `/oauth/authorize` becomes `/oauth/<hub_id>/authorize`.
    `region` changes HubSpot's own host only: na1 has the plain one, the others have theirs in it,
    such as `app-eu1.hubspot.com`. Raises ValueError for what can't be a region.
    """
    parts = urlsplit(base)
    if region is not None and not is_hublet(region):
        message = f"region {region!r} is not one of {', '.join(HUBLETS)}"
        raise ValueError(message)
    if region not in (None, "na1") and parts.netloc == _HUBSPOT_HOST:
        parts = parts._replace(netloc=f"app-{region}.hubspot.com")
    if hub_id is not None:
        before, _, last = parts.path.rpartition("/")
        parts = parts._replace(path=f"{before}/{hub_id}/{last}")
    return urlunsplit(parts)


@lru_cache(maxsize=64)
def regional_origins(base: str, regions: tuple[str, ...]) -> frozenset[str]:
    """Return the origins of the authorization endpoint: its own, and those in `regions`."""
    urls = (base, *(authorization_endpoint(base, region=region) for region in regions))
    return frozenset("://".join(urlsplit(url)[:2]) for url in urls)


def is_issuer(iss: str, base: str) -> bool:
    """Return whether `iss` is the origin of the authorization endpoint `base`, in any region."""
    iss, own = iss.removesuffix("/"), "://".join(urlsplit(base)[:2])
    if own == f"https://{_HUBSPOT_HOST}":
        return re.fullmatch(r"https://app(-[a-z]{2}[0-9])?\.hubspot\.com", iss) is not None
    return iss == own


# Encoding fifty scopes costs more than everything else in a start, and nearly all attempts with a
# profile request the same ones. The bound keeps customers' own selections from filling the memory.
@lru_cache(maxsize=256)
def authorization_link(
    endpoint: str,
    *,
    client_id: str,
    redirect_uri: str,
    requested: RequestedScopes,
    hub_id: int | None = None,
    region: str | None = None,
) -> str:
    """Return an authorization URL without state and PKCE challenge, such as an install URL.

    `hub_id` preselects an account, `region` is a hublet. Scopes are separated by `%20`, as in the
    links of HubSpot's own builders, and `optional_scope` is left out when nothing is optional.
    """
    url: str = prepare_grant_uri(
        authorization_endpoint(endpoint, hub_id=hub_id, region=region),
        client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=join_scope(requested.scope),
        optional_scope=join_scope(requested.optional_scope) or None,
    )
    # Authlib joins with "+", which in an encoded query can stand for nothing but a space.
    address, mark, query = url.partition("?")
    return address + mark + query.replace("+", "%20")
