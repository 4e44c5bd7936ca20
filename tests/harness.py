"""The parts that tests play with: a clock, a HubSpot, customers, and what they say."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule
from werkzeug.security import generate_password_hash
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from oauth_helper.app import BACKGROUND
from oauth_helper.models import StoreUnavailableError
from oauth_helper.sandbox import Sandbox, SandboxApp, create_sandbox_app
from oauth_helper.scopes import AppConfiguration
from oauth_helper.web import health
from oauth_helper.web.api import services as api
from oauth_helper.web.customer import services as customer
from oauth_helper.web.support import services as support

CLIENT_ID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
CLIENT_SECRET = "canary-client-secret-0123456789"
PUBLIC_URL = "https://connect.example.com"
API_TOKEN = "canary-api-token-0123456789"
CONNECTIONS_API_TOKEN = "canary-connections-token-0123456789"
PASSWORD = "canary-password"
# Tests have a day of their own, and the store's clock goes on: nothing of that day may expire.
KEPT_DAYS = 90_000
FREE, STARTER, PROFESSIONAL, ENTERPRISE = 1000101, 1000102, 1000103, 1000104

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def quick_hash(secret: str) -> str:
    """A hash that the program takes, and that costs nothing to check: it is checked all the time.

    What the program itself makes is in the tests of `hash_password`.
    """
    return generate_password_hash(secret, "scrypt:128:1:1")


class CompiledTemplates(BytecodeCache):
    """Compiles each template once for all applications of one process.

    Jinja keeps compiled templates by application, and nearly every test has its own.
    """

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], object] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.code


COMPILED = CompiledTemplates()


def compile_rules_once() -> None:
    """Compiles each address of a route once for all applications of one process.

    That is half of what it takes to create an application, and nearly every test has its own.
    """
    compile_builder, compiled = Rule._compile_builder, {}

    def compile_once(rule: Rule, append_unknown: bool) -> Callable[..., tuple[str, str]]:
        key = (*rule._trace, repr(rule.defaults), append_unknown)
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = compile_once


def _closing(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterator[bytes]]:
    """The application, whose responses are closed however they end.

    Werkzeug's server leaves them open when a browser goes away while it reads what is left.
    """

    def serve(*arguments: object) -> Iterator[bytes]:
        response = app(*arguments)
        try:
            yield from response
        finally:
            if close := getattr(response, "close", None):
                close()

    return serve


@contextmanager
def run_server(
    app: Callable[..., Iterable[bytes]], port: int = 0, ssl_context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serves a WSGI application at 127.0.0.1; the port."""
    server = make_server("127.0.0.1", port, _closing(app), threaded=True, ssl_context=ssl_context)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class HubSpot:
    """The sandbox, as a separate server.

    `requests` has the path of each request it got, `issued` the secret part of each code and token.
    `instead` may answer a request, by its path, in the sandbox's place; None lets it through.
    """

    url: str
    sandbox: Sandbox
    issued: list[str]
    requests: list[str] = field(default_factory=list)
    instead: Callable[[str], tuple[str, int, dict[str, str]] | None] | None = None

    def arrived(self, path: str) -> tuple[str, int, dict[str, str]] | None:
        """Records a request, and answers it in the place of the sandbox or not at all."""
        self.requests.append(path)
        return self.instead(path) if self.instead else None

    @property
    def token_requests(self) -> int:
        return sum(path.endswith("/token") for path in self.requests)

    def list_as(self, **scopes: tuple[str, ...]) -> None:
        """Changes how the app lists its scopes, as its developer would."""
        app = self.sandbox.app(CLIENT_ID)
        assert app is not None
        self.sandbox.edit(
            SandboxApp(
                client_id=app.client_id,
                client_secret=app.client_secret,
                title=app.title,
                configuration=AppConfiguration(
                    redirect_urls=app.configuration.redirect_urls, **scopes
                ),
            )
        )


@dataclass
class Customer:
    """A person with their own browser, between the helper and HubSpot."""

    browser: FlaskClient
    hubspot: HubSpot

    def start(self, profile: str = "workato", **query: str) -> str:
        """Clicks "Connect HubSpot"; the address that HubSpot is opened with."""
        response = self.browser.get(f"/connect/{profile}", query_string=query)
        assert response.status_code == 302, response.text
        return response.location

    def decide(self, address: str, **choices: str) -> urllib3.BaseHTTPResponse:
        """Fills HubSpot's page in, without following where it leads."""
        form = {"account": str(ENTERPRISE), "role": "super_admin", "decision": "allow"}
        form |= {"token_answer": "ok", **choices}
        return urllib3.request("POST", address, body=urlencode(form), redirect=False, headers=FORM)

    def agree(self, address: str, **choices: str) -> str:
        """Agrees at HubSpot; the path and query that it leads back to."""
        response = self.decide(address, **choices)
        assert response.status == 302, response.data.decode()
        back = urlsplit(response.headers["Location"])
        return f"{back.path}?{back.query}"

    def come_back(self, path: str) -> TestResponse:
        """Opens the way back from HubSpot, and what it leads to."""
        response = self.browser.get(path)
        assert response.status_code == 303, response.text
        return self.browser.get(response.location)

    def connect(self, profile: str = "workato", **choices: str) -> TestResponse:
        """The whole way; the page at its end."""
        return self.come_back(self.agree(self.start(profile), **choices))


SAME_SITE = {"Referer": PUBLIC_URL}


def services_of(app: Flask) -> SimpleNamespace:
    """All parts of an application, to look into and to play with."""
    parts = {}
    for key in (customer.KEY, support.KEY, api.KEY, health.KEY, BACKGROUND):
        holder = app.extensions[key]
        parts |= {field.name: getattr(holder, field.name) for field in fields(holder)}
    return SimpleNamespace(**parts, outbox=app.extensions[BACKGROUND].writer._outbox)


def caught_up(app: Flask) -> int:
    """How many events were written, once the store is there again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return int(services_of(app).writer.flush())
        except StoreUnavailableError:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)


def csrf_token(browser: FlaskClient, page: str = "/support/login") -> str:
    text = browser.get(page).text
    return text.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]


def sandbox_client(sandbox: Sandbox) -> FlaskClient:
    """A browser at a sandbox on its own."""
    app = create_sandbox_app(sandbox)
    app.jinja_env.bytecode_cache = COMPILED
    return app.test_client()


def browser_of(app: Flask) -> FlaskClient:
    browser = app.test_client()
    browser.environ_base["wsgi.url_scheme"] = "https"
    browser.environ_base["HTTP_HOST"] = urlsplit(PUBLIC_URL).netloc
    return browser


def query_of(address: str) -> dict[str, str]:
    """The query parameters of an address; each has to stand there once."""
    found = parse_qs(urlsplit(address).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


def customer_of(app: Flask, hubspot: HubSpot) -> Customer:
    return Customer(browser_of(app), hubspot)


def profiles_file(folder: Path, **profiles: dict[str, object]) -> str:
    """Writes a profiles file; its path. JSON's texts, numbers and lists are TOML's."""
    lines = []
    for name, table in profiles.items():
        lines.append(f"[profiles.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    path = folder / "profiles.toml"
    path.write_text("\n".join(lines))
    return str(path)
