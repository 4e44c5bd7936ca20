"""Check an installation: settings, Redis, clocks and endpoints."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit

import click
import urllib3
from pydantic import SecretStr

from oauth_helper.cli.bootstrap import KeyFileError, password_file, with_secret_key
from oauth_helper.cli.output import json_text, read_settings
from oauth_helper.common.encryption import Encryptor, key_id
from oauth_helper.common.problems import in_words
from oauth_helper.common.urls import is_loopback
from oauth_helper.common.version import VERSION
from oauth_helper.config.settings import SETTINGS, Settings
from oauth_helper.models import StoreUnavailableError
from oauth_helper.oauth.client.start import certain_refusals
from oauth_helper.scopes import nearest
from oauth_helper.store.embedded.server import running_store_url
from oauth_helper.store.outbox.queue import Outbox, problem_with_directory
from oauth_helper.store.redis import RedisServer, connect, describe

# Seconds by which clocks may differ before codes and sessions stop working.
_MAX_CLOCK_SKEW = 30
# Days before its end by which a certificate should have been renewed.
_CERTIFICATE_DAYS = 14
# Share of its memory from which the store counts as full.
_FULL = 0.8
# When HubSpot's older OAuth APIs end: https://developers.hubspot.com/changelog
_VERSIONS_END = {
    "v1": "on 2027-02-16",
    "v2": "in September 2027",
    "v3": "in September 2027",
}
# Requests to PUBLIC_URL, each on a new connection, to meet every instance behind it.
_VISITS = 8


class Level(StrEnum):
    """How a check ended. A NOTE may be intended; a FAIL stops something from working."""

    OK = "OK"
    NOTE = "NOTE"
    FAIL = "FAIL"


_COLOURS = {Level.OK: "green", Level.NOTE: "yellow", Level.FAIL: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `hint` says what to do about it."""

    level: Level
    about: str
    text: str
    hint: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Check settings, Redis, clocks, certificate, instances and endpoints.

    Exits with 1 when something fails; each failure says what to check.
    """
    findings = examine(read_settings(), os.environ)
    failed = sum(finding.level is Level.FAIL for finding in findings)
    if as_json:
        report = {"version": VERSION, "ok": not failed, "findings": [asdict(f) for f in findings]}
        click.echo(json_text(report))
    else:
        _print(findings, failed)
    if failed:
        sys.exit(1)


def _print(findings: list[Finding], failed: int) -> None:
    for finding in findings:
        level = click.style(f"{finding.level:<4}", fg=_COLOURS[finding.level])
        hint = f" ({finding.hint})" if finding.hint else ""
        click.echo(f"{level}  {finding.about}: {finding.text}{hint}")
    notes = sum(finding.level is Level.NOTE for finding in findings)
    problems = f"{failed or 'No'} problem{'' if failed == 1 else 's'} found"
    click.echo(f"{problems} by oauth_helper {VERSION}: {len(findings)} checks, {notes} to note.")


def examine(config: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Return the findings of all checks."""
    return [
        *_unknown(environ),
        Finding(Level.OK, "settings", "valid"),
        *_profiles(config),
        *_access(config),
        *_store(config),
        _outbox(config),
        Finding(Level.NOTE, "retention", f"failures are kept {config.failure_retention_days} days"),
        *_public_url(config),
        *_hubspot(config),
    ]


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Find variables that look like misspelt settings."""
    known = {setting.name for setting in SETTINGS}
    for name in sorted(environ.keys() - known):
        meant = nearest(name, known) if "_" in name else None
        if meant:
            yield Finding(Level.NOTE, name, f"unknown setting; did you mean {meant}?")


def _profiles(config: Settings) -> Iterator[Finding]:
    yield Finding(
        Level.NOTE, "redirect URLs", ", ".join(each.redirect_uri for each in config.profiles)
    )
    for profile in config.profiles:
        requested = profile.requested_scopes()
        app = (
            "the app's configuration is known" if profile.app else "set HUBSPOT_APP_CONFIG to check"
        )
        yield Finding(
            Level.NOTE,
            f"profile {profile.name}",
            f"requests {len(requested.scope)} required and {len(requested.optional_scope)} "
            "optional scopes",
            app,
        )
        for problem in certain_refusals(profile, requested):
            hint = "run the command check for the fix"
            yield Finding(Level.FAIL, f"profile {profile.name}", problem.message, hint)
    for client in config.oauth_clients:
        kind = "public" if client.is_public else "confidential"
        consent = "customers give consent first" if client.consent else "without consent"
        text = f"{client.name}, {kind}, for profile {client.profile}; {consent}"
        yield Finding(Level.NOTE, f"client {client.id}", text)
    if config.sandbox:
        is_public = not is_loopback(urlsplit(config.public_url).hostname or "")
        level = Level.FAIL if is_public else Level.NOTE
        hint = "set HUBSPOT_CLIENT_ID for the real one"
        yield Finding(level, "HubSpot", "simulated by the built-in sandbox", hint)


def _access(config: Settings) -> Iterator[Finding]:
    if config.openid:
        yield Finding(Level.NOTE, "OIDC_ISSUER", f"staff sign in at {config.openid.issuer}")
    elif not config.support_users:
        hint = "the command hash-password makes an entry"
        text, level = "not set; serving needs it, or OIDC_ISSUER", Level.FAIL
        if config.sandbox:
            text = f"not set; the password of the user support is in {password_file(config)}"
            level = Level.NOTE
        yield Finding(level, "SUPPORT_USERS", text, hint)
    if config.secret_keys:
        return
    path = config.data_dir / "secret_key"
    if not path.exists():
        yield Finding(Level.NOTE, "SECRET_KEY", f"not set; will be generated in {path}")
        return
    try:
        with_secret_key(config)
    except KeyFileError as error:
        yield Finding(Level.FAIL, "SECRET_KEY", str(error), "or set SECRET_KEY")
    else:
        yield Finding(Level.NOTE, "SECRET_KEY", f"not set; kept in {path}")


def _store(config: Settings) -> Iterator[Finding]:
    address = config.redis_url.get_secret_value() or running_store_url(config.data_dir)
    if not address:
        yield Finding(Level.NOTE, "store", "embedded; not running")
        return
    try:
        client = connect(address)
        client.ping()
        yield Finding(Level.OK, "store", f"{describe(address)} answers")
        seconds, _ = client.time()
        yield _clock("store clock", seconds)
        yield from _store_keeps(RedisServer(client), is_ours=not config.redis_url)
    except (StoreUnavailableError, ValueError) as error:
        text = f"can't reach {describe(address)}: {in_words(error)}"
        yield Finding(Level.FAIL, "store", text, "check REDIS_URL and the network")


def _store_keeps(server: RedisServer, *, is_ours: bool) -> Iterator[Finding]:
    """Check that the store neither evicts nor forgets."""
    policies = server.eviction_policies()
    if not policies:
        text = "unknown: the store's user may not use INFO"
        yield Finding(Level.NOTE, "maxmemory-policy", text, "add +info to its rights")
        return
    evicts = policies - {"noeviction"}
    level = Level.FAIL if evicts else Level.OK
    hint = "a full store would delete connections; set noeviction" if evicts else ""
    yield Finding(level, "maxmemory-policy", ", ".join(sorted(evicts or policies)), hint)
    used, most = server.memory()
    is_full = most > 0 and used > _FULL * most
    text = f"{used / 2**20:.0f} MB in use" + (f" of {most / 2**20:.0f} MB" if most else "")
    hint = "a full store rejects writes; give it more, or keep failures for fewer days"
    yield Finding(
        Level.FAIL if is_full else Level.OK, "store memory", text, hint if is_full else ""
    )
    if not is_ours and server.writes_to_disk() != {True}:
        hint = "a restart of the store loses connections unless something else saves them"
        yield Finding(Level.NOTE, "appendonly", "no", hint)


def _outbox(config: Settings) -> Finding:
    """Check the folder where writes wait while Redis is down."""
    directory = config.data_dir / "outbox"
    if problem := problem_with_directory(directory):
        return Finding(Level.FAIL, "outbox", problem, "make DATA_DIR writable")
    # To count, any key does.
    counting = Encryptor([SecretStr("unused")], purpose="outbox")
    queued = Outbox(directory, encryptor=counting).depth()
    text = f"{queued} write{'' if queued == 1 else 's'} queued for Redis" if queued else "empty"
    return Finding(Level.NOTE, "outbox", text)


def _public_url(config: Settings) -> Iterator[Finding]:
    """Check the way of a browser: it answers, with a certificate, and leads to this program."""
    if config.public_url.startswith("https:") and not config.trusted_proxies:
        text = "no reverse proxy in front of the program"
        hint = "https needs one, which also limits connections; set how many there are"
        yield Finding(Level.FAIL, "TRUSTED_PROXIES", text, hint)
    address = f"{config.public_url}/healthz"
    answers = [_request(address, "GET") for _ in range(_VISITS)]
    problem = next((each for each in answers if isinstance(each, str)), "")
    if problem:
        hint = "start the program; check DNS, firewall, certificate and reverse proxy"
        text = f"{config.public_url} doesn't answer: {problem}"
        yield Finding(Level.NOTE, "PUBLIC_URL", text, hint)
        return
    yield Finding(Level.OK, "PUBLIC_URL", f"{config.public_url} answers")
    if config.public_url.startswith("https:"):
        yield _certificate(config.public_url)
    yield from _instances(config, [each for each in answers if not isinstance(each, str)])


def _certificate(address: str) -> Finding:
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), 5) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured,
        ):
            ends = (secured.getpeercert() or {})["notAfter"]
    except OSError as error:  # of ssl too
        text = f"can't be checked: {in_words(error)}"
        hint = "see that the reverse proxy sends a certificate for this name, with its chain"
        return Finding(Level.FAIL, "certificate", text, hint)
    days = int((ssl.cert_time_to_seconds(str(ends)) - time.time()) // 86_400)
    level, hint = Level.OK, ""
    # Those of a proxy's own authority live for hours.
    if days < _CERTIFICATE_DAYS and not is_loopback(host):
        level, hint = Level.FAIL, "renew it; if that happens by itself, see why it didn't"
    return Finding(level, "certificate", f"{days} days left", hint)


def _instances(config: Settings, answers: list[urllib3.BaseHTTPResponse]) -> Iterator[Finding]:
    """Check that every instance behind PUBLIC_URL is this program, with keys that fit."""
    try:
        found = {(each.json()["version"], *each.json()["keys"]) for each in answers}
    except (ValueError, KeyError, TypeError):
        hint = "check the reverse proxy"
        yield Finding(Level.FAIL, "instances", "another program answers at PUBLIC_URL", hint)
        return
    versions = sorted({str(version) for version, *_ in found})
    level = Level.OK if versions == [VERSION] else Level.NOTE
    hint = "" if level is Level.OK else f"this is {VERSION}; finish the upgrade"
    yield Finding(level, "instances", f"version {', '.join(versions)}", hint)
    if not config.secret_keys and (config.data_dir / "secret_key").exists():
        with suppress(KeyFileError):
            config = with_secret_key(config)
    ours = {key_id(each) for each in config.secret_keys}
    # What one encrypts with its newest key, each other has to decrypt.
    newest = {keys[0] for _, *keys in found if keys}
    shared = set.intersection(*({*keys} for _, *keys in found))
    if not newest <= shared:
        hint = "customers who change between them have to start again; set the same SECRET_KEY"
        yield Finding(Level.FAIL, "SECRET_KEY", "the instances don't share it", hint)
    elif ours and not newest & ours:
        hint = "run this command with the settings of the program"
        yield Finding(Level.FAIL, "SECRET_KEY", "the instance at PUBLIC_URL has another", hint)
    else:
        yield Finding(Level.OK, "SECRET_KEY", "the same wherever PUBLIC_URL leads")


def _hubspot(config: Settings) -> Iterator[Finding]:
    if config.sandbox:
        return
    if ends := _VERSIONS_END.get(config.api_version):
        hint = f"HubSpot removes it {ends}; set 2026-09"
        yield Finding(Level.NOTE, "HUBSPOT_API_VERSION", config.api_version, hint)
    for address in sorted({config.api_url, config.authorization_endpoint}):
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        found = _request(origin)
        if isinstance(found, str):
            hint = "check the firewall, and the proxy for outgoing requests"
            yield Finding(Level.FAIL, origin, f"can't be reached: {found}", hint)
            continue
        yield Finding(Level.OK, origin, "can be reached")
        if date := found.headers.get("Date"):
            yield _clock(f"clock of {origin}", parsedate_to_datetime(date).timestamp())


def _request(address: str, method: str = "HEAD") -> urllib3.BaseHTTPResponse | str:
    """Return the response, over a new connection, or the problem in words."""
    # The module's own pool would reuse the connection, and meet the same instance again.
    try:
        with urllib3.PoolManager(retries=False, timeout=5.0) as http:
            return http.request(method, address, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return in_words(error)


def _clock(about: str, theirs: float) -> Finding:
    skew = abs(time.time() - theirs)
    if skew <= _MAX_CLOCK_SKEW:
        return Finding(Level.OK, about, f"{skew:.0f} s off")
    return Finding(Level.FAIL, about, f"{skew:.0f} s off", "synchronise the clocks, such as by NTP")
