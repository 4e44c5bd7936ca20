"""The export of what a filter finds: the page, the download, and how far it is."""

import csv
import gzip
import io
import json
import os
import random
import re
import shutil
import socket
import string
import subprocess
import sys
import time
import tracemalloc
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
import urllib3
from harness import PASSWORD, SAME_SITE, browser_of, csrf_token, services_of
from werkzeug.datastructures import MultiDict

from benchmarks import filling, servers
from oauth_helper import create_app
from oauth_helper.common.references import new_reference
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.scopes import RequestedScopes
from oauth_helper.store.embedded.server import EmbeddedStore
from oauth_helper.store.redis import connect

PACKED = {"Accept-Encoding": "gzip"}
NOW = 1_795_000_000.0


def record_many(app, count, message=lambda: "HubSpot said no. " * 20):
    """Records failures, the first of them the newest."""
    day = datetime.fromtimestamp(NOW, UTC).date()
    chance = random.Random(0)
    failures = [
        Failure(
            reference=new_reference(day, chance.choice),
            profile="workato",
            stage=Stage.TOKEN,
            at=NOW - number / 100,
            started_at=int(NOW) - 1000,
            requested=RequestedScopes(("oauth", "crm.objects.contacts.read"), ()),
            candidates=(Candidate(Cause.UNKNOWN, "Nothing is known."),),
            message=message(),
        )
        for number in range(count)
    ]
    with connect(services_of(app).config.redis_url.get_secret_value()) as client:
        filling.record_together(client, failures)


def stop_store(app):
    with redis.Redis.from_url(services_of(app).config.redis_url.get_secret_value()) as client:
        client.shutdown(nosave=True)


def download(browser, form="csv", headers=None, **query):
    """The answer, read to its end."""
    query = {"format": form, **query}
    with browser.get("/support/export", query_string=query, headers=headers) as response:
        assert response.data is not None
        return response


def rows_of(response):
    text = response.data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("role", ["agent", "viewer"])
@pytest.mark.parametrize("headers", [{}, PACKED], ids=["plain", "packed"])
def test_json_lines_are_what_the_api_gives(customer, staff, api, role, headers):
    customer.connect(decision="deny")
    customer.connect(token_answer="rfc_body:BAD_AUTH_CODE")
    response = download(staff(role), "jsonl", headers)
    data = gzip.decompress(response.data) if headers else response.data
    assert [json.loads(line) for line in data.splitlines()] == api("/failures").json["failures"]
    assert response.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
    assert response.headers.get("Content-Encoding") == headers.get("Accept-Encoding")
    assert ("Content-Length" in response.headers) is not bool(headers)


def test_csv_is_for_keeping(customer, staff):
    customer.connect(decision="deny")
    response = download(staff("viewer"), "csv")
    (row,) = rows_of(response)
    assert row["cause"] == "user_denied"
    assert response.data.startswith(b"\xef\xbb\xbf")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        response.headers["Content-Disposition"] == 'attachment; filename="failures-2026-11-18.csv"'
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Accept-Encoding, Cookie"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"cause": "user_denied"}, 1),
        ({"cause": "rate_limited"}, 0),
        ({"q": "cause:user_denied stage:callback"}, 1),
        ({"q": "BAD_AUTH_CODE"}, 1),
        ({"status": "open", "within": "24h"}, 2),
        ({"until": "2026-01-01"}, 0),
    ],
)
def test_the_filters_are_those_of_the_list(customer, staff, query, found):
    customer.connect(decision="deny")
    customer.connect(token_answer="rfc_body:BAD_AUTH_CODE")
    agent = staff("agent")
    assert len(rows_of(download(agent, "csv", **query))) == found
    page = agent.get("/support/export/start", query_string=query)
    expected = {
        0: "No failures match",
        1: "<strong>1</strong> failure matches.",
        2: "<strong>2</strong> failures match.",
    }
    words = "aren't counted" if query.get("q") == "BAD_AUTH_CODE" else expected[found]
    assert words in page.text
    form = page.text.split('data-export="csv"')[1].split("</form>")[0]
    sent = re.findall(r'name="(\w+)" value="([^"]*)"', form)
    assert dict(sent).items() >= {**query, "format": "csv"}.items()
    with agent.get("/support/export", query_string=MultiDict(sent)) as response:
        assert len(rows_of(response)) == found


def test_the_columns_can_be_chosen(customer, staff):
    customer.connect(decision="deny")
    agent = staff("agent")
    (row,) = rows_of(agent.get("/support/export?format=csv&column=cause&column=reference"))
    assert list(row) == ["reference", "cause"]
    response = agent.get("/support/export?format=csv&column=cause&column=nope")
    assert response.status_code == 400
    assert "column has to be one of reference, at, " in response.text


@pytest.mark.parametrize(
    ("query", "named"),
    [("format=xls", "csv, jsonl"), ("", "csv, jsonl"), ("format=csv&cause=x", "cause has to be")],
)
def test_what_cannot_be_exported_is_named(staff, query, named):
    response = staff("viewer").get(f"/support/export?{query}")
    assert response.status_code == 400
    assert named in response.text


@pytest.mark.parametrize("path", ["", "?format=csv", "/start"])
def test_strangers_are_asked_to_sign_in(client, path):
    assert client.get(f"/support/export{path}").location.startswith("/support/login")


def test_only_so_many_at_once(app, make_app, staff):
    record_many(app, 1)
    app = make_app(THREADS="8")
    viewer = staff("viewer")
    cookie = viewer.get_cookie("__Host-session").value
    browsers = [browser_of(app) for _ in range(3)]
    for browser in browsers:
        browser.set_cookie("__Host-session", cookie, secure=True)
    running = [
        browser.get("/support/export?format=csv", headers=PACKED, buffered=False)
        for browser in browsers[:2]
    ]
    busy = browsers[2].get("/support/export?format=csv", headers=PACKED)
    assert busy.status_code == 503
    assert busy.headers["Retry-After"] == "30"
    assert "Others are downloading" in busy.text
    # One reads to the end, one goes away: both leave their place.
    assert running[0].data
    running[0].close()
    running[1].close()
    for browser in browsers:
        assert download(browser).status_code == 200


def test_a_place_is_given_back_when_nothing_comes_of_it(app, staff):
    viewer = staff("viewer")
    places = services_of(app).export_slots
    before = places._value
    assert viewer.get("/support/export?format=x").status_code == 400
    with viewer.head("/support/export?format=csv", headers=PACKED) as response:
        assert response.status_code == 200
        assert places._value == before - 1
    assert places._value == before


class TestLarge:
    COUNT = 2000

    def test_begins_before_all_is_read_and_needs_little_memory(self, app, staff, store):
        record_many(app, self.COUNT)
        viewer = staff("viewer")

        def fetched():
            return store.info("commandstats")["cmdstat_hgetall"]["calls"]

        before = fetched()
        tracemalloc.start()
        try:
            response = viewer.get("/support/export?format=jsonl", headers=PACKED, buffered=False)
            unpacker, pieces = zlib.decompressobj(wbits=31), response.iter_encoded()
            lines = unpacker.decompress(next(pieces)).count(b"\n")
            assert lines == 500
            assert fetched() - before < 1000
            _, first_peak = tracemalloc.get_traced_memory()
            for piece in pieces:
                lines += unpacker.decompress(piece).count(b"\n")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert lines == self.COUNT
        assert unpacker.eof
        assert peak < 1.5 * first_peak
        response.close()


class TestStoreThatDies:
    """With a store of its own, which is stopped in the middle."""

    COUNT = 1200

    @pytest.fixture
    def own_store(self, tmp_path):
        with EmbeddedStore(tmp_path / "own") as own:
            yield own

    @pytest.fixture
    def own_app(self, environ, own_store, clock):
        settings = {**environ, "REDIS_URL": own_store.url}
        app = create_app(Settings.from_environ(settings), clock=clock)
        record_many(app, self.COUNT)
        return app

    @pytest.fixture
    def viewer(self, own_app):
        browser = browser_of(own_app)
        form = {"name": "viewer", "password": PASSWORD, "csrf_token": csrf_token(browser)}
        assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
        return browser

    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_breaks_the_download_off(self, own_app, viewer, form):
        response = viewer.get(f"/support/export?format={form}", headers=PACKED, buffered=False)
        pieces, unpacker = response.iter_encoded(), zlib.decompressobj(wbits=31)
        text = unpacker.decompress(next(pieces)).decode()
        stop_store(own_app)
        with pytest.raises(zlib.error, match="invalid block"):
            text += "".join(unpacker.decompress(piece).decode() for piece in pieces)
        with pytest.raises(Exception, match="Redis unreachable"):
            list(pieces)
        assert not unpacker.eof
        assert 500 <= text.count("2026-11-18T") < self.COUNT
        if form == "jsonl":
            assert all(json.loads(line)["cause"] == "unknown" for line in text.splitlines())
        response.close()
        assert services_of(own_app).export_slots.acquire(blocking=False)

    @pytest.mark.parametrize("headers", [{}, PACKED], ids=["plain", "packed"])
    def test_before_the_first_byte_ends_in_a_page(self, own_app, viewer, headers, monkeypatch):
        failures = services_of(own_app).failures
        # Signing in needs the store as well: it is stopped once the request is let in.
        each = type(failures).each

        def stopped(self, wanted):
            stop_store(own_app)
            return each(self, wanted)

        monkeypatch.setattr(type(failures), "each", stopped)
        response = viewer.get("/support/export?format=csv", headers=headers)
        assert response.status_code == 503
        assert "available right now. Try again soon" in response.text


class TestServed:
    """By the real program: what becomes of a stream that breaks off is the server's doing."""

    COUNT = 3000

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, tmp_path_factory):
        """The files of a store with many failures."""
        folder = tmp_path_factory.mktemp("filled")
        chance = random.Random(1)
        letters = string.ascii_letters + string.digits
        with EmbeddedStore(folder) as own:
            config = {"REDIS_URL": own.url, "DATA_DIR": str(folder), "SECRET_KEY": "k" * 32}
            # They hardly get smaller, so that what lies between the two cannot hold the file.
            record_many(
                create_app(Settings.from_environ(config)),
                cls.COUNT,
                message=lambda: "".join(chance.choices(letters, k=1900)),
            )
        return folder / "store"

    @pytest.fixture
    def own_store(self, filled, tmp_path):
        shutil.copytree(filled, tmp_path / "own" / "store")
        with EmbeddedStore(tmp_path / "own") as own:
            yield own

    @pytest.fixture
    def settings(self, environ, own_store):
        port = str(servers.free_port())
        own = {"REDIS_URL": own_store.url, "PORT": port, "PUBLIC_URL": f"http://localhost:{port}"}
        return {**environ, **own, "THREADS": "4", "WORKERS": "1"}

    @pytest.fixture
    def app(self, settings):
        """The same application, to look into its store."""
        return create_app(Settings.from_environ(settings))

    @pytest.fixture
    def program(self, settings):
        source = str(Path(create_app.__code__.co_filename).parent.parent)
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "oauth_helper"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": source, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        while "is ready" not in "".join(lines[-1:]):
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        # A small buffer at this end, so that the program is held up soon.
        small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)]
        with urllib3.PoolManager(retries=False, socket_options=small) as http:
            yield Program(settings["PUBLIC_URL"], http)
        process.terminate()
        process.wait(60)
        process.stdout.close()

    def test_one_that_is_whole_is_whole(self, program):
        for headers in ({}, PACKED):
            data = program.export(headers).read(decode_content=True)
            assert data.count(b"\n") == self.COUNT

    def test_one_that_breaks_off_is_no_file(self, program, app):
        pieces = program.export(PACKED).stream(50_000, decode_content=True)
        assert next(pieces)
        stop_store(app)
        with pytest.raises(urllib3.exceptions.DecodeError, match="invalid block"):
            list(pieces)

    def test_who_goes_away_leaves_the_place(self, program):
        for _ in range(3):
            response = program.export(PACKED)
            assert response.status == 200
            response.read(1000)
            assert program.export(PACKED).status == 503
            response.close()
            deadline = time.monotonic() + 60
            while (again := program.export(PACKED)).status == 503:
                assert time.monotonic() < deadline
                again.close()
                time.sleep(0.05)
            again.close()
            while (again := program.export(PACKED)).status == 503:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            again.drain_conn()


@dataclass
class Program:
    """The running program, with a viewer signed in."""

    url: str
    http: urllib3.PoolManager

    def __post_init__(self):
        page = self.http.request("GET", f"{self.url}/support/login")
        token = page.data.decode().split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        signed_in = self.http.request(
            "POST",
            f"{self.url}/support/login",
            fields={"name": "viewer", "password": PASSWORD, "csrf_token": token},
            encode_multipart=False,
            headers={"Cookie": self._cookie(page), "Origin": self.url},
            redirect=False,
        )
        assert signed_in.status == 303
        self.cookie = self._cookie(signed_in)

    @staticmethod
    def _cookie(response):
        (session,) = (each for each in response.headers.getlist("Set-Cookie") if "session=" in each)
        return session.split(";")[0]

    def export(self, headers):
        return self.http.request(
            "GET",
            f"{self.url}/support/export?format=jsonl",
            headers={"Accept-Encoding": "identity", **headers, "Cookie": self.cookie},
            preload_content=False,
            redirect=False,
        )
