"""The settings: a field for each, read from the environment, with all problems reported at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)

from oauth_helper.common.urls import is_ip_address, is_loopback, origin_of
from oauth_helper.config.api_tokens import ApiToken, load_tokens
from oauth_helper.config.oauth_clients import OAuthClient, load_clients
from oauth_helper.config.profiles import Defaults, Profile, load_profiles
from oauth_helper.config.staff_access import (
    AccessRule,
    OpenIdSettings,
    SupportUser,
    parse_rules,
    parse_support_users,
)
from oauth_helper.config.toml_file import SettingsError, validate_settings
from oauth_helper.config.values import (
    EMAIL,
    EnvironInfo,
    Read,
    choice,
    is_set,
    load_file,
    matching,
    needed_with,
    parse_secret_keys,
    parse_store_url,
    parse_token,
    parse_web_address,
    read_image,
    reads,
    whole_number,
)
from oauth_helper.config.webhooks import (
    WEBHOOK_EVENT_TYPES,
    Threshold,
    parse_notify_urls,
    parse_threshold,
    parse_webhook_events,
    parse_webhook_secrets,
    parse_webhook_urls,
)
from oauth_helper.scopes import (
    AppConfiguration,
    Catalogue,
    load_app_configuration,
    load_catalogue,
    shipped_catalogue,
)

__all__ = ["SANDBOX_CLIENT_ID", "SETTINGS", "Setting", "Settings", "SettingsError", "SupportUser"]

#: The client id of a profile without one; the built-in sandbox knows it.
SANDBOX_CLIENT_ID = "sandbox"

#: Fields that each profile has too.
BRAND = ("brand_name", "brand_logo", "support_url", "support_email")

_OIDC = ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_AGENTS", "OIDC_VIEWERS")


_ASCII = matching(r"[\x20-\x7e]*", "must be ASCII text without control characters")
_Token = Annotated[SecretStr, reads(parse_token)]
_Rules = Annotated[tuple[AccessRule, ...], reads(parse_rules)]


class Setting(NamedTuple):
    """How a setting is documented. `section` is the heading before it, if it starts one."""

    name: str
    default: str
    meaning: str
    section: str


def _setting(assignment: str, meaning: str, *, section: str = "") -> Any:  # noqa: ANN401
    """Declare a setting: its name, and its default as an operator would write it."""
    name, _, default = assignment.partition("=")
    return Field(default, alias=name, description=meaning, json_schema_extra={"section": section})


def _public_url(text: str, info: EnvironInfo) -> str:
    text = text.replace("$PORT", str(info.data.get("port", 8000))).rstrip("/")
    origin = origin_of(text)
    if origin is None or urlsplit(text).path:
        raise ValueError("must be an address without a path, such as https://connect.example.com")
    if not origin.startswith("https:") and not is_loopback(urlsplit(origin).hostname or ""):
        raise ValueError("must start with https://, except for localhost")
    return origin


def _loaded(load: Callable[[Path], object]) -> Read:
    return reads(lambda text: load_file(load, Path(text)) if text else None)


def _profiles(path: str, info: EnvironInfo) -> tuple[Profile, ...]:
    data = info.data
    public_url = data.get("public_url", "http://localhost")
    defaults = Defaults(
        # Even an invalid one shows that a real app is meant.
        client_id=data.get("hubspot_client_id", "unusable") or SANDBOX_CLIENT_ID,
        client_secret=data.get("hubspot_client_secret") or SecretStr("sandbox-secret"),
        catalogue=data.get("scope_catalogue") or shipped_catalogue(),
        app=data.get("app_config"),
        redirect_uri=lambda name: f"{public_url}/callback/{name}",
        brand={name: data[name] for name in BRAND if name in data},
    )
    if path:
        profiles = load_profiles(Path(path), defaults, info.context)
    else:
        profiles = (defaults.profile("workato", title="Workato"),)
    if not _are_sandboxed(profiles):
        _check_for_hubspot(profiles, public_url)
    return profiles


def _are_sandboxed(profiles: tuple[Profile, ...]) -> bool:
    return all(profile.client_id == SANDBOX_CLIENT_ID for profile in profiles)


def _check_for_hubspot(profiles: tuple[Profile, ...], public_url: str) -> None:
    """Raise `SettingsError` for what the sandbox accepts and HubSpot doesn't."""
    problems = [
        f"profile {profile.name!r} has no client_id, and HUBSPOT_CLIENT_ID is not set"
        for profile in profiles
        if profile.client_id == SANDBOX_CLIENT_ID
    ]
    if problems:
        raise SettingsError(problems)
    # Source: HubSpot's OAuth documentation on redirect URLs (2026-11).
    if is_ip_address(urlsplit(public_url).hostname or ""):
        problem = "must have a host name: HubSpot rejects IP addresses in redirect URLs"
        raise SettingsError([problem], setting="PUBLIC_URL")


def _oauth_clients(path: str, info: EnvironInfo) -> tuple[OAuthClient, ...]:
    if not path:
        return ()
    profiles = info.data.get("profiles")
    return load_clients(Path(path), profiles and [profile.name for profile in profiles])


def _admits_staff(text: str, info: EnvironInfo) -> str:
    is_wanted = any(is_set(name, info) for name in _OIDC[:3])
    if is_wanted and not text and not is_set("OIDC_VIEWERS", info):
        raise ValueError("and OIDC_VIEWERS are missing: nobody could sign in")
    return text


def _differs(text: str, info: EnvironInfo) -> str:
    if text and text == info.context.get("SUPPORT_API_TOKEN", "").strip():
        raise ValueError("must differ from SUPPORT_API_TOKEN, which doesn't give access to tokens")
    return text


def _otlp_endpoint(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    if text and find_spec("opentelemetry.exporter") is None:
        raise ValueError("needs the extra otel: pip install 'oauth_helper[otel]'")
    return text


def _usual_workers(text: str) -> str:
    return text or str(min(os.cpu_count() or 1, 4))


def _usual_threads(text: str, info: EnvironInfo) -> str:
    # The sandbox's pages call the program itself, so a request occupies two threads.
    return text or ("64" if _are_sandboxed(info.data.get("profiles", ())) else "8")


class Settings(BaseModel):
    """Every setting, checked. Secrets don't show when it is printed.

    Fields are read in order, and may use those before them.
    """

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, validate_default=True, defer_build=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _check_encoding(cls, text: str) -> str:
        # Other bytes in the environment arrive as lone surrogates, which nothing can encode.
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise ValueError("must be UTF-8 text")
        return text

    host: str = _setting(
        "HOST=127.0.0.1", "Address to listen on; 0.0.0.0 in a container.", section="Serving"
    )
    port: Annotated[int, whole_number(1, 65535)] = _setting("PORT=8000", "Port to listen on.")
    public_url: Annotated[str, Read(_public_url)] = _setting(
        "PUBLIC_URL=http://localhost:$PORT",
        "Address at which browsers reach the program; https, except for localhost. The redirect "
        "URL to enter at HubSpot is PUBLIC_URL/callback/<profile>.",
    )
    hubspot_client_id: Annotated[
        str,
        matching(r"[\x21-\x7e]*", "must be ASCII characters without blanks"),
        needed_with("HUBSPOT_CLIENT_SECRET"),
    ] = _setting(
        "HUBSPOT_CLIENT_ID",
        "Client ID of the HubSpot app. Empty: use the built-in sandbox.",
        section="The HubSpot app",
    )
    hubspot_client_secret: Annotated[
        SecretStr, reads(SecretStr), needed_with("HUBSPOT_CLIENT_ID")
    ] = _setting("HUBSPOT_CLIENT_SECRET", "Client secret of the HubSpot app.")
    hubspot_authorization_endpoint: Annotated[str, reads(parse_web_address)] = _setting(
        "HUBSPOT_AUTHORIZATION_ENDPOINT=https://app.hubspot.com/oauth/authorize",
        "Where customers approve access; https, except for localhost.",
    )
    hubspot_api_url: Annotated[str, reads(parse_web_address)] = _setting(
        "HUBSPOT_API_URL=https://api.hubapi.com",
        "HubSpot's API; https, except for localhost. The token endpoint is "
        "HUBSPOT_API_URL/oauth/HUBSPOT_API_VERSION/token.",
    )
    api_version: Annotated[
        str, matching(r"[A-Za-z0-9._-]+", "must be a version such as 2026-09 or v3")
    ] = _setting(
        "HUBSPOT_API_VERSION=2026-09", "Version of HubSpot's OAuth API, such as 2026-09 or v3."
    )
    app_config: Annotated[AppConfiguration | None, _loaded(load_app_configuration)] = _setting(
        "HUBSPOT_APP_CONFIG",
        "Path of the app's app-hsmeta.json or public-app.json. With it, only scopes that the app "
        "lists are requested, and a request that HubSpot would reject never leaves the program.",
    )
    scope_catalogue: Annotated[Catalogue | None, _loaded(load_catalogue)] = _setting(
        "SCOPE_CATALOGUE",
        "Path of another scope catalogue. Empty: the one for Workato.",
        section="Scopes and profiles",
    )
    brand_name: str = _setting(
        "BRAND_NAME",
        "Your company's name, at the top of customers' pages; also a key of a profile.",
        section="Customers' pages",
    )
    brand_logo: Annotated[
        Path | None, reads(lambda text: read_image(Path(text)) if text else None)
    ] = _setting(
        "BRAND_LOGO",
        "Path of a logo to show there: PNG, SVG, JPEG or WebP; also a key of a profile.",
    )
    support_url: Annotated[str, reads(parse_web_address)] = _setting(
        "SUPPORT_URL",
        "Page where customers can reach your support; also a key of a profile.",
    )
    support_email: Annotated[str, matching(*EMAIL)] = _setting(
        "SUPPORT_EMAIL",
        "E-mail address of your support, for customers; also a key of a profile. SUPPORT_URL takes "
        "precedence.",
    )
    profiles: Annotated[tuple[Profile, ...], Read(_profiles)] = _setting(
        "PROFILES_FILE", "Path of a TOML file with several profiles. Empty: one profile, workato."
    )
    redis_url: Annotated[SecretStr, reads(parse_store_url)] = _setting(
        "REDIS_URL",
        "Redis or Valkey: redis://, unix://, redis+sentinel://host:port,…/service/db or "
        "redis+cluster://host:port,…; with TLS, rediss instead of redis. Empty: the embedded store "
        "in DATA_DIR.",
        section="Storage",
    )
    data_dir: Annotated[Path, reads(lambda text: Path(text).absolute())] = _setting(
        "DATA_DIR=./data", "Folder for the embedded store, the outbox and a generated key."
    )
    secret_keys: Annotated[tuple[SecretStr, ...], reads(parse_secret_keys)] = _setting(
        "SECRET_KEY",
        "Key that encrypts cookies and stored tokens; 32 characters or more. To rotate it, set "
        "several, separated by commas, newest first. Empty: generated once and kept in DATA_DIR.",
    )
    support_users: Annotated[tuple[SupportUser, ...], reads(parse_support_users)] = _setting(
        "SUPPORT_USERS",
        "Support staff as name:hash[:role], separated by commas; the role is agent (default) or "
        "viewer. `python -m oauth_helper hash-password` makes the hash. Needed, or OIDC_ISSUER, "
        "with a real HubSpot app. The sandbox generates a password for the user support, and keeps "
        "it in DATA_DIR.",
        section="Support staff and API clients",
    )
    oidc_issuer: Annotated[str, reads(parse_web_address), needed_with(*_OIDC)] = _setting(
        "OIDC_ISSUER",
        "OpenID provider where support staff sign in, exactly as the provider writes it. Empty: "
        "they sign in with SUPPORT_USERS only. Register PUBLIC_URL/support/oidc/callback there as "
        "the redirect URI.",
    )
    oidc_client_id: Annotated[str, _ASCII, needed_with(*_OIDC)] = _setting(
        "OIDC_CLIENT_ID", "Client ID at the OpenID provider."
    )
    oidc_client_secret: Annotated[
        SecretStr, _ASCII, AfterValidator(SecretStr), needed_with(*_OIDC)
    ] = _setting("OIDC_CLIENT_SECRET", "Client secret at the OpenID provider.")
    oidc_agents: Annotated[_Rules, BeforeValidator(_admits_staff)] = _setting(
        "OIDC_AGENTS",
        "Who may sign in as an agent, separated by commas: an e-mail address, everyone at a domain "
        "as @domain.example, or a claim with its value such as groups=support.",
    )
    oidc_viewers: _Rules = _setting(
        "OIDC_VIEWERS", "Who may sign in as a viewer, in the same form."
    )
    oidc_name: str = _setting("OIDC_NAME=your organisation", "Name on the button: Sign in with …")
    support_api_token: _Token = _setting(
        "SUPPORT_API_TOKEN",
        "Bearer token for the JSON API, 16 characters or more. Empty: the API answers 401.",
    )
    connections_api_token: Annotated[_Token, BeforeValidator(_differs)] = _setting(
        "CONNECTIONS_API_TOKEN",
        "Bearer token for /api/v1/connections, which returns access tokens; 16 characters or more, "
        "and different from SUPPORT_API_TOKEN. Empty: it answers 401.",
    )
    api_tokens: Annotated[
        tuple[ApiToken, ...], reads(lambda path: load_tokens(Path(path)) if path else ())
    ] = _setting(
        "API_TOKENS_FILE",
        "Path of a TOML file with named tokens for the JSON API, each with its scopes; "
        "`python -m oauth_helper api-token` makes one. Empty: there are only the two tokens above.",
    )
    metrics_token: _Token = _setting(
        "METRICS_TOKEN", "Bearer token for /metrics, 16 characters or more. Empty: it answers 401."
    )
    attempt_timeout: Annotated[int, whole_number(1, 3600)] = _setting(
        "ATTEMPT_TIMEOUT=900",
        "Seconds after which an attempt that hasn't returned is logged as never_returned, 1 to "
        "3600. If it returns later, that failure is resolved.",
        section="Attempts and failures",
    )
    failure_retention_days: Annotated[int, whole_number(1, 3650)] = _setting(
        "FAILURE_RETENTION_DAYS=90", "Days to keep failures, 1 to 3650."
    )
    connection_checks: Annotated[bool, choice({"on": True, "off": False})] = _setting(
        "CONNECTION_CHECKS=on",
        "on or off; on refreshes the token of each connection that nobody uses about once a day, "
        "so that one that has ended at HubSpot is noticed, and asks for its account's domain.",
    )
    audit_retention_days: Annotated[int, whole_number(1, 3650)] = _setting(
        "AUDIT_RETENTION_DAYS=365", "Days to keep who did what, 1 to 3650."
    )
    oauth_clients: Annotated[tuple[OAuthClient, ...], Read(_oauth_clients)] = _setting(
        "OAUTH_CLIENTS_FILE",
        "Path of a TOML file with the clients of the OAuth proxy. Empty: there are none, and the "
        "proxy's endpoints answer 404.",
        section="Other OAuth clients",
    )
    webhook_urls: Annotated[tuple[SecretStr, ...], Read(parse_webhook_urls)] = _setting(
        "WEBHOOK_URL",
        "Addresses that get events about failures and connections, separated by commas; https, "
        "unless WEBHOOK_ALLOW_PRIVATE is on. Empty: none are sent.",
        section="Webhooks",
    )
    webhook_secrets: Annotated[
        tuple[SecretStr, ...], reads(parse_webhook_secrets), needed_with("WEBHOOK_URL")
    ] = _setting(
        "WEBHOOK_SECRET",
        "Secret that signs webhooks: whsec_ and the base64 of 24 to 64 random bytes. To rotate it, "
        "set several, separated by commas, newest first: each signs.",
    )
    webhook_events: Annotated[frozenset[str], reads(parse_webhook_events)] = _setting(
        "WEBHOOK_EVENTS",
        f"Types of events to send, separated by commas: {', '.join(WEBHOOK_EVENT_TYPES)}. "
        "Empty: all.",
    )
    webhook_allow_private: Annotated[bool, choice({"on": True, "off": False})] = _setting(
        "WEBHOOK_ALLOW_PRIVATE=off",
        "on or off; on allows webhooks to addresses in private networks and on this machine.",
    )
    notify_urls: Annotated[tuple[SecretStr, ...], reads(parse_notify_urls)] = _setting(
        "NOTIFY_URLS",
        "Where people get notices about groups of failures: addresses of Apprise for Slack, Teams, "
        "e-mail and others, separated by commas. Needs the extra notify. Empty: nowhere.",
        section="Notices",
    )
    notify_threshold: Annotated[Threshold, reads(parse_threshold)] = _setting(
        "NOTIFY_THRESHOLD=5/10m",
        "Failures of one group within a time, in seconds, minutes or hours, that make a notice and "
        "the event group.spiking.",
    )
    trusted_proxies: Annotated[int, whole_number(0, 10)] = _setting(
        "TRUSTED_PROXIES=0",
        "Number of reverse proxies in front of the program, 0 to 10.",
        section="Proxies, limits, logs, processes",
    )
    rate_limits: Annotated[bool, choice({"on": True, "off": False})] = _setting(
        "RATE_LIMITS=on", "on or off; off is for benchmarks only."
    )
    log_level: Annotated[
        str, choice({name: name.upper() for name in ("debug", "info", "warning", "error")})
    ] = _setting(
        "LOG_LEVEL=info",
        "Least important lines to log: debug, info, warning or error. Requests are info; those for "
        "static files, health checks and live updates are debug.",
    )
    log_format: Annotated[str, choice({"text": "text", "json": "json"})] = _setting(
        "LOG_FORMAT=text", "text or json; json includes the request and attempt of each line."
    )
    otlp_endpoint: Annotated[str, reads(_otlp_endpoint)] = _setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where to send OpenTelemetry traces, such as http://localhost:4318. Empty: none are sent.",
    )
    workers: Annotated[int, whole_number(1, 64), BeforeValidator(_usual_workers)] = _setting(
        "WORKERS", "Processes that serve. Empty: one per processor, four at most."
    )
    threads: Annotated[int, whole_number(1, 512), BeforeValidator(_usual_threads)] = _setting(
        "THREADS", "Threads per process. Empty: 8, or 64 with the sandbox."
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings in `environ`; blank ones count as unset.

        Raises `SettingsError` with every problem.
        """
        texts = {each.name: environ.get(each.name, "").strip() for each in SETTINGS}
        return validate_settings(cls, {name: text for name, text in texts.items() if text}, environ)

    @property
    def is_secure(self) -> bool:
        """Return whether browsers reach the program by https."""
        return self.public_url.startswith("https:")

    @property
    def watches_groups(self) -> bool:
        """Return whether anyone hears about groups of failures."""
        wants_spikes = "group.spiking" in self.webhook_events
        return bool(self.notify_urls or (self.webhook_urls and wants_spikes))

    @property
    def sandbox(self) -> bool:
        """Return whether the built-in sandbox stands in for HubSpot."""
        return _are_sandboxed(self.profiles)

    @property
    def authorization_endpoint(self) -> str:
        """Return where to send customers: to HubSpot or to the sandbox."""
        sandbox = f"{self.public_url}/sandbox/oauth/authorize"
        return sandbox if self.sandbox else self.hubspot_authorization_endpoint.rstrip("/")

    @property
    def api_url(self) -> str:
        """Return the API to call: HubSpot's, or the sandbox on this machine."""
        if not self.sandbox:
            return self.hubspot_api_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - compared
        return f"http://{host}:{self.port}/sandbox"

    @property
    def openid(self) -> OpenIdSettings | None:
        """Return the OpenID provider; None without OIDC_ISSUER."""
        if not self.oidc_issuer:
            return None
        return OpenIdSettings(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=self.oidc_client_secret,
            name=self.oidc_name,
            agents=self.oidc_agents,
            viewers=self.oidc_viewers,
        )


SETTINGS = tuple(
    Setting(str(field.alias), field.default, str(field.description), **field.json_schema_extra)  # type: ignore[arg-type]
    for field in Settings.model_fields.values()
)
