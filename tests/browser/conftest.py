"""A real Chromium at the helper with its built-in sandbox, over real HTTP."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from flask import Flask
from harness import PASSWORD, run_server
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks import servers

# The build without windows takes half the time.
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))),
    None,
)

# The longest wait for what a test expects, in milliseconds: a busy machine is no failure.
PATIENCE = 60_000


@dataclass
class Site:
    """The helper as people see it, with its sandbox."""

    url: str
    app: Flask

    def connect(self, page: Page) -> None:
        """From the first page to HubSpot's."""
        page.goto(self.url)
        page.get_by_role("button", name="Connect HubSpot", exact=True).click()
        page.wait_for_url("**/sandbox/oauth/authorize?**")

    def agree(self, page: Page, account: str = "Enterprise test account") -> None:
        page.get_by_role("radio", name=account).check()
        page.get_by_role("button", name="Connect app").click()

    def submit(self, page: Page, button: str) -> None:
        """Presses a button and waits for its page: leaving too early would take the form back."""
        with page.expect_navigation():
            page.get_by_role("button", name=button).click()

    def list_as(self, page: Page, **changes: list[str]) -> None:
        """Changes the app's lists on the sandbox's page, as its developer would at HubSpot."""
        page.goto(f"{self.url}/sandbox/app/sandbox")
        box = page.get_by_label("Configuration")
        document = json.loads(box.input_value())
        document["config"]["auth"].update(changes)
        box.fill(json.dumps(document))
        self.submit(page, "Save")

    def fits(self, page: Page) -> bool:
        """Whether the page, once its stylesheet is there, is no wider than the screen."""
        page.wait_for_load_state()
        return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    def set_state(self, page: Page, name: str, *, checked: bool) -> None:
        page.goto(f"{self.url}/sandbox/app/sandbox")
        page.get_by_role("checkbox", name=name).set_checked(checked)
        self.submit(page, "Save")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None and os.environ.get("CI"):
        pytest.fail("there is no Chromium, and where CI runs it has to be there")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser):
    """Opens a page in a separate browser; any error in its console fails the test."""
    contexts = []
    problems: list[str] = []

    def open_page(**options: object) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on(
            "console",
            lambda message: (
                problems.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        context.on("weberror", lambda error: problems.append(str(error.error)))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def page(new_page) -> Page:
    return new_page()


@pytest.fixture
def site_settings() -> dict[str, str]:
    """Settings that a test's site has beyond the usual ones."""
    return {}


@pytest.fixture
def site(make_app, site_settings) -> Iterator[Site]:
    port = servers.free_port()
    url = f"http://localhost:{port}"
    sandbox = {"HUBSPOT_CLIENT_ID": "", "HUBSPOT_CLIENT_SECRET": ""}
    app = make_app(**sandbox, PUBLIC_URL=url, PORT=str(port), **site_settings)
    with run_server(app, port):
        yield Site(url, app)


@pytest.fixture
def signed_in(site, new_page):
    """Opens a page of the desk in a separate browser, as a member of the staff."""

    def open_page(path="/support/failures", name="agent", **options):
        page = new_page(**options)
        page.goto(f"{site.url}/support/login?{urlencode({'next': path})}")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(site.url + path)
        return page

    return open_page
