"""The outbox on a real disk: durable, shared by processes, bounded, and never in the way."""

import logging
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from failure_examples import a_failure, some_failures
from hypothesis import given
from hypothesis import strategies as st
from paths import TESTS
from pydantic import SecretStr

from oauth_helper.common.encryption import Encryptor
from oauth_helper.failures.model import Event, EventType
from oauth_helper.models import Attempt, Connection, StoreUnavailableError, Tokens
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.outbox import queue as outbox_module
from oauth_helper.store.outbox.events import (
    EVENT_TYPES,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ErrorReported,
)
from oauth_helper.store.outbox.queue import Outbox, problem_with_directory

SEALER = Encryptor([SecretStr("a key of the outbox that is long enough")], purpose="outbox")
ATTEMPT = Attempt(
    "2M7X-TQRT-89HR", "workato", RequestedScopes(("oauth",), ("tickets",)), 1000, 1900
)
FAILURE = a_failure(message="canary-message")
CONNECTED = AttemptSucceeded(
    Connection(
        id="workato.7",
        profile="workato",
        hub_id=7,
        granted=("oauth",),
        missing_optional=("files",),
        connected_at=1000,
        expires_at=2800,
        reference="2M7X-TQRT-89HR",
    ),
    Tokens(SecretStr("canary-access"), SecretStr("canary-refresh")),
    browser_id="2M7X-TQRT-89HR",
    fingerprint="f",
    at=1234.5,
)
NOTES = [
    AttemptStarted(
        replace(ATTEMPT, browser_id="2M7X-TQRT-89HR", language="de", client="Flow Tool")
    ),
    AttemptFailed(FAILURE),
    AttemptFailed(FAILURE, replaces=True),
    ErrorReported(FAILURE, Event(1234.5, EventType.REPORTED, "customer", "“E1”\n")),
    CONNECTED,
    replace(
        CONNECTED,
        connection=replace(CONNECTED.connection, hub_id=None, granted=None, client="flow"),
    ),
]


@pytest.fixture
def make(tmp_path):
    def begin(**options):
        return Outbox(tmp_path / "outbox", encryptor=SEALER, **options)

    return begin


def taken(box):
    found = []
    box.replay(found.append)
    return found


def began(number):
    return AttemptStarted(replace(ATTEMPT, started_at=number))


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_comes_back_as_it_was(note):
    again = SEALER.decrypt_value(SEALER.encrypt_value(note), *EVENT_TYPES)
    assert again == note
    if isinstance(note, AttemptSucceeded):
        assert again.tokens.refresh_token.get_secret_value() == "canary-refresh"


@given(some_failures(5))
def test_every_failure_comes_back_as_it_was(failures):
    for failure in failures:
        assert SEALER.decrypt_value(
            SEALER.encrypt_value(AttemptFailed(failure)), *EVENT_TYPES
        ) == AttemptFailed(failure)


@given(st.binary(max_size=200))
def test_what_is_no_note_is_a_value_error(data):
    with pytest.raises(ValueError, match="not a value"):
        SEALER.decrypt_value(SEALER.encrypt(data).decode(), *EVENT_TYPES)


def test_notes_come_out_once_and_in_their_order_also_for_another_process(make):
    box = make()
    assert box.replay(pytest.fail) == 0
    assert not box._path.exists()  # nothing is made before it is needed
    for note in NOTES:
        box.put(note)
    assert box.depth() == len(NOTES)
    assert taken(make()) == NOTES
    assert taken(box) == []
    assert box.depth() == 0


def test_nothing_of_a_note_can_be_read_from_the_disk(make, tmp_path):
    box = make()
    for note in NOTES:
        box.put(note)
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "outbox").iterdir())
    assert len(on_disk) > 4096
    for text in (b"canary", b"workato", b"tickets", b"2M7X"):
        assert text not in on_disk
    for path in [tmp_path / "outbox", *(tmp_path / "outbox").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_outage_in_the_middle_leaves_the_rest(make):
    box = make()
    for number in range(5):
        box.put(began(number))
    found = []

    def write(note):
        if len(found) == 2:
            raise StoreUnavailableError("away again")
        found.append(note)

    with pytest.raises(StoreUnavailableError):
        box.replay(write)
    assert box.depth() == 3
    assert found + taken(box) == [began(number) for number in range(5)]


def test_a_note_that_cannot_be_written_holds_nobody_up_and_is_kept(make, tmp_path, caplog):
    box = make()
    box.put(began(1))
    box.put(began(2))
    stranger = Encryptor([SecretStr("another key that is long enough too")], purpose="outbox")
    with sqlite3.connect(tmp_path / "outbox" / "notes.sqlite3") as database:
        database.execute(
            "UPDATE notes SET note = ? WHERE id = 1", (stranger.encrypt_value(began(1)).encode(),)
        )
    database.close()
    assert taken(box) == [began(2)]
    assert box.depth() == 0
    assert "event 1; set aside" in caplog.text
    with sqlite3.connect(tmp_path / "outbox" / "notes.sqlite3") as database:
        assert database.execute("SELECT refused FROM notes").fetchall() == [("DecryptionError",)]
    database.close()


def test_while_one_process_replays_the_others_have_nothing_to_do(make):
    box, other = make(), make()
    box.put(began(1))
    seen = []
    box.replay(lambda note: seen.append((note, other.replay(pytest.fail))))
    assert seen == [(began(1), 0)]


def test_many_processes_put_and_replay_at_once_and_each_note_comes_out_once(make, tmp_path):
    context = multiprocessing.get_context("fork")
    box = make()
    box.put(began(0))  # opened before the fork: the others must not use this handle
    results = context.SimpleQueue()

    def work(number):
        for step in range(50):
            box.put(began(1000 * number + step))
        results.put(taken(box))

    workers = [context.Process(target=work, args=(number,)) for number in range(1, 5)]
    for worker in workers:
        worker.start()
    found = [note for _ in workers for note in results.get()]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found += taken(box)
    expected = [0, *(1000 * number + step for number in range(1, 5) for step in range(50))]
    assert sorted(note.attempt.started_at for note in found) == expected
    # With nothing left the room is given back.
    assert (tmp_path / "outbox" / "notes.sqlite3").stat().st_size <= 5 * 4096


def test_threads_of_several_processes_lose_nothing(make):
    """A thread that closes the file must not drop the locks of its process's other threads."""
    context = multiprocessing.get_context("fork")

    def put(box, first):
        for number in range(first, first + 40):
            box.put(began(number))

    def work(first):
        box = make()
        threads = [
            threading.Thread(target=put, args=(box, first + 100 * number)) for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not box._in_memory

    workers = [context.Process(target=work, args=(1000 * number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = sorted(note.attempt.started_at for note in taken(make()))
    assert found == [
        1000 * worker + 100 * thread + step
        for worker in range(2)
        for thread in range(8)
        for step in range(40)
    ]


_PUTS_FOR_EVER = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from store.outbox.test_queue import SEALER, began
from oauth_helper.store.outbox.queue import Outbox
box = Outbox(Path(sys.argv[1]), encryptor=SEALER)
number = 0
while True:
    box.put(began(number))
    print(number, flush=True)
    number += 1
"""


def test_what_was_put_is_there_after_a_kill(make, tmp_path):
    tests = TESTS
    arguments = [str(tmp_path / "outbox"), str(tests), str(tests.parent)]
    with subprocess.Popen(
        [sys.executable, "-c", _PUTS_FOR_EVER, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(200):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        told = process.stdout.read().splitlines()
    last = int(told[-1]) if told else last
    numbers = [note.attempt.started_at for note in taken(make())]
    assert numbers[: last + 1] == list(range(last + 1))
    assert len(numbers) <= last + 2


def test_a_full_file_keeps_its_last_quarter_for_what_matters_more(make, caplog):
    box = make(max_bytes=64 * 4096)
    number = 0
    while not box.lost:
        box.put(began(number))
        number += 1
        assert number < 5000
    assert "is full: 1 attempts so far" in caplog.text
    waiting = box.depth()
    assert waiting == number - 1
    for step in range(20):
        box.put(AttemptFailed(a_failure(message=f"{step}")))
    assert box.depth() == waiting + 20
    assert box.lost == 1
    assert len(taken(box)) == waiting + 20


def test_beyond_that_notes_are_kept_in_memory_and_then_lost_and_told(make, caplog, monkeypatch):
    monkeypatch.setattr(outbox_module, "_MAX_IN_MEMORY", 3)
    box = make(max_bytes=16 * 4096)
    put = 0
    while not box.lost:
        box.put(AttemptFailed(a_failure(message=os.urandom(500).hex())))
        put += 1
        assert put < 5000
    assert box.depth() == put - 1
    assert "in memory only" in caplog.text
    assert "lost because the outbox is full: failed" in caplog.text
    assert len(taken(box)) == put - 1


def test_where_nothing_can_be_written_notes_wait_in_memory(tmp_path, caplog):
    (tmp_path / "file").write_text("not a directory")
    box = Outbox(tmp_path / "file" / "outbox", encryptor=SEALER)
    assert (
        problem_with_directory(tmp_path / "file/outbox")
        == f"{tmp_path}/file/outbox cannot be written"
    )
    box.put(NOTES[1])
    box.put(NOTES[2])
    assert [record.levelno for record in caplog.records] == [logging.WARNING]  # not for each
    assert box.depth() == 2
    assert taken(box) == NOTES[1:3]


def test_a_directory_that_can_be_made_is_no_problem(tmp_path):
    assert problem_with_directory(tmp_path / "not/there/yet") == ""


@pytest.mark.parametrize("damage", ["another file", "torn page"])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(make, tmp_path, damage, caplog):
    path = tmp_path / "outbox" / "notes.sqlite3"
    box = make()
    for number in range(200):
        box.put(began(number))
    size = path.stat().st_size
    with path.open("r+b") as file:
        if damage == "torn page":
            file.seek(100)
        file.write(b"x" * (size - 200))
    box = make()
    taken(box)
    box.put(began(1))
    assert taken(box) == [began(1)]
    assert "the outbox is damaged; moving it to" in caplog.text
    assert (tmp_path / "outbox" / "notes.damaged").stat().st_size == size


def test_a_file_that_somebody_removed_is_made_again(make, tmp_path):
    box = make()
    box.put(began(1))
    for path in (tmp_path / "outbox").iterdir():
        path.unlink()
    box.put(began(2))
    assert taken(box) == [began(2)]
