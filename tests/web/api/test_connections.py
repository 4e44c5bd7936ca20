"""Connections for a backend of one's own: fresh tokens, once for all who ask; lists; their end."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import urllib3
from harness import (
    API_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    CONNECTIONS_API_TOKEN,
    ENTERPRISE,
    FORM,
    FREE,
    PROFESSIONAL,
    PUBLIC_URL,
    browser_of,
    profiles_file,
    services_of,
)
from pydantic import SecretStr

from benchmarks import servers
from oauth_helper import create_app
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.models import Tokens
from oauth_helper.sandbox import grants

ID = f"workato.{ENTERPRISE}"
TOKEN = f"/{ID}/token"
PATHS = [("GET", ""), ("GET", f"/{ID}"), ("GET", TOKEN), ("POST", f"/{ID}/revoke")]
UNAVAILABLE = ("{}", 503, {})
RIGHT = {"Authorization": f"Bearer {CONNECTIONS_API_TOKEN}"}


def refused(status):
    body = {"status": status, "message": "no", "correlationId": "1-2-3"}
    return json.dumps(body), 400, {"Content-Type": "application/json"}


@pytest.fixture
def connected(customer, app):
    """A connection that was made a moment ago."""
    customer.connect()
    return services_of(app).connections.get(ID)


@pytest.fixture
def expired(connected, clock):
    """One whose access token is no longer valid."""
    clock.now += 1800
    return connected


def failures_in(app):
    return services_of(app).failures.page(FailureQuery(), limit=50).failures


def works(hubspot, token):
    return grants.find_access_token(hubspot.sandbox, token) is not None


class TestWhoMayAsk:
    @pytest.mark.parametrize(("method", "path"), PATHS)
    @pytest.mark.parametrize(
        "authorization",
        [None, "Bearer", "Bearer wrong", f"Bearer {API_TOKEN}", f"Basic {CONNECTIONS_API_TOKEN}"],
    )
    @pytest.mark.usefixtures("connected")
    def test_nobody_without_the_token(self, client, hubspot, method, path, authorization):
        headers = {"Authorization": authorization} if authorization else {}
        asked = len(hubspot.requests)
        response = client.open(f"/api/v1/connections{path}", method=method, headers=headers)
        assert response.status_code == 401
        assert response.mimetype == "application/problem+json"
        assert "CONNECTIONS_API_TOKEN" in response.json["detail"]
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert len(hubspot.requests) == asked

    @pytest.mark.parametrize(("method", "path"), PATHS)
    @pytest.mark.parametrize("token", ["", "None", API_TOKEN])
    def test_nobody_where_it_is_not_set(self, make_app, method, path, token):
        client = browser_of(make_app(CONNECTIONS_API_TOKEN=""))
        headers = {"Authorization": f"Bearer {token}"}
        response = client.open(f"/api/v1/connections{path}", method=method, headers=headers)
        assert response.status_code == 401
        assert "is not set" in response.json["detail"]

    @pytest.mark.parametrize("path", ["/failures", "/failures/groups"])
    def test_the_token_opens_nothing_else(self, client, path):
        assert client.get(f"/api/v1{path}", headers=RIGHT).status_code == 401

    def test_a_session_of_the_staff_is_none(self, staff):
        assert staff("agent").get(f"/api/v1/connections{TOKEN}").status_code == 401


class TestAToken:
    def test_is_told_with_all_that_is_known_of_it(self, connected, backend, hubspot):
        response = backend(TOKEN)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        token = response.json["access_token"]
        assert works(hubspot, token)
        assert response.json == {
            "connection": ID,
            "access_token": token,
            "token_type": "bearer",
            "expires_in": 1800,
            "expires_at": "2026-11-18T11:36:40.000Z",
            "token_id": hashlib.sha256(token.encode()).hexdigest()[:16],
            "hub_id": ENTERPRISE,
            "scopes": list(connected.granted),
        }

    @pytest.mark.usefixtures("connected")
    def test_stays_until_five_minutes_are_left(self, backend, clock, hubspot):
        first = backend(TOKEN).json["access_token"]
        clock.now += 1500
        assert backend(TOKEN).json["access_token"] == first
        clock.now += 1
        response = backend(TOKEN)
        assert response.json["access_token"] != first
        assert response.json["expires_in"] == 1800
        assert works(hubspot, response.json["access_token"])
        assert hubspot.token_requests == 2

    @pytest.mark.usefixtures("connected")
    def test_never_lives_longer_than_hubspot_said_however_clocks_differ(self, backend, clock):
        clock.now -= 3600
        assert backend(TOKEN).json["expires_in"] == 1800
        clock.now += 3600 + 1501
        backend(TOKEN)  # refreshes it
        clock.now -= 3600
        assert backend(TOKEN).json["expires_in"] == 1800

    @pytest.mark.usefixtures("connected")
    def test_that_hubspot_has_refused_is_refreshed_once(self, backend, hubspot):
        old = backend(TOKEN).json["token_id"]
        new = backend(f"{TOKEN}?refused={old}").json
        assert new["token_id"] != old
        assert works(hubspot, new["access_token"])
        assert backend(f"{TOKEN}?refused={old}").json == new
        assert hubspot.token_requests == 2

    @pytest.mark.usefixtures("connected")
    @pytest.mark.parametrize("value", ["", "x", "0" * 15, "0" * 17, "A" * 16])
    def test_that_is_named_wrongly_is_named(self, backend, value):
        response = backend(f"{TOKEN}?refused={value}")
        assert response.status_code == 400
        assert "refused" in response.json["detail"]

    @pytest.mark.usefixtures("expired")
    def test_outlives_the_worker_that_got_it(self, backend, make_app, hubspot):
        first = backend(TOKEN).json
        again = browser_of(make_app(PORT="8001"))
        assert again.get(f"/api/v1/connections{TOKEN}", headers=RIGHT).json == first
        assert hubspot.token_requests == 2


class TestWithoutAToken:
    @pytest.mark.parametrize("path", [TOKEN, "/nonsense/token", "/ÿ/token", f"/{'x' * 900}/token"])
    def test_an_unknown_connection_is_a_404(self, backend, path):
        response = backend(path)
        assert response.status_code == 404
        assert response.mimetype == "application/problem+json"

    def test_one_of_a_client_is_the_clients(self, backend, connected, app):
        theirs = replace(connected, client="shop")
        services_of(app).connections.save(theirs, Tokens(SecretStr("a"), SecretStr("b")))
        response = backend(TOKEN)
        assert response.status_code == 403
        assert "belong to shop, a client of the proxy" in response.json["detail"]
        assert backend(f"/{ID}").json["client"] == "shop"

    @pytest.mark.usefixtures("connected")
    def test_one_that_nothing_opens_is_a_conflict(self, make_app, hubspot):
        other = browser_of(make_app(SECRET_KEY="another-key-" * 4))
        response = other.get(f"/api/v1/connections{TOKEN}", headers=RIGHT)
        assert response.status_code == 409
        assert "No key opens the tokens" in response.json["detail"]
        assert f"connect again: {PUBLIC_URL}/connect/workato" in response.json["detail"]
        assert hubspot.token_requests == 1

    @pytest.mark.usefixtures("connected")
    def test_one_whose_profile_is_gone_is_a_conflict(self, make_app, tmp_path):
        other = browser_of(make_app(PROFILES_FILE=profiles_file(tmp_path, second={})))
        response = other.get(f"/api/v1/connections{TOKEN}", headers=RIGHT)
        assert response.status_code == 409
        assert "profile workato is no longer there" in response.json["detail"]

    @pytest.mark.parametrize(("method", "path"), PATHS)
    def test_an_outage_of_the_store_is_told(self, make_app, method, path):
        client = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
        response = client.open(f"/api/v1/connections{path}", method=method, headers=RIGHT)
        assert response.status_code == 503
        assert response.mimetype == "application/problem+json"
        assert response.headers["Retry-After"] == "10"
        assert "reference" not in response.json


class TestWhenHubSpotGivesNone:
    @pytest.mark.usefixtures("expired")
    @pytest.mark.parametrize(
        ("answer", "status", "cause", "retry_after"),
        [
            (UNAVAILABLE, 503, "hubspot_unavailable", "10"),
            (("{}", 477, {"Retry-After": "86400"}), 503, "hubspot_unavailable", "86400"),
            (refused("BAD_CLIENT_SECRET"), 502, "client_secret_invalid", None),
            (refused("BAD_CLIENT_ID"), 502, "client_id_invalid", None),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_it_is_told_and_recorded_once(
        self, backend, api, app, hubspot, answer, status, cause, retry_after
    ):
        hubspot.instead = lambda _: answer
        response = backend(TOKEN)
        assert response.status_code == status
        assert response.mimetype == "application/problem+json"
        assert response.headers.get("Retry-After") == retry_after
        assert response.json["cause"] == cause
        (failure,) = failures_in(app)
        assert failure.reference == response.json["reference"]
        assert (failure.stage, failure.cause, failure.hub_id) == ("refresh", cause, ENTERPRISE)
        assert api(f"/failures/{failure.reference}").json["stage"] == "refresh"
        assert backend(TOKEN).json == response.json
        assert hubspot.token_requests == 2

    @pytest.mark.usefixtures("connected")
    def test_a_token_that_still_works_is_given(self, backend, clock, hubspot, app):
        first = backend(TOKEN).json["access_token"]
        hubspot.instead = lambda _: UNAVAILABLE
        clock.now += 1700
        response = backend(TOKEN)
        assert response.json["access_token"] == first
        assert response.json["expires_in"] == 100
        assert len(failures_in(app)) == 1

    @pytest.mark.usefixtures("expired")
    def test_staff_see_the_failure(self, backend, hubspot, staff):
        hubspot.instead = lambda _: refused("BAD_CLIENT_SECRET")
        reference = backend(TOKEN).json["reference"]
        page = staff("viewer").get(f"/support/failures/{reference}")
        assert page.status_code == 200
        assert str(ENTERPRISE) in page.text


class TestAnAccountThatIsNoLongerThere:
    @pytest.fixture
    def after_the_refresh(self, customer, backend, clock, staff, app):
        """Return the answer to a program, and the page of the failure."""

        def refreshed(token_answer):
            customer.connect(token_answer=token_answer)
            clock.now += 1800
            response = backend(TOKEN)
            (failure,) = failures_in(app)
            assert failure.reference == response.json["reference"]
            page = staff("viewer").get(f"/support/failures/{failure.reference}")
            return response, page.text

        return refreshed

    def test_but_in_another_region(self, after_the_refresh, backend):
        response, page = after_the_refresh("ok_then_moved")
        assert (response.status_code, response.json["cause"]) == (502, "wrong_region")
        assert "The customer has to connect again: the account is in region na2 now" in page
        assert "Your HubSpot connection couldn&#39;t be renewed." in page
        assert backend(f"/{ID}").json["ended_at"] is None

    def test_since_it_was_deleted(self, after_the_refresh, backend):
        response, page = after_the_refresh("ok_then_gone")
        assert (response.status_code, response.json["cause"]) == (410, "account_unknown")
        assert "<h1>HubSpot account no longer exists</h1>" in page
        assert backend(f"/{ID}").json["ended_at"] is not None

    def test_the_page_knows_no_link(self, after_the_refresh):
        _, page = after_the_refresh("ok_then_moved")
        assert re.search(r"<summary>\d+ scopes: granted</summary>", page)
        assert "oauth/authorize" not in page


def uninstall(hubspot, tokens):
    headers = {"Authorization": f"Bearer {tokens.access_token.get_secret_value()}"}
    url = f"{hubspot.url}/appinstalls/2026-09/external-install"
    assert urllib3.request("DELETE", url, headers=headers).status == 204


def revoke_there(hubspot, tokens):
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    body = urlencode({**form, "token": tokens.refresh_token.get_secret_value()})
    url = f"{hubspot.url}/oauth/2026-09/token/revoke"
    assert urllib3.request("POST", url, body=body, headers=FORM).status == 200


@pytest.mark.parametrize("end", [uninstall, revoke_there])
class TestAnEndAtHubSpot:
    @pytest.fixture
    def answer(self, connected, app, backend, hubspot, clock, end):
        """What is answered once the account has ended it, and the token has expired."""
        end(hubspot, services_of(app).connections.tokens(connected.id))
        clock.now += 1800
        return backend(TOKEN)

    def test_is_noticed_and_told(self, answer, app):
        assert answer.status_code == 410
        assert answer.mimetype == "application/problem+json"
        assert answer.json["detail"] == (
            f"The app was uninstalled in HubSpot account {ENTERPRISE}, or its access was revoked "
            f"there. The customer has to connect again: {PUBLIC_URL}/connect/workato"
        )
        (failure,) = failures_in(app)
        assert answer.json["reference"] == failure.reference
        assert answer.json["cause"] == failure.cause == "refresh_token_invalid"

    def test_is_remembered(self, answer, backend, hubspot, store):
        asked = len(hubspot.requests)
        assert backend(TOKEN).json == answer.json
        assert backend(f"{TOKEN}?refused={'0' * 16}").json == answer.json
        assert len(hubspot.requests) == asked
        assert not store.hexists(f"oh:connection:{ID}", "tokens")
        assert backend(f"/{ID}").json["ended_at"] == "2026-11-18T11:36:40.000Z"

    @pytest.mark.usefixtures("answer")
    def test_is_over_once_the_account_connects_again(self, backend, new_customer, hubspot, app):
        new_customer().connect()
        token = backend(TOKEN).json["access_token"]
        assert works(hubspot, token)
        assert backend(f"/{ID}").json["ended_at"] is None
        (failure,) = failures_in(app)
        assert failure.status is Status.RESOLVED

    def test_stands_on_the_page_of_connections(self, answer, staff):
        page = staff("agent").get("/support/connections").text
        assert "Ended" in page
        assert f"/support/failures/{answer.json['reference']}" in page
        assert "Revoke at HubSpot" not in page

    @pytest.mark.usefixtures("answer")
    def test_can_be_forgotten_without_asking_hubspot(self, backend, hubspot):
        asked = len(hubspot.requests)
        response = backend(f"/{ID}/revoke", "POST")
        assert response.json["message"] == "Forgotten here. At HubSpot it had ended already."
        assert len(hubspot.requests) == asked
        assert backend(TOKEN).status_code == 404


class TestTheList:
    @pytest.fixture
    def three(self, new_customer, clock, app):
        for account in (ENTERPRISE, PROFESSIONAL, FREE):
            clock.now += 60
            new_customer().connect(account=str(account))
        return services_of(app).connections.newest(limit=3)

    def test_holds_what_is_known_the_latest_first(self, three, backend):
        response = backend()
        assert [each["id"] for each in response.json["connections"]] == [each.id for each in three]
        assert response.json["next_cursor"] is None
        first, made = response.json["connections"][0], three[0]
        assert first == {
            "id": f"workato.{FREE}",
            "profile": "workato",
            "hub_id": FREE,
            "hub_domain": None,
            "scopes": list(made.granted),
            "missing_optional": list(made.missing_optional),
            "connected_at": "2026-11-18T11:09:40.000Z",
            "ended_at": None,
            "reference": made.reference,
            "client": None,
            "customer": None,
            "customer_name": None,
        }
        assert backend(f"/workato.{FREE}").json == first

    def test_is_none_of_tokens(self, three, backend, app):
        text = backend().text + "".join(backend(f"/{each.id}").text for each in three)
        for each in three:
            tokens = services_of(app).connections.tokens(each.id)
            assert tokens.access_token.get_secret_value() not in text
            assert tokens.refresh_token.get_secret_value() not in text

    def test_goes_on_page_by_page(self, three, backend):
        seen, query = [], ""
        while query is not None:
            page = backend(f"?limit=1{query}").json
            seen += [each["id"] for each in page["connections"]]
            query = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        assert seen == [each.id for each in three]

    def test_finds_what_came_back_with_return_to(self, three, backend):
        for each in three:
            for text in (each.reference, each.reference.lower().replace("-", "")):
                found = backend(f"?reference={text}").json["connections"]
                assert [one["id"] for one in found] == [each.id]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (f"hub_id={FREE}", [f"workato.{FREE}"]),
            (f"hub_id={FREE}&profile=workato", [f"workato.{FREE}"]),
            (f"hub_id={FREE}&profile=second", []),
            ("hub_id=5", []),
            ("profile=second", []),
            ("reference=2M7G-7JW3-4R5J", []),
        ],
    )
    @pytest.mark.usefixtures("three")
    def test_is_narrowed(self, backend, query, expected):
        assert [each["id"] for each in backend(f"?{query}").json["connections"]] == expected

    @pytest.mark.parametrize(
        "wrong",
        [
            "reference=2M7G-7JW3-4R5K",
            "reference=",
            "hub_id=x",
            "hub_id=",
            "hub_id=" + "9" * 16,
            "profile=A b",
            "profile=",
            "limit=0",
            "limit=201",
            "cursor=nonsense",
            "cursor=",
        ],
    )
    def test_names_what_is_wrong(self, backend, wrong):
        response = backend(f"?{wrong}")
        assert response.status_code == 400
        assert response.mimetype == "application/problem+json"
        assert wrong.partition("=")[0] in response.json["detail"]

    def test_of_an_unknown_one_there_is_nothing(self, backend):
        assert backend(f"/{ID}").status_code == 404


class TestRevoking:
    @pytest.mark.usefixtures("connected")
    def test_ends_it_at_hubspot_and_here(self, backend, hubspot, app):
        refresh_token = services_of(app).connections.tokens(ID).refresh_token.get_secret_value()
        response = backend(f"/{ID}/revoke", "POST")
        assert response.status_code == 200
        assert response.json["connection"] == ID
        assert response.json["revoked"] is True
        assert "Revoked at HubSpot" in response.json["message"]
        assert grants.find_refresh_token(hubspot.sandbox, refresh_token) is None
        assert backend(f"/{ID}").status_code == 404
        assert backend(f"/{ID}/revoke", "POST").status_code == 404

    @pytest.mark.usefixtures("connected")
    def test_keeps_it_when_hubspot_does_not_confirm(self, backend, hubspot):
        hubspot.instead = lambda _: UNAVAILABLE
        response = backend(f"/{ID}/revoke", "POST")
        assert response.status_code == 502
        assert "did not confirm" in response.json["detail"]
        assert backend(f"/{ID}").status_code == 200

    @pytest.mark.usefixtures("connected")
    def test_is_no_link(self, backend):
        assert backend(f"/{ID}/revoke").status_code == 405
        assert backend(f"/{ID}").status_code == 200


class TestTwoHundredAtOnce:
    """Real processes, real HTTP, one store: HubSpot answers when all two hundred have asked."""

    COUNT = 200

    @pytest.fixture
    def expired(self, clock, customer):
        """The program's processes have the clock of the machine."""
        clock.now = time.time() - 3600
        customer.connect()

    @pytest.fixture
    def program(self, environ, expired, tmp_path):  # noqa: ARG002 - it has to be there
        port = servers.free_port()
        source = str(Path(create_app.__code__.co_filename).parent.parent)
        own = {"PORT": str(port), "WORKERS": "4", "PYTHONPATH": source}
        # Half of the threads may wait for a refresh, and one worker may get all the requests.
        own["THREADS"] = "512"
        with (tmp_path / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "oauth_helper"],
                env={"PATH": os.environ["PATH"], **environ, **own},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            deadline = time.monotonic() + 60
            while "is ready" not in (said := (tmp_path / "output").read_text()):
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)

    def ask_at_once(self, url, path, gate):
        """Sends all requests, opens the gate at HubSpot when they are sent, and gathers answers."""
        sent, answers = threading.Barrier(self.COUNT + 1, timeout=60), []

        def ask():
            http = HTTPConnection(urlsplit(url).netloc, timeout=120)
            http.request("GET", f"/api/v1/connections{path}", headers=RIGHT)
            sent.wait()
            response = http.getresponse()
            answers.append((response.status, response.headers["Retry-After"], response.read()))
            http.close()

        threads = [threading.Thread(target=ask) for _ in range(self.COUNT)]
        for thread in threads:
            thread.start()
        sent.wait()
        gate.set()
        for thread in threads:
            thread.join()
        assert len(answers) == self.COUNT
        return answers

    def test_get_the_one_token_of_one_refresh(self, program, hubspot):
        gate, asked = threading.Event(), hubspot.token_requests
        hubspot.instead = lambda _: gate.wait(60) and None
        answers = self.ask_at_once(program, TOKEN, gate)
        assert Counter(status for status, _, _ in answers) == {200: self.COUNT}
        tokens = {json.loads(body)["access_token"] for _, _, body in answers}
        assert len(tokens) == 1
        assert works(hubspot, tokens.pop())
        assert hubspot.token_requests == asked + 1

    @pytest.mark.parametrize(
        ("answer", "status", "retry_after"),
        [
            pytest.param(UNAVAILABLE, 503, "10", id="unavailable"),
            pytest.param(refused("BAD_CLIENT_SECRET"), 502, None, id="our-own-fault"),
            pytest.param(refused("BAD_REFRESH_TOKEN"), 410, None, id="uninstalled"),
        ],
    )
    def test_get_the_one_failure(self, program, hubspot, app, answer, status, retry_after):
        gate, asked = threading.Event(), hubspot.token_requests
        hubspot.instead = lambda _: gate.wait(60) and answer
        answers = self.ask_at_once(program, TOKEN, gate)
        assert len(set(answers)) == 1
        (failure,) = failures_in(app)
        told = json.loads(answers[0][2])
        assert answers[0][:2] == (status, retry_after)
        assert (told["reference"], told["cause"]) == (failure.reference, failure.cause)
        assert hubspot.token_requests == asked + 1
