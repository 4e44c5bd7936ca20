"""The settings, read once from the environment into one frozen value, all problems at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from oauth_helper.common.secrets import Secret, is_password_hash
from oauth_helper.common.urls import is_ip_address, is_loopback, origin_of, parse_web_url
from oauth_helper.config.oauth_clients import ClientsError, OAuthClient, load_clients
from oauth_helper.config.profiles import Defaults, Profile, ProfilesError, load_profiles
from oauth_helper.config.staff_access import AccessRule, OpenIdSettings, Role, parse_rule
from oauth_helper.scopes import (
    AppConfiguration,
    AppConfigurationError,
    Catalogue,
    CatalogueError,
    load_app_configuration,
    load_catalogue,
    shipped_catalogue,
)

T = TypeVar("T")

#: What a profile without a client id of its own is known by at the built-in sandbox.
SANDBOX_CLIENT_ID = "sandbox"

_OIDC = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_AGENTS", "OIDC_VIEWERS")


@dataclass(frozen=True, slots=True)
class SupportUser:
    """A member of the support staff. `password_hash` is what `hash-password` prints."""

    name: str
    password_hash: Secret
    role: Role


class ConfigError(ValueError):
    """Settings that cannot be used. `problems` names each setting and what is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, checked. Secrets do not show when it is printed."""

    host: str
    port: int
    public_url: str
    authorization_endpoint: str
    api_url: str
    api_version: str
    profiles: tuple[Profile, ...]
    sandbox: bool
    redis_url: Secret
    data_dir: Path
    secret_keys: tuple[Secret, ...]
    support_users: tuple[SupportUser, ...]
    openid: OpenIdSettings | None
    support_api_token: Secret
    metrics_token: Secret
    log_format: str
    otlp_endpoint: str
    connections_api_token: Secret
    attempt_timeout: int
    failure_retention_days: int
    oauth_clients: tuple[OAuthClient, ...]
    trusted_proxies: int
    rate_limits: bool
    workers: int
    threads: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Config:
        """The settings in `environ`. Raises `ConfigError` with every problem at once."""
        reader = _Reader(environ)
        config = reader.config()
        if reader.problems:
            raise ConfigError(reader.problems)
        return config

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the program by https."""
        return self.public_url.startswith("https:")


class _Reader:
    """Reads the settings one by one and gathers their problems instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._environ = environ
        self._defaults = {setting.name: setting.default for setting in SETTINGS}

    def config(self) -> Config:
        port = self.number("PORT", 1, 65535)
        public_url = self.public_url(port)
        client_id, client_secret = self.client()
        profiles = self.profiles(public_url, client_id, client_secret)
        authorization_endpoint = self.web_url("HUBSPOT_AUTHORIZATION_ENDPOINT")
        api_url = self.web_url("HUBSPOT_API_URL")
        sandbox = all(profile.client_id == SANDBOX_CLIENT_ID for profile in profiles)
        if not sandbox:
            self._check_for_hubspot(public_url, profiles)
        host = self.text("HOST")
        local = f"[{host}]" if ":" in host else host
        local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(local, local)  # noqa: S104 - compared
        return Config(
            host=host,
            port=port,
            public_url=public_url,
            authorization_endpoint=(
                f"{public_url}/sandbox/oauth/authorize" if sandbox else authorization_endpoint
            ),
            api_url=f"http://{local}:{port}/sandbox" if sandbox else api_url,
            api_version=self.matching("HUBSPOT_API_VERSION", r"[A-Za-z0-9._-]+", "such as 2026-09"),
            profiles=profiles,
            sandbox=sandbox,
            redis_url=self.redis_url(),
            data_dir=Path(self.text("DATA_DIR")).absolute(),
            secret_keys=self.secret_keys(),
            support_users=self.support_users(),
            openid=self.openid(),
            support_api_token=self.secret("SUPPORT_API_TOKEN", 16),
            metrics_token=self.secret("METRICS_TOKEN", 16),
            log_format=self.log_format(),
            otlp_endpoint=self.otlp_endpoint(),
            connections_api_token=self.connections_api_token(),
            attempt_timeout=self.number("ATTEMPT_TIMEOUT", 1, 3600),
            failure_retention_days=self.number("FAILURE_RETENTION_DAYS", 1, 3650),
            oauth_clients=self.oauth_clients(profiles),
            trusted_proxies=self.number("TRUSTED_PROXIES", 0, 10),
            rate_limits=self.text("RATE_LIMITS").lower() == "on" if self._on_or_off() else True,
            workers=self.number("WORKERS", 1, 64, empty=min(os.cpu_count() or 1, 4)),
            threads=self.number("THREADS", 1, 512, empty=64 if sandbox else 8),
        )

    def text(self, name: str) -> str:
        """The setting as it was given; its default when it is unset or blank."""
        text = self._environ.get(name, "").strip() or self._defaults[name]
        # What is no UTF-8 in the environment comes as lone surrogates, which nothing can encode.
        if any("\ud800" <= char <= "\udfff" for char in text):
            self.problem(name, "is not UTF-8 text")
            return self._defaults[name]
        return text

    def problem(self, name: str, text: str) -> None:
        self.problems.append(f"{name} {text}")

    def number(self, name: str, least: int, most: int, *, empty: int | None = None) -> int:
        text = self.text(name)
        if not text and empty is not None:
            return empty
        if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most:
            return int(text)
        self.problem(name, f"is {text!r}; it has to be a whole number from {least} to {most}")
        return least

    def matching(self, name: str, pattern: str, form: str) -> str:
        text = self.text(name)
        if not re.fullmatch(pattern, text):
            self.problem(name, f"is {text!r}; it has to be {form}")
        return text

    def web_url(self, name: str) -> str:
        text = self.text(name).rstrip("/")
        parts = parse_web_url(text)
        if parts is None or parts.query or parts.fragment:
            self.problem(
                name, f"is {_shown(text)}; it has to be an address such as {self._defaults[name]}"
            )
        elif parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            self.problem(name, f"is {_shown(text)}; secrets travel by https only")
        return text

    def public_url(self, port: int) -> str:
        text = (self._environ.get("PUBLIC_URL", "").strip() or f"http://localhost:{port}").rstrip(
            "/"
        )
        origin = origin_of(text)
        if origin is None or urlsplit(text).path:
            self.problem(
                "PUBLIC_URL",
                f"is {_shown(text)}; it has to be an address without a path, such as "
                "https://connect.example.com",
            )
            return "http://localhost"
        if not origin.startswith("https:") and not is_loopback(urlsplit(origin).hostname or ""):
            self.problem("PUBLIC_URL", f"is {text!r}; only localhost may do without https")
        return origin

    def _check_for_hubspot(self, public_url: str, profiles: tuple[Profile, ...]) -> None:
        # Source: HubSpot's OAuth documentation on redirect URLs (2026-11).
        if is_ip_address(urlsplit(public_url).hostname or ""):
            self.problem(
                "PUBLIC_URL", "is an IP address; HubSpot takes only names as redirect URLs"
            )
        for profile in profiles:
            if profile.client_id == SANDBOX_CLIENT_ID:
                self.problem(
                    "PROFILES_FILE",
                    f"profile {profile.name!r} has no client_id, and HUBSPOT_CLIENT_ID is not set",
                )

    def client(self) -> tuple[str, Secret]:
        client_id = self.text("HUBSPOT_CLIENT_ID")
        secret = Secret(self.text("HUBSPOT_CLIENT_SECRET"))
        if client_id and not secret:
            self.problem("HUBSPOT_CLIENT_SECRET", "is missing; HUBSPOT_CLIENT_ID is set")
        if secret and not client_id:
            self.problem("HUBSPOT_CLIENT_ID", "is missing; HUBSPOT_CLIENT_SECRET is set")
        if not re.fullmatch(r"[\x21-\x7e]*", client_id):
            self.problem("HUBSPOT_CLIENT_ID", "holds white space or other odd characters")
        return client_id or SANDBOX_CLIENT_ID, secret or Secret("sandbox-secret")

    def profiles(
        self, public_url: str, client_id: str, client_secret: Secret
    ) -> tuple[Profile, ...]:
        defaults = Defaults(
            client_id=client_id,
            client_secret=client_secret,
            catalogue=self.catalogue(),
            app=self.app(),
            redirect_uri=lambda name: f"{public_url}/callback/{name}",
        )
        path = self.file("PROFILES_FILE")
        if path is None:
            return (_only_profile(defaults),)
        try:
            return load_profiles(path, defaults, self._environ)
        except ProfilesError as error:
            self.problems += [f"PROFILES_FILE {problem}" for problem in error.problems]
            return (_only_profile(defaults),)

    def oauth_clients(self, profiles: tuple[Profile, ...]) -> tuple[OAuthClient, ...]:
        """The clients of the proxy; none when no file names any."""
        path = self.file("OAUTH_CLIENTS_FILE")
        if path is None:
            return ()
        try:
            return load_clients(path, [profile.name for profile in profiles])
        except ClientsError as error:
            self.problems += [f"OAUTH_CLIENTS_FILE {problem}" for problem in error.problems]
            return ()

    def catalogue(self) -> Catalogue:
        path = self.text("SCOPE_CATALOGUE")
        return self._loaded("SCOPE_CATALOGUE", path, load_catalogue) or shipped_catalogue()

    def app(self) -> AppConfiguration | None:
        path = self.text("HUBSPOT_APP_CONFIG")
        return self._loaded("HUBSPOT_APP_CONFIG", path, load_app_configuration)

    def _loaded(self, name: str, path: str, load: Callable[[Path], T]) -> T | None:
        if not path:
            return None
        try:
            return load(Path(path))
        except (CatalogueError, AppConfigurationError) as error:
            self.problems += [f"{name} {error.origin}: {problem}" for problem in error.problems]
            return None

    def file(self, name: str) -> Path | None:
        text = self.text(name)
        if text and not Path(text).is_file():
            self.problem(name, f"is {text!r}; there is no such file")
            return None
        return Path(text) if text else None

    def redis_url(self) -> Secret:
        text = self.text("REDIS_URL")
        kinds = ("", "+sentinel", "+cluster")
        schemes = ("unix", *(name + kind for kind in kinds for name in ("redis", "rediss")))
        if text and text.partition("://")[0] not in schemes:
            self.problem("REDIS_URL", f"has to start with one of {', '.join(schemes)} and ://")
        elif text and not _is_store_address(text):
            # Not shown: it may hold the password.
            self.problem(
                "REDIS_URL",
                "cannot be read; a password with / ? # or @ in it is written percent-encoded",
            )
        return Secret(text)

    def otlp_endpoint(self) -> str:
        name = "OTEL_EXPORTER_OTLP_ENDPOINT"
        endpoint = self.text(name)
        if endpoint and not endpoint.startswith(("http://", "https://")):
            self.problem(name, "has to start with http:// or https://")
        elif endpoint and find_spec("opentelemetry.exporter") is None:
            self.problem(
                name,
                "needs the packages opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http",
            )
        return endpoint

    def log_format(self) -> str:
        form = self.text("LOG_FORMAT").lower()
        if form not in ("text", "json"):
            self.problem("LOG_FORMAT", f"is {form!r}; it has to be text or json")
        return form

    def secret(self, name: str, least: int) -> Secret:
        text = self.text(name)
        if text and len(text) < least:
            self.problem(name, f"has {len(text)} characters; it needs {least} or more")
        return Secret(text)

    def connections_api_token(self) -> Secret:
        token = self.secret("CONNECTIONS_API_TOKEN", 16)
        if token and token == Secret(self.text("SUPPORT_API_TOKEN")):
            self.problem(
                "CONNECTIONS_API_TOKEN",
                "is the same as SUPPORT_API_TOKEN; whoever reads failures would get tokens",
            )
        return token

    def secret_keys(self) -> tuple[Secret, ...]:
        keys = [key.strip() for key in self.text("SECRET_KEY").split(",") if key.strip()]
        for number, key in enumerate(keys, 1):
            if len(key) < 32:
                which = f"number {number} " if len(keys) > 1 else ""
                self.problem("SECRET_KEY", f"{which}has {len(key)} characters; it needs 32 or more")
        return tuple(map(Secret, keys))

    def support_users(self) -> tuple[SupportUser, ...]:
        entries = [entry.strip() for entry in self.text("SUPPORT_USERS").split(",")]
        users = [self._support_user(n, entry) for n, entry in enumerate(entries, 1) if entry]
        names = [user.name for user in users if user]
        for name in {name: None for name in names if names.count(name) > 1}:
            self.problem("SUPPORT_USERS", f"names {name!r} twice")
        return tuple(user for user in users if user)

    def _support_user(self, number: int, entry: str) -> SupportUser | None:
        name, _, rest = entry.partition(":")
        hashed, _, role = rest.rpartition(":")
        if role not in ("viewer", "agent"):
            hashed, role = rest, "agent"
        if not name or not is_password_hash(hashed):
            # The entry itself is not shown: somebody may have put a plain password there.
            self.problem(
                "SUPPORT_USERS",
                f"entry {number} is not name:hash[:role] with a hash from "
                "`python -m oauth_helper hash-password` (and role viewer or agent)",
            )
            return None
        return SupportUser(name, Secret(hashed), "viewer" if role == "viewer" else "agent")

    def openid(self) -> OpenIdSettings | None:
        """The OpenID provider; None when no setting of it is given."""
        given = [name for name in _OIDC if self.text(name)]
        if not given:
            return None
        for name in _OIDC[:3]:
            if name not in given:
                self.problem(name, f"is missing; {given[0]} is set")
        for name in _OIDC[1:3]:
            if not re.fullmatch(r"[\x20-\x7e]*", self.text(name)):
                self.problem(name, "holds control characters or letters beyond ASCII")
        agents, viewers = self._rules("OIDC_AGENTS"), self._rules("OIDC_VIEWERS")
        if not self.text("OIDC_AGENTS") and not self.text("OIDC_VIEWERS"):
            self.problem("OIDC_AGENTS", "and OIDC_VIEWERS are missing: nobody could come in")
        return OpenIdSettings(
            issuer=self._issuer(),
            client_id=self.text("OIDC_CLIENT_ID"),
            client_secret=Secret(self.text("OIDC_CLIENT_SECRET")),
            name=self.text("OIDC_NAME"),
            agents=agents,
            viewers=viewers,
        )

    def _issuer(self) -> str:
        """The issuer as it was given: it is compared to the letter."""
        text = self.text("OIDC_ISSUER")
        parts = parse_web_url(text)
        if text and (parts is None or parts.query or parts.fragment):
            self.problem(
                "OIDC_ISSUER", f"is {_shown(text)}; it has to be an address without a query"
            )
        elif parts and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            self.problem("OIDC_ISSUER", f"is {_shown(text)}; secrets travel by https only")
        return text

    def _rules(self, name: str) -> tuple[AccessRule, ...]:
        entries = [entry.strip() for entry in self.text(name).split(",")]
        rules = {entry: parse_rule(entry) for entry in entries if entry}
        for entry, rule in rules.items():
            if rule is None:
                self.problem(
                    name,
                    f"has {entry!r}; it has to be an e-mail address, @domain.example or "
                    "claim=value, and for a claim other than email",
                )
        return tuple(rule for rule in rules.values() if rule)

    def _on_or_off(self) -> bool:
        text = self.text("RATE_LIMITS").lower()
        if text not in ("on", "off"):
            self.problem("RATE_LIMITS", f"is {text!r}; it has to be on or off")
        return text in ("on", "off")


def _is_store_address(text: str) -> bool:
    """Whether host and port can be read, so that no part of a password is taken for them."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if "@" in parts.path + parts.query + parts.fragment:
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    return all(
        re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?", host) for host in hosts
    )


def _shown(address: str) -> str:
    """An address as errors quote it: without the password that may stand before the host."""
    return repr(re.sub(r"//.*@", "//***@", address))


def _only_profile(defaults: Defaults) -> Profile:
    return Profile(
        name="workato",
        title="Workato",
        client_id=defaults.client_id,
        client_secret=defaults.client_secret,
        redirect_uri=defaults.redirect_uri("workato"),
        catalogue=defaults.catalogue,
        app=defaults.app,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, its default as a text, and what it means."""

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("HOST", "127.0.0.1", "The address to listen at; 0.0.0.0 in a container."),
    Setting("PORT", "8000", "The port to listen at."),
    Setting(
        "PUBLIC_URL",
        "http://localhost:$PORT",
        "How browsers reach the program. The redirect URL to enter at HubSpot is "
        "PUBLIC_URL/callback/<profile>. Has to be https, except for localhost.",
    ),
    Setting(
        "HUBSPOT_CLIENT_ID", "", "The HubSpot app's client id. Empty: the built-in sandbox is used."
    ),
    Setting("HUBSPOT_CLIENT_SECRET", "", "The HubSpot app's client secret."),
    Setting(
        "HUBSPOT_AUTHORIZATION_ENDPOINT",
        "https://app.hubspot.com/oauth/authorize",
        "Where browsers are sent to give their consent; https, except for localhost.",
    ),
    Setting(
        "HUBSPOT_API_URL",
        "https://api.hubapi.com",
        "HubSpot's API; https, except for localhost. The token endpoint is "
        "HUBSPOT_API_URL/oauth/HUBSPOT_API_VERSION/token.",
    ),
    Setting(
        "HUBSPOT_API_VERSION",
        "2026-09",
        "The version of HubSpot's OAuth API, such as 2026-09 or v3.",
    ),
    Setting(
        "HUBSPOT_APP_CONFIG",
        "",
        "Path of the app's app-hsmeta.json or public-app.json. When it is known, only what the app "
        "lists is asked for, and a request that HubSpot would refuse is stopped before it.",
    ),
    Setting(
        "SCOPE_CATALOGUE",
        "",
        "Path of another scope catalogue. Empty: the shipped one for Workato.",
    ),
    Setting("PROFILES_FILE", "", "Path of a TOML file with several profiles. Empty: one, workato."),
    Setting(
        "REDIS_URL",
        "",
        "Redis or Valkey: redis://, unix://, redis+sentinel://host:port,…/service/db or "
        "redis+cluster://host:port,…; rediss… with TLS. Empty: an embedded server that keeps its "
        "data in DATA_DIR.",
    ),
    Setting("DATA_DIR", "./data", "Where the embedded server and a generated key are kept."),
    Setting(
        "SECRET_KEY",
        "",
        "Seals cookies and stored tokens; 32 characters or more. Several, separated by commas and "
        "newest first, rotate it. Empty: made once and kept in DATA_DIR.",
    ),
    Setting(
        "SUPPORT_USERS",
        "",
        "Support staff as name:hash[:role], separated by commas; role is viewer or agent, which "
        "is the default. "
        "`python -m oauth_helper hash-password` makes the hash. Empty: a password for the user "
        "support is made and printed at each start, unless OIDC_ISSUER is set.",
    ),
    Setting(
        "OIDC_ISSUER",
        "",
        "The OpenID provider at which support staff sign in, to the letter as it names itself. "
        "Empty: they sign in by SUPPORT_USERS only. The redirect URI to register there is "
        "PUBLIC_URL/support/oidc/callback.",
    ),
    Setting("OIDC_CLIENT_ID", "", "The client id that the provider has given out."),
    Setting("OIDC_CLIENT_SECRET", "", "The client secret that belongs to it."),
    Setting(
        "OIDC_AGENTS",
        "",
        "Who comes in as an agent, separated by commas: an e-mail address, all of a domain as "
        "@domain.example, or a claim with its value such as groups=support.",
    ),
    Setting("OIDC_VIEWERS", "", "Who comes in as a viewer, in the same form."),
    Setting("OIDC_NAME", "your organisation", "What the button says after Sign in with."),
    Setting(
        "SUPPORT_API_TOKEN",
        "",
        "The bearer token of the JSON API, 16 characters or more. Empty: the API answers 401.",
    ),
    Setting(
        "CONNECTIONS_API_TOKEN",
        "",
        "The bearer token of /api/v1/connections, which hands out access tokens; 16 characters or "
        "more, and another one than SUPPORT_API_TOKEN. Empty: it answers 401.",
    ),
    Setting(
        "METRICS_TOKEN",
        "",
        "The bearer token of /metrics, 16 characters or more. Empty: it answers 401.",
    ),
    Setting(
        "ATTEMPT_TIMEOUT",
        "900",
        "Seconds after which an attempt that has not come back counts as never returned, 1 to "
        "3600. It is recorded then; when it comes back after all, the record is closed.",
    ),
    Setting("FAILURE_RETENTION_DAYS", "90", "Days that records of failures are kept, 1 to 3650."),
    Setting(
        "OAUTH_CLIENTS_FILE",
        "",
        "Path of a TOML file with the clients of the OAuth proxy. Empty: there is none, and its "
        "addresses answer 404.",
    ),
    Setting("TRUSTED_PROXIES", "0", "How many reverse proxies stand in front, 0 to 10."),
    Setting("RATE_LIMITS", "on", "on or off; off is for measuring only."),
    Setting(
        "LOG_FORMAT",
        "text",
        "text or json; json has the request and the attempt that each line belongs to.",
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Where traces are sent by OpenTelemetry, such as http://localhost:4318. Empty: nowhere.",
    ),
    Setting("WORKERS", "", "Processes that serve. Empty: one for each processor, four at most."),
    Setting("THREADS", "", "Threads in each process. Empty: 8, and 64 with the sandbox."),
)


def settings_table() -> str:
    """Every setting as a table in Markdown."""
    rows = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for each in SETTINGS:
        default = f"`{each.default}`" if each.default else "empty"
        meaning = each.meaning.replace("<", "\\<")
        rows.append(f"| `{each.name}` | {default} | {meaning} |")
    return "\n".join(rows)
