"""A sandbox with two apps and a clock that only moves when told, and a browser's and a client's
half of one connection."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from harness import sandbox_client
from werkzeug.test import TestResponse

from oauth_helper.sandbox import MemoryState, Sandbox, SandboxApp
from oauth_helper.scopes import AppConfiguration

REDIRECT_URI = "https://client.example/callback"
CONTACTS = "crm.objects.contacts.read"


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Connection:
    """Plays the browser and the client of one connection against a test client."""

    http: FlaskClient
    base: str = "/oauth/authorize"
    query: dict[str, str] = field(
        default_factory=lambda: {
            "client_id": "shop",
            "redirect_uri": REDIRECT_URI,
            "scope": f"oauth {CONTACTS}",
            "optional_scope": "tickets automation",
            "state": "s t&te",
        }
    )
    form: dict[str, str] = field(
        default_factory=lambda: {
            "account": "1000104",
            "role": "super_admin",
            "decision": "allow",
            "token_answer": "ok",
        }
    )

    def open(self, **query: str) -> TestResponse:
        return self.http.get(self.base, query_string={**self.query, **query})

    def decide(self, **form: str) -> TestResponse:
        return self.http.post(self.base, query_string=self.query, data={**self.form, **form})

    def code(self, **form: str) -> str:
        response = self.decide(**form)
        assert response.status_code == 302, response.text
        return parse_qs(urlsplit(response.location).query)["code"][0]

    def post(self, path: str = "token", **form: str) -> TestResponse:
        credentials = {"client_id": "shop", "client_secret": "sesame"}
        return self.http.post(f"/oauth/2026-09/{path}", data={**credentials, **form})

    def redeem(self, code: str, /, **form: str) -> TestResponse:
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.query["redirect_uri"],
        }
        return self.post(**{**given, **form})

    def refresh(self, refresh_token: str) -> TestResponse:
        return self.post(grant_type="refresh_token", refresh_token=refresh_token)

    def introspect(self, token: str) -> TestResponse:
        return self.post("token/introspect", token=token)


@pytest.fixture
def shop() -> SandboxApp:
    return SandboxApp(
        client_id="shop",
        client_secret="sesame",
        title="Shop",
        configuration=AppConfiguration(
            required=("oauth", CONTACTS),
            conditional=("crm.objects.deals.read",),
            optional=("tickets", "automation", "crm.objects.custom.read", "hubdb"),
            redirect_urls=(REDIRECT_URI, "https://client.example/other?keep=1"),
        ),
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(shop: SandboxApp, clock: Clock) -> Sandbox:
    other = SandboxApp("other", "open", "Other", AppConfiguration(redirect_urls=(REDIRECT_URI,)))
    return Sandbox([shop, other], MemoryState(clock=clock), clock=clock, slow_seconds=60)


@pytest.fixture
def http(sandbox: Sandbox) -> FlaskClient:
    return sandbox_client(sandbox)


@pytest.fixture
def connection(http: FlaskClient) -> Connection:
    return Connection(http)
