"""Signing in and out in a real browser: what was typed outlives the session, the account fits."""

import pytest
from harness import PASSWORD, services_of
from playwright.sync_api import expect

from oauth_helper.failures.query import FailureQuery

pytestmark = pytest.mark.browser

NOTE = "Called back; they will ask their admin.\nSecond line"
APP = '{"auth": {"requiredScopes": ["oauth"]}}'


def sign_in(site, page, name="agent"):
    page.goto(f"{site.url}/support/account")
    fill_in(page, name)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")


def fill_in(page, name="agent"):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def the_failure(site):
    (found,) = services_of(site.app).failures.page(FailureQuery(), limit=10).failures
    return found


@pytest.fixture
def failure(site, new_page):
    page = new_page()
    site.connect(page)
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url("**/attempts/**")
    return the_failure(site)


@pytest.mark.parametrize("width", [1280, 320])
def test_a_note_outlives_the_session(site, new_page, failure, width):
    page = new_page(viewport={"width": width, "height": 800})
    sign_in(site, page)
    page.goto(f"{site.url}/support/failures/{failure.reference}")
    page.get_by_label("Comment").fill(NOTE)
    sign_out_elsewhere(site, new_page())
    page.get_by_role("button", name="Add comment").click()
    expect(page.get_by_role("main")).to_contain_text("Your session has ended, so nothing was sent")
    assert site.fits(page)
    fill_in(page)
    page.wait_for_url(f"**/support/failures/{failure.reference}")
    expect(page.get_by_label("Comment")).to_have_value(NOTE)
    assert not the_failure(site).history
    page.get_by_role("button", name="Add comment").click()
    expect(page.get_by_text("Comment added.")).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("")
    (event,) = the_failure(site).history
    assert event.text == NOTE


def test_an_apps_file_outlives_the_session(site, page, new_page):
    sign_in(site, page)
    page.goto(f"{site.url}/support/check")
    page.get_by_label("The app's file, pasted").fill(APP)
    sign_out_elsewhere(site, new_page())
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("Your session has ended, so nothing was sent")
    fill_in(page)
    expect(page.get_by_label("The app's file, pasted")).to_have_value(APP)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("HubSpot will")
    page.get_by_label("The app's file, pasted").fill("")
    page.goto(f"{site.url}/support/check")
    expect(page.get_by_label("The app's file, pasted")).to_have_value("")


def test_without_a_script_the_end_of_the_session_is_said(site, new_page, failure):
    page = new_page(java_script_enabled=False)
    sign_in(site, page)
    page.goto(f"{site.url}/support/failures/{failure.reference}")
    page.get_by_label("Comment").fill(NOTE)
    sign_out_elsewhere(site, new_page())
    page.get_by_role("button", name="Add comment").click()
    expect(page.get_by_role("main")).to_contain_text("Your session has ended, so nothing was sent")
    expect(page.get_by_role("blockquote")).to_have_text(NOTE)
    assert not the_failure(site).history


def sign_out_elsewhere(site, page):
    """Ends all sessions of the agent from another browser."""
    sign_in(site, page)
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_account_on_a_phone(site, new_page):
    page = new_page(viewport={"width": 320, "height": 640})
    sign_in(site, page, "viewer")
    assert site.fits(page)
    expect(page.get_by_role("main")).to_contain_text("can view everything, but not change it")
    page.get_by_role("link", name="viewer").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{site.url}/support/account")
    expect(page.get_by_label("Password")).to_be_visible()
    assert site.fits(page)
