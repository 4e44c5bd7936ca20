"""The check-up of an installation: what an operator wants to know before calling for help."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3

from oauth_helper.cli.bootstrap import KeyFileError, with_secret_key
from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.secrets import Secret
from oauth_helper.common.urls import is_loopback
from oauth_helper.config.settings import SETTINGS, Settings
from oauth_helper.models import StoreUnavailableError
from oauth_helper.oauth.client.start import certain_refusals
from oauth_helper.scopes import nearest
from oauth_helper.store.embedded.server import running_store_url
from oauth_helper.store.outbox.queue import Outbox, problem_with
from oauth_helper.store.redis import Client, connect, describe

# Seconds by which clocks may differ before codes and sessions go wrong.
_CLOCK = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `ok` is None when it is only worth knowing."""

    about: str
    ok: bool | None
    text: str


def examine(config: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """What there is to say about settings, store, clock and endpoints."""
    return [
        *_unknown(environ),
        *_settings(config),
        *_store(config),
        *_outbox(config),
        *_endpoints(config),
    ]


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look like settings and are none: a slip of the pen changes nothing else."""
    known = {setting.name for setting in SETTINGS}
    for name in sorted(environ.keys() - known):
        meant = nearest(name, known) if "_" in name else None
        if meant:
            yield Finding(name, None, f"is no setting; {meant} is meant?")


def _settings(config: Settings) -> Iterator[Finding]:
    yield Finding("settings", ok=True, text="can be used")
    yield Finding("redirect URLs", None, ", ".join(each.redirect_uri for each in config.profiles))
    for profile in config.profiles:
        requested = profile.requested_scopes()
        known = "known" if profile.app else "not known (HUBSPOT_APP_CONFIG)"
        yield Finding(
            f"profile {profile.name}",
            None,
            f"asks for {len(requested.scope)} required and {len(requested.optional_scope)} "
            f"optional scopes; the app's configuration is {known}",
        )
        for problem in certain_refusals(profile, requested):
            yield Finding(f"profile {profile.name}", ok=False, text=problem.message)
    for client in config.oauth_clients:
        kind = "public" if client.is_public else "confidential"
        asked = "people are asked first" if client.consent else "nobody is asked"
        text = f"{client.name}, {kind}, for profile {client.profile}; {asked}"
        yield Finding(f"client {client.id}", None, text)
    if config.sandbox:
        is_public = not is_loopback(urlsplit(config.public_url).hostname or "")
        text = "HUBSPOT_CLIENT_ID is not set: the built-in sandbox plays HubSpot"
        yield Finding("HubSpot", False if is_public else None, text)
    if config.openid:
        yield Finding("OIDC_ISSUER", None, f"support staff sign in at {config.openid.issuer}")
    elif not config.support_users:
        yield Finding("SUPPORT_USERS", None, "not set: a password is made at each start")
    if not config.secret_keys:
        yield _key_file(config)


def _key_file(config: Settings) -> Finding:
    path = config.data_dir / "secret_key"
    if not path.exists():
        return Finding("SECRET_KEY", None, f"not set: will be made at start and kept in {path}")
    try:
        with_secret_key(config)
    except KeyFileError as error:
        return Finding("SECRET_KEY", ok=False, text=str(error))
    return Finding("SECRET_KEY", None, f"not set: kept in {path}")


def _store(config: Settings) -> Iterator[Finding]:
    address = config.redis_url.reveal() or running_store_url(config.data_dir)
    if not address:
        yield Finding("store", None, "the embedded one, which is not running at the moment")
        return
    try:
        client = connect(address)
        client.ping()
        yield Finding("store", ok=True, text=f"{describe(address)} answers")
        yield _store_clock(client)
    except (StoreUnavailableError, ValueError) as error:
        problem = type(error.__cause__ or error).__name__
        text = f"{describe(address)} does not answer ({problem})"
        yield Finding("store", ok=False, text=text)


def _outbox(config: Settings) -> Iterator[Finding]:
    """Where failures wait while the store is down."""
    directory = config.data_dir / "outbox"
    if problem := problem_with(directory):
        yield Finding("outbox", ok=False, text=f"{problem}: make DATA_DIR writable")
        return
    # It only counts, so any key does.
    counting = Encryptor([Secret("unused")], purpose="outbox")
    queued = Outbox(directory, encryptor=counting).depth()
    text = f"{queued} writes are queued for Redis" if queued else "is empty"
    yield Finding("outbox", None, text)


def _store_clock(client: Client) -> Finding:
    seconds, _ = client.time()
    return _clock_finding("clock of the store", seconds)


def _endpoints(config: Settings) -> Iterator[Finding]:
    if config.sandbox:
        return
    hosts = {config.api_url, config.authorization_endpoint}
    pool = urllib3.PoolManager(retries=False, timeout=5.0)
    for address in sorted(hosts):
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            response = pool.request("HEAD", origin, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            yield Finding(origin, ok=False, text=f"cannot be reached ({type(error).__name__})")
            continue
        yield Finding(origin, ok=True, text="can be reached")
        if date := response.headers.get("Date"):
            yield _clock_finding(f"clock of {origin}", parsedate_to_datetime(date).timestamp())


def _clock_finding(about: str, theirs: float) -> Finding:
    apart = abs(time.time() - theirs)
    return Finding(about, apart <= _CLOCK, f"{apart:.0f} s from ours")
