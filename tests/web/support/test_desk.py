"""The desk's list: filters, search, chips, counts, pages, and work on many with undo."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from urllib.parse import urlencode

import pytest
from failure_examples import REQUESTS, a_failure
from harness import PASSWORD, SAME_SITE, browser_of, csrf_token, profiles_file, services_of

from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Event, EventType, Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.failures.triage import assign, comment
from oauth_helper.models import StoreUnavailableError

HOUR, DAY = 3600, 86_400


def a_time(clock, ago):
    return datetime.fromtimestamp(clock.now - ago, UTC)


@pytest.fixture
def log(app):
    return services_of(app).failures


@pytest.fixture
def record(log, clock):
    """Writes failures, each so many seconds ago."""

    def write(ago=60, cause=Cause.UNKNOWN, **fields):
        failure = a_failure(a_time(clock, ago), cause=cause, **fields)
        assert log.record(failure)
        return failure

    return write


@pytest.fixture
def agent(staff):
    return staff("agent")


def shown(page):
    """The references in the rows of a page, in their order."""
    return re.findall(r'<tr id="row-([^"]+)"', page)


def listed(browser, query=""):
    response = browser.get(f"/support/failures?{query}")
    assert response.status_code == 200, response.text
    return shown(response.text)


@pytest.fixture
def five(record):
    """Failures that differ in everything, the newest first."""
    return [
        record(60, Cause.USER_DENIED, stage=Stage.CALLBACK, message="they said no"),
        record(2 * HOUR, Cause.NEVER_RETURNED, stage=Stage.AUTHORIZATION, assignee="agent"),
        record(
            3 * HOUR, Cause.USER_DENIED, hub_id=4711, status=Status.RESOLVED, client="Flow Tool"
        ),
        record(2 * DAY, missing=("crm.lists.read", "tickets"), message="a Scope Mismatch here"),
        record(20 * DAY, Cause.RATE_LIMITED, profile="gone", assignee="lead"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "0134"),
        ("status=all", "01234"),
        ("status=all&cause=user_denied", "02"),
        ("status=all&q=is:resolved", "2"),
        ("cause=user_denied", "02"),
        ("cause=user_denied&status=open", "0"),
        ("status=resolved", "2"),
        ("stage=authorization", "1"),
        ("profile=gone", "4"),
        ("client=Flow+Tool", "2"),
        ("client=flow+tool", "2"),
        ("client=Flow", ""),
        ("client=-", "0134"),
        ("client=Flow+Tool&status=open", ""),
        ("q=client:%22flow+tool%22", "2"),
        ("q=-client:%22Flow+Tool%22", "0134"),
        ("q=-client:-", "2"),
        ("q=flow", "2"),
        ("account=4711", "2"),
        ("assignee=lead", "4"),
        ("assignee=-", "023"),
        ("scope=tickets", "3"),
        ("within=1h", "0"),
        ("within=24h", "012"),
        ("within=7d", "0123"),
        ("within=30d", "01234"),
        ("q=mismatch", "3"),
        ("q=%22scope+mismatch%22", "3"),
        ("q=scope+mismatch", "3"),
        ("q=mismatch+gibberish", ""),
        ("q=-mismatch", "0124"),
        ("q=cause:user_denied", "02"),
        ("q=-cause:user_denied", "134"),
        ("q=is:open+-is:assigned", "03"),
        ("q=is:mine", "1"),
        ("q=by:me", "1"),
        ("q=-is:mine", "0234"),
        ("q=cancelled", "02"),
        ("q=no+response+from+hubspot", "1"),
        ("q=note:agent", ""),
        ("q=by:lead", "4"),
        ("q=4711", "2"),
        ("q=crm.lists.read", "3"),
        ("q=state:resolved", "2"),
        ("q=account:4711+cause:user_denied", "2"),
        ("q=account:4711+-cause:user_denied", ""),
        ("q=is:open&cause=user_denied&within=24h", "0"),
        ("cause=&q=+&status=", "0134"),
    ],
)
def test_filters_find_what_they_say(agent, five, query, expected):
    assert listed(agent, query) == [five[int(number)].reference for number in expected]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("cause=nonsense", "cause has to be one of"),
        ("status=maybe", "status has to be one of open, resolved"),
        ("stage=nowhere", "stage has to be one of"),
        ("account=abc", "account has to be the number"),
        ("within=2y", "within has to be one of today, 1h"),
        ("since=yesterday", "since is no time"),
        ("cursor=nonsense", "the cursor is none of this program"),
        ("before=1_", "the cursor is none of this program"),
    ],
)
def test_a_wrong_filter_is_named(agent, query, says):
    response = agent.get(f"/support/failures?{query}")
    assert response.status_code == 400
    assert says in unescape(response.text)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("cause:nonsense", "Unknown cause “nonsense”"),
        ("is:lost", "Unknown status “lost”"),
        ("account:me", "“me” isn't the number of an account"),
    ],
)
@pytest.mark.usefixtures("five")
def test_a_search_for_what_cannot_be_says_so_and_finds_nothing(agent, log, search, says):
    page = unescape(agent.get("/support/failures", query_string={"q": search}).text)
    assert says in page
    assert "Fix the search to see results." in page
    assert shown(page) == []
    response = work_on(agent, "resolve", filters=urlencode({"q": search}), all="1")
    assert response.status_code == 400
    assert says in unescape(response.text)
    assert Status.RESOLVED not in states(log)[:2]
    assert agent.get(f"/support/failures/live?place=0-0&q={search}").status_code == 400


def test_chips_show_what_is_on_and_take_it_away(agent):
    page = agent.get("/support/failures?cause=user_denied&within=24h&q=no+-is:taken").text
    chips = dict(
        re.findall(
            r'<li[^>]*><a href="([^"]+)"><span class="visually-hidden">Remove </span>(.+?) <', page
        )
    )
    by_title = {unescape(title): unescape(address) for address, title in chips.items()}
    assert by_title == {
        "Cause: Cancelled at HubSpot": "/support/failures?within=24h&q=no+-is%3Ataken",
        "Time: the last 24 hours": "/support/failures?cause=user_denied&q=no+-is%3Ataken",
        "no": "/support/failures?cause=user_denied&within=24h&q=-is%3Aassigned",
        "-is:assigned": "/support/failures?cause=user_denied&within=24h&q=no",
    }


@pytest.mark.usefixtures("five")
def test_each_value_says_how_many_it_would_find(agent):
    page = agent.get("/support/failures?status=open").text
    assert re.search(r'<option value="user_denied">[^<]+\(1\)</option>', page)
    assert tabs(page) == {"Open": "4", "Mine": "1", "Resolved": "1", "All": "5"}
    page = agent.get("/support/failures?assignee=agent&status=open").text
    assert tabs(page) == {"Open": "4", "Mine": "1", "Resolved": "1", "All": "5"}
    page = agent.get("/support/failures?scope=tickets&status=open").text
    assert tabs(page) == {"Open": "1", "Mine": "0", "Resolved": "0", "All": "1"}
    # Only reading every failure would tell the others.
    page = agent.get("/support/failures?q=mismatch&status=open").text
    assert tabs(page) == {"Open": "1", "Mine": "", "Resolved": "", "All": ""}


def tabs(page):
    """The counts of the tabs."""
    pattern = r'>(\w+) <span class="count" data-count-of="\w+">([\d,+]*)</span></a>'
    return dict(re.findall(pattern, page))


def test_what_is_counted_only_in_part_says_so(agent, record, monkeypatch):
    monkeypatch.setattr("oauth_helper.store.counters._READ_AT_MOST", 50)
    monkeypatch.setattr("oauth_helper.web.support.tabs._MOST_COUNTED", 2)
    for number in range(52):
        record(number, missing=("tickets",), assignee="agent")
    page = agent.get("/support/failures?scope=tickets&status=open").text
    assert tabs(page) == {"Open": "50+", "Mine": "", "Resolved": "", "All": ""}
    assert tabs(agent.get("/support/failures").text)["Mine"] == "2+"


def test_each_day_has_a_heading(agent, record):
    for ago in (60, DAY, 3 * DAY, 3 * DAY + 1):
        record(ago)
    headings = re.findall(r'scope="rowgroup">([^<]+)<', agent.get("/support/failures").text)
    assert headings == ["Today", "Yesterday", "Sunday, 15 November"]


def test_a_row_says_what_about_and_who_fixes_it(agent, record):
    record(
        60,
        Cause.URL_REQUESTS_UNCONFIGURED_SCOPE,
        missing=("tickets", "files"),
        customer_name="Acme",
    )
    row = agent.get("/support/failures").text.partition('<tr id="row-')[2].partition("</tr>")[0]
    text = " ".join(re.sub("<[^>]*>", " ", row.partition(">")[2]).split())
    assert text.startswith("Scope not configured in the app tickets +1")
    assert "Developer or operator Acme" in text
    assert "Unassigned Open 1 min ago" in text


def test_a_comment_on_many_can_be_written_without_a_script(agent, five, log):
    references = [five[0].reference, five[3].reference]
    page = work_on(agent, "comment", references, filters="status=open").text
    assert "Comment on 2 failures" in page
    assert re.findall(r'name="reference" value="([^"]+)"', page) == references
    assert log.get(references[0]).history == ()
    page = work_on(agent, "comment", filters="cause=user_denied", all="1").text
    assert 'name="all" value="1"' in page
    assert 'value="cause=user_denied"' in page


@pytest.mark.usefixtures("five")
def test_the_clients_to_choose_from_are_those_that_occur(agent):
    assert through(agent, "status=all") == {"": None, "-": 4, "Flow Tool": 1}
    assert through(agent, "cause=user_denied") == {"": None, "-": 1, "Flow Tool": 1}
    assert through(agent, "status=open") == {"": None, "-": 4, "Flow Tool": 0}
    # What no counter tells is not counted, and can be chosen all the same.
    assert through(agent, "q=mismatch") == {"": None, "-": None, "Flow Tool": None}
    page = agent.get("/support/failures?client=flow+tool").text
    assert '<option value="Flow Tool" selected>Flow Tool (1)</option>' in page
    assert "</span>Through: flow tool <" in page
    assert tabs(page)["All"] == "1"
    page = agent.get("/support/failures?client=-").text
    assert "</span>Through: this program's own pages <" in unescape(page)


def through(browser, query):
    """The values of the filter with their counts."""
    choice = browser.get(f"/support/failures?{query}").text.partition('id="client"')[2]
    options = re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)<', choice.partition("</select>")[0])
    counts = {value: re.search(r"\((\d+)\)$", title) for value, title in options}
    return {value: int(count[1]) if count else None for value, count in counts.items()}


def test_without_clients_there_is_nothing_to_choose(agent, record):
    record()
    assert 'id="client"' not in agent.get("/support/failures").text
    # But what is chosen can be seen and taken back.
    assert through(agent, "client=Gone") == {"": None, "Gone": 0, "-": 1}


def test_list_and_page_say_which_client_asked(agent, record):
    failure = record(client="Flow Tool & Co")
    assert "through Flow Tool &amp; Co" in agent.get("/support/failures").text
    page = agent.get(f"/support/failures/{failure.reference}").text
    assert ">Flow Tool &amp; Co</a></dd>" in page
    assert "Flow Tool &amp; Co sent the customer to connect HubSpot." in page
    (address,) = re.findall(r'href="(/support/failures\?client=[^"]+)"', page)
    assert shown(agent.get(unescape(address)).text) == [failure.reference]
    place = "/support/failures/live?place=0-0&client=flow+tool+%26+co"
    (event,) = re.findall(r"event: failure\ndata: (.*)", agent.get(place).text)
    assert json.loads(event)["gone"] is False
    assert "through Flow Tool &amp; Co" in json.loads(event)["row"]


def test_of_no_client_nothing_is_said(agent, record):
    failure = record()
    page = agent.get(f"/support/failures/{failure.reference}").text
    assert "<dt>Through</dt>" not in page
    assert "The customer clicked “Connect HubSpot”." in page
    assert "through" not in agent.get("/support/failures").text.partition("<tbody")[2]


def test_a_refresh_that_failed_began_with_nobody(agent, record):
    failure = record(cause=Cause.REFRESH_TOKEN_INVALID, stage=Stage.REFRESH, client="Flow Tool")
    page = agent.get(f"/support/failures/{failure.reference}").text
    assert "HubSpot issued no new access token: refresh token no longer valid." in page
    assert "sent the customer" not in page


def test_groups_take_the_clients_together(agent, five):
    assert five
    page = agent.get("/support/failures?client=Flow+Tool&cause=user_denied").text
    (address,) = re.findall(r'<a href="([^"]+)">Groups</a>', page)
    assert unescape(address) == "/support/failures/groups?cause=user_denied"
    assert 'id="client"' not in agent.get(unescape(address)).text


def test_a_number_that_is_no_account_is_looked_for_in_the_texts(agent, record):
    failure = record(message="error 987654 at HubSpot")
    page = agent.get("/support/failures?q=987654").text
    assert shown(page) == [failure.reference]
    assert "Read as" not in page


def test_a_number_that_is_an_account_is_read_as_one(agent, record):
    of_account = record(hub_id=987654)
    in_message = record(message="987654")
    page = agent.get("/support/failures?q=987654").text
    assert shown(page) == [of_account.reference]
    assert "Read as account 987654" in page
    assert listed(agent, "q=message:987654") == [in_message.reference]


def test_pages_lead_both_ways_and_end(agent, record):
    names = [record(number).reference for number in range(120)]
    page = agent.get("/support/failures").text
    seen = [shown(page)]
    while 'rel="next"' in page:
        page = agent.get(address_of(page, "next")).text
        seen.append(shown(page))
    assert [name for names_of in seen for name in names_of] == names
    assert list(map(len, seen)) == [50, 50, 20]
    back = [shown(page)]
    while 'rel="prev"' in page:
        page = agent.get(address_of(page, "prev")).text
        back.append(shown(page))
    assert back == seen[::-1]


def address_of(page, rel):
    return unescape(page.split(f'rel="{rel}"')[0].rsplit('href="', 1)[1].split('"')[0])


def test_a_search_says_how_far_it_looked(agent, log, clock, monkeypatch):
    monkeypatch.setattr("oauth_helper.store.failure_reader.EXAMINED_AT_MOST", 30)
    for number in range(40):
        log.record(a_failure(a_time(clock, number), message="hay"))
    needle = a_failure(a_time(clock, 50), message="needle")
    log.record(needle)
    page = agent.get("/support/failures?q=needle").text
    assert "Looked through 30 failures of 41" in page
    assert shown(page) == []
    merge = unescape(page.split("Look further back")[0].rsplit('href="', 1)[1].split('"')[0])
    assert shown(agent.get(merge).text) == [needle.reference]


@pytest.mark.parametrize(
    "payload",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{7*7}}",
        "javascript:alert(1)",
    ],
)
def test_nothing_from_outside_is_markup(agent, log, clock, payload):
    failure = replace(
        a_failure(a_time(clock, 60)),
        message=payload,
        missing=(payload.replace(" ", ""),),
        correlation_id=payload,
        candidates=(Candidate(Cause.UNKNOWN, payload),),
        assignee=payload,
        client=payload,
    )
    log.record(failure)
    pages = [
        agent.get("/support/failures", query_string={"q": payload}).text,
        agent.get("/support/failures").text,
        agent.get("/support/failures/groups").text,
        agent.get(f"/support/failures/{failure.reference}").text,
        agent.get("/support/failures/live?place=0-0").text,
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert ">49<" not in page
        assert 'href="javascript:' not in page


# ---- work on many


def work_on(browser, do, references=(), filters="", text="", **more):
    token = csrf_token(browser, "/support/failures")
    form = {"csrf_token": token, "do": do, "reference": list(references), "filters": filters}
    form |= {"text": text, **more}
    return browser.post("/support/failures/work", data=form, headers=SAME_SITE)


def undo(browser, location):
    name = location.partition("done=")[2].partition("&")[0]
    token = csrf_token(browser, "/support/failures")
    form = {"csrf_token": token, "filters": ""}
    return browser.post(f"/support/deeds/{name}/undo", data=form, headers=SAME_SITE)


def states(log):
    return [each.status for each in log.page(FailureQuery(), limit=50).failures]


def test_those_that_are_ticked_are_resolved_with_what_mended_them(agent, five, log, clock):
    response = work_on(agent, "resolve", [five[0].reference, five[3].reference], text="redeployed")
    assert response.status_code == 303
    assert "Resolved: 2 failures" in agent.get(response.location).text
    assert states(log) == ["resolved", "open", "resolved", "resolved", "open"]
    (event,) = log.get(five[0].reference).history
    assert (event.what, event.by, event.at, event.text) == (
        EventType.RESOLVED,
        "agent",
        clock.now,
        "redeployed",
    )


@pytest.mark.usefixtures("five")
def test_all_that_a_filter_finds_are_resolved(agent, log):
    response = work_on(agent, "resolve", filters="cause=user_denied&status=open", all="1")
    assert states(log) == ["resolved", "open", "resolved", "open", "open"]
    assert "cause=user_denied" in response.location
    assert "Resolved: 1 failure." in agent.get(response.location).text


def test_what_was_done_to_many_can_be_undone_once(agent, five, log):
    done = work_on(agent, "resolve", filters="", all="1").location
    assert states(log) == ["resolved"] * 5
    response = undo(agent, done)
    assert response.status_code == 303
    assert "Undone for 4 failures." in agent.get(response.location).text
    # The third was resolved before.
    assert states(log) == ["open", "open", "resolved", "open", "open"]
    assert [each.what for each in log.get(five[0].reference).history] == [
        EventType.RESOLVED,
        EventType.UNDONE,
    ]
    assert undo(agent, done).status_code == 404


def test_what_somebody_changed_since_is_not_undone(agent, five, log):
    done = work_on(agent, "resolve", [five[0].reference, five[3].reference]).location
    log.change(five[0].reference, lambda old: replace(old, assignee="lead"))
    response = undo(agent, done)
    assert (
        "Undone for 1 failure. 1 had been changed again since" in agent.get(response.location).text
    )
    assert log.get(five[0].reference).status is Status.RESOLVED
    assert log.get(five[0].reference).assignee == "lead"
    assert log.get(five[3].reference).status is Status.OPEN


def test_what_others_are_assigned_stays_theirs(agent, five, log):
    response = work_on(agent, "take", filters="", all="1")
    assert log.get(five[4].reference).assignee == "lead"
    assert log.get(five[0].reference).assignee == "agent"
    assert "Assigned to you: 3 failures of 5" in agent.get(response.location).text


def test_more_than_goes_at_once_is_said(agent, record, monkeypatch):
    monkeypatch.setattr("oauth_helper.web.support.bulk_triage.MAX_AT_ONCE", 3)
    for number in range(5):
        record(number)
    response = work_on(agent, "resolve", filters="status=open", all="1")
    assert "Resolved: 3 failures of 5" in agent.get(response.location).text


@pytest.mark.parametrize("do", ["note", "resolve"])
@pytest.mark.usefixtures("five")
def test_choosing_nothing_changes_nothing(agent, log, do):
    response = work_on(agent, do, text="x")
    assert "Nothing is selected" in agent.get(response.location).text
    assert states(log) == ["open", "open", "resolved", "open", "open"]


@pytest.mark.usefixtures("five")
def test_a_viewer_changes_nothing_and_is_offered_nothing(staff, log):
    viewer = staff("viewer")
    assert ">Resolve<" not in viewer.get("/support/failures").text
    before = log.page(FailureQuery(), limit=50).failures
    assert work_on(viewer, "resolve", filters="", all="1").status_code == 403
    assert undo(viewer, "?done=x").status_code == 403
    assert log.page(FailureQuery(), limit=50).failures == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
    ids=str,
)
@pytest.mark.usefixtures("five")
def test_a_forged_form_changes_nothing(agent, log, headers):
    before = log.page(FailureQuery(), limit=50).failures
    form = {"do": "resolve", "all": "1", "filters": ""}
    response = agent.post("/support/failures/work", data=form, headers=headers)
    assert response.status_code in (400, 403)
    assert log.page(FailureQuery(), limit=50).failures == before


@pytest.mark.parametrize("do", ["", "delete", "resolve;"])
@pytest.mark.usefixtures("five")
def test_an_unknown_button_is_refused(agent, do):
    assert work_on(agent, do, filters="", all="1").status_code == 400


# ---- two agents


def test_what_somebody_took_meanwhile_is_not_taken_away_unseen(agent, five, log):
    reference = five[0].reference
    token = csrf_token(agent, "/support/failures")
    log.change(reference, lambda old: replace(old, assignee="lead"))
    form = {"csrf_token": token, "do": "take", "seen": ""}
    response = agent.post(f"/support/failures/{reference}/work", data=form, headers=SAME_SITE)
    assert log.get(reference).assignee == "lead"
    assert "lead was assigned in the meantime" in agent.get(response.location).text
    agent.post(
        f"/support/failures/{reference}/work", data={**form, "seen": "lead"}, headers=SAME_SITE
    )
    assert log.get(reference).assignee == "agent"


@pytest.mark.parametrize(
    ("do", "says"),
    [("take", "Assigned to you."), ("release", "Unassigned."), ("note", "Comment added.")],
)
def test_what_is_typed_is_kept_whatever_is_pressed(agent, five, log, do, says):
    reference = five[1].reference
    log.change(reference, lambda old: replace(old, assignee="agent" if do == "release" else ""))
    token = csrf_token(agent, "/support/failures")
    form = {"csrf_token": token, "do": do, "seen": "", "text": "rang back"}
    response = agent.post(f"/support/failures/{reference}/work", data=form, headers=SAME_SITE)
    assert says in agent.get(response.location).text
    assert (EventType.COMMENTED, "rang back") in [
        (e.what, e.text) for e in log.get(reference).history
    ]


def test_what_is_typed_is_kept_when_somebody_else_was_faster(agent, five, log):
    reference = five[0].reference
    token = csrf_token(agent, "/support/failures")
    log.change(reference, lambda old: replace(old, assignee="lead"))
    form = {"csrf_token": token, "do": "take", "seen": "", "text": "rang back"}
    response = agent.post(f"/support/failures/{reference}/work", data=form, headers=SAME_SITE)
    assert "Your comment is saved." in agent.get(response.location).text
    assert log.get(reference).assignee == "lead"
    assert [e.text for e in log.get(reference).history] == ["rang back"]


def test_resolving_what_is_resolved_says_so(agent, five, log):
    reference = five[2].reference
    form = {"csrf_token": csrf_token(agent, "/support/failures"), "do": "resolve", "text": "mine"}
    response = agent.post(f"/support/failures/{reference}/work", data=form, headers=SAME_SITE)
    assert "Nothing changed: it&#39;s already resolved." in agent.get(response.location).text
    assert log.get(reference).history == ()


# ---- groups


def test_groups_tell_how_many_and_lead_to_them(agent, record):
    scopes = ("crm.lists.read",)
    same = [
        record(number * HOUR, Cause.TOKEN_LACKS_SCOPE, missing=scopes, hub_id=number % 2 + 1)
        for number in range(3)
    ]
    record(60, Cause.TOKEN_LACKS_SCOPE, missing=("tickets",))
    page = agent.get("/support/failures/groups").text
    rows = page.split("<tbody data-rows>")[1].split("</tr>")
    assert "<strong>3</strong>" in rows[0]
    assert "3 people" in rows[0]
    assert "2 accounts" in rows[0]
    assert "crm.lists.read" in rows[0]
    assert "<strong>1</strong>" in rows[1]
    address = unescape(rows[0].split('<a href="')[1].split('"')[0])
    assert shown(agent.get(address).text) == [each.reference for each in same]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("tickets", [2]),
        ("scope:tickets", [2]),
        ("-scope:tickets cause:token_lacks_scope", [3]),
        ("Lacks crm.lists", [3]),
        ("slow cause:rate_limited", []),
        ("-is:open", []),
        ("by:lead", "Groups can&#39;t be searched by assignee. Search the list instead."),
        ("comment:x 1234567", "by note. Search"),
        ("cause:nope", "Unknown cause “nope”."),
    ],
)
def test_groups_are_searched_by_cause_profile_scope_and_words(agent, record, search, found):
    for number in range(3):
        record(number, Cause.TOKEN_LACKS_SCOPE, missing=("crm.lists.read",))
    for number in range(2):
        record(number, Cause.TOKEN_LACKS_SCOPE, missing=("tickets",))
    record(1, Cause.RATE_LIMITED)
    page = agent.get("/support/failures/groups", query_string={"q": search}).text
    if isinstance(found, str):
        assert found in page
    else:
        counts = [int(each) for each in re.findall(r"<strong>(\d+)</strong>", page)]
        assert counts == found
    assert ("No groups match." in page) is (found == [] or isinstance(found, str))


def test_the_list_takes_its_search_to_the_groups_and_back(agent, record):
    record(1, Cause.TOKEN_LACKS_SCOPE, missing=("tickets",))
    page = agent.get("/support/failures?q=scope:tickets+is:open+by:lead").text
    assert 'href="/support/failures/groups?q=scope%3Atickets+status%3Aopen"' in page
    page = agent.get("/support/failures/groups?q=scope:tickets+is:open").text
    assert re.search(r'<a href="/support/failures\?q=status%3Aopen&amp;group=\w+">', page)


def test_a_part_of_a_group_affects_no_more_than_it_has(agent, record):
    for number in range(3):
        record(number * 2 * DAY, Cause.RATE_LIMITED)
    page = agent.get("/support/failures/groups?within=24h").text
    assert "up to 1 person" in page
    assert "3 people" in agent.get("/support/failures/groups").text


def test_many_are_resolved_with_a_reason(agent, record, log):
    made = record(1)
    page = agent.get("/support/failures").text
    assert 'value="resolve:duplicate"' in page
    assert 'value="reopen"' not in page
    work_on(agent, "resolve:duplicate", [made.reference])
    assert log.get(made.reference).resolution == "duplicate"
    page = agent.get("/support/failures?status=resolved").text
    assert 'value="resolve:duplicate"' not in page
    assert 'value="reopen"' in page


def test_all_of_a_group_can_be_resolved(agent, record, log):
    for number in range(3):
        record(number, Cause.TOKEN_LACKS_SCOPE, missing=("tickets",))
    other = record(5)
    group = log.page(FailureQuery(), limit=1).failures[0].fingerprint
    response = work_on(agent, "resolve", filters=f"group={group}", all="1", text="app deployed")
    assert response.status_code == 303
    assert states(log) == ["resolved"] * 3 + ["open"]
    assert log.get(other.reference).status is Status.OPEN
    assert "Nothing" not in agent.get("/support/failures/groups?status=resolved").text


def test_no_groups_yet(agent):
    assert "No connection has failed yet" in agent.get("/support/failures/groups").text


# ---- live


def told(browser, place, query=""):
    response = browser.get(
        f"/support/failures/live?{query}", headers={"Last-Event-ID": place} if place else {}
    )
    assert response.status_code == 200
    assert response.mimetype == "text/event-stream"
    return response.text


def test_news_are_told_from_a_place_on(agent, record, log):
    record(60)
    place = log.feed.place()
    news = [record(ago).reference for ago in (30, 20)]
    text = told(agent, place)
    assert re.findall(r'"reference": "([^"]+)"', text) == news
    assert text.count('"row":') == 2
    next_place = re.search(r"^id: (.+)$", text, re.MULTILINE)[1]
    assert "event: failure" not in told(agent, next_place)
    assert text.index("retry:") < text.index("event: failure") < text.index("id:")


def test_news_outside_the_filters_are_told_as_such(agent, record, log):
    place = log.feed.place()
    failure = record(30, Cause.USER_DENIED)
    text = told(agent, place, "cause=rate_limited")
    assert failure.reference in text
    assert '"gone": true' in text
    assert "no longer in this list" in text
    assert '"gone": false' in told(agent, place, "cause=user_denied&within=1h&q=is:open")


def test_a_gap_is_told(agent, record, log, store):
    record()
    place = log.feed.place()
    for _ in range(3):
        record()
    store.xtrim("oh:feed", maxlen=1, approximate=False)
    assert "event: gap" in told(agent, place)


@pytest.mark.parametrize("place", ["", "abc", "1", "1-1-1", "-", "$", "+", "99999999999999999-1"])
def test_what_is_no_place_is_refused(agent, place):
    response = agent.get("/support/failures/live", query_string={"place": place})
    assert response.status_code == 400


def test_news_are_for_the_staff_only(client):
    response = client.get("/support/failures/live?place=0-0")
    assert response.status_code == 401
    assert not response.data
    assert "Location" not in response.headers


# ---- one failure


def test_one_failure_leads_to_others_of_its_account_browser_and_kind(agent, record, log):
    first = record(3 * HOUR, Cause.USER_DENIED, hub_id=4711)
    log.change(first.reference, lambda old: replace(old, browser_id=old.reference))
    same_account = record(2 * HOUR, Cause.RATE_LIMITED, hub_id=4711)
    same_kind = record(HOUR, Cause.USER_DENIED)
    same_browser = record(HOUR, Cause.CODE_EXPIRED_OR_REUSED, browser_id=first.reference)
    page = agent.get(f"/support/failures/{first.reference}").text
    others = page.split('id="others"')[1].split("</section>")[0]
    for other in (same_account, same_kind, same_browser):
        assert other.reference in others
    assert first.reference not in others


def test_the_answer_is_in_the_language_of_the_person_first(agent, record):
    failure = record(60, Cause.USER_DENIED, language="de")
    page = agent.get(f"/support/failures/{failure.reference}").text
    assert '<option value="de" lang="de" selected>' in page
    answer = page.split('id="answer-text"')[1].split("</pre>")[0]
    assert ">Guten Tag," in answer
    assert failure.reference in answer
    assert "https://connect.example.com/connect/workato" in answer
    for language, greeting in (("ja", "お世話"), ("nope", "Guten Tag,")):
        page = agent.get(f"/support/failures/{failure.reference}?language={language}").text
        assert greeting in page.split('id="answer-text"')[1].split("</pre>")[0]


def test_a_long_history_is_folded_in_the_middle(agent, record):
    history = tuple(
        Event(number, EventType.COMMENTED, "agent", f"note {number}") for number in range(30)
    )
    failure = record(60, history=history)
    page = agent.get(f"/support/failures/{failure.reference}").text
    assert "20 more</summary>" in page
    before, _, after = page.partition('<details class="between">')
    between, _, last = after.partition("</details>")
    assert "clicked “Connect HubSpot”" in before
    assert "note 0<" in between
    assert "note 19<" in between
    assert "note 20<" in last
    assert "note 29<" in last


def test_scopes_that_differ_stand_first(agent, record):
    failure = record(
        60,
        Cause.GRANTED_MISSING_OPTIONAL,
        stage=Stage.GRANT,
        requested=REQUESTS[1],
        granted=("oauth", "crm.objects.contacts.read"),
        missing=("tickets",),
    )
    page = agent.get(f"/support/failures/{failure.reference}").text
    table = page.split('aria-label="Scopes that differ"')[1].split("</table>")[0]
    assert "tickets" in table
    assert "not granted" in table
    assert "crm.objects.contacts.read" not in table


# ---- what an attack found


@pytest.mark.parametrize("do", ["note", "take", "resolve", "nonsense"])
def test_no_failure_can_be_worked_on_that_is_none(agent, do):
    token = csrf_token(agent, "/support/failures")
    form = {"csrf_token": token, "do": do, "text": ""}
    response = agent.post("/support/failures/garbage/work", data=form, headers=SAME_SITE)
    assert response.status_code == 404


def test_long_filters_are_never_cut(agent, log, record):
    text = "接続" * 140
    names = [
        record(number, cause, message=text).reference
        for number, cause in enumerate((Cause.RATE_LIMITED, Cause.USER_DENIED, Cause.UNKNOWN))
    ]
    filters = urlencode({"q": text, "cause": "rate_limited"})
    assert len(filters) > 2000
    response = work_on(agent, "resolve", filters=filters, all="1")
    assert response.status_code == 303
    assert [log.get(name).status for name in names] == ["resolved", "open", "open"]


def test_filters_that_are_too_long_are_refused(agent, log, record):
    failure = record()
    filters = urlencode({"q": "x" * 20_000, "cause": "rate_limited"})
    assert work_on(agent, "resolve", filters=filters, all="1").status_code == 400
    assert log.get(failure.reference).status is Status.OPEN


@pytest.mark.usefixtures("five")
def test_undoing_leads_somewhere_whatever_the_form_brings(agent, log):
    done = work_on(agent, "resolve", filters="", all="1").location
    name = done.partition("done=")[2]
    form = {"csrf_token": csrf_token(agent, "/support/failures"), "filters": "cause=bogus"}
    response = agent.post(f"/support/deeds/{name}/undo", data=form, headers=SAME_SITE)
    assert (response.status_code, response.location) == (303, "/support/failures")
    assert states(log).count("open") == 4


@pytest.mark.usefixtures("five")
def test_what_somebody_else_did_is_theirs_to_undo(agent, environ, make_app, log):
    done = work_on(agent, "resolve", filters="", all="1").location
    users = environ["SUPPORT_USERS"].replace("agent:", "lead:", 1)
    lead = browser_of(make_app(SUPPORT_USERS=users))
    form = {"name": "lead", "password": PASSWORD, "csrf_token": csrf_token(lead)}
    assert lead.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    assert "Undo" not in lead.get(done).text
    response = undo(lead, done)
    assert response.status_code == 403
    assert "agent did this" in response.text
    assert states(log) == ["resolved"] * 5
    assert undo(agent, done).status_code == 303


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_what_somebody_took_meanwhile_is_not_given_back_unseen(agent, five, log, many):
    reference = five[1].reference
    token = csrf_token(agent, "/support/failures")
    log.change(reference, lambda old: replace(old, assignee="lead"))
    if many:
        work_on(agent, "release", [reference])
    else:
        form = {"csrf_token": token, "do": "release", "seen": "agent"}
        agent.post(f"/support/failures/{reference}/work", data=form, headers=SAME_SITE)
    assert log.get(reference).assignee == "lead"


def test_what_was_done_before_the_store_went_can_be_undone(agent, log, record, monkeypatch):
    failures = [record(number) for number in range(120)]
    change, calls = log.change, []

    def breaking(reference, step):
        calls.append(reference)
        if len(calls) == 70:
            raise StoreUnavailableError("away")
        return change(reference, step)

    monkeypatch.setattr(type(log), "change", lambda _, reference, step: breaking(reference, step))
    response = work_on(agent, "resolve", filters="", all="1")
    monkeypatch.undo()
    assert "The store stopped answering: 51 failures are as they were." in (
        agent.get(response.location).text
    )
    undo(agent, response.location)
    resolved = [each for each in failures if log.get(each.reference).status is Status.RESOLVED]
    assert len(resolved) == 19  # those since it was last kept


@pytest.mark.parametrize(
    "query", ["client=flow+tool", "q=by:me", "q=tickets", "q=4711", "q=oauth", "assignee=-"]
)
def test_the_export_has_what_the_list_has(agent, five, query):
    assert five
    exported = agent.get(f"/support/export?format=jsonl&{query}").text.splitlines()
    assert [json.loads(line)["reference"] for line in exported] == listed(agent, query)


def test_news_tell_how_many_there_are_now(agent, five, log):
    place = log.feed.place()
    log.change(five[0].reference, lambda old: replace(old, status=Status.RESOLVED))
    here = json.loads(told(agent, place, "status=open").rpartition("data: ")[2])
    assert here["counts"] == {"mine": "1", "open": "3", "resolved": "2", "all": "5"}


def test_notes_outlast_taking_and_giving_back(record, log):
    failure = record()
    for number in range(4):
        log.change(
            failure.reference,
            lambda old, number=number: comment(old, at=number, by="agent", text=f"note {number}"),
        )
    for number in range(80):
        log.change(
            failure.reference,
            lambda old, number=number: assign(
                old, at=number, by="agent", to="agent" if number % 2 else ""
            ),
        )
    texts = [event.text for event in log.get(failure.reference).history]
    assert len(texts) == 50
    assert texts[:4] == [f"note {number}" for number in range(4)]


def test_a_report_that_changes_nothing_says_so(agent, record, log):
    failure = record(60, Cause.USER_DENIED, stage=Stage.TOKEN)
    form = {"csrf_token": csrf_token(agent, "/support/failures"), "message": "scope mismatch"}
    path = f"/support/failures/{failure.reference}/report"
    response = agent.post(path, data=form, headers=SAME_SITE)
    assert "Saved. The causes haven&#39;t changed." in agent.get(response.location).text
    assert log.get(failure.reference).cause is Cause.USER_DENIED


@pytest.mark.parametrize("names", [("workato",), ("workato", "second")], ids=len)
def test_rows_name_the_profile_where_there_are_several(make_app, tmp_path, names):
    app = make_app(PROFILES_FILE=profiles_file(tmp_path, **{name: {} for name in names}))
    browser = browser_of(app)
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
    browser.post("/support/login", data=form, headers=SAME_SITE)
    failure = a_failure(hub_id=7)
    services_of(app).failures.record(failure)
    page = browser.get("/support/failures").text
    row = page[page.index(f'id="row-{failure.reference}"') :].partition("</tr>")[0]
    assert ("workato" in row) == (len(names) > 1)
