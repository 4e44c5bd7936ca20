"""The support desk in a real browser: news without a reload, keys, no script, and axe-core."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from failure_examples import REQUESTS, a_failure
from harness import services_of
from playwright.sync_api import expect

from oauth_helper.diagnosis import Cause, Stage
from oauth_helper.failures.model import Status

pytestmark = pytest.mark.browser

# WCAG 2.2, levels A and AA.
AXE = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


@pytest.fixture
def log(site):
    return services_of(site.app).failures


@pytest.fixture
def record(log, clock):
    """Writes failures, each `ago` seconds old."""

    def write(ago=60, cause=Cause.USER_DENIED, **fields):
        failure = a_failure(datetime.fromtimestamp(clock.now - ago, UTC), cause=cause, **fields)
        assert log.record(failure)
        return failure

    return write


@pytest.fixture
def varied(record, log):
    """Failures of several kinds, one with a history; the reference of that one."""
    first = record(
        7200,
        Cause.GRANTED_MISSING_OPTIONAL,
        stage=Stage.GRANT,
        requested=REQUESTS[1],
        granted=("oauth", "crm.objects.contacts.read"),
        missing=("tickets", "files"),
        hub_id=4711,
        message="Authorization failed because there is a scope mismatch",
        assignee="lead",
        client="Flow Tool",
    )
    record(
        3600,
        Cause.NEVER_RETURNED,
        stage=Stage.AUTHORIZATION,
        hub_id=4711,
        client="A Workflow Tool With Quite a Long Name",
    )
    record(60, Cause.RATE_LIMITED, status=Status.RESOLVED)
    for number in range(60):
        record(90_000 + number, missing=("tickets",), hub_id=number)
    log.change(first.reference, lambda old: replace(old, browser_id=old.reference))
    return first.reference


PAGES = {
    "list": "/support/failures",
    "filtered": "/support/failures?cause=user_denied&within=7d&q=-is:assigned",
    "nothing found": "/support/failures?q=nothing-like-this",
    "groups": "/support/failures/groups",
    "one": "/support/failures/{reference}",
    "unknown": "/support/failures/2222-2222-2222",
    "insights": "/support/insights",
    "export": "/support/export/start",
    "check": "/support/check",
    "check of a failure": "/support/check?failure={reference}",
    "connections": "/support/connections",
    "account": "/support/account",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing_on_any_page(signed_in, site, varied, scheme, width):
    page = signed_in(color_scheme=scheme, viewport={"width": width, "height": 800})
    found = {}
    for name, path in PAGES.items():
        answer = page.goto(site.url + path.format(reference=varied))
        assert answer.status == (404 if name == "unknown" else 200), name
        page.eval_on_selector_all("details", "all => all.forEach(each => (each.open = true))")
        violations = Axe().run(page, options=AXE).response["violations"]
        found[name] = [
            (each["id"], node["html"][:200], node["failureSummary"][:300])
            for each in violations
            for node in each["nodes"]
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert found == {name: [] for name in PAGES}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_in(site, new_page, scheme):
    page = new_page(color_scheme=scheme)
    page.goto(f"{site.url}/support/login")
    assert Axe().run(page, options=AXE).response["violations"] == []


def test_new_failures_appear_without_a_reload(signed_in, record):
    old = record(600)
    page = signed_in()
    expect(page.locator("tr[data-reference]")).to_have_count(1)
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    newest, second = record(10), record(20)
    rows = page.locator("[data-rows] .age code")
    expect(rows).to_have_text([newest.reference, second.reference, old.reference])
    expect(page).to_have_title("(2) Failures · Support")
    expect(page.locator("[data-count-of=open]")).to_have_text("3")
    page.mouse.click(5, 5)
    expect(page).to_have_title("Failures · Support")


def test_the_first_failure_appears_on_an_empty_page(signed_in, record):
    page = signed_in()
    expect(page.get_by_text("No connection has failed yet")).to_be_visible()
    failure = record(10)
    expect(page.locator("[data-rows] .age code")).to_have_text([failure.reference])
    expect(page.get_by_text("No connection has failed yet")).to_have_count(0)


def test_only_what_fits_the_filters_appears(signed_in, record):
    page = signed_in("/support/failures?cause=user_denied")
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    record(10, Cause.RATE_LIMITED)
    wanted = record(20)
    expect(page.locator("[data-rows] .age code")).to_have_text([wanted.reference])


def test_staff_see_what_their_colleagues_do(signed_in, record):
    failure = record(60)
    watching = signed_in()
    looking = signed_in(f"/support/failures/{failure.reference}")
    expect(watching.locator("[data-live-state]")).to_contain_text("Live")
    acting = signed_in(f"/support/failures/{failure.reference}")
    acting.get_by_label("Comment").fill("redeployed the app")
    acting.get_by_role("button", name="Resolve").click()
    acting.get_by_role("button", name="Fixed").click()
    expect(acting.locator(".record-bar")).to_contain_text("Resolved: fixed")
    row = watching.locator(f"#row-{failure.reference}")
    expect(row.locator(".status")).to_have_text("Resolved: fixed")
    notice = looking.get_by_text("This record has changed.")
    expect(notice).to_be_visible()
    looking.get_by_role("link", name="Show the change").click()
    expect(looking.locator("main")).to_contain_text("redeployed the app")


def test_a_thousand_that_arrive_are_all_there_and_the_page_still_answers(signed_in, record):
    page = signed_in()
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    names = {record(number / 10).reference for number in range(1000)}
    rows = page.locator("tr[data-reference]")
    expect(rows).to_have_count(1000)
    shown = page.locator("[data-rows] .age code").all_inner_texts()
    assert set(shown) == names
    moments = page.eval_on_selector_all("[data-rows] tr", "rows => rows.map(r => +r.dataset.at)")
    assert moments == sorted(moments, reverse=True)
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()


def test_a_connection_that_drops_leaves_no_gap(signed_in, record):
    page = signed_in()
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    page.context.set_offline(True)
    names = {record(number).reference for number in range(5)}
    page.context.set_offline(False)
    expect(page.locator("tr[data-reference]")).to_have_count(5)
    assert set(page.locator("[data-rows] .age code").all_inner_texts()) == names


@pytest.mark.parametrize("path", ["/support/failures", "/support/failures/{}"])
def test_the_end_of_the_session_is_said_where_news_are_shown(signed_in, record, path):
    page = signed_in(path.format(record(60).reference))
    expect(page.get_by_text("You have been signed out")).to_be_hidden()
    other = signed_in("/support/account")
    other.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You have been signed out")).to_be_visible()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_news_go_on_after_the_server_could_not_give_any(signed_in, record):
    page = signed_in()
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    busy = "**/support/failures/live?*"
    with page.expect_response(lambda response: response.status == 503):
        page.route(busy, lambda route: route.fulfill(status=503, body="busy"))
    names = {record(number).reference for number in range(3)}
    page.unroute(busy)
    expect(page.locator("tr[data-reference]")).to_have_count(3)
    assert set(page.locator("[data-rows] .age code").all_inner_texts()) == names


def test_a_change_keeps_what_was_ticked_and_focused(signed_in, record, log):
    failure = record(60)
    page = signed_in()
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    page.get_by_label(f"Select {failure.reference}").check()
    page.keyboard.press("j")
    log.change(failure.reference, lambda old: replace(old, assignee="lead"))
    row = page.locator(f"#row-{failure.reference}")
    expect(row).to_contain_text("lead")
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(row.locator(".title a")).to_be_focused()


def test_find_read_note_and_resolve_by_keyboard_alone(signed_in, record, log):
    wanted = record(600, missing=("crm.lists.read",), hub_id=4711)
    record(60, Cause.RATE_LIMITED)
    page = signed_in()
    page.keyboard.press("/")
    page.keyboard.type("4711")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Read as account 4711")).to_be_visible()
    page.wait_for_load_state()  # a key that is pressed before the script has run is lost
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{wanted.reference}")
    page.keyboard.press("n")
    page.keyboard.type("called them back")
    press_until_focused(page, page.get_by_role("button", name="Add comment"))
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("called them back")
    press_until_focused(page, page.get_by_role("button", name="Resolve"))
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Fixed")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".record-bar")).to_contain_text("Resolved: fixed")
    page.wait_for_load_state()
    page.keyboard.press("u")
    page.wait_for_url(lambda url: "/support/failures?q=4711" in url)
    history = [event.what for event in log.get(wanted.reference).history]
    assert history == ["noted", "resolved"]


def press_until_focused(page, control):
    for _ in range(80):
        page.keyboard.press("Tab")
        if control.evaluate("each => each === document.activeElement"):
            return
    pytest.fail("Tab does not lead there")


def test_the_way_back_leads_to_the_same_list_and_the_same_place(signed_in, record):
    record(60, Cause.RATE_LIMITED)
    failures = [record(100 + number) for number in range(3)]
    page = signed_in("/support/failures?cause=user_denied&status=open")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{failures[1].reference}")
    page.keyboard.press("j")
    page.wait_for_url(f"**/{failures[2].reference}")
    page.keyboard.press("k")
    page.wait_for_url(f"**/{failures[1].reference}")
    page.keyboard.press("u")
    page.wait_for_url(lambda url: url.endswith("/support/failures?cause=user_denied&status=open"))
    row = page.locator(f"#row-{failures[1].reference}")
    expect(row.locator(".title a")).to_be_focused()


def test_what_is_being_written_outlives_a_look_elsewhere(signed_in, record, log):
    failure = record(60)
    page = signed_in(f"/support/failures/{failure.reference}")
    page.get_by_label("Comment").fill("half a sen")
    page.get_by_role("link", name="Insights").click()
    page.go_back()
    page.reload()
    expect(page.get_by_label("Comment")).to_have_value("half a sen")
    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_text("Assigned to you.")).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("")
    assert [event.text for event in log.get(failure.reference).history] == ["half a sen", "agent"]


def test_after_an_action_the_page_stays_and_offers_to_undo_it(signed_in, record, log):
    failure = record(60)
    page = signed_in(
        f"/support/failures/{failure.reference}", viewport={"width": 375, "height": 500}
    )
    page.mouse.wheel(0, 700)
    expect(page.get_by_role("heading", level=1)).not_to_be_in_viewport()
    page.get_by_role("button", name="Resolve").click()
    page.get_by_label("Details").fill("They use another account.")
    page.get_by_role("button", name="Not needed").click()
    toast = page.locator("[data-flash]")
    expect(toast).to_contain_text("Resolved: not needed.")
    expect(toast).to_be_focused()
    expect(toast).to_be_in_viewport()
    expect(page.locator(".record-bar")).to_be_in_viewport()
    assert page.evaluate("scrollY") > 300
    assert log.get(failure.reference).history[-1].text == "They use another account."
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".record-bar")).to_contain_text("Open")
    assert log.get(failure.reference).status is Status.OPEN


def test_one_failure_is_worked_on_without_script(signed_in, record, log):
    failure = record(60)
    page = signed_in(f"/support/failures/{failure.reference}", java_script_enabled=False)
    page.get_by_label("Language", exact=True).select_option("de")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#answer-text")).to_contain_text("Guten Tag")
    page.get_by_text("Summary for the developer").click()
    expect(page.locator("#note")).to_contain_text(page.url.partition("?")[0])
    page.get_by_role("button", name="Resolve").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_text("Resolved: duplicate.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone.")).to_be_visible()
    assert log.get(failure.reference).resolution is None


def test_what_leaves_the_list_says_so_and_cannot_be_ticked(signed_in, record, log):
    failure = record(60)
    record(90)
    page = signed_in("/support/failures?status=open")
    expect(page.locator("[data-live-state]")).to_contain_text("Live")
    page.get_by_label(f"Select {failure.reference}").check()
    log.change(failure.reference, lambda old: replace(old, status=Status.RESOLVED))
    row = page.locator(f"#row-{failure.reference}")
    expect(row).to_contain_text("no longer in this list")
    expect(row.locator(".status")).to_have_text("Resolved")
    expect(row.get_by_role("checkbox")).to_be_disabled()
    expect(page.locator("[data-count-of=open]")).to_have_text("1")


def test_ticking_does_not_push_the_list_away(signed_in, record):
    for number in range(30):
        record(number)
    page = signed_in(viewport={"width": 1280, "height": 700})
    for _ in range(4):
        page.keyboard.press("j")
    page.keyboard.press("x")
    link = page.locator("tr[data-reference]").nth(3).locator(".title a")
    expect(link).to_be_in_viewport()
    expect(page.get_by_role("button", name="Resolve", exact=True)).to_be_in_viewport()
    expect(page.locator("[data-chosen]")).to_have_text("1 selected")


def test_a_tick_moves_nothing_that_is_under_the_finger(signed_in, record):
    for number in range(30):
        record(number)
    page = signed_in(viewport={"width": 375, "height": 740}, has_touch=True)
    box = page.locator("tr[data-reference] input").nth(2)
    places = []
    for _ in range(3):
        place = box.bounding_box()
        places.append((place["x"], place["y"], box.is_checked()))
        page.touchscreen.tap(place["x"] + 5, place["y"] + 5)
    assert places == [(*places[0][:2], ticked) for ticked in (False, True, False)]
    expect(box).to_be_checked()


def test_all_results_can_be_selected_and_undone(signed_in, record, log):
    failures = [record(number) for number in range(60)]
    page = signed_in()
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-chosen]")).to_have_text("50 selected")
    page.get_by_label("Select all 60 results").check()
    expect(page.locator("[data-chosen]")).to_have_text("All selected")
    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_text("Assigned to you: 60 failures.")).to_be_visible()
    assert log.get(failures[-1].reference).assignee == "agent"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone for 60 failures.")).to_be_visible()
    assert log.get(failures[-1].reference).assignee == ""


def test_selected_failures_are_resolved_with_a_reason(signed_in, record, log):
    failure = record(60)
    page = signed_in()
    page.get_by_label(f"Select {failure.reference}").check()
    page.get_by_role("button", name="Resolve with a reason").click()
    page.get_by_role("button", name="Duplicate", exact=True).click()
    expect(page.get_by_text("Resolved: 1 failure.")).to_be_visible()
    assert log.get(failure.reference).resolution == "duplicate"


def test_a_comment_is_written_in_a_dialog_and_sent_only_from_there(signed_in, record, log):
    failure = record(60)
    page = signed_in()
    page.keyboard.press("j")
    page.keyboard.press("n")
    page.keyboard.type("called back")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_text("Assigned to you: 1 failure.")).to_be_visible()
    assert [event.what for event in log.get(failure.reference).history] == ["assigned"]
    page.get_by_label(f"Select {failure.reference}").check()
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.get_by_label("Comment, or what fixed them")).to_have_value("called back")
    page.get_by_role("button", name="Add comment").click()
    expect(page.get_by_text("Comment added to 1 failure.")).to_be_visible()
    assert log.get(failure.reference).history[-1].text == "called back"


def test_a_comment_is_not_sent_by_an_action_right_after_its_dialog_closes(signed_in, record, log):
    failure = record(60)
    page = signed_in()
    page.get_by_label(f"Select {failure.reference}").check()
    page.get_by_role("button", name="Comment", exact=True).click()
    page.keyboard.type("called back")
    page.evaluate(
        """() => {
            document.querySelector("dialog[data-comment]").close();
            document.querySelector("#many [name=do][value=take]").click();
        }"""
    )
    expect(page.get_by_text("Assigned to you: 1 failure.")).to_be_visible()
    assert [event.what for event in log.get(failure.reference).history] == ["assigned"]


def test_assign_resolve_and_undo_in_the_list_by_keyboard_alone(signed_in, record, log):
    wanted = record(600, hub_id=4711)
    record(60, Cause.RATE_LIMITED)
    page = signed_in()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.wait_for_url("**done=**")
    page.wait_for_load_state()
    assert log.get(wanted.reference).assignee == "agent"
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.get_by_text("Resolved: 1 failure.")).to_be_visible()
    page.wait_for_load_state()
    press_until_focused(page, page.get_by_role("button", name="Undo"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Undone for 1 failure.")).to_be_visible()
    assert log.get(wanted.reference).status is Status.OPEN


def test_escape_leaves_a_field_and_then_clears_the_selection(signed_in, record):
    record(60)
    page = signed_in()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen]")).to_have_text("1 selected")
    page.keyboard.press("/")
    search = page.get_by_role("combobox", name="Search")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).not_to_be_focused()
    expect(page.locator("[data-chosen]")).to_have_text("1 selected")
    page.keyboard.press("Escape")
    expect(page.locator("[data-chosen]")).to_have_text("Select all")


def test_the_search_completes_its_last_word(signed_in, record):
    record(60)
    page = signed_in()
    page.get_by_role("combobox", name="Search").press_sequentially("is:open -cause:user")
    offered = page.locator("#search-terms option")
    expect(offered).to_have_count(2)
    values = offered.evaluate_all("all => all.map(each => each.value)")
    assert values == ["is:open -cause:user_denied", "is:open -cause:user_lacks_permission"]


def test_keys_can_be_switched_off_and_stay_so(signed_in, record):
    record(60)
    page = signed_in()
    page.keyboard.press("?")
    page.get_by_label("Use single keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).not_to_be_focused()


def test_keys_do_not_disturb_typing(signed_in, record):
    failure = record(60)
    page = signed_in(f"/support/failures/{failure.reference}")
    page.get_by_label("Comment").press_sequentially("u n / j ? done")
    expect(page.get_by_label("Comment")).to_have_value("u n / j ? done")


def test_everything_but_news_and_keys_works_without_script(signed_in, record, log):
    failures = [record(number) for number in range(55)]
    page = signed_in(java_script_enabled=False)
    expect(page.get_by_text("Not live.")).to_be_visible()
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tr[data-reference]")).to_have_count(5)
    page.get_by_role("link", name="Newer", exact=True).click()
    page.get_by_label(f"Select {failures[0].reference}").check()
    page.get_by_label(f"Select {failures[1].reference}").check()
    page.get_by_role("button", name="Comment").click()
    page.get_by_label("Comment, or what fixed them").fill("called back")
    page.get_by_role("button", name="Comment and resolve").click()
    expect(page.get_by_text("Resolved: 2 failures")).to_be_visible()
    assert [event.text for event in log.get(failures[0].reference).history] == ["called back"]
    assert log.get(failures[0].reference).status is Status.RESOLVED
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone for 2 failures.")).to_be_visible()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Cause").select_option("rate_limited")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No failures match.")).to_be_visible()
    page.get_by_role("link", name="Cause: HubSpot rate limit reached").click()
    page.get_by_role("link", name=re.compile("^Resolved")).click()
    expect(page.get_by_text("No failures match.")).to_be_visible()


def test_a_page_that_takes_its_time_is_seen_to_be_on_its_way(signed_in):
    page = signed_in()
    # A page that is being left answers no questions, so it only gets to know that it is.
    page.evaluate("dispatchEvent(new Event('beforeunload'))")
    expect(page.locator("body")).to_have_class("loading")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow'))")
    expect(page.locator("body")).not_to_have_class("loading")


def test_a_range_of_days_and_an_account_can_be_typed(signed_in, record, clock):
    day = datetime.fromtimestamp(clock.now, UTC).date()
    wanted = record(60, hub_id=4711)
    record(90, hub_id=5)
    record(3 * 86_400, hub_id=4711)
    page = signed_in()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("From (UTC)").fill(day.isoformat())
    page.get_by_label("Account").fill("4711")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("[data-rows] .age code")).to_have_text([wanted.reference])
    expect(page.get_by_role("link", name=f"From: {day}")).to_be_visible()
    expect(page.get_by_label("From (UTC)")).to_have_value(day.isoformat())


def test_the_answer_can_be_copied(signed_in, record, site):
    failure = record(60)
    page = signed_in(
        f"/support/failures/{failure.reference}", permissions=["clipboard-read", "clipboard-write"]
    )
    page.get_by_role("button", name="Copy the answer").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert failure.reference in copied
    assert f"{site.url}/connect/workato" in copied
    assert re.search(r"^Hi,", copied)
    page.get_by_role("button", name="Copy link").click()
    link = f"{site.url}/support/failures/{failure.reference}"
    page.wait_for_function("link => navigator.clipboard.readText().then(t => t === link)", arg=link)
    page.get_by_role("button", name="Copy for the developer").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('**'))")


@pytest.mark.parametrize("name", ["CSV", "JSON lines"])
def test_a_download_counts_what_arrives(signed_in, record, name):
    for number in range(3):
        record(60 + number, message=f'Line {number}\nand "another"')
    page = signed_in("/support/export/start")
    with page.expect_download() as started:
        page.get_by_role("button", name=f"Download {name}").click()
    expect(page.get_by_text("Finished: 3 failures.").first).to_be_visible()
    expected = r"failures-2026-11-18\.(csv|jsonl)"
    assert re.fullmatch(expected, started.value.suggested_filename)
    text = started.value.path().read_text()
    assert text.startswith("\ufeff") == (name == "CSV")
    assert all(f"Line {number}" in text for number in range(3))


def test_a_download_that_breaks_off_saves_nothing_and_says_so(signed_in, record):
    record(60)
    page = signed_in("/support/export/start")
    page.route("**/support/export?*", lambda route: route.abort())
    page.get_by_role("button", name="Download CSV").click()
    expect(page.get_by_text("The download broke off").first).to_be_visible()
    page.unroute("**/support/export?*")
    with page.expect_download():
        page.get_by_role("button", name="Download CSV").click()
    expect(page.get_by_text("Finished: 1 failure.").first).to_be_visible()


def test_a_download_that_cannot_begin_shows_the_reason(signed_in, site, record):
    record(60)
    page = signed_in("/support/export/start")
    slots = services_of(site.app).export_slots
    while slots.acquire(blocking=False):
        pass
    page.get_by_role("button", name="Download CSV").click()
    expect(page.get_by_role("main")).to_contain_text("Others are downloading files at the moment")


def test_a_download_works_without_a_script(signed_in, record):
    record(60)
    page = signed_in("/support/export/start", java_script_enabled=False)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download CSV").click()
    assert started.value.path().read_text().startswith("\ufeff")
