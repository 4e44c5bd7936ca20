"""Connecting in a real browser, and every way in which it goes wrong."""

import re

import pytest
from harness import API_TOKEN, PASSWORD, query_of
from playwright.sync_api import expect
from stranding import (
    be_a_user_without_rights,
    govern,
    leave_the_policy_unsigned,
    let_the_link_die,
    list_contacts_as_optional,
    list_nothing_optional,
    require_tickets,
    require_what_a_free_account_lacks,
    tampered,
)

pytestmark = pytest.mark.browser

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 320, "height": 640}}


def failures(site, page):
    """What the API has recorded, asked from the same machine."""
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    response = page.request.get(f"{site.url}/api/v1/failures", headers=headers)
    assert response.ok
    return response.json()["failures"]


def says(page, text):
    expect(page.get_by_role("main")).to_contain_text(text)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_connecting(site, new_page, size, scheme):
    page = new_page(viewport=SIZES[size], color_scheme=scheme)
    page.goto(site.url)
    assert site.fits(page)
    site.connect(page)
    assert site.fits(page)
    site.agree(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("HubSpot is connected")
    says(page, "the HubSpot account enterprise.example.com (1000104)")
    assert re.fullmatch(rf"{site.url}/attempts/[2-9A-Z-]{{14}}", page.url)
    assert site.fits(page)


def test_connecting_without_javascript(site, new_page):
    page = new_page(java_script_enabled=False)
    site.connect(page)
    site.agree(page, "Free test account")
    says(page, "HubSpot is connected")
    says(page, "Not available in your account")


def test_connecting_by_keyboard_alone(site, page):
    page.goto(site.url)
    button = page.get_by_role("button", name="Connect HubSpot", exact=True)
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/sandbox/oauth/authorize?**")
    agree = page.get_by_role("button", name="Connect app")
    for _ in range(40):
        page.keyboard.press("Tab")
        if agree.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    says(page, "HubSpot is connected")


def test_unticked_scopes_are_not_asked_for(site, page):
    page.goto(site.url)
    page.get_by_text("optional permissions").click()
    page.get_by_role("checkbox", name="tickets").uncheck()
    page.get_by_role("button", name="Connect HubSpot with these").click()
    page.wait_for_url("**/sandbox/oauth/authorize?**")
    scopes = query_of(page.url)["optional_scope"].split()
    assert len(scopes) == 46
    assert "tickets" not in scopes


def test_two_tabs_at_once(site, new_page):
    first = new_page()
    second = first.context.new_page()
    for page in (first, second):
        site.connect(page)
    site.agree(second, "Starter test account")
    site.agree(first, "Professional test account")
    says(second, "1000102")
    says(first, "1000103")


def test_cancelling_and_starting_again(site, page):
    site.connect(page)
    page.get_by_role("button", name="Cancel").click()
    says(page, "Nothing was connected")
    page.get_by_role("link", name="Start again").click()
    site.agree(page)
    says(page, "HubSpot is connected")
    assert [each["cause"] for each in failures(site, page)] == ["user_denied"]


def test_a_code_used_twice(site, page):
    site.connect(page)
    with page.expect_request("**/callback/workato?**") as request:
        site.agree(page)
    says(page, "HubSpot is connected")
    page.goto(request.value.url)
    says(page, "HubSpot is connected")
    assert failures(site, page) == []


def test_a_code_that_hubspot_has_seen_already(site, page):
    site.connect(page)
    page.get_by_text("What happens next").click()
    page.get_by_label("the sandbox answers with").select_option("rfc_body:BAD_AUTH_CODE")
    site.agree(page)
    says(page, "came too late or had already been used")
    (failure,) = failures(site, page)
    says(page, failure["reference"])


def test_an_expired_attempt(site, page, clock):
    site.connect(page)
    clock.now += 3700
    site.agree(page)
    says(page, "more than an hour")
    assert failures(site, page) == []


def test_a_callback_in_another_browser(site, new_page):
    page, stranger = new_page(), new_page()
    site.connect(page)
    page.route("**/callback/**", lambda route: route.abort())
    with page.expect_request("**/callback/workato?**") as request:
        site.agree(page)
    stranger.goto(request.value.url)
    says(stranger, "start in this browser")
    assert failures(site, stranger) == []


@pytest.mark.parametrize(
    ("go_wrong", "text"),
    [
        pytest.param(require_tickets, "are missing [tickets]", id="E1"),
        pytest.param(list_nothing_optional, "mismatch between the scopes", id="E2-unlisted"),
        pytest.param(list_contacts_as_optional, "mismatch between the scopes", id="E2-place"),
        pytest.param(
            tampered(scope="crm.objects.contacts.read"), "mismatch between", id="E2-no-oauth"
        ),
        pytest.param(require_what_a_free_account_lacks, "required scopes [automation]", id="E3"),
        pytest.param(tampered(scope="oauth%20nonsense"), "invalid scope name", id="E4"),
        pytest.param(
            tampered(redirect_uri="https%3A%2F%2Felsewhere.example%2F"),
            "doesn't match the app's registered redirect URL",
            id="E5",
        ),
        pytest.param(tampered(client_id="nobody"), "client_id", id="E6"),
        pytest.param(govern, "hasn't been approved", id="E7"),
        pytest.param(leave_the_policy_unsigned, "acceptable use policy", id="E8"),
        pytest.param(let_the_link_die, "no longer valid", id="E8-dead-link"),
        pytest.param(be_a_user_without_rights, "permission to connect this app", id="E9"),
    ],
)
def test_stranded_at_hubspot_and_back_again(site, page, go_wrong, text):
    go_wrong(site, page)
    main = page.get_by_role("main")
    expect(main).to_contain_text("Couldn\u2019t complete the connection")
    expect(main).to_contain_text(text)
    assert "/sandbox/oauth/authorize" in page.url
    cookies = {cookie["name"] for cookie in page.context.cookies()}
    (name,) = {name for name in cookies if name.startswith("attempt_")}
    page.goto(f"{site.url}/attempts/{name.removeprefix('attempt_')}")
    says(page, "Waiting for HubSpot")


def test_setting_the_app_up(site, new_page):
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/setup/workato")
    page.get_by_label("Find a scope").fill("deals")
    expect(page.locator("[data-scope]:visible")).to_have_count(4)
    expect(page.get_by_role("status")).to_have_text("4 of 49")
    page.get_by_role("button", name="Copy https://www.workato.com/oauth/callback").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "https://www.workato.com/oauth/callback"
    page.get_by_label("Find a scope").fill("")
    for box in page.get_by_role("checkbox").all():
        if box.is_checked() and box.get_attribute("value") != "tickets":
            box.uncheck()
    page.get_by_role("button", name="Update the list and file").click()
    page.locator("#connect-link").click()
    page.wait_for_url("**/sandbox/oauth/authorize?**")
    assert query_of(page.url)["optional_scope"] == "tickets"


@pytest.mark.parametrize("size", SIZES)
def test_support_finds_a_failure(site, new_page, size):
    page = new_page(viewport=SIZES[size])
    site.connect(page)
    page.get_by_role("button", name="Cancel").click()
    says(page, "You cancelled")
    reference = page.url.rpartition("/")[2]
    page.goto(f"{site.url}/support/failures")
    page.get_by_label("Name").fill("agent")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Cancelled at HubSpot")).to_be_visible()
    assert site.fits(page)
    page.get_by_label("Search").fill(reference.lower())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancelled at HubSpot")
    says(page, "How to fix it")
    assert site.fits(page)


def test_support_revokes_a_connection(site, page):
    site.connect(page)
    site.agree(page)
    page.goto(f"{site.url}/support/connections")
    page.get_by_label("Name").fill("agent")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Revoke…").click()
    page.get_by_role("button", name="Revoke at HubSpot").click()
    says(page, "No account is connected yet")


@pytest.mark.parametrize(
    "path", ["/", "/setup/workato", "/attempts/unknown", "/support/login", "/nothing"]
)
def test_pages_fit_a_phone(site, new_page, path):
    page = new_page(viewport=SIZES["phone"])
    page.goto(site.url + path)
    assert site.fits(page)
