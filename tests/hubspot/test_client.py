"""The HubSpot adapter over real HTTP: bounded in time and size, one retry where it is safe."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr
from stopwatch import Stopwatch
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from oauth_helper.common.http import Timeouts
from oauth_helper.hubspot.app_credentials import AppCredentials
from oauth_helper.hubspot.client import HubSpotClient
from oauth_helper.hubspot.token_response import Granted, Refused, Unavailable

TOKENS = {
    "access_token": "a",
    "refresh_token": "r",
    "expires_in": 1800,
    "token_type": "bearer",
    "hub_id": 7,
    "scopes": ["oauth"],
}
QUICK = Timeouts(connect=1, read=0.3, total=0.6)


def app_named(client_id):
    return AppCredentials(
        client_id=client_id,
        client_secret=SecretStr("s"),
        redirect_uri="https://a.example/callback",
    )


@contextmanager
def serving(answer):
    """A server that answers each request by `answer(request, number)`."""
    asked = []

    @Request.application
    def application(request):
        request.get_data()
        asked.append(request)
        return answer(request, len(asked))

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def as_json(document, status=200, **headers):
    return Response(json.dumps(document), status, headers, mimetype="application/json")


def test_asks_the_dated_endpoint_with_a_form_and_nothing_else():
    with serving(lambda _request, _n: as_json(TOKENS)) as (url, asked):
        answer = HubSpotClient(url, "2026-09").exchange_code(app_named("app"), "y", None)
    assert isinstance(answer, Granted)
    assert asked[0].path == "/oauth/2026-09/token"
    assert asked[0].content_type == "application/x-www-form-urlencoded"
    assert asked[0].get_data(as_text=True) == (
        "grant_type=authorization_code&redirect_uri=https%3A%2F%2Fa.example%2Fcallback"
        "&client_id=app&client_secret=s&code=y"
    )
    assert "Authorization" not in asked[0].headers


def test_reuses_its_connection():
    ports = set()

    class KeepAlive(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            ports.add(self.client_address[1])
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(TOKENS).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), KeepAlive) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        hubspot = HubSpotClient(f"http://127.0.0.1:{server.server_port}", "v3")
        assert all(
            isinstance(hubspot.exchange_code(app_named("app"), "y", None), Granted)
            for _ in range(5)
        )
        hubspot.close()
        server.shutdown()
        thread.join()
    assert len(ports) == 1


@pytest.mark.parametrize(("status", "asked_twice"), [(429, True), (423, True), (503, False)])
def test_asks_once_more_only_where_the_code_is_unused(status, asked_twice):
    def answer(_request, number):
        return as_json({}, status) if number == 1 else as_json(TOKENS)

    with serving(answer) as (url, asked):
        answer = HubSpotClient(url, "v3").exchange_code(app_named("app"), "y", None)
    assert len(asked) == (2 if asked_twice else 1)
    assert isinstance(answer, Granted if asked_twice else Unavailable)


def test_does_not_wait_as_long_as_it_is_told_to_while_a_person_waits():
    watch = Stopwatch()
    with serving(lambda _r, _n: as_json({}, 429, **{"Retry-After": "60"})) as (url, asked):
        answer = HubSpotClient(url, "v3").exchange_code(app_named("app"), "y", None)
    assert isinstance(answer, Unavailable)
    assert answer.retry_after == 60
    assert len(asked) == 1
    assert watch.seconds() < 5


def test_a_refusal_is_not_repeated():
    with serving(lambda _r, _n: as_json({"status": "BAD_AUTH_CODE"}, 400)) as (url, asked):
        assert isinstance(
            HubSpotClient(url, "v3").exchange_code(app_named("app"), "y", None), Refused
        )
    assert len(asked) == 1


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hubspot = HubSpotClient(f"http://127.0.0.1:{port}", "v3")
    answer = hubspot.exchange_code(app_named("app"), "y", None)
    assert isinstance(answer, Unavailable)
    assert answer.code_unused
    assert hubspot.introspect(app_named("app"), SecretStr("x")) is None
    assert hubspot.revoke(app_named("app"), SecretStr("x")) is False


def raw_server(*chunks, pause=0.0):
    """A server of bytes: sends the chunks with pauses, then stays silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for chunk in chunks:
                try:
                    connection.sendall(chunk)
                except OSError:
                    return
                if done.wait(pause):
                    return
            done.wait(10)

    threading.Thread(target=serve, daemon=True).start()
    return listener, done


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("chunks", "pause"),
    [
        ((), 0.0),
        ((HEAD,), 0.0),
        ((HEAD, *[b" "] * 40), 0.1),
        ([HEAD[at : at + 1] for at in range(len(HEAD))], 0.1),
        ([b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 90], 0.1),
        ([CHUNKED, *[b"0"] * 90], 0.1),
        ([CHUNKED, *[b"1\r\n \r\n"] * 90], 0.1),
        ([b"HTTP/1.1 200 OK\r\n\r\n{", *[b" "] * 90], 0.1),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"] * 90, 0.1),
        ([b"HTTP/1.1 100 Continue\r\n\r\n"] * 100_000, 0.0),
    ],
    ids=[
        "silent",
        "stops-after-the-head",
        "trickles",
        "head-trickles",
        "headers-trickle",
        "chunk-size-trickles",
        "chunks-trickle",
        "no-length",
        "continue-trickles",
        "continue-endless",
    ],
)
def test_waits_are_bounded(chunks, pause):
    listener, done = raw_server(*chunks, pause=pause)
    with listener:
        watch = Stopwatch()
        answer = HubSpotClient(
            f"http://127.0.0.1:{listener.getsockname()[1]}", "v3", QUICK
        ).exchange_code(app_named("app"), "y", None)
        assert watch.seconds() < 3
        done.set()
    assert isinstance(answer, Unavailable)
    assert not answer.code_unused


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["hangs-up", "no-http", "cut-short", "not-gzip", "bad-chunks", "redirect"],
)
def test_broken_answers_are_no_exception(reply):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(reply)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        answer = HubSpotClient(
            f"http://127.0.0.1:{listener.getsockname()[1]}", "v3", QUICK
        ).exchange_code(app_named("app"), "y", None)
    thread.join(5)
    assert isinstance(answer, (Unavailable, Refused))


def test_more_than_any_answer_is_not_read():
    with serving(lambda _r, _n: Response(b" " * 5_000_000, 200)) as (url, _):
        answer = HubSpotClient(url, "v3").exchange_code(app_named("app"), "y", None)
    assert isinstance(answer, Unavailable)
    assert "too long" in answer.why


@pytest.mark.parametrize(("status", "confirmed"), [(200, True), (204, True), (400, False)])
def test_revocation_is_what_hubspot_confirms(status, confirmed):
    with serving(lambda _r, _n: Response(b"", status)) as (url, asked):
        assert HubSpotClient(url, "2026-09").revoke(app_named("app"), SecretStr("x")) is confirmed
    assert asked[0].path == "/oauth/2026-09/token/revoke"


@pytest.mark.parametrize(("status", "confirmed"), [(204, True), (401, False), (500, False)])
def test_the_app_is_uninstalled_with_the_bearer_token(status, confirmed):
    with serving(lambda _r, _n: Response(b"", status)) as (url, asked):
        assert HubSpotClient(url, "v3").uninstall(SecretStr("x")) is confirmed
    assert (asked[0].method, asked[0].path) == ("DELETE", "/appinstalls/2026-09/external-install")
    assert asked[0].headers["Authorization"] == "Bearer x"


def test_an_app_that_gets_no_answers_is_left_alone_and_others_are_not():
    with serving(lambda _r, _n: Response(b"", 500)) as (url, asked):
        hubspot = HubSpotClient(url, "v3")
        for _ in range(5):
            assert hubspot.is_ready("app")
            assert isinstance(hubspot.exchange_code(app_named("app"), "y", None), Unavailable)
        assert len(asked) == 5
        assert hubspot.is_silent("app")
        assert not hubspot.is_ready("app")
        left = hubspot.exchange_code(app_named("app"), "y", None)
        assert len(asked) == 5
        assert hubspot.is_ready("another")
        assert isinstance(hubspot.exchange_code(app_named("another"), "y", None), Unavailable)
        assert len(asked) == 6
    assert isinstance(left, Unavailable)
    assert left.code_unused
    assert left.retry_after


@pytest.mark.parametrize("answer", [(400, "BAD_AUTH_CODE"), (429, "RATE_LIMIT"), (423, "LOCKED")])
def test_an_app_that_is_refused_has_its_answers(answer):
    status, name = answer
    with serving(lambda _r, _n: as_json({"status": name}, status, **{"Retry-After": "9"})) as (
        url,
        _,
    ):
        hubspot = HubSpotClient(url, "v3")
        for _ in range(12):
            hubspot.exchange_code(app_named("app"), "y", None)
        assert hubspot.is_ready("app")


def test_callers_that_wait_for_a_refresh_of_another_leave_threads_for_the_rest():
    with serving(lambda *_: as_json(TOKENS)) as (url, _asked), ExitStack() as stack:
        hubspot = HubSpotClient(url, "v3", threads=8)
        found = [stack.enter_context(hubspot.waits_for_refresh()) for _ in range(6)]
        assert found == [True] * 4 + [False] * 2
        assert isinstance(hubspot.exchange_code(app_named("app"), "y", None), Granted)
        stack.close()
        with hubspot.waits_for_refresh() as may_wait:
            assert may_wait


def test_all_that_waits_for_hubspot_takes_three_quarters_of_the_threads():
    release, arrived = threading.Event(), threading.Semaphore(0)

    def answer(_request, _number):
        arrived.release()
        release.wait(120)
        return as_json(TOKENS)

    with serving(answer) as (url, _asked), ThreadPoolExecutor(8) as pool:
        hubspot = HubSpotClient(url, "v3", threads=8)
        for name in ("a", "a", "a", "b", "b", "b"):
            pool.submit(hubspot.exchange_code, app_named(name), "y", None)
        assert all(arrived.acquire(timeout=60) for _ in range(6))
        assert isinstance(hubspot.exchange_code(app_named("c"), "y", None), Unavailable)
        assert hubspot.introspect(app_named("c"), SecretStr("token")) is None
        assert not hubspot.revoke(app_named("c"), SecretStr("token"))
        assert not hubspot.uninstall(SecretStr("token"))
        with hubspot.waits_for_refresh() as may_wait:
            assert not may_wait
        release.set()


def test_one_slow_app_does_not_take_all_threads_of_the_program():
    release, arrived = threading.Event(), threading.Semaphore(0)

    def answer(request, _number):
        if "client_id=slow&" in request.get_data(as_text=True):
            arrived.release()
            release.wait(120)
        return as_json(TOKENS)

    with serving(answer) as (url, asked):
        hubspot = HubSpotClient(url, "v3", threads=8)
        answers = []

        def ask():
            answers.append(hubspot.exchange_code(app_named("slow"), "y", None))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert all(arrived.acquire(timeout=60) for _ in threads)
        assert not hubspot.is_ready("slow")
        turned_away = hubspot.exchange_code(app_named("slow"), "y", None)
        assert isinstance(turned_away, Unavailable)
        assert turned_away.code_unused
        assert isinstance(hubspot.exchange_code(app_named("quick"), "y", None), Granted)
        release.set()
        for thread in threads:
            thread.join(20)
        assert len(asked) == 5
        assert [type(each) for each in answers] == [Granted] * 4
        assert hubspot.is_ready("slow")
        assert isinstance(hubspot.exchange_code(app_named("slow"), "y", None), Granted)
