"""Webhooks: signed, at least once, in order for each record, retried for a day, then parked."""

import base64
import random
import re
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from failure_examples import a_failure
from flask import Flask, request
from harness import PUBLIC_URL, SAME_SITE, customer_of, run_server, services_of
from paths import ROOT
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from oauth_helper.app import BACKGROUND
from oauth_helper.failures.model import Status
from oauth_helper.notifications.webhooks import MAX_BODY, WebhookSender, body_of
from oauth_helper.store.webhook_queue import PAUSES

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@dataclass
class Receiver:
    url: str = ""
    status: int = 204
    fails: float = 0.0
    requests: list = field(default_factory=list)

    @property
    def types(self):
        return [body["type"] for _, body, _ in self.requests]


def decline(customer):
    location = customer.decide(customer.start(), decision="deny").headers["Location"]
    customer.come_back(location.partition(".com")[2])


@pytest.fixture(scope="module")
def served():
    receiver, app = Receiver(), Flask("receiver")
    chance = random.Random(1)
    failed = Counter()

    @app.post("/hook")
    def hook():
        name = request.headers["Webhook-Id"]
        # Eleven failures in a row would park the record.
        if chance.random() < receiver.fails and failed[name] < len(PAUSES):
            failed[name] += 1
            return "", 500
        receiver.requests.append((dict(request.headers), request.json, request.get_data()))
        return "", receiver.status, {"Location": "http://127.0.0.1:1/"}

    with run_server(app) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver


@pytest.fixture
def receiver(served):
    served.status, served.fails, served.requests = 204, 0.0, []
    return served


@pytest.fixture
def app(make_app, receiver):
    return make_app(WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET, WEBHOOK_ALLOW_PRIVATE="on")


@pytest.fixture
def deliver(app, receiver):
    return lambda: app.extensions[BACKGROUND].events.deliver(receiver.url)


def test_a_failed_and_a_good_connection_are_sent(new_customer, receiver, deliver):
    customer = new_customer()
    decline(customer)
    customer.connect()
    assert deliver() == 3
    assert sorted(receiver.types) == ["connection.created", "failure.recorded", "failure.resolved"]
    recorded = next(body for _, body, _ in receiver.requests if body["type"] == "failure.recorded")
    assert recorded["data"]["cause"] == "user_denied"
    assert deliver() == 0


def test_the_verifier_accepts_it_and_nothing_else(new_customer, receiver, deliver, clock):
    clock.now = time.time()
    decline(new_customer())
    deliver()
    headers, _, body = receiver.requests[0]
    Webhook(SECRET).verify(body, headers)
    other = "whsec_" + SECRET[6:][::-1].replace("=", "A")
    old = {**headers, "Webhook-Timestamp": str(int(clock.now) - 400)}
    for secret, data, sent in [
        (other, body, headers),
        (SECRET, body + b" ", headers),
        (SECRET, body, old),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(data, sent)


def test_both_secrets_verify_while_they_are_rotated(receiver):
    older = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
    sender = WebhookSender([SecretStr(SECRET), SecretStr(older)], allow_private=True)
    assert sender.send(receiver.url, "msg_1", "{}", now=time.time()).is_delivered
    headers, _, body = receiver.requests[0]
    for secret in (SECRET, older):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("status", [302, 400, 500])
def test_an_event_is_sent_again_for_a_day_and_then_parked(
    new_customer, receiver, deliver, clock, staff, status
):
    receiver.status = status
    decline(new_customer())
    began = clock.now
    for pause in PAUSES:
        assert deliver() == 0
        clock.now += pause
    assert 86_000 < clock.now - began < 90_000
    assert deliver() == 0
    assert len(receiver.requests) == len(PAUSES) + 1
    clock.now += 100_000
    deliver()
    assert len(receiver.requests) == len(PAUSES) + 1
    assert len({headers["Webhook-Id"] for headers, _, _ in receiver.requests}) == 1
    agent = staff("agent")
    page = agent.get("/support/webhooks").text
    assert f"the receiver answered {status}" in page
    receiver.status, receiver.requests = 204, []
    name = page.split("/support/webhooks/")[1].split("/")[0]
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    agent.post(
        f"/support/webhooks/{name}/send-again",
        data={"csrf_token": token, "record": ""},
        headers=SAME_SITE,
    )
    assert deliver() == 1


def test_a_gone_receiver_gets_nothing_again(new_customer, receiver, deliver, clock):
    receiver.status = 410
    decline(new_customer())
    deliver()
    clock.now += 100
    deliver()
    assert len(receiver.requests) == 1


def test_events_of_one_record_stay_in_order_and_none_is_lost(receiver, deliver, app, clock, store):
    """Workers that deliver at once, die with events claimed, and a receiver that fails half."""
    receiver.fails = 0.5
    failures = services_of(app).failures
    references = [each.reference for each in (a_failure() for _ in range(60))]
    for reference in references:
        failures.record(a_failure(reference=reference))
        for status in ("resolved", "open", "resolved"):
            failures.change(reference, lambda old, s=status: replace(old, status=Status(s)))
    queue = app.extensions[BACKGROUND].events.queues.by_url[receiver.url]
    app.extensions[BACKGROUND].events.queues.distribute(clock.now)
    for _ in range(5):  # a worker that dies right after it has claimed
        assert queue.claim(clock.now)
    while queue.counts() != (0, 0):
        workers = [threading.Thread(target=deliver) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        clock.now += 61
    seen = defaultdict(list)
    for headers, body, _ in receiver.requests:
        if headers["Webhook-Id"] not in [name for name, _ in seen[body["data"]["reference"]]]:
            seen[body["data"]["reference"]].append((headers["Webhook-Id"], body["type"]))
    wanted = ["recorded", "resolved", "reopened", "resolved"]
    assert set(seen) == set(references)
    for events in seen.values():
        assert [kind for _, kind in events] == [f"failure.{each}" for each in wanted]
    app.extensions[BACKGROUND].group_watch.watch()
    # What is left says nothing.
    assert not store.keys("oh:{webhooks}:*:queue:*")


def test_many_failures_of_a_group_are_an_event(receiver, deliver, app, clock):
    for _ in range(5):
        at = datetime.fromtimestamp(clock.now, UTC)
        services_of(app).failures.record(a_failure(at, missing=("tickets",)))
    deliver()
    clock.now += 11
    app.extensions[BACKGROUND].group_watch.watch()
    deliver()
    _, body, _ = receiver.requests[-1]
    assert body["type"] == "group.spiking"
    assert (body["data"]["recent"], body["data"]["open"]) == (5, 5)
    assert body["data"]["scopes"] == ["tickets"]
    assert len(body["data"]["sample"]) == 3
    assert body["data"]["fix"][0]["who"]


def test_parked_records_are_measured(make_app, hubspot, receiver):
    app = make_app(
        WEBHOOK_URL=receiver.url,
        WEBHOOK_SECRET=SECRET,
        WEBHOOK_ALLOW_PRIVATE="on",
        METRICS_TOKEN="a-token-of-sixteen",
    )
    receiver.status = 410
    decline(customer_of(app, hubspot))
    app.extensions[BACKGROUND].events.deliver(receiver.url)
    headers = {"Authorization": "Bearer a-token-of-sixteen"}
    metrics = app.test_client().get("/metrics", base_url=PUBLIC_URL, headers=headers).text
    assert "oauth_helper_webhook_records_parked 1.0" in metrics
    assert "oauth_helper_webhook_events_queued 1.0" in metrics


def test_an_erased_record_is_not_sent(new_customer, receiver, deliver, store, clock):
    decline(new_customer())
    store.delete(*store.keys("oh:*:failure:*"))
    for _ in range(3):
        deliver()
        clock.now += 100
    assert receiver.requests == []


def test_without_an_address_nothing_is_published(make_app, hubspot, store):
    decline(customer_of(make_app(), hubspot))
    assert store.keys("oh:{webhooks}*") == []


def test_only_the_wanted_types_are_sent(make_app, hubspot, receiver):
    app = make_app(
        WEBHOOK_URL=receiver.url,
        WEBHOOK_SECRET=SECRET,
        WEBHOOK_ALLOW_PRIVATE="on",
        WEBHOOK_EVENTS="failure.resolved",
    )
    customer = customer_of(app, hubspot)
    decline(customer)
    customer.connect()
    app.extensions[BACKGROUND].events.deliver(receiver.url)
    assert receiver.types == ["failure.resolved"]


def test_a_large_body_leaves_out_what_can_be_read_elsewhere():
    data = {"reference": "r", "history": ["x" * MAX_BODY], "fix": [], "cause": "unknown"}
    body = body_of({"type": "failure.recorded", "at": 0.0}, data)
    assert len(body) < 1000
    assert '"truncated": ["history"]' in body


def test_the_receiver_of_the_guide_takes_an_event_once(monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    guide = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
    names = {"__name__": "receiver"}
    exec(re.search(r"```python\n(.*?)```", guide, re.DOTALL)[1], names)  # noqa: S102 - our own
    with run_server(names["app"]) as port:
        url = f"http://127.0.0.1:{port}/hubspot-events"
        sender = WebhookSender([SecretStr(SECRET)], allow_private=True)
        data = {"reference": "2M7G-7JW3-4R5J", "cause": "user_denied"}
        body = body_of({"type": "failure.recorded", "at": time.time()}, data)
        for _ in range(2):
            assert sender.send(url, "msg_1", body, now=time.time()).is_delivered
        assert names["seen"] == {"msg_1"}
        assert not sender.send(url, "msg_2", body, now=time.time() - 400).is_delivered
