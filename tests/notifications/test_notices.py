"""Notices for people: once for a burst, once when it is over, and never for each failure."""

import json
import random
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from click.testing import CliRunner
from failure_examples import a_failure
from flask import Flask, request
from harness import PUBLIC_URL, browser_of, run_server, services_of
from oauth_clients import CALLBACK, clients_file
from pydantic import SecretStr

from oauth_helper.app import BACKGROUND
from oauth_helper.cli.main import cli
from oauth_helper.config.settings import Settings, SettingsError
from oauth_helper.config.webhooks import Threshold
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import Status
from oauth_helper.notifications.group_watch import GroupState, next_state
from oauth_helper.notifications.notices import NoticeSender

DATA = {
    "group": "0123456789",
    "cause": "invalid_scope_name",
    "scopes": ["https://evil.example/x", "tickets"],
    "profile": "workato",
    "count": 12,
    "open": 9,
    "recent": 7,
    "seconds": 600,
}


class Mail(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as it takes to get a message."""

    def handle(self):
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.messages.append(b"".join(lines).decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")


@contextmanager
def mail_server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail) as server:
        server.messages, server.daemon_threads = [], True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def chat():
    """An incoming webhook as those of Slack and Mattermost; its url, and the texts that it got."""
    app, texts = Flask("chat"), []

    @app.post("/hooks/<token>")
    def hook(token):
        body = request.json if request.is_json else json.loads(request.form["payload"])
        texts.append(body["text"])
        return "ok", 200 if token == "goodtoken" else 500

    with run_server(app) as port:
        yield f"mmost://127.0.0.1:{port}/", texts


@pytest.fixture
def texts(chat):
    chat[1].clear()
    return chat[1]


@pytest.fixture
def app(make_app, chat):
    return make_app(NOTIFY_URLS=f"{chat[0]}goodtoken")


@pytest.fixture
def work(app, clock):
    """What the workers do some seconds later."""

    def later(seconds=11):
        background = app.extensions[BACKGROUND]
        background.group_watch.watch()
        clock.now += seconds
        background.group_watch.watch()
        for url in background.events.queues.by_url:
            background.events.deliver(url)

    return later


@pytest.fixture
def fail(app, clock):
    def record(cause=Cause.USER_DENIED, ago=0):
        failure = a_failure(datetime.fromtimestamp(clock.now - ago, UTC), cause=cause)
        services_of(app).failures.record(failure)
        return failure.reference

    return record


@pytest.fixture
def resolve(app):
    def change(reference, status=Status.RESOLVED):
        services_of(app).failures.change(reference, partial(replace, status=status))

    return change


def test_a_burst_of_three_kinds_is_three_notices_and_three_more_once_resolved(
    fail, resolve, work, texts, store
):
    kinds = [Cause.USER_DENIED, Cause.UNKNOWN, Cause.APP_BLOCKED]
    references = [fail(random.Random(number).choice(kinds)) for number in range(500)]
    work()
    work()
    assert len(texts) == 3
    assert all("Many failures" in text and "in the last 10 minutes" in text for text in texts)
    for reference in references:
        resolve(reference)
    work()
    work()
    assert len(texts) == 6
    assert all("Resolved" in text for text in texts[3:])
    assert not store.keys("oh:{webhooks}:*:queue:*")


def test_the_first_failure_is_news_and_the_next_ones_are_not(fail, resolve, work, texts):
    first = fail()
    work()
    assert len(texts) == 1
    assert "New failure: " in texts[0]
    assert "1 in the last 10 minutes, 1 open" in texts[0]
    assert f"{PUBLIC_URL}/support/failures?group=" in texts[0]
    second = fail()
    work()
    resolve(first)
    work()
    assert len(texts) == 1
    resolve(second)
    work()
    assert len(texts) == 2
    # Who fails and connects all day is no news; a day later it is.
    resolve(fail())
    fail()
    work()
    assert len(texts) == 2


def test_scopes_that_a_stranger_makes_up_are_not_named_and_flood_nobody(
    make_app, chat, texts, clock, tmp_path
):
    app = make_app(NOTIFY_URLS=f"{chat[0]}goodtoken", OAUTH_CLIENTS_FILE=clients_file(tmp_path, {}))
    browser = browser_of(app)
    for number in range(30):
        scope = f"https://evil.example/{number}"
        query = {"client_id": "tool", "redirect_uri": CALLBACK, "scope": scope}
        assert browser.get("/oauth/authorize", query_string=query).status_code == 302
    background = app.extensions[BACKGROUND]
    background.group_watch.watch()
    clock.now += 11
    background.group_watch.watch()
    for url in background.events.queues.by_url:
        background.events.deliver(url)
    assert len(texts) == 20
    assert "evil" not in "".join(texts)


def test_what_is_written_after_an_outage_is_no_news(fail, resolve, work, texts):
    references = [fail(ago=1800) for _ in range(20)]
    work()
    for reference in references:
        resolve(reference)
    work()
    assert texts == []


def test_a_failure_that_changes_its_cause_is_news_of_its_new_group(app, fail, work, texts):
    reference = fail(Cause.NEVER_RETURNED)
    work()
    candidates = a_failure(cause=Cause.APP_BLOCKED).candidates
    services_of(app).failures.change(reference, partial(replace, candidates=candidates))
    work()
    assert "New failure" in texts[0]
    assert "No response" in texts[0]
    assert len(texts) == 2
    assert "New failure" in texts[1]


def test_a_service_that_is_down_gets_it_later(make_app, chat, texts, clock):
    app = make_app(NOTIFY_URLS=f"{chat[0]}badtoken")
    background = app.extensions[BACKGROUND]
    services_of(app).failures.record(a_failure(datetime.fromtimestamp(clock.now, UTC)))
    background.group_watch.watch()
    clock.now += 11
    background.group_watch.watch()
    (queue,) = background.events.queues.by_url.values()
    (url,) = background.events.queues.by_url
    for _ in range(3):
        assert background.events.deliver(url) == 0
        assert queue.counts() == (1, 0)
        clock.now += 3600
    assert len(texts) == 3


def test_mail_has_cause_count_person_and_link():
    with mail_server() as server:
        address = f"mailto://127.0.0.1:{server.server_address[1]}?from=a@b.example&to=c@d.example"
        sender = NoticeSender(SecretStr(address), PUBLIC_URL, {"tickets"})
        assert sender.send({"type": "group.spiking"}, DATA, 0.0).is_delivered
    (message,) = server.messages
    for words in (
        "Many failures",
        "7 in the last 10 minutes, 9 open",
        "Who fixes it: Platform operator. Look up `tickets` in HubSpot's list",
        "group=",
    ):
        assert words in message.replace("=\r\n", "").replace("=3D", "=")
    assert "evil" not in message


def test_the_command_sends_a_test(environ, chat, texts):
    def run(token):
        settings = {**environ, "NOTIFY_URLS": f"{chat[0]}{token}"}
        return CliRunner().invoke(cli, ["webhook", "test"], env=settings)

    done = run("goodtoken")
    assert (done.exit_code, done.stdout) == (0, "mmost: delivered\n")
    assert "come here" in texts[0]
    done = run("badtoken")
    assert done.exit_code == 1
    assert "badtoken" not in done.output


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"NOTIFY_URLS": "canary://x"}, "NOTIFY_URLS number 1 is no address of Apprise"),
        ({"NOTIFY_THRESHOLD": "5"}, "NOTIFY_THRESHOLD must be a number of failures and a time"),
        ({"NOTIFY_THRESHOLD": "5/2d"}, "NOTIFY_THRESHOLD must be"),
        ({"NOTIFY_THRESHOLD": "5/59s"}, "NOTIFY_THRESHOLD must be"),
    ],
)
def test_a_wrong_setting_is_named(settings, problem, capfd):
    with pytest.raises(SettingsError) as error:
        Settings.from_environ(settings)
    assert problem in str(error.value)
    assert "canary" not in str(error.value) + "".join(capfd.readouterr())


def test_addresses_with_commas_are_read():
    text = "mmost://h/abcdefgh,mailto://h?from=a@b.example&to=c@d.example,e@f.example"
    assert len(Settings.from_environ({"NOTIFY_URLS": text}).notify_urls) == 2


THRESHOLD = Threshold(5, 600)


@pytest.mark.parametrize(
    ("before", "is_open", "recent", "name", "event"),
    [
        ("new", True, 1, "announced", "group.started"),
        ("new", True, 5, "announced", "group.spiking"),
        ("new", True, 0, "silent", ""),
        ("new", False, 1, "new", ""),
        ("announced", True, 2, "announced", ""),
        ("announced", True, 9, "announced", "group.spiking"),
        ("announced", False, 0, "resolved", "group.resolved"),
        ("silent", False, 0, "resolved", ""),
        ("resolved", True, 1, "silent", ""),
        ("resolved", True, 7, "announced", "group.spiking"),
    ],
)
def test_a_state_follows_from_the_last_one(before, is_open, recent, name, event):
    after, kind = next_state(GroupState(before), is_open, recent, 1000.0, THRESHOLD)
    assert (after.name, kind) == (name, event)


def test_a_spike_that_goes_on_is_one():
    state, events = GroupState(), []
    for now in range(1000, 5000, 100):
        state, event = next_state(state, is_open=True, recent=9, now=now, threshold=THRESHOLD)
        events.append(event)
    assert [each for each in events if each] == ["group.spiking"]
    _, event = next_state(state, is_open=True, recent=9, now=6000, threshold=THRESHOLD)
    assert event == "group.spiking"
