"""Erasure: of one customer or account nothing is left, of others everything, and counters stay."""

import json
import re
import time

import pytest
from click.testing import CliRunner
from harness import (
    API_TOKEN,
    CONNECTIONS_API_TOKEN,
    ENTERPRISE,
    FREE,
    PROFESSIONAL,
    PUBLIC_URL,
    browser_of,
    customer_of,
    services_of,
)
from relays import Relay

from oauth_helper.cli.main import cli
from oauth_helper.failures.query import FailureQuery

CANARY = {"customer": "canary-c-17", "customer_name": "Canary Ana"}
OTHER = {"customer": "other-c-18", "customer_name": "Other Bo"}
CANARIES = (*CANARY.values(), "canary-said", str(PROFESSIONAL))


@pytest.fixture
def app(make_app):
    return make_app(WEBHOOK_URL="https://hooks.example.com/x", WEBHOOK_SECRET="whsec_" + "c" * 32)


def api(app, method, path, token=CONNECTIONS_API_TOKEN, **options):
    headers = {"Authorization": f"Bearer {token}"}
    return browser_of(app).open(f"/api/v1/{path}", method=method, headers=headers, **options)


def link_for(app, who, **more):
    body = {"profile": "workato", **who, **more}
    made = api(app, "POST", "connect-links", API_TOKEN, json=body)
    return made.json["url"].removeprefix(PUBLIC_URL)


def start(app, hubspot, address):
    """Opens a link in a new browser: the customer, and HubSpot's address."""
    person = customer_of(app, hubspot)
    return person, person.browser.get(address).location


def live(app, hubspot, clock, who, account):
    """Everything that a customer can meet: errors, a report, a success, an ended connection."""
    address = link_for(app, who)
    for choices in ({"decision": "deny"}, {"token_answer": "rfc_body:BAD_AUTH_CODE"}):
        person, at_hubspot = start(app, hubspot, address)
        person.come_back(person.agree(at_hubspot, account=str(account), **choices))
    person, at_hubspot = start(app, hubspot, address)
    reference = re.search("state=([^.]+)", at_hubspot)[1]
    said = {"message": f"{who['customer'].split('-')[0]}-said the scopes are wrong"}
    person.browser.post(f"/attempts/{reference}/report", data=said)
    start(app, hubspot, address)
    person, at_hubspot = start(app, hubspot, address)
    back = person.agree(at_hubspot, account=str(account))
    moved = {"message": f"{who['customer']} is being moved"}
    hubspot.instead = lambda _: (json.dumps(moved), 503, {})
    person.come_back(back)
    hubspot.instead = None
    person, at_hubspot = start(app, hubspot, address)
    person.come_back(person.agree(at_hubspot, account=str(account)))
    clock.now += 1800
    hubspot.instead = lambda _: (json.dumps({"status": "BAD_REFRESH_TOKEN"}), 400, {})
    assert api(app, "GET", f"connections/workato.{account}/token").status_code == 410
    hubspot.instead = None
    link_for(app, who, hub_id=account)
    services_of(app).webhook_queues.distribute(clock.now)
    api(app, "POST", f"connections/workato.{account}/reconnect-link")
    start(app, hubspot, link_for(app, who))


def dump(store):
    reads = {
        "hash": store.hgetall,
        "zset": lambda key: store.zrange(key, 0, -1),
        "set": store.smembers,
        "stream": store.xrange,
        "list": lambda key: store.lrange(key, 0, -1),
        # Not every one is text.
        "string": lambda key: store.execute_command("GET", key, NEVER_DECODE=True),
    }
    return {
        key: str(reads[store.type(key)](key)) for key in store.keys("*") if "sandbox" not in key
    }


def counters(store):
    pattern = re.compile(r":(counts|groups|scopes|attempts|names|recovered)$")
    return {key: store.hgetall(key) for key in store.keys("oh:*") if pattern.search(key)}


def counted(answer):
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json.items() if name != "dry_run"}


@pytest.mark.parametrize("path", [f"customers/{CANARY['customer']}", f"accounts/{PROFESSIONAL}"])
def test_nothing_of_them_is_left(app, hubspot, clock, store, staff, path):
    live(app, hubspot, clock, CANARY, PROFESSIONAL)
    live(app, hubspot, clock, OTHER, ENTERPRISE)
    before = counters(store)
    theirs = services_of(app).failures.page(FailureQuery(account=str(ENTERPRISE)), limit=50)
    would = counted(api(app, "DELETE", f"{path}?dry_run=true"))
    assert counters(store) == before
    assert all(would[name] for name in ("failures", "attempts", "connections", "links"))
    assert counted(api(app, "DELETE", path)) == would
    text = "\n".join(f"{key} {value}" for key, value in dump(store).items())
    canaries = [str(PROFESSIONAL)] if path.startswith("accounts") else CANARIES
    for canary in canaries:
        assert canary not in text, re.findall(f".*{canary}.*", text)
    export = staff("agent").get("/support/export?format=jsonl&status=all").text
    assert not any(canary in export for canary in canaries)
    assert OTHER["customer"] in export
    assert counters(store) == before
    assert services_of(app).failures.page(FailureQuery(account=str(ENTERPRISE)), limit=50) == theirs
    assert services_of(app).connections.get(f"workato.{ENTERPRISE}").customer == OTHER["customer"]
    assert len(
        services_of(app).failures.page(FailureQuery(customer="other-c-18"), limit=9).failures
    )
    assert services_of(app).webhook_queues.waiting()[0] > 0
    assert set(counted(api(app, "DELETE", path)).values()) == {0}


def test_an_account_that_changed_its_customer_leaves_no_number_at_either(app, hubspot, store):
    for who in (CANARY, OTHER):
        person, at_hubspot = start(app, hubspot, link_for(app, who))
        person.come_back(person.agree(at_hubspot, account=str(PROFESSIONAL)))
    assert counted(api(app, "DELETE", f"accounts/{PROFESSIONAL}"))["connections"] == 1
    assert str(PROFESSIONAL) not in str(dump(store))


def test_an_erased_link_starts_and_ends_nothing(app, hubspot, store):
    address = link_for(app, CANARY)
    person, at_hubspot = start(app, hubspot, address)
    api(app, "DELETE", f"customers/{CANARY['customer']}")
    assert browser_of(app).get(address).status_code == 410
    assert person.browser.get(person.agree(at_hubspot)).status_code == 410
    assert CANARY["customer"] not in str(dump(store))


def test_what_waits_in_the_outbox_goes_too(make_app, hubspot, store_url, store):
    with Relay(store_url) as relay:
        app = make_app(REDIS_URL=relay.url)
        address, other = link_for(app, CANARY), link_for(app, OTHER)
        relay.cut()
        start(app, hubspot, address)
        start(app, hubspot, other)
        outbox = services_of(app).outbox
        assert outbox.depth() == 2
        relay.restore()
        while True:
            answer = api(app, "DELETE", f"customers/{CANARY['customer']}")
            if answer.status_code == 200:
                break
        assert outbox.depth() == 1
        services_of(app).writer.flush()
        text = str(dump(store))
        assert CANARY["customer"] not in text
        assert OTHER["customer"] in text


def test_the_command_counts_and_erases(app, hubspot, clock, environ, monkeypatch, store):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    clock.now = time.time()  # the command's
    live(app, hubspot, clock, CANARY, FREE)
    run = CliRunner().invoke
    found = run(cli, ["erase", "--account", str(FREE), "--dry-run"])
    assert "1 connections" in found.output
    assert services_of(app).connections.count() == 1
    assert run(cli, ["erase", "--account", str(FREE)], input="n\n").exit_code == 1
    assert services_of(app).connections.count() == 1
    assert run(cli, ["erase", "--customer", CANARY["customer"], "--yes"]).exit_code == 0
    assert CANARY["customer"] not in str(dump(store))
    assert run(cli, ["erase"]).exit_code == 2
    assert run(cli, ["erase", "--account", "1", "--customer", "x"]).exit_code == 2


@pytest.mark.parametrize("path", ["accounts/x", "accounts/" + "9" * 16, "customers/" + "x" * 81])
def test_what_is_none_is_refused(app, path):
    assert api(app, "DELETE", path).status_code == 404


@pytest.mark.parametrize("path", ["accounts/1", "customers/x"])
def test_it_takes_the_token_of_connections(app, path):
    assert api(app, "DELETE", path, API_TOKEN).status_code == 401
    assert set(counted(api(app, "DELETE", path)).values()) == {0}


def test_failures_are_found_by_customer(app, hubspot, staff):
    for who in (CANARY, OTHER):
        person, at_hubspot = start(app, hubspot, link_for(app, who))
        person.come_back(person.agree(at_hubspot, decision="deny"))
    (failure,) = api(app, "GET", "failures?customer=canary-c-17", API_TOKEN).json["failures"]
    assert failure["customer_name"] == "Canary Ana"
    assert api(app, "GET", "failures?customer=canary", API_TOKEN).json["failures"] == []
    page = staff("viewer").get("/support/failures?customer=canary-c-17&status=all").text
    assert failure["reference"] in page
    assert "Other Bo" not in page
    assert "Customer: canary-c-17" in page
