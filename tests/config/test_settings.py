import os
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.cli.bootstrap import hash_password
from oauth_helper.config.settings import (
    SANDBOX_CLIENT_ID,
    SETTINGS,
    Settings,
    SettingsError,
    SupportUser,
)
from oauth_helper.config.webhooks import WEBHOOK_EVENT_TYPES, Threshold
from oauth_helper.scopes import AppConfiguration, shipped_catalogue

HUBSPOT = {
    "HUBSPOT_CLIENT_ID": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "HUBSPOT_CLIENT_SECRET": "canary-client-secret",
    "PUBLIC_URL": "https://connect.example.com",
}
DERIVED = ("authorization_endpoint", "api_url", "sandbox", "openid")
HASH = "scrypt:32768:8:1$saltsaltsaltsalt$" + "0123456789abcdef" * 8
PBKDF2 = "pbkdf2:sha256:600000$salt$" + "0123456789abcdef" * 4


def problems_of(environ):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def values_of(config):
    return {name: getattr(config, name) for name in (*Settings.model_fields, *DERIVED)}


def test_the_defaults():
    values = values_of(Settings.from_environ({}))
    (profile,) = values.pop("profiles")
    assert values == {
        "brand_name": "",
        "brand_logo": None,
        "support_url": "",
        "support_email": "",
        "host": "127.0.0.1",
        "port": 8000,
        "public_url": "http://localhost:8000",
        "hubspot_client_id": "",
        "hubspot_client_secret": SecretStr(""),
        "hubspot_authorization_endpoint": "https://app.hubspot.com/oauth/authorize",
        "hubspot_api_url": "https://api.hubapi.com",
        "authorization_endpoint": "http://localhost:8000/sandbox/oauth/authorize",
        "api_url": "http://127.0.0.1:8000/sandbox",
        "api_version": "2026-09",
        "app_config": None,
        "scope_catalogue": None,
        "sandbox": True,
        "redis_url": SecretStr(""),
        "data_dir": Path.cwd() / "data",
        "secret_keys": (),
        "support_users": (),
        "openid": None,
        "oidc_issuer": "",
        "oidc_client_id": "",
        "oidc_client_secret": SecretStr(""),
        "oidc_agents": (),
        "oidc_viewers": (),
        "oidc_name": "your organisation",
        "support_api_token": SecretStr(""),
        "metrics_token": SecretStr(""),
        "log_level": "INFO",
        "log_format": "text",
        "otlp_endpoint": "",
        "connections_api_token": SecretStr(""),
        "webhook_urls": (),
        "webhook_secrets": (),
        "webhook_events": frozenset(WEBHOOK_EVENT_TYPES),
        "webhook_allow_private": False,
        "api_tokens": (),
        "connection_checks": True,
        "audit_retention_days": 365,
        "notify_urls": (),
        "notify_threshold": Threshold(5, 600),
        "attempt_timeout": 900,
        "failure_retention_days": 90,
        "oauth_clients": (),
        "trusted_proxies": 0,
        "rate_limits": True,
        "workers": min(os.cpu_count() or 1, 4),
        "threads": 64,
    }
    assert (profile.name, profile.title) == ("workato", "Workato")
    assert profile.client_id == SANDBOX_CLIENT_ID
    assert profile.client_secret
    assert profile.redirect_uri == "http://localhost:8000/callback/workato"
    assert profile.catalogue == shipped_catalogue()
    assert profile.app is None
    assert profile.pkce
    assert profile.missing_optional == "note"
    assert profile.return_origins == frozenset()


def test_hubspot_instead_of_the_sandbox():
    config = Settings.from_environ(HUBSPOT)
    (profile,) = config.profiles
    assert not config.sandbox
    assert config.is_secure
    assert config.authorization_endpoint == "https://app.hubspot.com/oauth/authorize"
    assert config.api_url == "https://api.hubapi.com"
    assert config.threads == 8
    assert profile.client_id == HUBSPOT["HUBSPOT_CLIENT_ID"]
    assert profile.client_secret == SecretStr("canary-client-secret")
    assert profile.redirect_uri == "https://connect.example.com/callback/workato"


@pytest.mark.parametrize("blank", ["", " ", "\t\n"], ids=["empty", "blank", "tab"])
def test_a_blank_value_counts_as_unset(blank):
    assert Settings.from_environ({setting.name: blank for setting in SETTINGS}) == (
        Settings.from_environ({})
    )


def test_the_defaults_in_the_list_are_those_that_hold():
    listed = {setting.name: setting.default for setting in SETTINGS}
    listed["PUBLIC_URL"] = listed["PUBLIC_URL"].replace("$PORT", listed["PORT"])
    assert Settings.from_environ(listed) == Settings.from_environ({})
    assert all(setting.meaning for setting in SETTINGS)
    assert len(listed) == len(SETTINGS)


@pytest.mark.parametrize(
    ("environ", "name", "value"),
    [
        ({"PORT": "80"}, "public_url", "http://localhost"),
        ({"PORT": " 9000 "}, "port", 9000),
        (
            {"PORT": "9000", "PUBLIC_URL": "http://localhost:81"},
            "public_url",
            "http://localhost:81",
        ),
        ({"PORT": "9000"}, "api_url", "http://127.0.0.1:9000/sandbox"),
        ({"HOST": "0.0.0.0"}, "api_url", "http://127.0.0.1:8000/sandbox"),  # noqa: S104
        ({"HOST": "::"}, "api_url", "http://[::1]:8000/sandbox"),
        ({"HOST": "::1"}, "api_url", "http://[::1]:8000/sandbox"),
        ({"HOST": "10.1.2.3"}, "api_url", "http://10.1.2.3:8000/sandbox"),
        ({"PUBLIC_URL": "https://A.example:443/"}, "public_url", "https://a.example"),
        ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "public_url", "http://127.0.0.1:8000"),
        ({"PUBLIC_URL": "https://a.example"}, "is_secure", True),
        ({"PUBLIC_URL": "http://localhost"}, "is_secure", False),
        (
            {**HUBSPOT, "HUBSPOT_API_URL": "https://eu.example/x/"},
            "api_url",
            "https://eu.example/x",
        ),
        (
            {**HUBSPOT, "HUBSPOT_AUTHORIZATION_ENDPOINT": "https://a.example/authorize"},
            "authorization_endpoint",
            "https://a.example/authorize",
        ),
        ({"HUBSPOT_API_VERSION": "v3"}, "api_version", "v3"),
        ({"REDIS_URL": "redis://u:p@h:1/0"}, "redis_url", SecretStr("redis://u:p@h:1/0")),
        ({"REDIS_URL": "rediss://h"}, "redis_url", SecretStr("rediss://h")),
        ({"REDIS_URL": "unix:///run/r.sock"}, "redis_url", SecretStr("unix:///run/r.sock")),
        (
            {"REDIS_URL": "redis+sentinel://h:1,i:2/s/0"},
            "redis_url",
            SecretStr("redis+sentinel://h:1,i:2/s/0"),
        ),
        ({"REDIS_URL": "redis+cluster://h:1"}, "redis_url", SecretStr("redis+cluster://h:1")),
        ({"DATA_DIR": "/srv/data"}, "data_dir", Path("/srv/data")),
        ({"SECRET_KEY": "k" * 32}, "secret_keys", (SecretStr("k" * 32),)),
        (
            {"SECRET_KEY": f"{'n' * 32}, {'o' * 40},"},
            "secret_keys",
            (SecretStr("n" * 32), SecretStr("o" * 40)),
        ),
        ({"SUPPORT_API_TOKEN": "t" * 16}, "support_api_token", SecretStr("t" * 16)),
        ({"CONNECTIONS_API_TOKEN": "t" * 16}, "connections_api_token", SecretStr("t" * 16)),
        ({"ATTEMPT_TIMEOUT": "1"}, "attempt_timeout", 1),
        ({"FAILURE_RETENTION_DAYS": "3650"}, "failure_retention_days", 3650),
        ({"TRUSTED_PROXIES": "10"}, "trusted_proxies", 10),
        ({"RATE_LIMITS": "OFF"}, "rate_limits", False),
        ({"RATE_LIMITS": "On"}, "rate_limits", True),
        ({"WORKERS": "3"}, "workers", 3),
        ({"THREADS": "512"}, "threads", 512),
    ],
    ids=lambda value: next(iter(value.items()))[1][:20] if isinstance(value, dict) else None,
)
def test_a_value_that_is_given(environ, name, value):
    assert getattr(Settings.from_environ(environ), name) == value


WEB_ADDRESS = "must be a web address without a query, such as https://api.example.com"
NO_PATH = "must be an address without a path, such as https://connect.example.com"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "0", "must be a whole number from 1 to 65535"),
        ("PORT", "65536", "must be a whole number from 1 to 65535"),
        ("PORT", "http", "must be a whole number from 1 to 65535"),
        ("PORT", "8e3", "must be a whole number from 1 to 65535"),
        ("PORT", "٨", "must be a whole number from 1 to 65535"),
        ("PORT", "9" * 5000, "must be a whole number from 1 to 65535"),
        ("ATTEMPT_TIMEOUT", "0", "must be a whole number from 1 to 3600"),
        ("ATTEMPT_TIMEOUT", "15m", "must be a whole number from 1 to 3600"),
        ("FAILURE_RETENTION_DAYS", "3651", "must be a whole number from 1 to 3650"),
        ("TRUSTED_PROXIES", "-1", "must be a whole number from 0 to 10"),
        ("TRUSTED_PROXIES", "11", "must be a whole number from 0 to 10"),
        ("WORKERS", "0", "must be a whole number from 1 to 64"),
        ("THREADS", "513", "must be a whole number from 1 to 512"),
        ("RATE_LIMITS", "yes", "must be on or off"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "must start with http:// or https://"),
        ("LOG_FORMAT", "xml", "must be text or json"),
        ("LOG_LEVEL", "loud", "must be debug, info, warning or error"),
        ("HUBSPOT_API_VERSION", "v1/..", "must be a version such as 2026-09 or v3"),
        ("HUBSPOT_API_URL", "api.hubapi.com", WEB_ADDRESS),
        ("HUBSPOT_AUTHORIZATION_ENDPOINT", "https://a.example/authorize?x=1", WEB_ADDRESS),
        (
            "HUBSPOT_API_URL",
            "http://a.example",
            "must start with https://, because secrets travel there",
        ),
        ("PUBLIC_URL", "connect.example.com", NO_PATH),
        ("PUBLIC_URL", "https://a.example/path", NO_PATH),
        ("PUBLIC_URL", "http://a.example", "must start with https://, except for localhost"),
        (
            "REDIS_URL",
            "http://redis",
            (
                "must start with one of unix, redis, rediss, redis+sentinel, rediss+sentinel, "
                "redis+cluster, rediss+cluster and ://"
            ),
        ),
        ("SECRET_KEY", "k" * 31, "number 1 has 31 characters; it needs 32 or more"),
        ("SECRET_KEY", f"{'k' * 32},short", "number 2 has 5 characters; it needs 32 or more"),
        ("SUPPORT_API_TOKEN", "short", "has 5 characters; it needs 16 or more"),
        ("CONNECTIONS_API_TOKEN", "short", "has 5 characters; it needs 16 or more"),
        ("HUBSPOT_CLIENT_ID", "abc", None),
        ("HUBSPOT_CLIENT_SECRET", "abc", None),
        (
            "OAUTH_CLIENTS_FILE",
            "/gone.toml",
            "/gone.toml cannot be read: No such file or directory",
        ),
        ("PROFILES_FILE", "/gone.toml", "/gone.toml cannot be read: No such file or directory"),
        ("PROFILES_FILE", "/", "/ cannot be read: Is a directory"),
        ("SCOPE_CATALOGUE", "/gone.toml", "/gone.toml: cannot be read: No such file or directory"),
        ("SCOPE_CATALOGUE", "a\0b", "'a\\x00b': cannot be read: no legal path"),
        (
            "HUBSPOT_APP_CONFIG",
            "/gone.json",
            "/gone.json: cannot be read: No such file or directory",
        ),
    ],
    ids=lambda value: value[:30] if value else "",
)
def test_a_wrong_value_is_named(name, value, says):
    (problem,) = problems_of({name: value})
    if says is None:  # the other one of the two is missing
        other = {"HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET"} - {name}
        assert problem == f"{other.pop()} is missing; {name} is set"
    else:
        assert problem == f"{name} {says}"


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        pytest.param(
            HUBSPOT | {"HUBSPOT_CLIENT_ID": "a b"},
            "HUBSPOT_CLIENT_ID must be ASCII characters without blanks",
            id="odd-client-id",
        ),
        pytest.param(
            {"SUPPORT_API_TOKEN": "t" * 16, "CONNECTIONS_API_TOKEN": "t" * 16},
            "CONNECTIONS_API_TOKEN must differ from SUPPORT_API_TOKEN, which doesn't give access "
            "to tokens",
            id="one-token-for-both",
        ),
        pytest.param(
            HUBSPOT | {"PUBLIC_URL": "https://10.0.0.1"},
            "PUBLIC_URL must have a host name: HubSpot rejects IP addresses in redirect URLs",
            id="ip-address",
        ),
        pytest.param(
            HUBSPOT | {"PUBLIC_URL": "http://127.0.0.1:8000"},
            "PUBLIC_URL must have a host name: HubSpot rejects IP addresses in redirect URLs",
            id="loopback-address",
        ),
    ],
)
def test_what_hubspot_would_refuse(environ, problem):
    assert problems_of(environ) == [problem]


def test_everything_wrong_is_named_at_once(tmp_path):
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text('[[scope]]\nname = "a"\n[[scope]]\nname = "b c"\nkind = "optional"\n')
    app = tmp_path / "app.json"
    app.write_text("{}")
    profiles = tmp_path / "profiles.toml"
    profiles.write_text("[profiles.A]\n[profiles.b]\nhub_id = 'x'\nregion = 'mars'\n")
    problems = problems_of(
        {
            "PORT": "x",
            "PUBLIC_URL": "http://a.example",
            "HUBSPOT_CLIENT_ID": "id",
            "HUBSPOT_API_URL": "x",
            "HUBSPOT_AUTHORIZATION_ENDPOINT": "x",
            "HUBSPOT_API_VERSION": "/",
            "HUBSPOT_APP_CONFIG": str(app),
            "SCOPE_CATALOGUE": str(catalogue),
            "PROFILES_FILE": str(profiles),
            "OAUTH_CLIENTS_FILE": "/gone",
            "REDIS_URL": "x",
            "SECRET_KEY": "x",
            "SUPPORT_USERS": "x,y:z",
            "SUPPORT_API_TOKEN": "x",
            "ATTEMPT_TIMEOUT": "x",
            "FAILURE_RETENTION_DAYS": "x",
            "TRUSTED_PROXIES": "x",
            "RATE_LIMITS": "x",
            "WORKERS": "x",
            "THREADS": "x",
        }
    )
    assert sorted(problem.split()[0] for problem in problems) == sorted(
        [
            "PORT",
            "PUBLIC_URL",
            "HUBSPOT_CLIENT_SECRET",
            "HUBSPOT_API_URL",
            "HUBSPOT_AUTHORIZATION_ENDPOINT",
            "HUBSPOT_API_VERSION",
            "HUBSPOT_APP_CONFIG",
            *["SCOPE_CATALOGUE"] * 2,
            *["PROFILES_FILE"] * 3,
            "OAUTH_CLIENTS_FILE",
            "REDIS_URL",
            "SECRET_KEY",
            *["SUPPORT_USERS"] * 2,
            "SUPPORT_API_TOKEN",
            "ATTEMPT_TIMEOUT",
            "FAILURE_RETENTION_DAYS",
            "TRUSTED_PROXIES",
            "RATE_LIMITS",
            "WORKERS",
            "THREADS",
        ]
    )


def test_a_catalogue_and_an_app_configuration_of_ones_own(tmp_path):
    catalogue = tmp_path / "own.toml"
    catalogue.write_text('[[scope]]\nname = "tickets"\nkind = "optional"\n')
    app = tmp_path / "app.json"
    app.write_text('{"auth": {"optionalScopes": ["tickets"]}}')
    config = Settings.from_environ(
        {"SCOPE_CATALOGUE": str(catalogue), "HUBSPOT_APP_CONFIG": str(app)}
    )
    (profile,) = config.profiles
    assert list(profile.catalogue.by_name) == ["tickets"]
    assert profile.app == AppConfiguration(optional=("tickets",))


# -- support staff


@pytest.mark.parametrize(
    ("text", "users"),
    [
        pytest.param(f"ann:{HASH}", [("ann", HASH, "agent")], id="agent-by-default"),
        pytest.param(f"ann:{HASH}:viewer", [("ann", HASH, "viewer")], id="viewer"),
        pytest.param(f"ann:{HASH}:agent", [("ann", HASH, "agent")], id="agent"),
        pytest.param(
            f" ann:{HASH} , bob:{HASH}:viewer ,",
            [("ann", HASH, "agent"), ("bob", HASH, "viewer")],
            id="two",
        ),
        pytest.param(
            f"ann:{PBKDF2}:viewer",
            [("ann", PBKDF2, "viewer")],
            id="pbkdf2",
        ),
        pytest.param(f"viewer:{HASH}", [("viewer", HASH, "agent")], id="named-like-a-role"),
        pytest.param(",,", [], id="nobody"),
    ],
)
def test_support_users(text, users):
    config = Settings.from_environ({"SUPPORT_USERS": text})
    assert config.support_users == tuple(
        SupportUser(name, SecretStr(hashed), role) for name, hashed, role in users
    )


def test_a_hash_that_the_command_makes_is_taken():
    made = hash_password("pass:word, with $igns")
    assert made.count(":") >= 3
    (ann, bob) = Settings.from_environ({"SUPPORT_USERS": f"a:{made},b:{made}:viewer"}).support_users
    assert (ann.password_hash.get_secret_value(), ann.role) == (made, "agent")
    assert (bob.password_hash.get_secret_value(), bob.role) == (made, "viewer")


@pytest.mark.parametrize(
    "entry",
    [
        "ann",
        "ann:",
        ":" + HASH,
        "ann:canary-password",
        "ann:canary-password:viewer",
        f"ann:{HASH}:admin",
        f"ann:{HASH}:Viewer",
        f"ann:{HASH}:",
        "ann:md5$salt$0123",
        "ann:scrypt:32768:8:1$salt",
        "ann:scrypt:32768:8:1$salt$XYZ",
        "ann:scrypt:3:8:1$salt$" + "0" * 128,
        "ann:scrypt:x$salt$" + "0" * 128,
        "ann:pbkdf2:nohash:1$salt$" + "0" * 64,
    ],
)
def test_a_wrong_support_user_is_counted_but_not_shown(entry):
    (problem,) = problems_of({"SUPPORT_USERS": f"bob:{HASH},{entry}"})
    assert problem.startswith("SUPPORT_USERS entry 2 must be name:hash[:role]")
    assert "canary" not in problem
    assert HASH not in problem


def test_a_support_user_twice_is_named():
    assert problems_of({"SUPPORT_USERS": ",".join([f"ann:{HASH}"] * 3 + [f"bob:{HASH}"] * 2)}) == [
        "SUPPORT_USERS has the name 'ann' more than once",
        "SUPPORT_USERS has the name 'bob' more than once",
    ]


# -- secrets

SECRETS = {
    "HUBSPOT_CLIENT_SECRET": "canary-client-secret",
    "REDIS_URL": "redis://user:canary-redis@h:1/0",
    "SECRET_KEY": "canary-key-1-" + "k" * 32 + ",canary-key-2-" + "k" * 32,
    "SUPPORT_USERS": "ann:scrypt:2:1:1$canarysalt$" + "abcdef01" * 16,
    "SUPPORT_API_TOKEN": "canary-api-token-1",
    "CONNECTIONS_API_TOKEN": "canary-connections-token-1",
}


def test_secrets_do_not_show_in_a_config():
    config = Settings.from_environ(HUBSPOT | SECRETS)
    for shown in (
        repr(config),
        str(config),
        f"{config}",
        repr(config.profiles),
        f"{vars_of(config)}",
    ):
        assert "canary" not in shown
        assert "abcdef0123" not in shown


def vars_of(config):
    return [getattr(config, name) for name in Settings.model_fields]


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param(HUBSPOT | SECRETS | {"PORT": "x"}, id="something-else-is-wrong"),
        pytest.param({"HUBSPOT_CLIENT_SECRET": "canary"}, id="client-secret-without-id"),
        pytest.param({"REDIS_URL": "http://user:canary@h"}, id="redis-url"),
        pytest.param({"SECRET_KEY": "canary"}, id="secret-key"),
        pytest.param({"SECRET_KEY": "canary,canary"}, id="secret-keys"),
        pytest.param({"SUPPORT_API_TOKEN": "canary"}, id="api-token"),
        pytest.param({"SUPPORT_USERS": "canary"}, id="password-alone"),
        pytest.param({"SUPPORT_USERS": "canary,canary"}, id="password-twice"),
        pytest.param({"SUPPORT_USERS": "ann:canary"}, id="password-not-hashed"),
        pytest.param({"SUPPORT_USERS": "ann:canary,ann:canary"}, id="user-twice"),
        pytest.param({"HUBSPOT_API_URL": "https://user:canary@h.example"}, id="api-url"),
        pytest.param({"PUBLIC_URL": "https://user:canary@h.example"}, id="public-url"),
        pytest.param({"PUBLIC_URL": "https://u:canary@h.example/x@y"}, id="public-url-with-path"),
        pytest.param(
            {"HUBSPOT_AUTHORIZATION_ENDPOINT": "https://u:canary/@h.example"}, id="endpoint"
        ),
    ],
)
def test_secrets_do_not_show_in_errors(environ):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    assert caught.value.problems
    assert "canary" not in str(caught.value) + repr(caught.value) + repr(caught.value.problems)


NAMES = [setting.name for setting in SETTINGS]
FILES = {
    "API_TOKENS_FILE",
    "HUBSPOT_APP_CONFIG",
    "SCOPE_CATALOGUE",
    "PROFILES_FILE",
    "OAUTH_CLIENTS_FILE",
}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FILES])
def test_no_value_shows_wherever_it_was_put_by_mistake(name):
    canary = "canary: \x07//@?#,canary"
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"PORT": "x", name: canary})
    shown = "".join(traceback.format_exception(caught.value))
    assert "PORT must be" in shown
    assert "canary" not in re.sub(r"^    .*", "", shown, flags=re.MULTILINE)  # lines of code


# -- anything at all

texts = st.text(max_size=30) | st.sampled_from(
    ["0", "1", "8000", "on", "https://a.example", "redis://h", f"a:{HASH}", "k" * 32, "/", "."]
)


@given(st.dictionaries(st.sampled_from([setting.name for setting in SETTINGS]), texts))
@settings(max_examples=300)
def test_any_environment_reads_or_is_refused(environ):
    names = {setting.name for setting in SETTINGS}
    try:
        config = Settings.from_environ(environ)
    except SettingsError as error:
        problems = error.problems
    else:
        assert config.profiles
        problems = ["PORT none"]
    assert problems
    assert {problem.split()[0] for problem in problems} <= names
