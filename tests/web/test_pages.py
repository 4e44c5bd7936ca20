"""What holds for every page: headers, errors, limits, and any input at all."""

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import pytest
from harness import browser_of, customer_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paths import ROOT
from werkzeug.test import create_environ, run_wsgi_app

from oauth_helper import __version__

PUBLIC = ["/", "/setup/workato", "/attempts/unknown", "/support/login", "/nothing", "/healthz"]


@pytest.mark.parametrize("path", PUBLIC)
def test_guards_stand_in_every_answer(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", PUBLIC)
def test_no_page_has_inline_script_or_style(client, path):
    page = client.get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\son\w+=|\sstyle=|<style", page)


def test_stylesheets_and_scripts_stay_small():
    files = [each for each in (ROOT / "oauth_helper/web/static").iterdir() if each.suffix != ".svg"]
    assert {each.suffix for each in files} == {".css", ".js"}
    assert sum(each.stat().st_size for each in files) <= 60_000


def test_static_files_may_be_cached(client):
    with client.get("/static/app.css") as response:
        assert response.headers["Cache-Control"] != "no-store"


def test_the_first_page_says_what_will_be_asked(client):
    page = client.get("/").text
    assert "Connect HubSpot" in page
    assert "View contacts" in page
    assert page.count('type="checkbox"') == 47
    assert "highly sensitive" in page
    assert "Sandbox mode." not in page


def test_the_sandbox_is_not_there_with_a_client_id(client):
    for path in ("/sandbox/", "/sandbox/oauth/authorize", "/sandbox/app/sandbox"):
        assert client.get(path).status_code == 404
    assert client.post("/sandbox/oauth/v3/token").status_code in (400, 404)


def test_without_a_client_id_every_page_says_sandbox(make_app):
    app = make_app(HUBSPOT_CLIENT_ID="", HUBSPOT_CLIENT_SECRET="")
    browser = browser_of(app)
    for path in ("/", "/setup/workato", "/attempts/unknown", "/support/login", "/nothing"):
        assert "Sandbox mode." in browser.get(path).text
    assert browser.get("/sandbox/").status_code == 200


def test_on_localhost_one_address_is_used_throughout(make_app):
    app = make_app(PUBLIC_URL="http://localhost:8000")
    browser = app.test_client()
    response = browser.get("http://127.0.0.1:8000/connect/workato?optional_scope=tickets")
    assert response.location == "http://localhost:8000/connect/workato?optional_scope=tickets"
    assert browser.get("http://127.0.0.1:8000/healthz").status_code == 200


def test_the_host_header_decides_nothing(client):
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for path in ("/connect/workato", "/setup/workato", "/callback/workato", "/"):
        response = client.get(path, headers=headers)
        assert "evil.example" not in response.text + str(response.headers)


@pytest.mark.parametrize("host", ["0..0", "x" * 300, ".", "\xff.example"])
@pytest.mark.parametrize("path", ["/", "/support/failures", "/api/v1/failures", "/oauth/token"])
def test_a_host_header_that_names_no_host_is_a_bad_request(make_app, host, path):
    for url in ("https://connect.example.com", "http://localhost:8000"):
        browser = make_app(PUBLIC_URL=url).test_client()
        response = browser.get(path, headers={"Host": host})
        assert response.status_code < 500, response.text
        assert "Traceback" not in response.text


def test_an_unexpected_method_is_a_page(client):
    response = client.post("/connect/workato")
    assert response.status_code in (400, 405)
    assert "Traceback" not in response.text


def test_a_store_that_is_away_stops_no_start_and_uses_no_code_up(make_app, hubspot):
    app = make_app(REDIS_URL="redis://127.0.0.1:1/0")
    customer = customer_of(app, hubspot)
    back = customer.agree(customer.start())
    page = customer.come_back(back)
    assert page.status_code == 503
    assert "we can't store your connection safely right now" in page.text
    assert hubspot.token_requests == 0
    ready = customer.browser.get("/readyz")
    assert ready.status_code == 503
    assert "store" in ready.json["reasons"][0]
    health = customer.browser.get("/healthz").json
    assert health == {"status": "ok", "version": __version__, "keys": health["keys"]}
    assert [len(each) for each in health["keys"]] == [8]
    assert customer.browser.get("/").status_code == 200


def test_ready_when_the_store_answers(client):
    assert client.get("/readyz").json == {"status": "ready", "reasons": []}


def test_an_office_behind_one_address_may_start_sixty_times_a_minute(make_app):
    browser = browser_of(make_app(RATE_LIMITS="on"))
    statuses = [browser.get("/connect/workato").status_code for _ in range(140)]
    assert statuses[:60] == [302] * 60
    assert statuses[-1] == 429
    response = browser.get("/connect/workato")
    assert response.headers["Retry-After"] == "60"
    assert "Too many requests" in response.text


def test_bodies_that_never_come_leave_threads_and_places_for_the_rest(make_app):
    app = make_app(THREADS="8")
    release = threading.Event()
    entered = threading.Semaphore(0)

    class NeverEnds(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, _buffer):
            entered.release()
            release.wait(120)
            return 0

    def send(network):
        environ = create_environ("/support/logout", "https://connect.example.com", method="POST")
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        environ["CONTENT_LENGTH"] = "10"
        environ["REMOTE_ADDR"] = network
        environ["wsgi.input"] = io.BufferedReader(NeverEnds())
        return run_wsgi_app(app.wsgi_app, environ)[1]

    def post(network):
        sender = {"REMOTE_ADDR": network}
        browser = browser_of(app)
        return browser.post("/support/logout", data={"a": "b"}, environ_base=sender).status_code

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(send, "203.0.113.7") for _ in range(3)]
        for _ in waiting:
            assert entered.acquire(timeout=60)
        assert post("203.0.113.7") == 503
        assert post("198.51.100.20") == 401
        waiting.append(pool.submit(send, "198.51.100.20"))
        assert entered.acquire(timeout=60)
        assert post("192.0.2.1") == 503
        assert browser_of(app).get("/connect/workato").status_code == 302
        release.set()
        # Half a form is not taken for the whole one.
        assert all(each.result().startswith("400") for each in waiting)
    assert post("203.0.113.7") == 401


def test_werkzeugs_own_redirects_do_not_follow_the_host_header(client):
    for path in ("/support", "/connect//workato", "/setup//workato", "//evil.example/%2e%2e"):
        response = client.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in response.headers.get("Location", "")


def test_odd_paths_on_localhost_are_quoted(make_app):
    browser = make_app(PUBLIC_URL="http://localhost:8000").test_client()
    response = browser.get("http://127.0.0.1:8000/connect/a%0d%0aX:%20y")
    assert response.status_code == 302
    assert response.location == "http://localhost:8000/connect/a%0D%0AX%3A%20y"


ANYTHING = st.text(max_size=60)
SOME_PATHS = st.sampled_from(
    [
        "/",
        "/connect/workato",
        "/callback/workato",
        "/attempts/2M7X-TQRT-89HR",
        "/attempts/unknown",
        "/setup/workato",
        "/setup/workato/app-hsmeta.json",
        "/support/login",
        "/support/failures",
        "/api/v1/failures",
        "/readyz",
    ]
)
SOME_NAMES = st.sampled_from(
    [
        "code",
        "state",
        "error",
        "error_description",
        "iss",
        "optional_scope",
        "hub_id",
        "region",
        "return_to",
        "refused",
        "profile",
        "next",
        "q",
        "cause",
        "cursor",
        "limit",
        "since",
        "page",
    ]
)


@settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.one_of(SOME_PATHS, ANYTHING.map(lambda text: "/" + text)),
    query=st.lists(st.tuples(st.one_of(SOME_NAMES, ANYTHING), ANYTHING), max_size=5),
    cookie=ANYTHING,
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]),
)
def test_no_input_makes_an_internal_error(client, path, query, cookie, method):
    cookies = {"__Host-attempt_2M7X-TQRT-89HR": cookie, "__Host-session": cookie}
    response = client.open(
        quote(path),
        method=method,
        query_string=urlencode(query, errors="surrogatepass"),
        headers={"Cookie": "; ".join(f"{name}={quote(cookies[name])}" for name in cookies)},
    )
    assert response.status_code < 500
    assert "Traceback" not in response.text


def test_signed_in_staff_make_no_internal_error_either(staff):
    agent = staff("agent")
    for name in ("q", "cause", "cursor", "since", "page", "status", "profile"):
        for value in ("", "x", "-1", "\0", "ÿ" * 300, "1e400", "nan", "_", "9" * 5000):
            for path in ("/support/failures", "/support/connections"):
                assert agent.get(path, query_string={name: value}).status_code < 500
