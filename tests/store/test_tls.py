"""Redis over TLS with an authority of our own: one server, Sentinel and Cluster.

The server is Debian's, because the embedded one has no TLS.
"""

import shutil
import subprocess
from contextlib import ExitStack

import pytest
from certificates import certificate

from benchmarks import servers
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.redis import RedisServer, connect

pytestmark = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="Debian's package redis-server is not installed"
)


@pytest.fixture
def start(tmp_path):
    """Starts a server that takes nothing but TLS; its port."""
    with ExitStack() as running:

        def run(*lines, kind=()):
            port = servers.free_port()
            folder = tmp_path / str(port)
            folder.mkdir()
            settings = [
                *("port 0", f"tls-port {port}", "bind 127.0.0.1", f"dir {folder}", "save ''"),
                f"logfile {folder}/log",
                *(f"tls-cert-file {tmp_path}/cert.pem", f"tls-key-file {tmp_path}/key.pem"),
                *(f"tls-ca-cert-file {tmp_path}/cert.pem", "tls-auth-clients no"),
                *("tls-replication yes", "tls-cluster yes", *lines),
            ]
            file = folder / "redis.conf"
            kept = [line for line in settings if not (kind and line.startswith("save"))]
            file.write_text("\n".join(line.replace("''", '""') for line in kept))
            process = subprocess.Popen(["redis-server", file, *kind], stdout=subprocess.DEVNULL)
            running.callback(process.wait)
            running.callback(process.kill)
            servers.until_open(port)
            return port

        yield run


def one(start, host):
    return f"rediss://{host}:{start()}/0"


def sentinel(start, host):
    data = start()
    watch = (f"sentinel monitor main 127.0.0.1 {data} 1", "sentinel resolve-hostnames yes")
    return f"rediss+sentinel://{host}:{start(*watch, kind=['--sentinel'])}/main/0"


def cluster(start, host):
    port = start("cluster-enabled yes", f"cluster-port {servers.free_port()}")
    return f"rediss+cluster://{host}:{port}"


FORMS = [one, sentinel, cluster]


def prepare(url, trusted):
    """Gives a Cluster of one node its slots."""
    if "cluster" in url:
        address = url.replace("rediss+cluster", "rediss") + f"/0?ssl_ca_certs={trusted}"
        with connect(address) as node:
            node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            servers.until(lambda: node.execute_command("CLUSTER INFO")["cluster_state"] == "ok")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_trusted_authority_lets_through_and_any_other_does_not(start, tmp_path, form):
    certificate(tmp_path)
    url, trusted = form(start, "localhost"), tmp_path / "cert.pem"
    prepare(url, trusted)
    with connect(f"{url}?ssl_ca_certs={trusted}") as client:
        client.set("oh:x", "1")
        assert client.get("oh:x") == "1"
        assert RedisServer(client).identity()
    with connect(url) as stranger, pytest.raises(StoreUnavailableError):
        stranger.get("oh:x")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_certificate_for_another_name_is_refused(start, tmp_path, form):
    certificate(tmp_path, name="redis.example.com")
    url = form(start, "localhost")
    with (
        connect(f"{url}?ssl_ca_certs={tmp_path}/cert.pem") as client,
        pytest.raises(StoreUnavailableError),
    ):
        client.get("oh:x")
