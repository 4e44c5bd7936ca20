"""The nginx of the guide in front of the program: its lines as they are, on this machine."""

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from certificates import certificate
from harness import run_server
from paths import ROOT

from benchmarks import servers

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed here")

HOST = "connect.example.com"
STRANGER = "127.0.0.66"

# What a distribution's nginx.conf has around a site.
AROUND = """
daemon off;
pid {folder}/pid;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/a;
    uwsgi_temp_path {folder}/b;
    scgi_temp_path {folder}/c;
    {site}
}}
"""


@pytest.fixture
def port(make_app, tmp_path):
    """The guide's nginx, with its own certificate, before the program."""
    certificate(tmp_path, name=HOST)
    text = (ROOT / "docs" / "operating.md").read_text("utf-8")
    (site,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    outside = servers.free_port()
    app = make_app(PUBLIC_URL=f"https://{HOST}", TRUSTED_PROXIES="1")
    with run_server(app) as inside:
        for line, own in {
            "listen 443 ssl;": f"listen 127.0.0.1:{outside} ssl;",
            "/etc/ssl/connect.example.com.pem": f"{tmp_path}/cert.pem",
            "/etc/ssl/connect.example.com.key": f"{tmp_path}/key.pem",
            "/var/log/nginx": f"{tmp_path}",
            "127.0.0.1:8000": f"127.0.0.1:{inside}",
        }.items():
            assert line in site
            site = site.replace(line, own)
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(AROUND.format(folder=tmp_path, site=site))
        command = ["nginx", "-e", tmp_path / "early.log", "-c", configuration]
        with subprocess.Popen(command) as process:
            try:
                servers.until_open(outside)
                yield outside
            finally:
                process.terminate()


def strangers_connection(port):
    made = socket.socket()
    made.bind((STRANGER, 0))
    made.settimeout(10)
    made.connect(("127.0.0.1", port))
    return made


@pytest.fixture
def customer(port, tmp_path):
    """Opens a page as somebody from another network does."""
    context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    pool = urllib3.HTTPSConnectionPool(
        "127.0.0.1", port, ssl_context=context, server_hostname=HOST, assert_hostname=HOST
    )

    def open_page(path):
        began = time.monotonic()
        response = pool.request(
            "GET", path, headers={"Host": HOST}, redirect=False, timeout=20, retries=False
        )
        return response, time.monotonic() - began

    yield open_page
    pool.close()


def test_a_customer_gets_to_hubspot(customer, tmp_path):
    start, _ = customer("/connect/workato")
    assert start.status == 302
    query = parse_qs(urlsplit(start.headers["Location"]).query)
    assert query["redirect_uri"] == [f"https://{HOST}/callback/workato"]
    assert "; Secure" in start.headers["Set-Cookie"]
    customer("/callback/workato?code=never-logged&state=never-logged")
    log = (tmp_path / "connect.log").read_text()
    assert "GET /callback/workato" in log
    assert "never-logged" not in log


def test_idle_connections_keep_nobody_out(port, customer):
    with ExitStack() as held:
        for _ in range(1100):
            held.enter_context(strangers_connection(port))
        page, seconds = customer("/")
    assert page.status == 200
    assert seconds < 2


def test_requests_whose_bodies_never_come_are_limited_and_keep_nobody_out(port, customer):
    context = ssl._create_unverified_context()  # noqa: S323 - an attacker doesn't look
    head = f"POST /oauth/token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9999\r\n\r\n"
    answers = []

    def attack():
        with context.wrap_socket(strangers_connection(port), server_hostname=HOST) as made:
            made.sendall(head.encode())
            made.settimeout(5)
            try:
                answers.append(made.recv(12))
            except TimeoutError:
                answers.append(b"")

    attackers = [threading.Thread(target=attack) for _ in range(130)]
    for each in attackers:
        each.start()
    page, seconds = customer("/")
    for each in attackers:
        each.join()
    assert page.status == 200
    assert seconds < 2
    assert answers.count(b"HTTP/1.1 503") == 30
    assert answers.count(b"") == 100
