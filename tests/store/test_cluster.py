"""The log on a Cluster of three nodes, whose slots no script and no transaction may mix."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from failure_examples import NOON, REQUESTS, a_failure, found_in
from harness import (
    API_TOKEN,
    CONNECTIONS_API_TOKEN,
    ENTERPRISE,
    KEPT_DAYS,
    PASSWORD,
    SAME_SITE,
    browser_of,
    csrf_token,
    customer_of,
    query_of,
    services_of,
)

from benchmarks import servers
from oauth_helper.common.references import day_of
from oauth_helper.config.webhooks import WEBHOOK_EVENT_TYPES, Threshold
from oauth_helper.diagnosis import Candidate, Cause
from oauth_helper.failures.model import Status
from oauth_helper.failures.query import FailureQuery, Term
from oauth_helper.models import Attempt, Claim
from oauth_helper.notifications.delivery import EventDelivery, SendResult
from oauth_helper.notifications.group_watch import GroupWatch
from oauth_helper.store import failure_search
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.audit_log import AuditLog
from oauth_helper.store.counters import Counters
from oauth_helper.store.failures import Failures
from oauth_helper.store.group_states import GroupStates
from oauth_helper.store.redis import connect
from oauth_helper.store.webhook_events import WebhookEvents
from oauth_helper.store.webhook_queue import WebhookQueues
from oauth_helper.web.api.failure_schemas import read_record


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with servers.cluster(tmp_path_factory.mktemp("cluster"), replicas=False) as started:
        yield started


@pytest.fixture
def client(running):
    with connect(running.url) as connected:
        yield connected


def test_everything_works_on_a_cluster(client, running):
    log, counted = Failures(client, retention_days=KEPT_DAYS), Counters(client)
    place = log.feed.place()
    recorded = [
        a_failure(
            NOON - timedelta(days=number),
            cause=(Cause.UNKNOWN, Cause.USER_DENIED)[number % 2],
            message=f"number {number}",
            hub_id=number % 3,
            client="" if number % 5 else "Flow {Tool}",
            missing=("tickets",) if number % 3 else (),
            requested=REQUESTS[number % 2],
        )
        for number in range(30)
    ]
    for failure in recorded:
        assert log.record(failure)
    homes = {running.holder_of(f"{{{day_of(each.reference)}}}").port for each in recorded}
    assert len(homes) == 3

    changed = log.change(
        recorded[4].reference,
        lambda old: replace(
            old, status=Status.RESOLVED, candidates=(Candidate(Cause.APP_BLOCKED, "why"),)
        ),
    )
    recorded[4] = changed
    assert log.get(changed.reference) == changed
    assert log.get_all([each.reference for each in recorded]) == recorded
    # Whoever knows neither scripts nor requests yet reads the same.
    with connect(running.url) as another:
        assert Failures(another, retention_days=KEPT_DAYS).get(changed.reference) == changed

    for wanted in (
        FailureQuery(),
        FailureQuery(cause=Cause.USER_DENIED, scope="tickets"),
        FailureQuery(client="flow {tool}"),
        FailureQuery(status="open", since=(NOON - timedelta(days=9)).timestamp()),
        FailureQuery(terms=(Term("", "NUMBER 1"), Term("account", "1", negated=True))),
    ):
        expected = found_in(recorded, wanted)
        assert list(log.each(wanted, chunk=4)) == expected
        first = log.page(wanted, limit=2)
        second = log.page(wanted, limit=2, cursor=first.next_cursor)
        assert [*first.failures, *second.failures] == expected[:4]
        back = log.page(wanted, limit=2, cursor=second.previous_cursor, newer=True)
        assert back.failures == first.failures

    counts = counted.counts(FailureQuery())
    assert (counts.total, counts.by_field["status"]) == (30, {"open": 29, "resolved": 1})
    assert counted.counts(FailureQuery(account="1")).total == 10
    assert counted.counts(FailureQuery(client="flow {tool}")).total == 6
    assert counted.clients() == ("Flow {Tool}",)
    here = FailureQuery(status="open", profile="workato")
    assert counted.at_least(here, 100) == (29, False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failure_search, "_COUNTED_AT_MOST", 3)
        found, may_be_more = counted.at_least(here, 100)
    # Not one of each of thirty days.
    assert found <= failure_search._FIRST_DAYS
    assert may_be_more
    groups = counted.groups(FailureQuery(), limit=9)
    assert sum(group.count for group in groups) == 30
    assert sum(group.people for group in groups) == 31  # one belongs to two groups now
    assert sum(kind.count for kind in counted.kinds()) == 30
    days = (NOON.date() - timedelta(days=40), NOON.date())
    assert sum(tally.count for tally in counted.failures(*days)) == 30
    assert sum(tally.count for tally in counted.scopes(*days)) == 20
    assert (counted.attempts(*days), counted.recoveries(*days)) == ((), ())
    assert set(log.feed.after(place, limit=100).references) == {each.reference for each in recorded}


def test_attempts_work_on_a_cluster(client):
    attempts, log = Attempts(client), Failures(client, retention_days=KEPT_DAYS)
    failure = a_failure()
    attempts.create(Attempt(failure.reference, "workato", REQUESTS[0], failure.started_at, 1))
    assert attempts.claim(failure.reference, 1.0, claim_id="m") is Claim.WON
    assert log.record(failure, only_if_open=True)
    assert attempts.outcome(failure.reference) == "failed"


def test_events_and_notices_work_on_a_cluster(client, clock):
    clock.now = NOON.timestamp() + 60
    events = WebhookEvents(client, WEBHOOK_EVENT_TYPES, by_group=True, clock=clock)
    log, counters = Failures(client, retention_days=KEPT_DAYS, events=events), Counters(client)
    queues, got = WebhookQueues(client, {"here": WEBHOOK_EVENT_TYPES}), []
    states = GroupStates(client, events)
    watch = GroupWatch(
        queues=queues, states=states, counters=counters, threshold=Threshold(3, 600), clock=clock
    )

    def send(event, data, _now):
        got.append((event["type"], data.get("reference") or data["recent"]))
        return SendResult(is_delivered=len(got) % 2 == 0, reason="every other one fails")

    read = partial(read_record, failures=log, connections=None, counters=counters)
    delivery = EventDelivery(queues=queues, senders={"here": send}, read_record=read, clock=clock)
    references = []
    for _ in range(4):
        failure = a_failure(missing=("files",), profile="cluster")
        assert log.record(failure)
        log.change(failure.reference, partial(replace, status=Status.RESOLVED))
        log.change(failure.reference, partial(replace, status=Status.OPEN))
        references.append(failure.reference)
    for number in range(30):
        delivery.deliver("here")
        watch.watch()
        clock.now += 30 if number < 6 else 700
    assert queues.waiting() == (0, 0)
    assert sorted({each for kind, each in got if kind != "group.spiking"}) == sorted(references)
    assert ("group.spiking", 4) in got
    order = list(dict.fromkeys(kind for kind, each in got if each == references[0]))
    assert order == ["failure.recorded", "failure.resolved", "failure.reopened"]


def test_the_audit_log_works_on_a_cluster(client, clock):
    log = AuditLog(client, retention_days=KEPT_DAYS, clock=clock)
    for number in range(5):
        log.add("ada", f"action {number}", ["record"])
        clock.now += 86_400
    assert [each.action for each in log.each()] == [
        f"action {number}" for number in (4, 3, 2, 1, 0)
    ]


def test_the_whole_program_works_on_a_cluster(make_app, hubspot, running, clock):
    """Its commands are not only those of the log: redis-py's client of a Cluster lacks some."""
    app = make_app(REDIS_URL=running.url)
    connected, reporting, gone = (customer_of(app, hubspot) for _ in range(3))
    assert "HubSpot is connected" in connected.connect().text
    assert "HubSpot is connected" in connected.connect().text
    state = query_of(reporting.start())["state"]
    reference = state.partition(".")[0]
    report = {"message": "The scope tickets is not listed by the app (scope mismatch)."}
    answer = reporting.browser.post(f"/attempts/{reference}/report", data=report)
    assert answer.status_code == 303, answer.text
    gone.start()
    clock.now += 4000
    parts = services_of(app)
    assert parts.expiry.record_expired() == 1
    assert {each.cause for each in parts.failures.each(FailureQuery())} >= {Cause.NEVER_RETURNED}

    agent = browser_of(app)
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(agent)}
    assert agent.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    pages = ["failures", f"failures/{reference}", "failures/groups", "insights", "connections"]
    pages += ["connections?missing_scope=any", "links", "tokens", "audit", "webhooks", "check"]
    for page in (*pages, "export/start", "audit/export", "account"):
        assert agent.get(f"/support/{page}").status_code == 200, page
    support, program = (
        {"Authorization": f"Bearer {token}"} for token in (API_TOKEN, CONNECTIONS_API_TOKEN)
    )
    link = {"profile": "workato", "customer": "c-1", "customer_name": "Blue Door Ltd"}
    made = browser_of(app).post("/api/v1/connect-links", json=link, headers=support)
    assert made.status_code == 201, made.text
    for path in (f"accounts/{ENTERPRISE}", "customers/c-1"):
        erased = browser_of(app).delete(f"/api/v1/{path}", headers=program)
        assert erased.status_code == 200, erased.text
    assert parts.connections.count() == 0
    token = {"csrf_token": csrf_token(agent, "/support/account")}
    out = agent.post("/support/account/sign-out-everywhere", data=token, headers=SAME_SITE)
    assert out.status_code == 303, out.text
    assert agent.get("/support/failures").status_code == 302
