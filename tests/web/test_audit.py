"""The audit log: every action of staff, programs and operators, and nothing secret."""

import json
import time

import pytest
from click.testing import CliRunner
from failure_examples import a_failure
from harness import (
    API_TOKEN,
    ENTERPRISE,
    KEPT_DAYS,
    PASSWORD,
    SAME_SITE,
    browser_of,
    csrf_token,
    services_of,
)

from oauth_helper.cli.main import cli
from oauth_helper.store.audit_log import AuditLog


@pytest.fixture
def entries(api):
    """Every entry as (who, action, records), oldest first."""

    def read(query="?limit=200"):
        found = api(f"/audit{query}").json["entries"]
        return [(each["who"], each["action"], each["records"]) for each in reversed(found)]

    return read


@pytest.fixture
def agent(staff):
    """An agent's browser, and how they send forms."""
    browser = staff("agent")
    token = browser.get("/support/failures").text.split('name="csrf_token" value="')[1]

    def send(path, **form):
        form["csrf_token"] = token.split('"')[0]
        return browser.post(f"/support{path}", data=form, headers=SAME_SITE)

    browser.send = send
    return browser


def test_what_staff_do_is_written_down(agent, app, customer, entries):
    customer.connect(account=str(ENTERPRISE))
    one, two = a_failure(), a_failure()
    for each in (one, two):
        services_of(app).failures.record(each)
    for form in ({"do": "take"}, {"do": "note", "text": "a canary"}, {"do": "resolve"}):
        assert agent.send(f"/failures/{one.reference}/work", **form).status_code == 303
    agent.send("/failures/work", do="reopen", reference=[one.reference, two.reference])
    undo = agent.send("/failures/work", do="resolve", reference=[one.reference, two.reference])
    name = undo.location.partition("done=")[2].partition("&")[0]
    agent.send(f"/deeds/{name}/undo", filters="")
    agent.send(f"/connections/workato.{ENTERPRISE}/revoke")
    agent.send("/links", profile="workato", customer="c-1", days="7", optional_scope="")
    agent.get("/support/export?format=csv", buffered=True)
    agent.get("/support/audit/export", buffered=True)
    agent.send("/logout")
    found = entries()
    assert [(who, action) for who, action, _ in found] == [
        ("agent", action)
        for action in (
            "sign in",
            "assign",
            "comment",
            "resolve",
            "reopen",
            "resolve",
            "undo",
            "revoke connection",
            "create link",
            "export failures",
            "export audit log",
            "sign out",
        )
    ]
    assert found[1][2] == [one.reference]
    assert found[4][2] == [one.reference]
    assert sorted(found[6][2]) == sorted([one.reference, two.reference])
    assert "canary" not in json.dumps(found)


def test_what_programs_and_operators_do_is_written_down(
    backend, app, customer, entries, environ, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    customer.connect(account=str(ENTERPRISE))
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    made = browser_of(app).post(
        "/api/v1/connect-links", json={"profile": "workato"}, headers=headers
    )
    browser_of(app).delete(f"/api/v1/connect-links/{made.json['id']}", headers=headers)
    backend(f"/workato.{ENTERPRISE}/revoke", "POST")
    backend()
    for command in (["failures", "export"], ["connections", "revoke", "workato.1"]):
        CliRunner().invoke(cli, command, env=environ)
    operator = "the command line"
    found = [(who, action) for who, action, _ in entries()]
    # The clock of the tests is another one than that of commands.
    exported = CliRunner().invoke(cli, ["audit", "export"], env=environ)
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    found += [(each["who"], each["action"]) for each in reversed(lines) if each["who"] == operator]
    assert list(dict.fromkeys(found)) == [
        ("SUPPORT_API_TOKEN", "create link"),
        ("SUPPORT_API_TOKEN", "withdraw link"),
        ("CONNECTIONS_API_TOKEN", "revoke connection"),
        (operator, "export failures"),
        (operator, "revoke connection"),
    ]


def test_a_refused_sign_in_of_a_known_name_is_written_down_once_a_minute(app, entries, store):
    browser = browser_of(app)
    for name in ("agent", "agent", PASSWORD):
        form = {"name": name, "password": "wrong", "csrf_token": csrf_token(browser)}
        assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 401
    assert entries() == [("agent", "sign-in refused", [])]
    assert all(PASSWORD not in key for key in store.keys("*"))


def test_the_log_has_pages_times_and_a_retention(store, clock):
    log = AuditLog(store, retention_days=KEPT_DAYS, clock=clock)
    began = time.time()
    for number in range(7):
        log.add("ada", f"action {number}", ["2M7G-7JW3-4R5J"], "x" * 500)
        clock.now += 86_400 * (number % 2)
    found, cursor = [], ""
    while cursor is not None:
        page = log.page(limit=2, cursor=cursor)
        assert len(page.entries) <= 2
        found += page.entries
        cursor = page.next_cursor
    assert [each.action for each in found] == [f"action {number}" for number in range(6, -1, -1)]
    assert len(found[0].detail) == 200
    assert list(log.each()) == found
    # Times are those of the store, whose clock is right.
    clock.now = time.time()
    store.xadd(
        f"oh:audit:{time.strftime('%Y-%m-%d', time.gmtime())}",
        {"who": "ada", "action": "now", "records": "", "detail": ""},
    )
    assert next(log.each(since=began)).action == "now"
    assert not list(log.each(until=began - 10))
    assert all(store.ttl(each) > 0 for each in store.keys("oh:audit:2026-11-18"))


def test_only_agents_read_it(staff, agent, client, api):
    assert staff("viewer").get("/support/audit").status_code == 403
    assert client.get("/support/audit").status_code == 302
    assert client.get("/api/v1/audit").status_code == 401
    page = agent.get("/support/audit")
    assert ">sign in</td>" in page.text
    assert agent.get("/support/audit?since=nonsense").status_code == 400
    assert agent.get("/support/audit?since=2026-01-01&until=&cursor=").status_code == 200
    assert api("/audit?cursor=2026-11-18_1-1").status_code == 400
    assert api("/audit?cursor=x").status_code == 400
    (line, *_) = agent.get("/support/audit/export").text.splitlines()
    assert set(json.loads(line)) == {"id", "at", "who", "action", "records", "detail"}
