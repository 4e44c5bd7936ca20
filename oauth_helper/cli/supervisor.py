"""Serving: one supervising process with the store, and the workers that it forks."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import click
from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import MPServer

from oauth_helper.common.logging import log_config
from oauth_helper.common.secrets import Secret
from oauth_helper.config.settings import Settings
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.embedded.errors import StoreError
from oauth_helper.store.embedded.server import EmbeddedStore
from oauth_helper.store.outbox.queue import problem_with
from oauth_helper.store.redis import connect, describe

logger = logging.getLogger(__name__)

# Container engines kill ten seconds after they asked; the store wants the rest.
_GRACE_SECONDS = 8
# How long workers of a killed supervisor may still hold the port.
_PORT_SECONDS = 2.0
_READY_SECONDS = 60.0
# granian counts connections here, not requests: idle ones that browsers and proxies keep open are
# among them, so it has to be far above the number of threads.
_CONNECTIONS = 512


@contextmanager
def _kept_running(store: EmbeddedStore) -> Iterator[None]:
    """Has the store started again when it dies."""
    stopped = threading.Event()
    watch = threading.Thread(target=store.keep_running, args=(stopped,), name="store")
    watch.start()
    try:
        yield
    finally:
        stopped.set()
        watch.join()


def _as_it_is(config: Settings) -> Settings:
    return config


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Something that each worker does over and over, with a pause of so many seconds."""

    task: Callable[[], object]
    pause: float


def _nothing_to_do(_app: Flask) -> Sequence[PeriodicTask]:
    return ()


def _say_nothing(_config: Settings) -> None:
    pass


class _CannotServeError(Exception):
    """Something to tell the operator in one line."""


def serve(
    config: Settings,
    *,
    create_app: Callable[[Settings], Flask],
    on_startup: Callable[[Settings], Settings] = _as_it_is,
    periodic_tasks: Callable[[Flask], Sequence[PeriodicTask]] = _nothing_to_do,
    ready: Callable[[Settings], None] = _say_nothing,
) -> int:
    """Serves until SIGTERM, Ctrl-C or SIGHUP; the exit code.

    0 after a stop that was asked for, with requests in progress answered; 2 when HOST, PORT,
    DATA_DIR or REDIS_URL cannot be used, after one line on stderr; 1 when the workers keep dying.

    `on_startup` runs once, in the supervising process, when the store is up; its `redis_url` is
    never empty, and what it returns is what the workers get. `ready` runs there too, in a thread,
    as soon as the port accepts connections. `create_app` runs in each worker, never here; what
    `periodic_tasks` makes of the application is done there, each in its own thread. The embedded
    store is started again when it dies.
    """
    # Before granian's own handlers are in place, SIGTERM has to unwind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        address = _listening_address(config.host, config.port)
        with ExitStack() as stack:
            if config.redis_url:
                _tell_when_unreachable(config.redis_url)
                _tell_when_nothing_could_wait(config)
            else:
                store = stack.enter_context(EmbeddedStore(config.data_dir))
                stack.enter_context(_kept_running(store))
                config = config.model_copy(update={"redis_url": Secret(store.url)})
            # Each worker counts in files of its own there; see `metering`.
            counted = stack.enter_context(tempfile.TemporaryDirectory(prefix="oauth_helper-"))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counted
            config = on_startup(config)
            return _run(_server(address, config), config, create_app, periodic_tasks, ready)
    except (StoreError, _CannotServeError) as error:
        click.echo(f"oauth_helper cannot start: {error}", err=True)
        return 2
    except KeyboardInterrupt:
        return 0


def _listening_address(host: str, port: int) -> str:
    """The IP address to listen at, after making sure that nobody does yet.

    granian lets several processes share a port, and so would share it with a program that has
    nothing to do with this one. An ordinary bind is refused.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise _CannotServeError(f"HOST {host} is not known as an address") from error
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    deadline = time.monotonic() + _PORT_SECONDS
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
                f"PORT {port} at HOST {host} is in use by another program; "
                "stop that one or choose another PORT"
            )
        case errno.EACCES:
            return f"PORT {port} is reserved for the system; choose one from 1024 up"
        case errno.EADDRNOTAVAIL:
            return f"HOST {host} is not an address of this machine"
        case _:
            return f"HOST {host}, PORT {port} cannot be listened at: {error.strerror}"


def _tell_when_unreachable(url: Secret) -> None:
    """One line when Redis does not answer. It may come later: the workers start all the same."""
    try:
        with connect(url.reveal()) as client:
            client.ping()
    except StoreUnavailableError as error:
        # The name of the problem only: its text may hold the password.
        problem = type(error.__cause__).__name__
        click.echo(
            f"Redis at {describe(url.reveal())} does not answer ({problem}); "
            "starting all the same, /readyz tells when it does",
            err=True,
        )
    except ValueError as error:
        raise _CannotServeError("REDIS_URL is not an address that can be read") from error


def _tell_when_nothing_could_wait(config: Settings) -> None:
    """One line when an outage of Redis could lose something."""
    if problem := problem_with(config.data_dir / "outbox"):
        click.echo(
            f"{problem}: while Redis is away, failures would wait in memory only; "
            "make DATA_DIR writable",
            err=True,
        )


def _server(address: str, config: Settings) -> MPServer:
    # Workers get the application as a closure, which only a forked process can inherit.
    multiprocessing.set_start_method("fork", force=True)
    return MPServer(
        "oauth_helper",
        address=address,
        port=config.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=config.workers,
        blocking_threads=config.threads,
        backlog=1024,
        backpressure=_CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=_GRACE_SECONDS,
        log_level=LogLevels.info,
        log_dictconfig=log_config(config.log_format, config.log_level),
        # As JSON the application logs them, with what it knows of each.
        log_access=config.log_format == "text" and config.log_level in ("DEBUG", "INFO"),
        # The path only: queries of a redirection endpoint have codes and states.
        log_access_format='%(addr)s "%(method)s %(path)s" %(status)d %(dt_ms).1f ms',
    )


def _run(
    server: MPServer,
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
        for periodic in periodic_tasks(app):
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


def _prepare_worker(lifeline: int, held_by_supervisor: int) -> None:
    # A terminal sends Ctrl-C to every process. The supervisor alone acts on it and tells the
    # workers; one that stopped by itself would be taken for one that crashed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # Until granian has set its own handlers there is nothing to end gracefully.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.close(held_by_supervisor)
    threading.Thread(target=_end_with_supervisor, args=(lifeline,), daemon=True).start()


def _repeat(periodic: PeriodicTask) -> None:
    """Does it over and over in a thread of this worker, whatever happens."""
    task, pause = periodic.task, periodic.pause

    def repeat_for_ever() -> None:
        # Workers start together; they need not ask the store together.
        time.sleep(pause * (os.getpid() % 10) / 10)
        while True:
            try:
                task()
            except StoreUnavailableError as error:
                logger.warning("the store is down; this is done later: %s", error)
            except Exception:
                logger.exception("a regular task failed; it is tried again")
            time.sleep(pause)

    threading.Thread(target=repeat_for_ever, name="regularly", daemon=True).start()


def _end_with_supervisor(lifeline: int) -> None:
    """Ends this worker when its supervisor is gone.

    One that is killed cannot tell its workers, and they would go on serving: they would hold the
    port, with nobody to stop them, beside the next program that is started. Nothing is ever
    written to the pipe; it ends when its last writer, the supervisor, does.
    """
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def _call_when_open(
    address: tuple[str, int],
    stopped: threading.Event,
    ready: Callable[[Settings], None],
    config: Settings,
) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and not stopped.wait(0.02):
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            continue
        ready(config)
        return
