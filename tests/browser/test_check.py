"""Checking an app's configuration in a real browser, as the support staff does."""

import json

import pytest
from harness import PASSWORD
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 320, "height": 640}}
AS_WRITTEN = """{
  "auth": {
    "redirectUrls": ["%s/callback/workato"],
    "requiredScopes": ["oauth", "tickets"]
  }
}
"""


def sign_in(site, page):
    """Signs a viewer in by way of the page itself."""
    page.goto(f"{site.url}/support/check")
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check an app")


def paste(page, text):
    page.get_by_label("The app's file, pasted").fill(text)
    page.get_by_role("button", name="Check", exact=True).click()


def verdict(page, words):
    expect(page.get_by_role("heading", level=2).first).to_contain_text(words)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paste_download_and_upload(site, new_page, tmp_path, size, scheme):
    page = new_page(viewport=SIZES[size], color_scheme=scheme)
    sign_in(site, page)
    assert site.fits(page)
    paste(page, AS_WRITTEN % site.url)
    verdict(page, "HubSpot will reject it: 2 errors")
    assert site.fits(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the file").click()
    assert download.value.suggested_filename == "app-hsmeta.json"
    path = tmp_path / "app-hsmeta.json"
    download.value.save_as(path)
    text = path.read_bytes().decode()
    assert '"auth": {\n' in text
    assert "\r" not in text
    page.get_by_label("The app's file, pasted").fill("")
    page.get_by_label("Or the file itself").set_input_files(path)
    page.get_by_role("button", name="Check", exact=True).click()
    verdict(page, "HubSpot will accept it")
    expect(page.get_by_label("The app's file, pasted")).to_have_value(text)
    assert site.fits(page)


def test_without_javascript_and_with_mistakes(site, new_page, tmp_path):
    page = new_page(java_script_enabled=False, viewport=SIZES["phone"])
    sign_in(site, page)
    paste(page, '{"auth": {\n  "requiredScopes": "oauth"}}')
    expect(page.get_by_role("alert")).to_contain_text("line 2")
    box = page.get_by_label("The app's file, pasted")
    expect(box).to_have_attribute("aria-invalid", "true")
    page.get_by_text("The app has no file").click()
    box.fill("")
    page.get_by_label("Required scopes", exact=True).fill("oauth\ncrm.objects.contacts.read")
    page.get_by_label("Optional scopes", exact=True).fill("tickets, forms")
    page.get_by_role("button", name="Check", exact=True).click()
    verdict(page, "HubSpot will reject it: 1 error")
    expect(page.get_by_label("Optional scopes", exact=True)).to_have_value("tickets, forms")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the file").click()
    path = tmp_path / "app.json"
    download.value.save_as(path)
    assert "accounting" in json.loads(path.read_text())["config"]["auth"]["optionalScopes"]


def test_copying_the_corrected_file(site, new_page):
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    sign_in(site, page)
    paste(page, AS_WRITTEN % site.url)
    page.get_by_role("button", name="Copy the file").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    paste(page, copied)
    verdict(page, "HubSpot will accept it")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_focus_goes_to_what_came_out(site, new_page, script):
    page = new_page(java_script_enabled=script)
    sign_in(site, page)
    paste(page, "{")
    expect(page.get_by_role("heading", name="Not checked")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("The app's file, pasted")).to_be_focused()
    paste(page, AS_WRITTEN % site.url)
    expect(page.get_by_role("heading", name="HubSpot will reject it: 2 errors")).to_be_focused()
    expect(page).to_have_title("HubSpot will reject it: 2 errors \N{MIDDLE DOT} Support")
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
