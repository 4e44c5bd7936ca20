"""Secrets stay where they belong: marked values are sent through every flow and looked for."""

import base64
import contextlib
import json
import logging
import re

import pytest
import redis
from flask import Flask, request
from harness import (
    API_TOKEN,
    CLIENT_SECRET,
    CONNECTIONS_API_TOKEN,
    ENTERPRISE,
    PASSWORD,
    SAME_SITE,
    browser_of,
    csrf_token,
    customer_of,
    query_of,
    quick_hash,
    run_server,
    services_of,
)
from relays import Relay

from oauth_helper.app import BACKGROUND
from oauth_helper.cli.mcp_server import tools
from oauth_helper.models import StoreUnavailableError


@pytest.fixture
def dump(store, store_url):
    """Everything in the store as text."""
    reads = {
        "hash": "HGETALL {}",
        "zset": "ZRANGE {} 0 -1",
        "set": "SMEMBERS {}",
        "stream": "XRANGE {} - +",
        "string": "GET {}",
        "list": "LRANGE {} 0 -1",
    }

    def read():
        parts = []
        with redis.Redis.from_url(store_url) as raw:  # not everything is text
            for key in store.keys("*"):
                command = reads[store.type(key)].split(" ")
                parts += [
                    key,
                    str(raw.execute_command(*(key if x == "{}" else x for x in command))),
                ]
        return "\n".join(parts)

    return read


PAGES = [
    "failures",
    "failures/groups",
    "failures/live?place=0-0",
    "insights",
    "connections",
    "account",
    "export?format=csv",
    "export?format=jsonl",
]

ANSWERS = ["ok", "no_scopes", "rfc_body:BAD_AUTH_CODE", "500", "misses_required", "error_in_200"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_nothing_secret_is_kept_logged_or_shown(
    customer, staff, api, hubspot, dump, caplog, answer
):
    caplog.set_level(logging.DEBUG)
    address = customer.start()
    logged = caplog.text
    back = customer.agree(address, token_answer=answer)
    caplog.clear()  # what the browser and HubSpot log is theirs
    canaries = {query_of(back)["code"], query_of(back)["state"].partition(".")[2]}
    canaries |= {CLIENT_SECRET, API_TOKEN, PASSWORD, "@enterprise.example.com"}
    response = customer.browser.get(back)
    pages = [response.text, str(response.headers).split("Set-Cookie")[0]]
    pages.append(customer.browser.get(response.location).text)
    agent = staff("agent")
    pages += [agent.get(f"/support/{path}").text for path in PAGES]
    for failure in api("/failures").json["failures"]:
        pages.append(agent.get(f"/support/failures/{failure['reference']}").text)
        pages.append(str(failure))
    issued = set(hubspot.issued)
    assert len(issued) == (3 if answer in ("ok", "no_scopes", "misses_required") else 1)
    logged += "\n".join(
        record.getMessage() for record in caplog.records if record.name != "werkzeug"
    )
    for place, text in {"store": dump(), "log": logged, "pages": "\n".join(pages)}.items():
        for canary in canaries | issued:
            assert canary not in text, f"{canary} in the {place}"


def echoing(*, status, http_status):
    """What HubSpot answers when it sends back all that it was sent."""

    def answer(_path):
        body = {"status": status, "message": f"bad: {request.get_data(as_text=True)}"}
        return json.dumps(body), http_status, {}

    return answer


@pytest.mark.parametrize(
    "instead",
    [
        None,
        echoing(status="BAD_REFRESH_TOKEN", http_status=400),
        echoing(status="BAD_CLIENT_SECRET", http_status=400),
        echoing(status="error", http_status=503),
    ],
    ids=["refreshed", "ended", "refused", "unavailable"],
)
def test_nothing_secret_is_left_of_a_refresh(
    customer, staff, api, app, backend, hubspot, dump, caplog, clock, instead
):
    customer.connect()
    tokens = services_of(app).connections.tokens(f"workato.{ENTERPRISE}")
    canaries = {CLIENT_SECRET, CONNECTIONS_API_TOKEN, tokens.refresh_token.get_secret_value()}
    clock.now += 1800
    hubspot.instead = instead
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    response = backend(f"/workato.{ENTERPRISE}/token")
    assert (response.status_code == 200) is (instead is None)
    canaries |= set(hubspot.issued)
    agent = staff("agent")
    pages = [agent.get(f"/support/{path}").text for path in PAGES]
    pages += [backend().text, backend(f"/workato.{ENTERPRISE}").text]
    for failure in api("/failures").json["failures"]:
        pages.append(agent.get(f"/support/failures/{failure['reference']}").text)
        pages.append(str(failure))
    if instead is not None:
        pages.append(response.text)
        assert len(api("/failures").json["failures"]) == 1
    logged = "\n".join(each.getMessage() for each in caplog.records if each.name != "werkzeug")
    for place, text in {"store": dump(), "log": logged, "pages": "\n".join(pages)}.items():
        for canary in canaries:
            assert canary not in text, f"{canary} in the {place}"


def test_a_text_from_hubspot_that_echoes_secrets_is_kept_without_them(customer, dump, api):
    state = query_of(customer.start())["state"]
    echo = f"user a.person@customer.example sent code=abc123 and state {state} " + "tok3n" * 20
    customer.come_back(
        f"/callback/workato?error=odd&error_description={echo.replace(' ', '%20')}&state={state}"
    )
    (failure,) = api("/failures").json["failures"]
    text = dump() + str(failure)
    for secret in ("a.person@customer.example", "abc123", state, "tok3n" * 20):
        assert secret not in text
    assert failure["message"].count("[hidden]") == 4
    assert re.search(r"user \[hidden\] sent", failure["message"])


def test_nothing_secret_is_anywhere_during_an_outage(
    make_app, hubspot, store_url, dump, caplog, tmp_path
):
    """Connecting, declining, being refused and reporting, with the store away in the middle."""
    token = "canary-metrics-token-0123456789"
    with Relay(store_url) as relay:
        app = make_app(REDIS_URL=relay.url, METRICS_TOKEN=token)
        caplog.set_level(logging.DEBUG)
        canaries = {CLIENT_SECRET, API_TOKEN, PASSWORD, token, "@enterprise.example.com"}
        pages, customers = [], []
        for choices in ({}, {"decision": "deny"}, {"token_answer": "rfc_body:BAD_AUTH_CODE"}):
            customer = customer_of(app, hubspot)
            location = customer.decide(customer.start(), **choices).headers["Location"]
            canaries.add(query_of(location)["state"].partition(".")[2])
            canaries |= {query_of(location).get("code", "canary-none")}
            customers.append((customer, location.partition(".com")[2]))
        caplog.clear()  # what the browser and HubSpot log is theirs
        relay.cut()
        addresses = []
        for customer, back in customers:
            response = customer.browser.get(back)
            addresses.append(response.location)
            page = customer.browser.get(response.location)
            pages += [str(response.headers).split("Set-Cookie")[0], page.text]
            assert page.headers["Referrer-Policy"] == "no-referrer"
        stranded = customer_of(app, hubspot)
        stranded.start()
        for path in ("/nothing?code=canary-none", "/support/failures", "/oauth/token", "/readyz"):
            pages.append(stranded.browser.get(path).text)
        outbox = b"".join(path.read_bytes() for path in (tmp_path / "data/outbox").iterdir())
        relay.restore()
        while services_of(app).outbox.depth():
            with contextlib.suppress(StoreUnavailableError):
                services_of(app).writer.flush()
        for (customer, _), address in zip(customers, addresses, strict=True):
            page = customer.browser.get(customer.browser.get(address).location or address)
            pages.append(page.text)
        metrics = stranded.browser.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert metrics.status_code == 200
    logged = "\n".join(each.getMessage() for each in caplog.records if each.name != "werkzeug")
    canaries |= set(hubspot.issued)
    assert len(hubspot.issued) >= 3
    places = {
        "store": dump(),
        "log": logged,
        "pages": "\n".join(pages),
        "metrics": metrics.text,
        "outbox": outbox.decode("latin-1"),
    }
    for place, text in places.items():
        for canary in canaries - {"canary-none"}:
            assert canary not in text, f"{canary} in the {place}"


@pytest.fixture(scope="module")
def listener():
    """What arrives at a webhook and at an incoming webhook for notices."""
    server, arrived = Flask("listener"), []

    @server.post("/<path:path>")
    def take(path):  # noqa: ARG001
        arrived.append(f"{request.headers} {request.get_data(as_text=True)}")
        return ""

    with run_server(server) as port:
        yield port, arrived


def test_nothing_secret_is_in_events_notices_audit_and_answers_to_assistants(
    make_app, hubspot, listener, dump, clock, caplog, tmp_path
):
    port, arrived = listener
    named, secret = "canary-named-token-0123456789", base64.b64encode(b"canary" * 5).decode()
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(
        f'[[token]]\nname = "crm"\nhash = "{quick_hash(named)}"\n'
        'scopes = ["failures:read", "audit:read", "links:write"]\n'
    )
    app = make_app(
        WEBHOOK_URL=f"http://127.0.0.1:{port}/canary-path",
        WEBHOOK_SECRET=f"whsec_{secret}",
        WEBHOOK_ALLOW_PRIVATE="on",
        NOTIFY_URLS=f"mmost://127.0.0.1:{port}/canarytoken",
        API_TOKENS_FILE=str(tokens),
    )
    caplog.set_level(logging.DEBUG)
    canaries = {CLIENT_SECRET, API_TOKEN, PASSWORD, named, secret, "@enterprise.example.com"}
    canaries |= {"canarytoken", "canary-path"}
    for answer in ANSWERS:
        customer = customer_of(app, hubspot)
        back = customer.agree(customer.start(), token_answer=answer)
        canaries |= {query_of(back)["code"], query_of(back)["state"].partition(".")[2]}
        customer.browser.get(back)
    caplog.clear()  # what the browser and HubSpot log is theirs
    browser = browser_of(app)
    for name, password in (("agent", "canary-wrong"), (PASSWORD, "x"), ("agent", PASSWORD)):
        form = {"name": name, "password": password, "csrf_token": csrf_token(browser)}
        browser.post("/support/login", data=form, headers=SAME_SITE)
    canaries.add("canary-wrong")
    exported = browser.get("/support/export?format=csv").text
    background = app.extensions[BACKGROUND]
    for _ in range(3):
        background.group_watch.watch()
        clock.now += 11
        for url in background.events.queues.by_url:
            background.events.deliver(url)
    logged = "\n".join(each.getMessage() for each in caplog.records if "oauth" in each.name)
    headers = {"Authorization": f"Bearer {named}"}

    def ask(path, body):
        return browser.open(
            f"/api/v1{path}", method="POST" if body else "GET", headers=headers, json=body
        ).json

    browser.post("/api/v1/connect-links", json={"profile": "workato"}, headers=headers)
    search, get, groups, *_ = tools(ask)
    found = search(limit=50)
    answers = [found, groups(), *(get(each["reference"]) for each in found["failures"])]
    assert len(found["failures"]) == 4
    assert len(arrived) >= 8
    audit = ask("/audit", None)
    assert {each["action"] for each in audit["entries"]} >= {
        "sign in",
        "sign-in refused",
        "export failures",
        "create link",
    }
    pages = [browser.get(f"/support/{path}").text for path in ("audit", "tokens", "webhooks")]
    pages.append(browser.get("/support/audit/export").text)
    requests = [each.replace("/canarytoken", "").replace("/canary-path", "") for each in arrived]
    places = {
        "events": "\n".join(requests),
        "answers": str(answers),
        "audit": str(audit),
        "pages": "\n".join(pages),
        "export": exported,
        "store": dump(),
        "log": logged,
    }
    for place, text in places.items():
        for canary in canaries | set(hubspot.issued):
            assert canary not in text, f"{canary} in the {place}"
