"""Insights in a real browser: without a script, by keyboard, and on a small screen."""

import re
from datetime import UTC, datetime, timedelta
from itertools import combinations, count

import pytest
from harness import PASSWORD, services_of
from playwright.sync_api import expect

from oauth_helper.common.references import new_reference
from oauth_helper.diagnosis import Candidate, Cause, Stage
from oauth_helper.failures.model import Failure
from oauth_helper.models import Attempt
from oauth_helper.scopes import RequestedScopes

pytestmark = pytest.mark.browser

SCOPES = ("crm.objects.marketing_events.write", "tickets", "forms")
RARE = "conversations.visitor_identification.tokens.create"
REQUESTED = RequestedScopes(("oauth",), ("tickets",))


@pytest.fixture
def history(site, clock):
    """Some days with failures, and one attempt that connected."""
    services, numbers = services_of(site.app), count()
    today = datetime.fromtimestamp(clock.now, UTC).replace(hour=3)
    for ago in (1, 1, 1, 4, 9):
        at = today - timedelta(days=ago)
        reference = new_reference(at.date(), lambda alphabet: alphabet[next(numbers) % 23])
        began = int(at.timestamp())
        services.attempts.create(Attempt(reference, "sandbox", REQUESTED, began, began + 900))
        services.failures.record(
            Failure(
                reference=reference,
                profile="sandbox",
                stage=Stage.TOKEN,
                at=began + 60.0,
                started_at=began,
                requested=REQUESTED,
                candidates=(Candidate(Cause.APP_NOT_APPROVED, "because"),),
                missing=(*SCOPES, RARE) if ago == 9 else SCOPES,
            )
        )
    at = today - timedelta(days=2)
    reference = new_reference(at.date(), lambda alphabet: alphabet[next(numbers) % 23])
    began = int(at.timestamp())
    services.attempts.create(Attempt(reference, "sandbox", REQUESTED, began, began + 900))
    services.attempts.finish(reference, "connected")


def open_insights(site, page, query=""):
    page.goto(f"{site.url}/support/insights{query}")
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Insights")
    page.wait_for_load_state()


def bar(page, name="3 failures: App waits for the account's approval"):
    return page.get_by_role("link", name=name).first


def rows(page):
    page.wait_for_load_state()
    return page.locator("main a[href^='/support/failures/']").evaluate_all(
        "links => new Set(links.map(link => link.pathname.split('/')[3])"
        ".filter(name => name.length === 14)).size"
    )


@pytest.mark.usefixtures("history")
def test_charts_are_there_without_a_script_and_lead_to_their_failures(site, new_page):
    page = new_page(java_script_enabled=False)
    open_insights(site, page)
    for title in ("Causes over time", "By scope", "Attempts that connect"):
        chart = page.get_by_role("region", name=f"{title}, chart")
        svg = chart.locator("svg:visible")
        expect(svg).to_have_count(1)
        assert svg.bounding_box()["height"] > 60
    bar(page).click()
    expect(page).to_have_url(re.compile(r"/support/failures\?cause=app_not_approved&since=.*"))
    assert rows(page) == 3


@pytest.mark.usefixtures("history")
def test_bars_have_the_colours_of_the_stylesheet(site, page):
    open_insights(site, page)
    fill = "node => getComputedStyle(node.querySelector('rect')).fill"
    assert bar(page).evaluate(fill) == "rgb(73, 62, 175)"
    page.emulate_media(color_scheme="dark")
    assert bar(page).evaluate(fill) == "rgb(89, 105, 166)"


@pytest.mark.usefixtures("history")
def test_the_keyboard_reaches_a_bar_and_opens_it(site, page):
    open_insights(site, page)
    page.get_by_role("region", name="Causes over time, chart").focus()
    page.keyboard.press("Tab")
    name = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(name).startswith("1 failure: App waits for the account's approval")
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate(name).startswith("3 failures")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Failures")
    assert rows(page) == 3


@pytest.mark.usefixtures("history")
def test_a_chart_can_be_skipped_to_its_table(site, page):
    open_insights(site, page)
    page.get_by_role("link", name="Skip to the table").first.focus()
    expect(page.get_by_role("link", name="Skip to the table").first).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    table = page.get_by_role("table", name="Failures by cause")
    expect(table).to_be_visible()
    table.get_by_role("row", name="17 Nov").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/support/failures\?"))
    assert rows(page) == 3


@pytest.mark.usefixtures("history")
def test_days_are_chosen_by_links(site, page):
    open_insights(site, page)
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile(r"days=7$"))
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("days", [7, 90])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.usefixtures("history")
def test_the_page_is_never_wider_than_the_screen(site, new_page, width, days):
    page = new_page(viewport={"width": width, "height": 700})
    open_insights(site, page, f"?days={days}")
    for summary in page.locator("main summary").all():
        summary.click()
    assert site.fits(page)
    texts = page.locator("main svg[role=group] text").evaluate_all(
        "texts => texts.filter(text => text.checkVisibility())"
        ".map(text => parseFloat(getComputedStyle(text).fontSize)"
        " * text.ownerSVGElement.getScreenCTM().a)"
    )
    assert texts
    assert min(texts) >= 10


@pytest.mark.parametrize("width", [320, 540, 560, 1280])
@pytest.mark.usefixtures("history")
def test_labels_and_numbers_of_bars_touch_nothing(site, new_page, width):
    page = new_page(viewport={"width": width, "height": 700})
    open_insights(site, page)
    shapes = page.locator(".chart.scopes svg:visible").locator("text, .bar rect")
    expect(shapes).to_have_count(3 * len((*SCOPES, RARE)))
    boxes = [each.bounding_box() for each in shapes.all()]
    for one, other in combinations(boxes, 2):
        assert any(
            first[start] + first[size] <= second[start] + 0.5
            for start, size in (("x", "width"), ("y", "height"))
            for first, second in ((one, other), (other, one))
        ), (one, other)
