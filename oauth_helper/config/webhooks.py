"""Read the settings of webhooks and notices: addresses, secrets, types of events, a threshold."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from dataclasses import dataclass
from importlib.util import find_spec

from pydantic import SecretStr

from oauth_helper.common.urls import parse_web_url
from oauth_helper.config.toml_file import SettingsError
from oauth_helper.config.values import EnvironInfo
from oauth_helper.scopes import nearest

#: Every type of event.
WEBHOOK_EVENT_TYPES = (
    "failure.recorded",
    "failure.reported",
    "failure.resolved",
    "failure.reopened",
    "connection.created",
    "connection.ended",
    "group.spiking",
)
_MAX_URLS = 10


def parse_webhook_urls(text: str, info: EnvironInfo) -> tuple[SecretStr, ...]:
    """Return the addresses in a list. They are secret, because some contain a token."""
    urls = list(dict.fromkeys(_entries(text)))
    is_http_allowed = info.context.get("WEBHOOK_ALLOW_PRIVATE", "").strip().lower() == "on"
    problems = []
    for number, url in enumerate(urls, 1):
        parts = parse_web_url(url)
        if parts is None or parts.username or parts.fragment:
            problems.append(f"number {number} is no web address such as https://example.com/hook")
        elif parts.scheme != "https" and not is_http_allowed:
            problems.append(f"number {number} must start with https://")
    if len(urls) > _MAX_URLS:
        problems.append(f"has {len(urls)} addresses; {_MAX_URLS} are possible")
    if problems:
        raise SettingsError(problems)
    return tuple(map(SecretStr, urls))


@dataclass(frozen=True, slots=True)
class Threshold:
    """The number of failures of one group within some seconds that people hear about."""

    count: int
    seconds: int


def parse_threshold(text: str) -> Threshold:
    """Return a threshold such as `5/10m`."""
    found = re.fullmatch("([1-9][0-9]{0,5})/([1-9][0-9]{0,3})([smh])", text)
    seconds = int(found[2]) * {"s": 1, "m": 60, "h": 3600}[found[3]] if found else 0
    if not found or not 60 <= seconds <= 86_400:
        raise ValueError("must be a number of failures and a time of 1m to 24h, such as 5/10m")
    return Threshold(int(found[1]), seconds)


def parse_notify_urls(text: str) -> tuple[SecretStr, ...]:
    """Return the addresses of Apprise in a list, which hold passwords and tokens."""
    # A comma may also be part of an address.
    urls = [each for each in re.split(r"[\s,]+(?=[a-z0-9]+://)", text.strip()) if each]
    if urls and find_spec("apprise") is None:
        raise ValueError("needs the extra notify: pip install 'oauth_helper[notify]'")
    problems = [
        f"number {number} is no address of Apprise, such as slack://TokenA/TokenB/TokenC"
        for number, url in enumerate(urls, 1)
        if not _is_of_apprise(url)
    ]
    if len(urls) > _MAX_URLS:
        problems.append(f"has {len(urls)} addresses; {_MAX_URLS} are possible")
    if problems:
        raise SettingsError(problems)
    return tuple(map(SecretStr, dict.fromkeys(urls)))


def _is_of_apprise(url: str) -> bool:
    from apprise import Apprise  # noqa: PLC0415 - optional

    log = logging.getLogger("apprise")
    log.disabled = True  # it has the address
    try:
        return Apprise.instantiate(url) is not None
    finally:
        log.disabled = False


def parse_webhook_secrets(text: str) -> tuple[SecretStr, ...]:
    """Return the secrets in a list, the newest first."""
    secrets = _entries(text)
    problems = [
        f"number {number} must be whsec_ and the base64 of 24 to 64 bytes"
        for number, secret in enumerate(secrets, 1)
        if not _is_webhook_secret(secret)
    ]
    if problems:
        raise SettingsError(problems)
    return tuple(map(SecretStr, secrets))


def parse_webhook_events(text: str) -> frozenset[str]:
    """Return the types of events in a list; all for none."""
    types = _entries(text)
    problems = []
    for name in types:
        if name not in WEBHOOK_EVENT_TYPES:
            meant = nearest(name, WEBHOOK_EVENT_TYPES) if len(name) <= 60 else None
            hint = f"did you mean {meant}?" if meant else "see config.example.env"
            problems.append(f"has an unknown type of event; {hint}")
    if problems:
        raise SettingsError(problems)
    return frozenset(types or WEBHOOK_EVENT_TYPES)


def _entries(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _is_webhook_secret(text: str) -> bool:
    prefix, _, encoded = text.partition("_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return prefix == "whsec" and 24 <= len(key) <= 64
