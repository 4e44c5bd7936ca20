"""The README's steps for the sandbox, with the buttons that it names."""

import re

import pytest
from harness import PASSWORD
from paths import ROOT
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def buttons():
    """What the numbered steps name in bold, in their order."""
    text = (ROOT / "README.md").read_text("utf-8")
    steps = text.partition("## Try it")[2].partition("![")[0]
    return [" ".join(label.split()) for label in re.findall(r"\*\*(.+?)\*\*", steps, re.DOTALL)]


def test_the_steps_for_the_sandbox_work_as_the_readme_has_them(site, page):
    connect, agree, make_mistake, connect_again, report, explain, repair = buttons()

    def press(label):
        main = page.get_by_role("main")
        button = main.get_by_role("button", name=label, exact=True)
        button.or_(main.get_by_role("link", name=label, exact=True)).click()

    page.goto(site.url)
    press(connect)
    press(agree)
    expect(page.get_by_role("heading", level=1)).to_contain_text("connected")

    page.goto(f"{site.url}/sandbox/app/sandbox")
    press(make_mistake)
    page.goto(site.url)
    press(connect_again)
    message = page.get_by_text("Authorization failed because").inner_text()
    assert message.endswith("[tickets]")

    page.go_back()
    press(report)
    page.get_by_role("textbox").fill(message)
    press(explain)
    reference = re.search(r"/attempts/([0-9A-Z-]{14})", page.url)[1]
    expect(page.get_by_role("main")).to_contain_text(reference)

    page.goto(f"{site.url}/support/failures")
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Required scope missing from the link").click()
    expect(page.get_by_role("heading", name="Answer to the customer")).to_be_visible()

    page.goto(f"{site.url}/sandbox/app/sandbox")
    press(repair)
    page.goto(site.url)
    press(connect)
    press(agree)
    expect(page.get_by_role("heading", level=1)).to_contain_text("connected")
