"""Count the files of the package that a request enters.

`python -m benchmarks.files_entered` prints them for a start, a callback that connects, and a
callback whose code HubSpot rejects. A file is entered when one of its functions is called, in any
thread. From top to bottom they are what a newcomer has to open to follow the request.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlencode, urlsplit

import click
import urllib3
from flask import Flask

import oauth_helper
from benchmarks import hubspot, servers
from oauth_helper import create_app
from oauth_helper.config.settings import Settings

PACKAGE = str(Path(oauth_helper.__file__).parent) + "/"

START, SUCCESS, REJECTED = "a start", "a callback that connects", "a callback that HubSpot rejects"

_URL = "http://localhost:8000"


class Recorder:
    """Record the files of the package in the order in which `recording` enters them.

    Create it before the application: a thread is watched from its start only.
    """

    def __init__(self) -> None:
        self._files: dict[str, None] | None = None
        threading.setprofile(self._profile)

    @contextmanager
    def recording(self) -> Iterator[list[str]]:
        """Yield the list that is filled when the `with` statement ends."""
        found: list[str] = []
        self._files = {}
        sys.setprofile(self._profile)
        try:
            yield found
        finally:
            sys.setprofile(None)
            found += self._files
            self._files = None

    def close(self) -> None:
        """Watch no further threads."""
        threading.setprofile(None)  # type: ignore[arg-type]

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and self._files is not None and path.startswith(PACKAGE):
            self._files[path.removeprefix(PACKAGE)] = None


def files_entered(store_url: str, folder: Path) -> dict[str, list[str]]:
    """Return the files that each of the three requests enters; `folder` is for the application."""
    recorder = Recorder()
    try:
        with _hubspot() as address:
            settings = {
                "REDIS_URL": store_url,
                "DATA_DIR": str(folder),
                "SECRET_KEY": "k" * 40,
                "HUBSPOT_CLIENT_ID": hubspot.CLIENT_ID,
                "HUBSPOT_CLIENT_SECRET": hubspot.CLIENT_SECRET,
                "HUBSPOT_AUTHORIZATION_ENDPOINT": f"{address}/oauth/authorize",
                "HUBSPOT_API_URL": address,
            }
            app = create_app(Settings.from_environ(settings))
            # The first round warms up.
            _, first, second = (_round(app, recorder) for _ in range(3))
    finally:
        recorder.close()
    # A background thread may wake in one of them.
    return {name: [file for file in first[name] if file in second[name]] for name in first}


def _round(app: Flask, recorder: Recorder) -> dict[str, list[str]]:
    start, success = _attempt(app, recorder, "ok")
    _, rejected = _attempt(app, recorder, "rfc_body:BAD_AUTH_CODE")
    return {START: start, SUCCESS: success, REJECTED: rejected}


@contextmanager
def _hubspot() -> Iterator[str]:
    """Run the sandbox in its own process, so that its files do not count."""
    port = servers.free_port()
    command = [sys.executable, "-m", "benchmarks.hubspot", str(port), _URL]
    with subprocess.Popen(command) as process:  # noqa: S603
        try:
            servers.until_open(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _attempt(app: Flask, recorder: Recorder, answer: str) -> tuple[list[str], list[str]]:
    """Return what the start and the callback enter, when the token endpoint gives that answer."""
    browser = app.test_client()  # has no failures that a success would resolve
    with recorder.recording() as start:
        to_hubspot = browser.get("/connect/workato", base_url=_URL).location
    form = {"account": "1000104", "role": "super_admin", "decision": "allow"}
    form["token_answer"] = answer
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = urllib3.request(
        "POST", to_hubspot, body=urlencode(form), headers=headers, redirect=False
    )
    back = urlsplit(response.headers["Location"])
    with recorder.recording() as callback:
        after = browser.get(f"{back.path}?{back.query}", base_url=_URL)
    expected = "HubSpot is connected" if answer == "ok" else "Reference for support"
    if expected not in browser.get(after.location, base_url=_URL).text:
        raise RuntimeError(f"the callback did not end as it should: {after.status}")
    return start, callback


@click.command()
def main() -> None:
    """Print the files, in the order in which they are entered."""
    with tempfile.TemporaryDirectory(prefix="files-") as name:
        folder = Path(name)
        with servers.one(folder / "store") as store:
            for request, files in files_entered(store.url, folder / "data").items():
                click.echo(f"{len(files)} files for {request}:")
                click.echo("".join(f"  {file}\n" for file in files))


if __name__ == "__main__":
    main()
