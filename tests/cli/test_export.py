"""`failures export` as an operator uses it: as a process of its own."""

import csv
import io
import json
import os
import random
import subprocess
import sys
from datetime import date

import pytest
import redis
from click.testing import CliRunner
from harness import KEPT_DAYS
from paths import ROOT
from relays import Relay

from oauth_helper.cli.main import cli
from oauth_helper.common.references import new_reference
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Failure, Status
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.embedded.server import EmbeddedStore
from oauth_helper.store.failures import Failures
from oauth_helper.web.api.failure_schemas import failure_json

# Of the last day of January and the first of February, as the times below.
REFERENCES = tuple(
    new_reference(day, lambda alphabet: alphabet[3])
    for day in (date(2026, 1, 31), date(2026, 2, 1))
)


def recorded(reference, **changes):
    values = {
        "reference": reference,
        "profile": "workato",
        "stage": Stage.TOKEN,
        "at": 1_770_000_000.0,
        "started_at": 1_769_999_990,
        "requested": RequestedScopes(("oauth",), ()),
        "candidates": (Candidate(Cause.UNKNOWN, "Nothing."),),
        "message": "=1+1",
        "hub_id": 1000104,
    }
    return Failure(**{**values, **changes})


@pytest.fixture
def log(store):
    return Failures(store, retention_days=KEPT_DAYS)


@pytest.fixture
def two(log):
    old = recorded(REFERENCES[0], status=Status.RESOLVED, at=1_769_880_000.0, assignee="agent")
    new = recorded(
        REFERENCES[1],
        stage=Stage.CALLBACK,
        missing=("tickets",),
        hub_id=None,
        client="Flow Tool",
    )
    assert log.record(old)
    assert log.record(new)
    return [new, old]


@pytest.fixture
def start(tmp_path, store_url):
    def begin(*arguments, **settings):
        source = str(ROOT)
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own = {"PYTHONPATH": source, "DATA_DIR": str(tmp_path / "data"), "REDIS_URL": store_url}
        return subprocess.Popen(
            [sys.executable, "-m", "oauth_helper", "failures", "export", *arguments],
            cwd=tmp_path,
            env={**kept, **own, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return begin


@pytest.fixture
def run(start):
    def wait(*arguments, **settings):
        with start(*arguments, **settings) as process:
            out, error = process.communicate(timeout=60)
        return process.returncode, out, error.decode()

    return wait


@pytest.fixture
def run_here(tmp_path, store_url, monkeypatch):
    """Runs the command in this process, for what needs none of its own."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        own = {"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": store_url}
        environ = {**dict.fromkeys(os.environ), **own}
        done = CliRunner().invoke(cli, ["failures", "export", *arguments], env=environ)
        return done.exit_code, done.stdout_bytes, done.stderr

    return command


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def test_csv_goes_to_stdout_and_nothing_else_is_said(run, two):
    code, out, error = run()
    assert (code, error) == (0, "")
    assert [row["reference"] for row in rows_of(out)] == [each.reference for each in two]
    assert [row["message"] for row in rows_of(out)] == ["'=1+1"] * 2


def test_json_lines(run, two):
    _, out, _ = run("--format", "jsonl")
    assert [json.loads(line) for line in out.splitlines()] == [failure_json(each) for each in two]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--cause", "unknown"), "both"),
        (("--cause", "rate_limited"), ""),
        (("--profile", "workato"), "both"),
        (("--client", "flow tool"), "new"),
        (("--client", "-"), "old"),
        (("--search", 'client:"Flow Tool"'), "new"),
        (("--status", "open"), "new"),
        (("--stage", "token"), "old"),
        (("--account", "1000104"), "old"),
        (("--assignee", "agent"), "old"),
        (("--assignee", "-"), "new"),
        (("--scope", "tickets"), "new"),
        (("--since", "2026-02-01"), "new"),
        (("--until", "2026-02-01T00:00:00Z"), "old"),
        (("--search", "is:resolved"), "old"),
        (("--search", "nothing"), ""),
    ],
)
def test_filters(run_here, two, arguments, found):
    _, out, _ = run_here(*arguments)
    expected = {"both": two, "new": two[:1], "old": two[1:], "": []}[found]
    assert [row["reference"] for row in rows_of(out)] == [each.reference for each in expected]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--format", "xls"), "csv"),
        (("--cause", "x"), "never_returned"),
        (("--profile", "nobody"), "workato"),
        (("--since", "yesterday"), "2026-11-23T08:00:00Z"),
        (("--search", "cause:x"), "Unknown cause"),
        (("--account", "x"), "--account"),
        (("--output", "/nowhere/at/all"), "Can't write /nowhere/at/all: No such file or directory"),
        (("--output", "/dev/null"), "isn't a regular file"),
    ],
)
def test_what_cannot_be_done_is_named(run_here, arguments, named):
    code, out, error = run_here(*arguments)
    assert code != 0
    assert out == b""
    assert named in error
    assert "Traceback" not in error


def test_progress_is_said_on_stderr_when_asked_for(run, two):
    _, out, error = run("--progress")
    assert error == "2 of 2\n2 failures written.\n"
    assert len(rows_of(out)) == len(two)


def test_a_file_is_whole_and_for_its_owner(run, two, tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before")
    assert run("--output", "out.csv") == (0, b"", "")
    assert len(rows_of(path.read_bytes())) == len(two)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


def test_a_link_stays_one(run, two, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    run("--output", "link.csv")
    assert link.is_symlink()
    assert len(rows_of((tmp_path / "real.csv").read_bytes())) == len(two)


@pytest.fixture
def own_store(tmp_path):
    with EmbeddedStore(tmp_path / "own") as own:
        yield own


def fill(url, count):
    """Records of two thousand characters each, a second apart."""
    chance = random.Random(0)
    with redis.Redis.from_url(url, decode_responses=True) as client:
        log = Failures(client, retention_days=KEPT_DAYS)
        for number in range(count):
            reference = new_reference(date(2026, 2, 1), chance.choice)
            at = 1_770_000_000.0 + number
            assert log.record(recorded(reference, at=at, message="x" * 1900))


def test_a_store_that_dies_in_the_middle_leaves_no_file(run, own_store, tmp_path):
    fill(own_store.url, 1500)
    before = tmp_path / "kept.csv"
    before.write_text("before")
    with Relay(own_store.url, most_bytes=2_500_000) as relay:
        code, _, error = run("--output", "kept.csv", "--progress", REDIS_URL=relay.url)
    assert code == 1
    assert error.startswith("500 of 1500\n")
    assert "Error: Can't use the store: Redis unreachable (connection" in error
    assert "Traceback" not in error
    assert before.read_text() == "before"
    assert not list(tmp_path.glob(".kept*"))


def test_who_has_read_enough_is_told_nothing(start, own_store):
    fill(own_store.url, 1000)
    with start("--format", "jsonl", REDIS_URL=own_store.url) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_without_a_store_one_line_says_so(run):
    code, out, error = run(REDIS_URL="redis://user:canary@127.0.0.1:1/0")
    assert (code, out) == (1, b"")
    assert error.startswith("Error: Can't use the store: Redis unreachable (connection refused)")
    assert error.count("\n") == 1
    assert "canary" not in error


def test_the_columns_of_csv_can_be_chosen(run_here, two):
    code, out, _ = run_here("--columns", "cause, reference")
    assert code == 0
    assert [[*row] for row in rows_of(out)] == [["reference", "cause"]] * len(two)
    code, _, error = run_here("--columns", "nope")
    assert code == 2
    assert "nope must be one of reference, at, " in error
