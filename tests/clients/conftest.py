"""Eight client libraries, each in a program of its own, at the helper with its sandbox."""

import fcntl
import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from clients.person import Person
from clients.registration import ID, ID_ASKING, NAME, NAME_ASKING, SECRET, Registration
from clients.requests_seen import RequestsSeen
from flask import Flask
from harness import API_TOKEN, quick_hash, run_server

from benchmarks import servers

PYTHON = {
    "authlib": "authlib_client",
    "requests-oauthlib": "requests_oauthlib_client",
    "httpx-oauth": "httpx_oauth_client",
}
NODE = ("simple-oauth2", "openid-client", "oauth4webapi", "passport-oauth2", "grant")
LIBRARIES = (*PYTHON, *NODE)

NODE_FOLDER = Path(__file__).parent / "node"

_HASH = quick_hash(SECRET)


@pytest.fixture(scope="session")
def node_modules() -> None:
    """The packages of `package-lock.json`, installed unless they are there already."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _cannot_run("there is no Node.js with npm")
    lock = NODE_FOLDER / "package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two test runs at once would install into one folder
        installed = NODE_FOLDER / "node_modules" / ".package-lock.json"
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(
                command, cwd=NODE_FOLDER, capture_output=True, text=True, check=True, timeout=100
            )
        except subprocess.CalledProcessError as error:
            _cannot_run(f"npm ci failed: {error.stderr}")
        except subprocess.TimeoutExpired:
            _cannot_run("npm ci takes too long")


def _cannot_run(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{why}, and where CI runs it has to work")
    pytest.skip(f"{why} on this machine")


@pytest.fixture(params=LIBRARIES)
def library(request) -> str:
    """The name of one library after the other, ready to be started."""
    if request.param in NODE:
        request.getfixturevalue("node_modules")
    return request.param


class Helper:
    """The helper as clients see it, with its sandbox; `seen` has the requests that it got."""

    def __init__(self, url: str, app: Flask) -> None:
        self.url = url
        self.seen = RequestsSeen(SECRET)
        app.before_request(self.seen.note)

    def failures(self) -> list[dict[str, object]]:
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        answer = requests.get(f"{self.url}/api/v1/failures", headers=headers, timeout=60)
        return answer.json()["failures"]

    def make_mistake(self, name: str) -> None:
        """Changes the app at HubSpot as its developer would by mistake, unknown to the helper."""
        page, form = f"{self.url}/sandbox/app/sandbox", {"action": f"mismatch:{name}"}
        assert requests.post(page, data=form, timeout=60).ok


def _clients_file(folder: Path, library: str) -> str:
    """Two registrations of the program with that library; the second one's people are asked."""
    lines = []
    for client_id, name, consent in ((ID, NAME, False), (ID_ASKING, NAME_ASKING, True)):
        table = {
            "id": client_id,
            "name": name,
            "secret_hash": _HASH,
            "redirect_uris": [
                "http://127.0.0.1/callback",
                "http://127.0.0.1/connect/hubspot/callback",  # grant's
            ],
            "profile": "workato",
            # requests-oauthlib raises when the granted scopes are not the requested ones.
            "scope_response": "echo" if library == "requests-oauthlib" else "rfc",
            "consent": consent,
        }
        lines += ["[[client]]", *(f"{key} = {json.dumps(table[key])}" for key in table)]
    path = folder / "clients.toml"
    path.write_text("\n".join(lines))
    return str(path)


StartHelper = Callable[..., Helper]


@pytest.fixture
def start_helper(make_app, tmp_path, library) -> Iterator[StartHelper]:
    """Starts a helper with its sandbox, with more settings where some are given."""
    with ExitStack() as running:

        def start(**settings: str) -> Helper:
            port = servers.free_port()
            url = f"http://localhost:{port}"
            app = make_app(
                HUBSPOT_CLIENT_ID="",
                HUBSPOT_CLIENT_SECRET="",
                PUBLIC_URL=url,
                PORT=str(port),
                OAUTH_CLIENTS_FILE=_clients_file(tmp_path, library),
                **settings,
            )
            helper = Helper(url, app)
            running.enter_context(run_server(app, port))
            return helper

        yield start


@pytest.fixture
def helper(start_helper) -> Helper:
    return start_helper()


@contextmanager
def _node_program(library: str, registered: Registration) -> Iterator[str]:
    """Runs the program in `node/`, which ends when its input does; the address of its site."""
    told = (registered.issuer, registered.client_id, registered.client_secret, registered.scope)
    command = ["node", f"{library}.js", *told]
    with subprocess.Popen(
        command, cwd=NODE_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            port = process.stdout.readline().strip()
            assert port, f"{library} ended before it served"
            yield f"http://127.0.0.1:{port}"
            process.stdin.close()
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()  # does nothing to one that has ended


@contextmanager
def _python_program(library: str, registered: Registration) -> Iterator[str]:
    """Serves the program in `python/` from a thread; the address of its site."""
    module = importlib.import_module(f"clients.python.{PYTHON[library]}")
    with run_server(module.create_app(registered)) as port:
        yield f"http://127.0.0.1:{port}"


StartClient = Callable[..., str]


@pytest.fixture
def start_client(library, monkeypatch) -> Iterator[StartClient]:
    """Starts the program with the library at a helper; the address of its site."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    run = _node_program if library in NODE else _python_program
    with ExitStack() as running:

        def start(helper: Helper, *, asks: bool = False, secret: str = SECRET) -> str:
            registered = Registration(helper.url, ID_ASKING if asks else ID, secret)
            return running.enter_context(run(library, registered))

        yield start


@pytest.fixture
def new_person() -> Iterator[Callable[..., Person]]:
    """Makes people, each with a browser of their own."""
    with ExitStack() as browsers:

        def make(**choices: object) -> Person:
            person: AbstractContextManager[Person] = Person(**choices)
            return browsers.enter_context(person)

        yield make
