"""Serving, tried from outside: real processes, real HTTP, real signals."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
import urllib3

from benchmarks.servers import free_port
from oauth_helper.store.embedded.server import EmbeddedStore, running_store_url

T = TypeVar("T")

# Under nohup the tests inherit that SIGHUP is ignored, which the program respects.
_AS_IN_A_TERMINAL = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"

PROGRAM = """
import os, sys, threading, time
import redis
from flask import Flask
from oauth_helper.config.settings import Settings
from oauth_helper.cli.supervisor import PeriodicTask, serve

def create_app(config):
    if os.environ.get("BROKEN"):
        raise RuntimeError("create_app is broken")
    app = Flask("tiny")
    app.config["STORE"] = config.redis_url.get_secret_value()
    store = redis.Redis.from_url(config.redis_url.get_secret_value(), decode_responses=True)

    @app.get("/pids")
    def pids():
        return {"worker": os.getpid(), "supervisor": os.getppid()}

    @app.get("/count")
    def count():
        return {"count": store.incr("count")}

    @app.get("/slow")
    def slow():
        store.set("slow", "begun")
        while not os.path.exists(os.environ["RELEASE"]):
            time.sleep(0.02)
        return {"count": store.incr("count")}

    @app.get("/ticks")
    def ticks():
        return {"ticks": store.hgetall("ticks")}

    @app.get("/environment")
    def environment():
        return {"title": config.profiles[0].title, "redis": config.redis_url.get_secret_value()}

    return app

def periodic_tasks(app):
    store = redis.Redis.from_url(app.config["STORE"], decode_responses=True)

    def tick():
        if store.hincrby("ticks", os.getpid(), 1) == 1 and os.environ.get("FAILS_AT_FIRST"):
            raise RuntimeError("the first one fails")

    return [PeriodicTask(tick, 1.0)]

def on_startup(config):
    print("before workers", os.getpid(), config.redis_url.get_secret_value(), flush=True)
    return config

def ready(config):
    print("ready", os.getpid(), flush=True)

def tell_pause(seconds, sleep=time.sleep):
    if threading.current_thread() is threading.main_thread():
        print("pause", seconds, flush=True)
    sleep(seconds)

if __name__ == "__main__":
    if os.environ.get("TELL_PAUSES"):
        time.sleep = tell_pause
    config = Settings.from_environ(os.environ)
    sys.exit(
        serve(
            config,
            create_app=create_app,
            on_startup=on_startup,
            periodic_tasks=periodic_tasks,
            ready=ready,
        )
    )
"""


def eventually(condition: Callable[[], T], seconds: float = 60) -> T:
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Program:
    """One run of the program: its process, its pages, its output."""

    def __init__(self, directory: Path, port: int, **settings: str) -> None:
        self.port = port
        self.released = directory / "released"
        self.output = directory / f"output-{time.monotonic_ns()}.txt"
        environ = {
            **os.environ,
            "PORT": str(port),
            "DATA_DIR": str(directory / "data"),
            "RELEASE": str(self.released),
            "WORKERS": "2",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **settings,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _AS_IN_A_TERMINAL + PROGRAM],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path: str) -> Any:
        """A page, over a connection of its own, so that any worker may answer."""
        with urllib3.PoolManager(retries=False, timeout=60) as http:
            response = http.request(
                "GET",
                f"http://127.0.0.1:{self.port}{path}",
                headers={"Connection": "close"},
                preload_content=True,
            )
        return response.json() if response.status == 200 else response.status

    def is_up(self) -> bool:
        try:
            # Workers of a run that was killed may answer for a moment.
            return self.get("/pids")["supervisor"] == self.process.pid
        except urllib3.exceptions.HTTPError:
            assert self.process.poll() is None, self.text()
            return False

    def worker_pids(self) -> set[int]:
        """Of both workers."""
        pids = set()
        eventually(lambda: pids.add(self.get("/pids")["worker"]) or len(pids) == 2)
        return pids

    def begin_slow_request(self) -> tuple[list[Any], threading.Thread]:
        """Returns when the request is in progress, until `release`; the list for its answer."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.get("/slow")))
        thread.start()
        eventually(lambda: self.get("/count") and self.text().count("GET /count") > 0)
        with open_store(self) as store:
            eventually(lambda: store.get("slow") == b"begun")
        return answers, thread

    def release(self) -> None:
        """Lets slow requests be answered."""
        self.released.touch()

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


Start = Callable[..., Program]


def open_store(program: Program) -> redis.Redis:
    return redis.Redis.from_url(re.search(r"before workers \d+ (\S+)", program.text())[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the program and waits until it answers, or has ended where it is not to come up.

    Where `up` is None nothing is waited for.
    """
    programs = []
    first_port = free_port()

    def run(*, port: int = first_port, up: bool | None = True, **settings: str) -> Program:
        program = Program(tmp_path, port, **settings)
        programs.append(program)
        if up:
            eventually(program.is_up)
        elif up is False:
            program.process.wait(60)
        return program

    yield run
    for program in programs:
        if program.process.poll() is None:
            program.stop()
    with EmbeddedStore(tmp_path / "data"):  # ends what a killed program left behind
        pass


def test_it_serves_with_the_store_up_and_says_so_once(start: Start, tmp_path: Path):
    program = start()
    supervisor = program.process.pid
    assert program.get("/pids")["supervisor"] == supervisor
    assert program.get("/environment")["redis"] == running_store_url(tmp_path / "data")
    eventually(lambda: "ready" in program.text())
    assert program.stop() == 0
    lines = program.text().splitlines()
    assert lines[0].startswith(f"before workers {supervisor} unix://")
    assert [line for line in lines if "ready" in line] == [f"ready {supervisor}"]
    assert [line for line in lines[1:] if "GET" not in line and "ready" not in line] == []


def test_after_a_kill_it_starts_again_at_once_with_everything_kept(start: Start, tmp_path: Path):
    program = start()
    assert [program.get("/count")["count"] for _ in range(3)] == [1, 2, 3]
    workers = program.worker_pids()
    program.stop(signal.SIGKILL)
    again = start()
    assert again.get("/count") == {"count": 4}
    eventually(lambda: not any(is_alive(pid) for pid in workers))
    assert again.stop() == 0
    assert running_store_url(tmp_path / "data") is None


def test_a_kill_in_the_middle_of_a_request_does_not_keep_the_next_one_out(start: Start):
    program = start()
    answers, thread = program.begin_slow_request()
    program.stop(signal.SIGKILL)
    again = start(up=None)
    eventually(lambda: "before workers" in again.text())
    assert not answers
    program.release()
    eventually(again.is_up)
    thread.join(60)
    assert answers[0]["count"] > 0
    assert again.stop() == 0


def test_a_second_start_on_the_same_directory_is_told(start: Start):
    program = start()
    second = start(port=free_port(), up=False)
    assert second.process.returncode == 2
    assert "is in use by another oauth_helper" in second.text()
    assert f"process {program.process.pid}" in second.text()
    assert len(second.text().splitlines()) == 1
    assert program.is_up()


def test_a_port_in_use_is_told(start: Start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = start(port=port, up=False)
    assert refused.process.returncode == 2
    assert f"PORT {port} at HOST 127.0.0.1 is in use" in refused.text()
    assert len(refused.text().splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"HOST": "192.0.2.1"}, "HOST 192.0.2.1 is not an address of this machine"),
        ({"HOST": "nowhere.invalid"}, "HOST nowhere.invalid can't be resolved"),
        ({"DATA_DIR": "/dev/null"}, "DATA_DIR /dev/null cannot be used"),
        (
            {"REDIS_URL": "redis+sentinel://:hush-hush@localhost:1"},
            "REDIS_URL is not a valid address",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_used_is_one_line(start: Start, settings: dict[str, str], message: str):
    refused = start(up=False, **settings)
    assert refused.process.returncode == 2
    assert message in refused.text()
    assert "hush-hush" not in refused.text()
    assert len(refused.text().splitlines()) == 1


def test_it_listens_at_a_name(start: Start):
    assert start(HOST="localhost").stop() == 0


def test_a_directory_that_takes_nothing_is_told(start: Start, tmp_path: Path):
    (tmp_path / "file").write_text("")
    data = str(tmp_path / "file" / "data")
    program = start(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", DATA_DIR=data)
    assert f"{data}/outbox cannot be written: while Redis is down" in program.text()
    assert program.stop() == 0


def test_redis_that_is_away_is_told_and_waited_for(start: Start):
    program = start(REDIS_URL=f"redis://:hush-hush@127.0.0.1:{free_port()}/0")
    assert ": connection refused); starting anyway" in program.text()
    assert "hush-hush" not in "".join(
        line for line in program.text().splitlines() if not line.startswith("before workers")
    )
    assert program.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_request_in_progress_is_answered_before_it_stops(
    start: Start, tmp_path: Path, number: int
):
    program = start()
    answers, thread = program.begin_slow_request()
    if number == signal.SIGINT:
        os.killpg(program.process.pid, number)  # as a terminal does
    else:
        program.process.send_signal(number)
    assert not answers
    program.release()
    assert program.process.wait(60) == 0
    thread.join(60)
    assert answers[0]["count"] > 0
    assert running_store_url(tmp_path / "data") is None
    assert "Traceback" not in program.text()
    assert "Unexpected" not in program.text()


def test_a_worker_that_dies_is_replaced(start: Start):
    program = start()
    workers = program.worker_pids()
    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: "Respawning worker" in program.text())
    others = eventually(lambda: not is_alive(victim)) and program.worker_pids()
    assert victim not in others
    assert len(others - workers) == 1
    assert program.stop() == 0


def test_workers_that_die_again_and_again_do_not_end_the_program(start: Start):
    program = start()
    for deaths in (1, 2, 3):
        os.kill(min(program.worker_pids()), signal.SIGKILL)
        eventually(lambda deaths=deaths: f"({deaths} died within a minute)" in program.text())
    assert len(program.worker_pids()) == 2
    assert program.stop() == 0


def test_a_store_that_is_killed_is_started_again_with_all_that_it_had(start: Start):
    program = start()
    before = program.get("/count")["count"]
    with open_store(program) as store:
        victim = store.info("server")["process_id"]
        os.kill(victim, signal.SIGKILL)

        def is_another() -> bool:
            try:
                return bool(store.info("server")["process_id"] != victim)
            except redis.ConnectionError:
                return False

        eventually(is_another)
    assert program.get("/count")["count"] == before + 1
    assert "the embedded store died; restarting it" in program.text()
    assert program.stop() == 0


def test_every_worker_does_the_regular_task_whatever_happens_to_it(start: Start):
    program = start(ATTEMPT_TIMEOUT="1", FAILS_AT_FIRST="yes")

    def all_went_on() -> bool:
        ticks = program.get("/ticks")["ticks"]
        return len(ticks) == 2 and all(int(count) > 1 for count in ticks.values())

    assert eventually(all_went_on)


def test_workers_that_cannot_start_end_the_program(start: Start, tmp_path: Path):
    program = start(up=False, BROKEN="yes")
    assert program.process.returncode == 1
    assert "create_app is broken" in program.text()
    assert "ready" not in program.text()
    assert running_store_url(tmp_path / "data") is None


def test_the_access_log_holds_no_query_and_no_line_of_a_stranger(start: Start):
    program = start()
    for path in ("/callback/x?code=hush-hush", "/a%0aFAKE%20%22%1b%5b31m%c3%a9%ff", "/b%0d%0a"):
        with socket.create_connection(("127.0.0.1", program.port)) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            assert b" 404 " in connection.recv(100)
    # Each worker writes its own lines, so their order is not that of the requests.
    eventually(lambda: all(f'"GET /{each}' in program.text() for each in ("callback", "a", "b")))
    text = program.text()
    assert '"GET /callback/x" 404' in text
    assert "hush-hush" not in text
    assert '"GET /a%0AFAKE%20%22%1B%5B31m%C3%A9%FF" 404' in text
    assert '"GET /b%0D%0A" 404' in text
    assert not re.search(r"^FAKE", text, re.MULTILINE)


def test_a_request_is_not_held_up_by_a_slow_one(start: Start):
    program = start(WORKERS="1")
    answers, thread = program.begin_slow_request()
    program.get("/count")
    assert not answers
    program.release()
    thread.join(60)
    assert answers


def test_the_second_start_waits_only_a_moment_at_a_time(start: Start):
    start().stop()
    program = start(TELL_PAUSES="yes")
    eventually(lambda: "ready" in program.text())
    pauses = re.findall(r"^pause (\S+)", program.text(), re.MULTILINE)
    assert [pause for pause in pauses if float(pause) > 0.1] == []
