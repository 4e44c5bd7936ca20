"""Run the program in a separate process, and request its pages as signed-in staff."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import urllib3

from benchmarks.servers import free_port
from oauth_helper.cli.bootstrap import hash_password
from oauth_helper.failures.query import FailureQuery
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client, connect

# Time limits in seconds: for starting and stopping, and for one page.
_SECONDS, _PAGE_TIMEOUT = 60, 10


class Desk:
    """The support pages of one program over HTTP, on one persistent connection."""

    def __init__(self, url: str, client: Client) -> None:
        self.client = client
        self._url = url
        self._http = urllib3.HTTPConnectionPool(
            "127.0.0.1", int(url.rpartition(":")[2]), timeout=_PAGE_TIMEOUT, retries=False
        )
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> int:
        """Request a page and return its status. For an export, wait only for the first byte."""
        response = self._ask("GET", path, preload_content=False)
        if "/export" in path:
            response.read(1)
            response.close()
        else:
            response.read()
            response.release_conn()
        return response.status

    def problem_with(self, path: str) -> str:
        """Return why a page can't be timed; empty when it can."""
        try:
            status = self.get(path)
        except urllib3.exceptions.TimeoutError:
            return f"takes more than {_PAGE_TIMEOUT} s"
        return "" if status == 200 else f"returns {status}"

    def sign_in(self, name: str, password: str) -> None:
        """Sign a staff member in."""
        page = self._ask("GET", "/support/login").data.decode()
        token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
        form = {"name": name, "password": password, "csrf_token": token}
        response = self._ask("POST", "/support/login", body=urlencode(form))
        if response.status != 303:
            raise RuntimeError(f"signing in returned {response.status}")

    def newest(self) -> str:
        """Return the reference of the newest failure."""
        (newest,) = Failures(self.client, retention_days=90).page(FailureQuery(), limit=1).failures
        return newest.reference

    def _ask(
        self, method: str, path: str, body: str | None = None, *, preload_content: bool = True
    ) -> urllib3.BaseHTTPResponse:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": cookies, "Referer": self._url, "Host": self._url.partition("//")[2]}
        # As browsers do. Otherwise the first byte of an export would also be its last.
        headers["Accept-Encoding"] = "gzip"
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        response = self._http.urlopen(
            method,
            path,
            body=body,
            headers=headers,
            redirect=False,
            preload_content=preload_content,
        )
        for cookie in response.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return response


@contextmanager
def serving(store_url: str, data_dir: Path) -> Iterator[Desk]:
    """Run the program with one worker on that store during the `with` statement."""
    password = secrets.token_urlsafe()
    settings = {"SUPPORT_USERS": f"ada:{hash_password(password)}", "WORKERS": "1", "THREADS": "2"}
    with program(store_url, data_dir, **settings) as running, connect(store_url) as client:
        desk = Desk(running.url, client)
        desk.sign_in("ada", password)
        yield desk


@dataclass(frozen=True, slots=True)
class Program:
    """The program's supervising process."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers."""
        pids: list[int] = []
        for each in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with suppress(FileNotFoundError):  # that thread has ended
                pids += map(int, each.read_text().split())
        return [pid for pid in pids if b"valkey" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def program(
    store_url: str,
    data_dir: Path,
    *,
    port: int | None = None,
    pinned_to: set[int] | None = None,
    **settings: str,
) -> Iterator[Program]:
    """Run the program on that store during the `with` statement, with rate limits off by default.

    `pinned_to` holds the processors that it may use.
    """
    port = port or free_port()
    environ = {
        **os.environ,
        "REDIS_URL": store_url,
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
        "PUBLIC_URL": f"http://localhost:{port}",
        "RATE_LIMITS": "off",
        "SUPPORT_USERS": f"ada:{hash_password(secrets.token_urlsafe())}",
        **settings,
    }
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "oauth_helper", "serve"], env=environ, stdout=log, stderr=log
        )
        if pinned_to is not None and (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(process.pid, pinned_to)
        try:
            _wait_for(port, process)
            yield Program(f"http://localhost:{port}", port, process, data_dir / "log")
        finally:
            process.terminate()
            process.wait(_SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("the program did not start")


def memory(pid: int) -> tuple[float, float]:
    """Return a process's megabytes: with its share of shared memory (PSS), and RSS."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = {line.partition(":")[0]: line.split()[1] for line in lines[1:]}
    return int(kilobytes["Pss"]) / 1024, int(kilobytes["Rss"]) / 1024
