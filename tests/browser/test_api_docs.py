"""The page to try the API, in a browser that applies our policy for scripts and styles."""

import pytest
from harness import API_TOKEN

pytestmark = pytest.mark.browser


@pytest.fixture
def docs(site, page):
    """The page, with the token of the failures entered."""
    page.goto(f"{site.url}/api/v1/docs")
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".auth-container", has_text="SUPPORT_API_TOKEN")
    dialog.get_by_role("textbox").fill(API_TOKEN)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").first.click()
    return page


def test_lists_every_operation(docs, client):
    paths = client.get("/api/v1/openapi.json").json["paths"]
    named = [
        f"{each['tags'][0]}-{each['operationId']}"
        for path in paths.values()
        for each in path.values()
    ]
    shown = docs.locator(".opblock").evaluate_all("blocks => blocks.map(block => block.id)")
    assert sorted(shown) == sorted(f"operations-{name}".replace(" ", "_") for name in named)


def test_sends_a_request_with_the_token(docs):
    operation = docs.locator("#operations-Failures-diagnose")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response").first
    answer.get_by_text("account_lacks_feature").first.wait_for()
    assert answer.locator(".response-col_status").inner_text().startswith("200")
