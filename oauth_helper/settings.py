"""The list of settings, which the documentation and `config.example.env` are held against."""

from __future__ import annotations

from dataclasses import dataclass


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
