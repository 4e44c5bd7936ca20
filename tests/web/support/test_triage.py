"""Working on a failure: notes, who has taken it, resolved or open; each with who and when."""

import csv
import io

import pytest
from flask import Flask
from harness import PASSWORD, SAME_SITE, browser_of, csrf_token, query_of, services_of
from markupsafe import escape

from oauth_helper.failures.model import EventType, Resolution, Status
from oauth_helper.failures.query import FailureQuery


@pytest.fixture
def reference(customer, app):
    customer.connect(decision="deny")
    return the_failure(app).reference


def the_failure(app: Flask):
    (found,) = services_of(app).failures.page(FailureQuery(), limit=10).failures
    return found


def do(browser, reference, step, text=""):
    token = csrf_token(browser, "/support/failures")
    form = {"csrf_token": token, "do": step, "text": text}
    return browser.post(f"/support/failures/{reference}/work", data=form, headers=SAME_SITE)


def page_of(browser, reference):
    return browser.get(f"/support/failures/{reference}").text


def test_a_note_stands_with_who_and_when(staff, reference, app, clock):
    agent = staff("agent")
    clock.now += 60
    assert do(agent, reference, "note", "called back <b>soon</b>").status_code == 303
    (event,) = the_failure(app).history
    assert (event.what, event.by, event.at) == (EventType.COMMENTED, "agent", clock.now)
    page = page_of(agent, reference)
    assert "agent commented." in page
    assert "called back &lt;b&gt;soon&lt;/b&gt;" in page


def test_secrets_stay_out_of_notes(staff, reference, app):
    do(staff("agent"), reference, "note", "jane.doe@example.com code=" + "CANARY" * 10)
    (event,) = the_failure(app).history
    assert "jane" not in event.text
    assert "CANARY" not in event.text


def test_taking_and_giving_back(staff, reference, app, api):
    agent = staff("agent")
    do(agent, reference, "take")
    do(agent, reference, "take")
    assert the_failure(app).assignee == "agent"
    assert "Assigned to you" in page_of(agent, reference)
    assert [f["reference"] for f in api("/failures?assignee=agent").json["failures"]] == [reference]
    assert api("/failures?assignee=somebody").json["failures"] == []
    do(agent, reference, "release")
    assert the_failure(app).assignee == ""
    assert api("/failures?assignee=agent").json["failures"] == []
    assert [event.what for event in the_failure(app).history] == [
        EventType.ASSIGNED,
        EventType.ASSIGNED,
    ]


def test_resolving_and_opening_again(staff, reference, app, api):
    agent = staff("agent")
    do(agent, reference, "resolve", "They connected by themselves.")
    do(agent, reference, "resolve")
    failure = the_failure(app)
    assert failure.status is Status.RESOLVED
    assert [(e.what, e.text) for e in failure.history] == [
        (EventType.RESOLVED, "They connected by themselves.")
    ]
    assert api("/failures?status=open").json["failures"] == []
    listed = agent.get("/support/failures?status=resolved").text
    assert reference in listed
    assert reference not in agent.get("/support/failures?status=open").text
    do(agent, reference, "reopen", "It happened again.")
    assert the_failure(app).status is Status.OPEN
    assert "reopened it" in page_of(agent, reference)


def test_two_agents_do_not_overwrite_each_other(app, reference):
    browsers = [browser_of(app), browser_of(app)]
    for browser in browsers:
        form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
        browser.post("/support/login", data=form, headers=SAME_SITE)
    for number, browser in enumerate(browsers * 3):
        do(browser, reference, "note", f"note {number}")
    assert [event.text for event in the_failure(app).history] == [f"note {n}" for n in range(6)]


@pytest.mark.parametrize("step", ["note", "take", "release", "resolve", "reopen"])
def test_a_viewer_changes_nothing(staff, reference, app, step):
    viewer = staff("viewer")
    assert "Add comment" not in page_of(viewer, reference)
    assert do(viewer, reference, step, "x").status_code == 403
    assert the_failure(app).revision == 0


def test_without_a_token_nothing_is_done(staff, reference, app):
    agent = staff("agent")
    address = f"/support/failures/{reference}/work"
    assert agent.post(address, data={"do": "resolve"}, headers=SAME_SITE).status_code == 400
    assert the_failure(app).revision == 0


def test_what_cannot_be_done_is_said(staff, reference, app):
    agent = staff("agent")
    assert do(agent, reference, "burn").status_code == 400
    assert do(agent, "2M7X-TQRT-89HR", "resolve").status_code == 404
    assert do(agent, "nonsense", "resolve").status_code == 404
    assert do(agent, reference, "note", "  ").status_code == 303
    assert "The comment is empty" in page_of(agent, reference)
    assert the_failure(app).revision == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("stage=callback", True),
        ("stage=token", False),
        ("stage=callback&status=open&profile=workato", True),
        ("account=1000104", False),
    ],
)
def test_filters(reference, api, query, found):
    listed = [f["reference"] for f in api(f"/failures?{query}").json["failures"]]
    assert listed == ([reference] if found else [])


@pytest.mark.parametrize("query", ["account=x", "account=-1", "stage=x", "status=x"])
def test_a_wrong_filter_is_named(api, query):
    response = api(f"/failures?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json["detail"]


@pytest.mark.parametrize("reason", list(Resolution))
def test_the_reason_is_in_record_timeline_api_and_export(staff, reference, app, api, reason):
    agent = staff("agent")
    response = do(agent, reference, f"resolve:{reason}", "as agreed")
    assert the_failure(app).resolution is reason
    (event,) = the_failure(app).history
    assert (event.resolution, event.text) == (reason, "as agreed")
    page = agent.get(response.location).text
    assert f"Resolved<span>: {escape(reason.title.lower())}</span>" in page
    assert escape(f"agent resolved it as {reason.title.lower()}.") in page
    found = api(f"/failures/{reference}").json
    assert found["resolution"] == found["history"][0]["resolution"] == reason
    rows = csv.DictReader(
        io.StringIO(agent.get("/support/export?format=csv").text.lstrip("\ufeff"))
    )
    (row,) = rows
    assert row["resolution"] == reason
    assert f"resolved by agent ({reason}): as agreed" in row["history"]
    do(agent, reference, "reopen")
    assert api(f"/failures/{reference}").json["resolution"] is None


@pytest.mark.parametrize("step", ["take", "resolve:duplicate"])
def test_an_action_on_one_can_be_undone(staff, reference, app, step):
    agent = staff("agent")
    page = agent.get(do(agent, reference, step).location).text
    undo = page.split('action="/support/deeds/')[1].split('"')[0]
    form = {"csrf_token": csrf_token(agent, "/support/failures"), "record": reference}
    response = agent.post(f"/support/deeds/{undo}", data=form, headers=SAME_SITE)
    assert response.location == f"/support/failures/{reference}"
    assert "Undone." in agent.get(response.location).text
    failure = the_failure(app)
    assert (failure.status, failure.assignee, failure.resolution) == (Status.OPEN, "", None)


def test_an_early_report_has_one_entry(customer, staff):
    reference = query_of(customer.start())["state"][:14]
    message = {"message": "Authorization failed because there is a scope mismatch"}
    agent = staff("agent")
    form = {"csrf_token": csrf_token(agent, "/support/failures"), **message}
    agent.post(f"/support/failures/{reference}/report", data=form, headers=SAME_SITE)
    page = page_of(agent, reference)
    entries = page.split('<ol class="timeline"')[1].split("</ol>")[0]
    assert entries.count("<li") == 2
    assert "agent reported HubSpot&#39;s error." in entries
