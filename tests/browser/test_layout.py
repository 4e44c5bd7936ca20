"""How much fits on a page, and that no word of it is broken, with the demonstration's data."""

import random

import pytest
from harness import PASSWORD, services_of
from playwright.sync_api import expect

from oauth_helper.cli.demo.story import Demonstration
from oauth_helper.failures.query import FailureQuery

pytestmark = pytest.mark.browser

WIDTHS = (375, 768, 1280, 1920)

STAFF_PAGES = [
    "/support/failures?status=all",
    "/support/failures/groups?status=all",
    "/support/insights",
    "/support/connections",
    "/support/links",
    "/support/check",
    "/support/export/start",
    "/support/account",
    "/support/audit",
    "/support/tokens",
]

# Words of up to 24 characters in cells, headings, buttons and the like that are on two lines.
BROKEN = r"""() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const part = node.parentElement;
    if (!part.checkVisibility() || part.closest(".visually-hidden, .hint, pre")) continue;
    if (!part.closest("td, th, dt, dd, h1, h2, h3, button, summary, label, nav, .tag")) continue;
    for (const match of node.data.matchAll(/\S{2,24}(?!\S)/g)) {
      if (match.index && /\S/.test(node.data[match.index - 1])) continue;
      const range = document.createRange();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      const lines = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
      if (lines.size > 1) found.push(`${match[0]} in ${part.tagName} ${part.className}`);
    }
  }
  return found;
}"""


@pytest.fixture
def filled(site, clock):
    """The site with the demonstration's failures and connections."""
    services = services_of(site.app)
    Demonstration(
        attempts=services.attempts,
        failures=services.failures,
        connections=services.connections,
        profiles=services.config.profiles,
        now=clock.now,
        days=30,
        chance=random.Random(1),
    ).write(300)
    return site


@pytest.fixture
def staff_page(filled, new_page):
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{filled.url}/support/login")
    page.get_by_label("Name").fill("agent")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/support/failures")
    return page


def broken(page):
    """The broken words at each width, and what makes the page wider than its window."""
    page.wait_for_load_state()
    page.eval_on_selector_all("main details", "all => all.forEach(each => (each.open = true))")
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = page.evaluate(BROKEN)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[width].append("wider than the window")
    return {width: words for width, words in found.items() if words}


def test_no_page_of_the_staff_breaks_a_word(filled, staff_page, failure_pages):
    found = {}
    for path in [*STAFF_PAGES, *failure_pages]:
        staff_page.goto(filled.url + path)
        found[path] = broken(staff_page)
    assert {path: words for path, words in found.items() if words} == {}


@pytest.fixture
def failure_pages(filled):
    """The pages of one failure of each stage."""
    failures = services_of(filled.app).failures.each(FailureQuery())
    by_stage = {failure.stage: failure.reference for failure in failures}
    return [f"/support/failures/{reference}" for reference in by_stage.values()]


def test_no_page_of_customers_breaks_a_word(filled, page):
    found = {}

    def look(name):
        found[name] = broken(page)
        page.set_viewport_size({"width": 1280, "height": 800})

    page.goto(filled.url)
    look("home")
    page.goto(f"{filled.url}/setup/workato")
    look("setup")
    filled.connect(page)
    page.go_back()
    look("back from HubSpot")
    page.get_by_role("link", name="HubSpot showed me an error").first.click()
    look("report")
    page.get_by_role("textbox").fill("mismatch between the scopes in the install URL")
    page.get_by_role("button", name="Tell me what to do").click()
    look("failed")
    filled.connect(page)
    filled.agree(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("connected")
    look("connected")
    assert {name: words for name, words in found.items() if words} == {}


def test_enough_rows_are_visible_without_scrolling(filled, staff_page):
    def visible(width, height, query):
        staff_page.set_viewport_size({"width": width, "height": height})
        staff_page.goto(f"{filled.url}/support/failures{query}")
        return staff_page.eval_on_selector_all(
            "tr[data-reference]",
            "rows => rows.filter(row => row.getBoundingClientRect().bottom <= innerHeight).length",
        )

    assert visible(1280, 800, "") >= 10
    assert visible(1280, 800, "?status=all") >= 10
    assert visible(375, 740, "?q=is:open") >= 4
    assert visible(375, 740, "?status=all&q=mismatch") >= 4
