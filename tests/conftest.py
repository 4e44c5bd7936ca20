"""What all tests share: a real store, a HubSpot of our own over real HTTP, and customers."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from flask import Flask, request
from flask.testing import FlaskClient
from harness import (
    API_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    COMPILED,
    CONNECTIONS_API_TOKEN,
    PASSWORD,
    PUBLIC_URL,
    SAME_SITE,
    Clock,
    Customer,
    HubSpot,
    browser_of,
    compile_rules_once,
    csrf_token,
    customer_of,
    quick_hash,
    run_server,
)
from hypothesis import HealthCheck, settings
from werkzeug.local import LocalProxy
from werkzeug.test import TestResponse

from oauth_helper import create_app
from oauth_helper.config.settings import Settings
from oauth_helper.sandbox import MemoryState, Sandbox, SandboxApp, create_sandbox_app
from oauth_helper.scopes import AppConfiguration, Kind, shipped_catalogue
from oauth_helper.store.embedded.server import EmbeddedStore

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if (
    settings.get_current_profile_name() != "ci"
):  # which is untimed too, and finds the same each time
    settings.load_profile("untimed")

compile_rules_once()


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as store:
        yield store.url


@pytest.fixture
def store(store_url: str) -> Iterator[redis.Redis]:
    """An empty store, to look into."""
    with redis.Redis.from_url(store_url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class SandboxServer:
    """A server that plays HubSpot for one test after the other, each with its own sandbox."""

    url: str = ""
    hubspot: HubSpot | None = None

    @property
    def current(self) -> HubSpot:
        assert self.hubspot is not None, "HubSpot was asked outside of a test"
        return self.hubspot


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    served = SandboxServer()
    # Pages and routes are made once; which sandbox they show is looked up at each request.
    application = create_sandbox_app(LocalProxy(lambda: served.current.sandbox))
    application.jinja_env.bytecode_cache = COMPILED
    application.before_request(lambda: served.current.arrived(request.path))
    with run_server(application) as port:
        served.url = f"http://127.0.0.1:{port}"
        yield served


@pytest.fixture
def hubspot(sandbox_server: SandboxServer) -> Iterator[HubSpot]:
    """A HubSpot app that is set up as the shipped catalogue says."""
    catalogue = shipped_catalogue()
    app = SandboxApp(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        title="Workato",
        configuration=AppConfiguration(
            required=catalogue.of_kind(Kind.REQUIRED),
            optional=catalogue.of_kind(Kind.OPTIONAL),
            redirect_urls=tuple(f"{PUBLIC_URL}/callback/{name}" for name in ("workato", "second")),
        ),
    )
    issued: list[str] = []

    def random(length: int) -> str:
        text = secrets.token_urlsafe(length)
        if length >= 24:  # shorter ones name things and open nothing
            issued.append(text)
        return text

    sandbox = Sandbox([app], MemoryState(), catalogue=catalogue, slow_seconds=5, random=random)
    sandbox_server.hubspot = HubSpot(sandbox_server.url, sandbox, issued)
    yield sandbox_server.hubspot
    sandbox.hurry.set()


@pytest.fixture
def environ(store_url: str, hubspot: HubSpot, tmp_path: Path) -> dict[str, str]:
    """Settings of a helper for that HubSpot app."""
    return {
        "PUBLIC_URL": PUBLIC_URL,
        "HUBSPOT_CLIENT_ID": CLIENT_ID,
        "HUBSPOT_CLIENT_SECRET": CLIENT_SECRET,
        "HUBSPOT_AUTHORIZATION_ENDPOINT": f"{hubspot.url}/oauth/authorize",
        "HUBSPOT_API_URL": hubspot.url,
        "REDIS_URL": store_url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "canary-secret-key-0123456789-0123456789",
        "SUPPORT_USERS": f"agent:{_HASH},viewer:{_HASH}:viewer",
        "SUPPORT_API_TOKEN": API_TOKEN,
        "CONNECTIONS_API_TOKEN": CONNECTIONS_API_TOKEN,
        "RATE_LIMITS": "off",
        # The most that there is; see `harness.KEPT_DAYS`.
        "FAILURE_RETENTION_DAYS": "3650",
        "AUDIT_RETENTION_DAYS": "3650",
    }


_HASH = quick_hash(PASSWORD)

MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(environ: dict[str, str], clock: Clock, store: redis.Redis) -> MakeApp:
    """Makes the application, with other settings where some are given."""

    def make(**settings: str) -> Flask:
        assert store.dbsize() == 0 or settings
        config = Settings.from_environ({**environ, **settings})
        app = create_app(config, clock=clock)
        app.jinja_env.bytecode_cache = COMPILED
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser at the helper."""
    return browser_of(app)


@pytest.fixture
def customer(client: FlaskClient, hubspot: HubSpot) -> Customer:
    return Customer(client, hubspot)


@pytest.fixture
def new_customer(app: Flask, hubspot: HubSpot) -> Callable[[], Customer]:
    """Makes customers, each with their own browser."""
    return lambda: customer_of(app, hubspot)


@pytest.fixture
def api(app: Flask) -> Callable[[str], TestResponse]:
    """Asks the JSON API with the right token."""
    browser = browser_of(app)
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    return lambda path: browser.get(f"/api/v1{path}", headers=headers)


@pytest.fixture
def backend(app: Flask) -> Callable[..., TestResponse]:
    """Asks for connections and their tokens, as a backend of the operator's does."""
    browser = browser_of(app)
    headers = {"Authorization": f"Bearer {CONNECTIONS_API_TOKEN}"}

    def ask(path: str = "", method: str = "GET") -> TestResponse:
        return browser.open(f"/api/v1/connections{path}", method=method, headers=headers)

    return ask


@pytest.fixture
def staff(app: Flask) -> Callable[[str], FlaskClient]:
    """Signs a member of the staff in: `agent` or `viewer`."""

    def sign_in(name: str) -> FlaskClient:
        browser = browser_of(app)
        form = {"name": name, "password": PASSWORD, "csrf_token": csrf_token(browser)}
        response = browser.post("/support/login", data=form, headers=SAME_SITE)
        assert response.status_code == 303, response.text
        return browser

    return sign_in
