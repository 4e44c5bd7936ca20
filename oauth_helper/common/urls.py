"""Parse web addresses and find their origins."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_web_url(text: str) -> SplitResult | None:
    """Return the parts of an absolute http or https URL without user info; None for anything else.

    Rejects what browsers and parsers read differently: control characters, white space,
    backslashes, non-ASCII text and invalid ports.
    """
    if not text.isascii() or any(ord(char) <= 0x20 or char in "\\\x7f" for char in text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    is_web = parts.scheme in _DEFAULT_PORTS and parts.hostname and port != 0
    return parts if is_web and "@" not in parts.netloc else None


def origin_of(text: str) -> str | None:
    """Return the origin of a URL as browsers serialize it (RFC 6454); None if it is no web URL."""
    parts = parse_web_url(text)
    if parts is None or parts.hostname is None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = _DEFAULT_PORTS[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def is_ip_address(host: str) -> bool:
    """Return whether `host` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether `host` always means this machine."""
    return host == "localhost" or (is_ip_address(host) and ipaddress.ip_address(host).is_loopback)
