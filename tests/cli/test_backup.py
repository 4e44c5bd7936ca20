"""A backup of the embedded store, taken while others write, and what becomes of it."""

import os
import threading
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from oauth_helper.cli.main import cli
from oauth_helper.store.embedded.server import EmbeddedStore

KEY = "k" * 32


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def command(*arguments, data, **settings):
        own = {"DATA_DIR": str(tmp_path / data), "SECRET_KEY": KEY, **settings}
        environ = {**dict.fromkeys(os.environ), **own}
        return CliRunner().invoke(cli, arguments, env=environ)

    return command


def records_of(folder: Path) -> set[str]:
    with EmbeddedStore(folder) as store, redis.Redis.from_url(store.url) as client:
        return {int(value) for value in client.lrange("oh:written", 0, -1)}


def test_under_load_each_record_of_before_is_restored(run, tmp_path):
    answered, stopped = [], threading.Event()
    with EmbeddedStore(tmp_path / "data") as store, redis.Redis.from_url(store.url) as client:
        client.set("oh:large", os.urandom(3_000_000))  # several pieces

        def write():
            while not stopped.is_set():
                client.rpush("oh:written", len(answered))
                answered.append(len(answered))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            while not answered:
                pass
            before = len(answered)
            done = run("backup", "b.bin", data="data")
            after = len(answered)
        finally:
            stopped.set()
            writer.join()
        assert done.exit_code == 0, done.output
        assert "b.bin: 2 keys, encrypted and verified." in done.output
        assert not list((tmp_path / "data" / "store").glob("*.rdb"))
    assert (tmp_path / "b.bin").stat().st_mode & 0o777 == 0o600
    assert b"oh:written" not in (tmp_path / "b.bin").read_bytes()
    assert after > before
    restored = run("restore", "b.bin", data="new")
    assert (restored.exit_code, restored.stderr) == (0, "")
    assert "2 keys restored" in restored.stdout
    found = records_of(tmp_path / "new")
    # All that was answered before, and nothing but a beginning of what followed.
    assert found == set(range(len(found)))
    assert before <= len(found) <= after + 1
    again = run("restore", "b.bin", data="new")
    assert again.exit_code == 1
    assert "restore into an empty DATA_DIR" in again.stderr


@pytest.fixture
def archive(run, tmp_path):
    with EmbeddedStore(tmp_path / "data") as store, redis.Redis.from_url(store.url) as client:
        client.set("oh:large", os.urandom(3_000_000))
    assert run("backup", "b.bin", data="data").exit_code == 0
    return tmp_path / "b.bin"


def test_what_is_no_whole_backup_or_has_another_key_restores_nothing(run, archive, tmp_path):
    good = archive.read_bytes()
    head, piece = 38, (1 << 20) + 28
    first, second = good[head : head + piece], good[head + piece : head + 2 * piece]
    broken = {
        "damaged": bytes([*good[:-1], good[-1] ^ 1]),
        "damaged, cut between two pieces": good[: head + piece],
        "damaged, cut": good[:-1000],
        "damaged, in another order": good[:head] + second + first + good[head + 2 * piece :],
        "damaged, of another file": good[:22] + bytes(16) + good[head:],
        "no backup of": b"PK",
        "no backup": b"",
    }
    for number, (named, data) in enumerate(broken.items()):
        (tmp_path / "broken").write_bytes(data)
        done = run("restore", "broken", data=f"new{number}")
        assert done.exit_code == 1
        assert named.partition(",")[0] in done.stderr
        assert not list((tmp_path / f"new{number}").iterdir())
    done = run("restore", "b.bin", data="other", SECRET_KEY="o" * 32)
    assert "SECRET_KEY is not the one" in done.stderr
    assert run("restore", "b.bin", data="other", SECRET_KEY=f"{'n' * 32},{KEY}").exit_code == 0


@pytest.mark.parametrize(
    ("command", "settings", "named"),
    [
        ("backup", {"REDIS_URL": "redis://localhost/0"}, "use the backup of that server"),
        ("restore", {"REDIS_URL": "redis://localhost/0"}, "use the backup of that server"),
        ("restore", {"SECRET_KEY": ""}, "put the key file at"),
        ("restore", {}, "No such file or directory"),
        ("backup", {"SECRET_KEY": "short"}, "SECRET_KEY"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, tmp_path, command, settings, named):
    done = run(command, "b.bin", data="data", **settings)
    assert done.exit_code in (1, 2)
    assert named in done.stderr
    assert not (tmp_path / "b.bin").exists()


def test_a_place_that_takes_no_file_is_named(run):
    done = run("backup", "nowhere/b.bin", data="data")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Can't write nowhere/b.bin: No such file or directory" in done.stderr
