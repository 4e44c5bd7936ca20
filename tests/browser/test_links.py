"""A customer's link from the desk to the connection, and installs from HubSpot's Marketplace."""

import pytest
from harness import profiles_file, services_of
from playwright.sync_api import expect
from stranding import require_tickets

pytestmark = pytest.mark.browser


def says(page, text):
    expect(page.get_by_role("main")).to_contain_text(text)


def make_link(desk):
    """The address of the link that the form makes, from the list."""
    desk.get_by_role("button", name="Make the link for").click()
    says(desk, "The link is ready to copy")
    return desk.locator("code[id^=link-]").first.inner_text()


def test_a_customer_fails_with_a_link_and_connects_with_a_new_one(site, signed_in, new_page, clock):
    desk, customer, developer = signed_in("/support/links"), new_page(), new_page()
    desk.get_by_label("Customer's name").fill("Acme GmbH")
    desk.get_by_label("Your id of them").fill("c-17")
    link = make_link(desk)

    require_tickets(site, developer)
    customer.goto(link)
    message = customer.get_by_text("Authorization failed because").inner_text()
    customer.goto(f"{site.url}/attempts/latest")
    customer.get_by_label("Paste what HubSpot").fill(message)
    customer.get_by_role("button", name="Tell me what to do").click()
    says(customer, "ask for everything the app needs")

    desk.goto(f"{site.url}/support/failures?q=acme")
    desk.get_by_role("link", name="Required scope missing from the link").click()
    says(desk, "Acme GmbH")
    record = desk.url
    clock.now += 1
    desk.get_by_role("link", name="Send a new link").click()
    expect(desk.get_by_label("Customer's name")).to_have_value("Acme GmbH")
    expect(desk.get_by_label("Your id of them")).to_have_value("c-17")
    again = make_link(desk)
    assert again != link

    developer.goto(f"{site.url}/sandbox/app/sandbox")
    site.submit(developer, "Reset")
    customer.goto(again)
    site.agree(customer)
    says(customer, "HubSpot is connected")
    customer.goto(again)
    says(customer, "This link no longer works")
    says(customer, "used")

    desk.goto(record)
    expect(desk.locator(".record-bar")).to_contain_text("Resolved")
    desk.goto(f"{site.url}/support/links")
    states = desk.get_by_role("table", name="Connect links").locator("tbody tr")
    expect(states.nth(0)).to_contain_text("Connected")
    expect(states.nth(1)).to_contain_text("Open")


@pytest.fixture
def site_settings(request, tmp_path):
    if "marketplace" not in request.node.name:
        return {}
    return {"PROFILES_FILE": profiles_file(tmp_path, workato={"marketplace": True})}


@pytest.mark.parametrize("way", ["OAuth only", "partner sign-in"])
def test_an_install_from_the_marketplace_ends_there(site, page, way):
    page.goto(f"{site.url}/sandbox/marketplace/sandbox")
    page.get_by_role("link", name=f"Install with {way}").first.click()
    site.agree(page)
    says(page, "The install is complete")
    assert page.url.startswith(f"{site.url}/sandbox/marketplace/sandbox?redirect_uri=")
    (connection,) = services_of(site.app).connections.newest(limit=2)
    page.goto(f"{site.url}/attempts/{connection.reference}")
    says(page, "HubSpot is connected")
