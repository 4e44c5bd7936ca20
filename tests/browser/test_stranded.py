"""Stranded on HubSpot's own error page, and back: tell, read what it means, or be missed."""

import pytest
from harness import API_TOKEN, PASSWORD, services_of
from playwright.sync_api import expect
from stranding import (
    govern,
    list_nothing_optional,
    require_tickets,
    require_what_a_free_account_lacks,
    tampered,
)

pytestmark = pytest.mark.browser

WAYS = {
    "E1": (require_tickets, "url_missing_required_scope", "ask for everything the app needs"),
    "E2": (list_nothing_optional, "url_requests_unconfigured_scope", "isn't set up for"),
    "E3": (require_what_a_free_account_lacks, "account_lacks_feature", "Upgrade the HubSpot"),
    "E5": (
        tampered(redirect_uri="https%3A%2F%2Felsewhere.example%2F"),
        "redirect_uri_mismatch",
        "don't match this page",
    ),
    "E7": (govern, "app_not_approved", "As a Super Admin, approve the app"),
}


def failures(site, page):
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    response = page.request.get(f"{site.url}/api/v1/failures", headers=headers)
    assert response.ok
    return response.json()["failures"]


def says(page, text):
    expect(page.get_by_role("main")).to_contain_text(text)


def go_back_to_the_start(page):
    """Presses the browser's Back button until the first page is there again."""
    offer = page.get_by_role("link", name="HubSpot showed me an error")
    for _ in range(4):
        page.go_back()
        if offer.is_visible():
            break
    offer.click()


@pytest.mark.parametrize("error", WAYS)
@pytest.mark.parametrize("size", [(1280, 900), (320, 640)], ids=["wide", "phone"])
def test_stranded_back_pasted_and_explained(site, new_page, error, size):
    strand, cause, words = WAYS[error]
    page = new_page(viewport={"width": size[0], "height": size[1]})
    strand(site, page)
    says(page, "complete the connection")
    shown = page.get_by_role("main").inner_text()
    go_back_to_the_start(page)
    expect(page.get_by_role("heading", name="HubSpot showed me an error")).to_be_in_viewport()
    page.get_by_label("Paste what HubSpot").fill(shown)
    page.get_by_role("button", name="Tell me what to do").click()
    says(page, words)
    assert site.fits(page)
    (failure,) = failures(site, page)
    assert failure["cause"] == cause
    assert failure["stage"] == "authorization"
    says(page, failure["reference"])
    assert "complete the connection" in failure["message"]


def test_without_a_script_it_works_as_well(site, new_page):
    page = new_page(java_script_enabled=False)
    require_tickets_without_script = tampered(scope="oauth")
    require_tickets_without_script(site, page)
    page.goto(site.url)
    page.get_by_role("link", name="HubSpot showed me an error").click()
    page.get_by_role("radio", name="Scopes are missing").check()
    page.get_by_role("button", name="Tell me what to do").click()
    says(page, "ask for everything the app needs")
    (failure,) = failures(site, page)
    assert failure["cause"] == "url_missing_required_scope"


def test_the_tab_is_closed_and_the_attempt_is_missed(site, new_page, clock):
    """Another customer connected with the same request before, so link and app are less likely."""
    first = new_page()
    site.connect(first)
    site.agree(first)
    says(first, "HubSpot is connected")
    page = new_page()
    site.set_state(page, "App Governance", checked=True)
    site.connect(page)
    site.agree(page)
    says(page, "approved")
    page.close()
    clock.now += 901
    assert services_of(site.app).expiry.record_expired() == 1
    (failure,) = failures(site, first)
    assert failure["cause"] == "never_returned"
    likely = [each["cause"] for each in failure["candidates"][1:]]
    assert likely == ["user_lacks_permission", "app_not_approved", "user_denied"]


def test_the_tab_is_closed_when_nobody_has_connected_yet(site, page, new_page, clock):
    list_nothing_optional(site, page)
    says(page, "mismatch")
    page.context.close()
    clock.now += 901
    services_of(site.app).expiry.record_expired()
    (failure,) = failures(site, new_page())
    assert failure["cause"] == "never_returned"
    assert failure["candidates"][1]["cause"] == "url_requests_unconfigured_scope"


def test_the_first_tab_notices_the_answer_in_another(site, new_page):
    page = new_page()
    site.connect(page)
    other = page.context.new_page()
    other.goto(site.url)
    other.get_by_role("link", name="Check status").click()
    says(other, "Waiting for HubSpot")
    site.agree(page)
    expect(other.get_by_role("heading", level=1)).to_contain_text("HubSpot is connected")


def test_what_was_typed_is_not_lost_when_the_answer_arrives(site, new_page):
    page = new_page()
    site.connect(page)
    other = page.context.new_page()
    other.goto(site.url)
    other.get_by_role("link", name="HubSpot showed me an error").click()
    other.get_by_label("Paste what HubSpot").fill("half a sentence")
    site.agree(page)
    expect(other.get_by_text("HubSpot has answered.")).to_be_visible()
    expect(other.get_by_label("Paste what HubSpot")).to_have_value("half a sentence")
    other.get_by_role("link", name="See the result").click()
    says(other, "HubSpot is connected")


def test_support_records_it_on_the_phone(site, new_page):
    customer = new_page()
    list_nothing_optional(site, customer)
    says(customer, "mismatch")
    customer.goto(site.url)
    customer.get_by_role("link", name="Check status").click()
    reference = customer.locator("#reference").inner_text()
    page = new_page()
    page.goto(f"{site.url}/support/failures?q={reference}")
    page.get_by_label("Name").fill("agent")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    says(page, "Did HubSpot show an error?")
    page.get_by_label("Or choose the closest match").select_option("mismatch")
    page.get_by_role("button", name="Save to this failure").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Scope not configured in the app")
    says(page, "To confirm")
    customer.reload()
    says(customer, "isn't set up for")


@pytest.mark.parametrize(("language", "code"), [("Deutsch", "de"), ("日本語", "ja")])
def test_switching_the_language(site, page, language, code):
    page.goto(site.url)
    page.get_by_role("link", name=language).click()
    expect(page.locator("html")).to_have_attribute("lang", code)
    page.goto(site.url)
    expect(page.locator("html")).to_have_attribute("lang", code)
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connect HubSpot")
