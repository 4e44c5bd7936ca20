"""Redirect URIs of clients: which may be registered, and which requests match one.

RFC 6749 section 3.1.2, RFC 8252 sections 7 and 8, RFC 9700 sections 2.1 and 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from oauth_helper.common.urls import is_loopback, parse_web_url

# A program on the customer's computer uses any free port, so loopback ports aren't compared.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?([/?].*)?")

# RFC 8252 section 7.1: the scheme is a reversed domain name, so it has a dot.
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/[\x21-\x7e]*")

# Dot segments in the path, which some parsers remove.
_DOTS = re.compile(r"^[^?]*/(\.|%2e){1,2}(/|\?|$)", re.IGNORECASE)

_MAX_LENGTH = 1000


def is_registered(given: str, registered: str) -> bool:
    """Return whether `given` is `registered`: compared exactly, except for the port on loopback."""
    if given == registered:
        return True
    there, here = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(given)
    if there is None or here is None or parse_web_url(given) is None:
        return False
    return (there[1], there[3]) == (here[1], here[3])


def problem_with(redirect_uri: str) -> str:
    """Return why a redirect URI can't be registered; empty when it can."""
    wrong = {
        f"has more than {_MAX_LENGTH} characters": len(redirect_uri) > _MAX_LENGTH,
        "has a *; redirect URIs are compared exactly": "*" in redirect_uri,
        "has a fragment": "#" in redirect_uri,
        "has a /../ or /./, which some parsers remove": _DOTS.search(redirect_uri),
    }
    found = [problem for problem, is_so in wrong.items() if is_so]
    if found or _PRIVATE_USE.fullmatch(redirect_uri):
        return "".join(found[:1])
    parts = parse_web_url(redirect_uri)
    if parts is None:
        return "must be a web address, or have a private scheme such as com.example.app:/callback"
    is_safe = parts.scheme == "https" or is_loopback(parts.hostname or "")
    return "" if is_safe else "must start with https://, except on this computer"


def with_parameters(redirect_uri: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return a redirect URI with `parameters` added to its unchanged query.

    RFC 6749 section 3.1.2 requires that the query stays. `redirect_uri` has no fragment.
    """
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(list(parameters))}"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a redirect URI leads, for the customer to read: a host name, or the name of an app."""

    name: str
    is_app: bool
    is_this_computer: bool


def destination_of(redirect_uri: str) -> Destination:
    """Return where a registered redirect URI leads."""
    parts = urlsplit(redirect_uri)
    is_app = parts.scheme not in ("http", "https")
    name = parts.scheme if is_app else parts.netloc
    return Destination(name, is_app, not is_app and is_loopback(parts.hostname or ""))
