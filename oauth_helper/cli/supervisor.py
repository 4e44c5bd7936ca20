"""Supervise the workers: one process with the embedded store, which forks them."""

from __future__ import annotations

import errno
import logging
import mmap
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server import MPServer
from pydantic import SecretStr

from oauth_helper.cli.connections import accept_no_more, end_slow_connections, is_connected
from oauth_helper.common.logging import log_config
from oauth_helper.common.problems import in_words
from oauth_helper.config.settings import Settings
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.embedded.errors import StoreError
from oauth_helper.store.embedded.server import EmbeddedStore
from oauth_helper.store.outbox.queue import problem_with_directory
from oauth_helper.store.redis import connect, describe

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

# Seconds at most in which connections that stay open learn to end, then those for clients that have
# connected to send their requests, and then to finish requests. Container engines kill after ten;
# the store needs the rest.
_DRAIN_PERIOD, _LAST_REQUESTS, _GRACE_PERIOD = 0.7, 2.3, 5
# Seconds for which workers of a killed supervisor may still hold the port.
_PORT_TIMEOUT = 2.0
_READY_TIMEOUT = 60.0
# granian counts connections here, including idle ones that browsers and proxies keep open, so this
# must be far above the number of threads.
_MAX_CONNECTIONS = 512
# The longest pause in seconds before a dead worker is replaced, and the time without a death after
# which pauses begin anew.
_MAX_PAUSE, _CALM = 15.0, 60.0
# Seconds for the headers of a request, also of the next one on a connection that stays open. More
# than 60: proxies such as nginx keep idle connections for that long, and would reuse one that is
# being closed.
_HEADER_TIMEOUT = 75


@contextmanager
def _kept_running(store: EmbeddedStore) -> Iterator[None]:
    """Restart the store when it dies."""
    stopped = threading.Event()
    watch = threading.Thread(target=store.keep_running, args=(stopped,), name="store")
    watch.start()
    try:
        yield
    finally:
        stopped.set()
        watch.join()


class _Server(MPServer):
    """granian's server, with other rules for the deaths of workers and for the program's stop.

    granian ends when a worker dies twice within seconds. Here workers are replaced after growing
    pauses. Only if none has ever started does the program end. At the stop, granian drops
    connections that it hasn't accepted yet.
    """

    def __init__(self, target: str, **options: Any) -> None:  # noqa: ANN401 - granian's
        super().__init__(target, **options)
        # Shared with the workers: 1 once one has created its application, and once the program
        # stops.
        self.has_started, self.is_stopping = mmap.mmap(-1, 1), mmap.mmap(-1, 1)
        self._deaths: list[float] = []

    def _init_shared_socket(self) -> None:
        # granian's workers would each have a socket, and what waits at one is lost with its worker.
        holder = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = holder, holder.get_fd()  # type: ignore[assignment]
        self._sso = socket.socket(fileno=self._sfd)

    def shutdown(self, exit_code: int = 0) -> None:
        """Serve those who have connected, then stop."""
        self.is_stopping[0] = 1
        _wait_while_connected(self.bind_port, _DRAIN_PERIOD)
        if self._sso is not None and sys.platform == "linux":
            accept_no_more(self._sso)
            _wait_while_connected(self.bind_port, _LAST_REQUESTS)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    def _respawn_workers(
        self, workers: list[int], spawn_target: object, target_loader: object, delay: float = 0
    ) -> None:
        if not self.has_started[0]:
            super()._respawn_workers(workers, spawn_target, target_loader, delay)
            return
        now = time.monotonic()
        self._deaths = [died for died in self._deaths if now - died < _CALM] + [now]
        pause = min(_MAX_PAUSE, 2.0 ** (len(self._deaths) - 3)) if len(self._deaths) > 1 else 0.0
        logger.error(
            "Worker died (exit code %s); replacing it in %.1f s (%d died within a minute)",
            ", ".join(str(self.wrks[index].inner.exitcode) for index in workers),
            pause,
            len(self._deaths),
        )
        while not self.interrupt_signal and time.monotonic() < now + pause:
            time.sleep(0.05)
        if self.interrupt_signal:
            return
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task that each worker runs every `interval` seconds."""

    run: Callable[[], object]
    interval: float


class _CannotServeError(Exception):
    """A reason not to serve, as one line for the operator."""


def serve(
    config: Settings,
    *,
    create_app: Callable[[Settings], Flask],
    on_startup: Callable[[Settings], Settings],
    periodic_tasks: Callable[[Flask], Sequence[PeriodicTask]],
    ready: Callable[[Settings], None],
) -> int:
    """Serve until SIGTERM, Ctrl-C or SIGHUP, and return the exit code.

    It is 0 after such a stop, with requests in progress answered; 2 when HOST, PORT, DATA_DIR or
    REDIS_URL can't be used, after one line on stderr; 1 when no worker can start.

    `on_startup` runs once in this process when the store is up; the settings that it gets have a
    `redis_url`, and those that it returns are for the workers. `ready` runs here too, in a thread,
    as soon as the port accepts connections. `create_app` runs in each worker, as do the tasks that
    `periodic_tasks` returns, each in its own thread. The embedded store is restarted when it dies.
    """
    # Until granian has set its handlers, SIGTERM must unwind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        address = _listening_address(config.host, config.port)
        with ExitStack() as stack:
            if config.redis_url:
                _warn_if_unreachable(config.redis_url)
                _warn_if_writes_cannot_wait(config)
            else:
                store = stack.enter_context(EmbeddedStore(config.data_dir))
                stack.enter_context(_kept_running(store))
                config = config.model_copy(update={"redis_url": SecretStr(store.url)})
            config = on_startup(config)
            return _run(_server(address, config), config, create_app, periodic_tasks, ready)
    except (StoreError, _CannotServeError) as error:
        click.echo(f"oauth_helper can't start: {error}", err=True)
        return 2
    except KeyboardInterrupt:
        return 0


def _listening_address(host: str, port: int) -> str:
    """Return the IP address to listen on. Raises `_CannotServeError` if the port is in use.

    granian lets processes share a port, and so would share it with an unrelated program. An
    ordinary bind fails.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise _CannotServeError(f"HOST {host} can't be resolved") from error
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    deadline = time.monotonic() + _PORT_TIMEOUT
    while True:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
            return str(address[0])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise _CannotServeError(_bind_problem(error, host, port)) from error
        time.sleep(0.02)


def _bind_problem(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"PORT {port} at HOST {host} is in use by another program; stop it or set another "
                "PORT"
            )
        case errno.EACCES:
            return f"PORT {port} is reserved for the system; set one from 1024 up"
        case errno.EADDRNOTAVAIL:
            return f"HOST {host} is not an address of this machine"
        case _:
            return f"can't listen on HOST {host}, PORT {port}: {error.strerror}"


def _warn_if_unreachable(url: SecretStr) -> None:
    """Print one line when Redis can't be reached. The workers start anyway: it may come later."""
    address = url.get_secret_value()
    try:
        with connect(address) as client:
            client.ping()
    except StoreUnavailableError as error:
        click.echo(
            f"Redis unreachable ({describe(address)}: {in_words(error)}); starting anyway. "
            "/readyz answers 200 once it is back.",
            err=True,
        )
    except ValueError as error:
        raise _CannotServeError("REDIS_URL is not a valid address") from error


def _warn_if_writes_cannot_wait(config: Settings) -> None:
    """Print one line when an outage of Redis could lose failures."""
    if problem := problem_with_directory(config.data_dir / "outbox"):
        click.echo(
            f"{problem}: while Redis is down, failures would be queued in memory only; "
            "make DATA_DIR writable",
            err=True,
        )


def _server(address: str, config: Settings) -> _Server:
    # The application is a closure, which only forked workers can inherit.
    multiprocessing.set_start_method("fork", force=True)
    return _Server(
        "oauth_helper",
        address=address,
        port=config.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=config.workers,
        blocking_threads=config.threads,
        backlog=1024,
        backpressure=_MAX_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT * 1000),
        respawn_failed_workers=True,
        workers_kill_timeout=_GRACE_PERIOD,
        log_level=LogLevels.info,
        log_dictconfig=log_config(config.log_format, config.log_level),
        # As JSON the application logs them, with what it knows of each.
        log_access=config.log_format == "text" and config.log_level in ("DEBUG", "INFO"),
        # The path only: queries of a redirection endpoint have codes and states.
        log_access_format='%(addr)s "%(method)s %(path)s" %(status)d %(dt_ms).1f ms',
    )


def _run(
    server: _Server,
    config: Settings,
    create_app: Callable[[Settings], Flask],
    periodic_tasks: Callable[[Flask], Sequence[PeriodicTask]],
    ready: Callable[[Settings], None],
) -> int:
    lifeline, held_by_supervisor = os.pipe()
    stopped = threading.Event()
    hang_up = signal.getsignal(signal.SIGHUP)

    def application() -> Flask:
        _prepare_worker(lifeline, held_by_supervisor)
        app = create_app(config)
        app.wsgi_app = _closing(app.wsgi_app, server.is_stopping)  # type: ignore[assignment, method-assign]
        server.has_started[0] = 1
        for periodic in (*periodic_tasks(app), _end_slow_connections(config)):
            _repeat(periodic)
        return app

    def started() -> None:
        # granian would start new workers when the terminal is closed. nohup is respected.
        if hang_up == signal.SIG_IGN:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        else:
            signal.signal(signal.SIGHUP, server.signal_handler_interrupt)
        address = (server.bind_addr, server.bind_port)
        threading.Thread(
            target=_call_when_open, args=(address, stopped, ready, config), daemon=True
        ).start()

    server.on_startup(started)
    server.on_shutdown(stopped.set)
    try:
        server.serve(target_loader=application, wrap_loader=False)
    except SystemExit:
        # A worker that dies of the same Ctrl-C is no failure.
        return 0 if server.interrupt_signal else 1
    finally:
        os.close(lifeline)
        os.close(held_by_supervisor)
    return 0


def _closing(app: WSGIApplication, is_stopping: mmap.mmap) -> WSGIApplication:
    """Return the application with `Connection: close` in each response once the program stops."""

    def closing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:  # noqa: ANN401
            return start_response(status, [*headers, ("Connection", "close")], *error)

        return app(environ, start if is_stopping[0] else start_response)

    return closing


def _wait_while_connected(port: int, seconds: float) -> None:
    """Wait until nobody is connected to `port`, for `seconds` at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and is_connected(port):
        time.sleep(0.02)


def _end_slow_connections(config: Settings) -> PeriodicTask:
    # Behind a proxy all connections are the proxy's.
    shared = not config.trusted_proxies
    return PeriodicTask(lambda: end_slow_connections(config.port, shared=shared), interval=0.5)


def _prepare_worker(lifeline: int, held_by_supervisor: int) -> None:
    # A terminal sends Ctrl-C to every process. Only the supervisor acts on it, and stops the
    # workers: one that stopped by itself would look crashed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # Until granian has set its handlers, there is nothing to finish gracefully.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.close(held_by_supervisor)
    threading.Thread(target=_end_with_supervisor, args=(lifeline,), daemon=True).start()


def _repeat(periodic: PeriodicTask) -> None:
    """Run a task again and again in a thread of this worker, whatever happens."""

    def repeat() -> None:
        # Workers start together, but shouldn't query the store together.
        time.sleep(periodic.interval * (os.getpid() % 10) / 10)
        while True:
            try:
                periodic.run()
            except StoreUnavailableError:
                pass  # The outbox logs outages of Redis; a line per task and interval adds nothing.
            except Exception:
                logger.exception("Periodic task failed; it will run again")
            time.sleep(periodic.interval)

    threading.Thread(target=repeat, name="periodic", daemon=True).start()


def _end_with_supervisor(lifeline: int) -> None:
    """Stop this worker when its supervisor is gone.

    A killed supervisor can't stop its workers: they would go on serving beside the next program
    that is started, on the same port. Nothing is ever written to the pipe; it ends when its last
    writer, the supervisor, does.
    """
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_PERIOD)
    os._exit(1)


def _call_when_open(
    address: tuple[str, int],
    stopped: threading.Event,
    ready: Callable[[Settings], None],
    config: Settings,
) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT
    while time.monotonic() < deadline and not stopped.wait(0.02):
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            continue
        ready(config)
        return
