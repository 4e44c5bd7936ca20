"""The store goes away while somebody is at HubSpot, as the customer sees it, without a script."""

from dataclasses import replace

import pytest
from harness import CLIENT_ID, run_server
from playwright.sync_api import expect
from relays import Relay

from benchmarks import servers
from oauth_helper.sandbox import SandboxApp


@pytest.fixture
def relay(store_url):
    with Relay(store_url) as between:
        yield between


@pytest.fixture
def url(make_app, relay, hubspot):
    """The helper's, with its store behind the relay and a HubSpot of its own."""
    port = servers.free_port()
    url = f"http://localhost:{port}"
    known = hubspot.sandbox.app(CLIENT_ID)
    redirects = (f"{url}/callback/workato",)
    hubspot.sandbox.edit(
        SandboxApp(
            client_id=known.client_id,
            client_secret=known.client_secret,
            title=known.title,
            configuration=replace(known.configuration, redirect_urls=redirects),
        )
    )
    app = make_app(PUBLIC_URL=url, PORT=str(port), REDIS_URL=relay.url)
    with run_server(app, port):
        yield url


def test_the_page_goes_on_by_itself_when_the_store_is_back(url, relay, new_page):
    page = new_page(java_script_enabled=False)
    page.goto(url)
    page.get_by_role("button", name="Connect HubSpot", exact=True).click()
    page.get_by_role("radio", name="Enterprise test account").check()
    relay.cut()
    page.get_by_role("button", name="Connect app").click()
    expect(page.get_by_role("heading", name="One moment, please")).to_be_visible()
    assert "code" not in page.url
    relay.mend()
    expect(page.get_by_role("heading", name="HubSpot is connected")).to_be_visible(timeout=20_000)
