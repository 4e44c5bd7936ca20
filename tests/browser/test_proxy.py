"""A person in a real browser, between a client of the proxy, the helper and HubSpot."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from oauth_clients import SECRET, clients_file

pytestmark = pytest.mark.browser


class Client:
    """A client at its own origin; `answers` has the queries that came to its redirect URI."""

    def __init__(self):
        answers = self.answers = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                if parts.path == "/callback":
                    answers.append(dict(parse_qsl(parts.query)))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<title>Flow Tool</title><h1>You are back</h1>")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.redirect_uri = f"http://127.0.0.1:{self.server.server_port}/callback"

    def link(self, site, **changes):
        query = {
            "response_type": "code",
            "client_id": "tool",
            "redirect_uri": self.redirect_uri,
            "scope": "crm.objects.contacts.read tickets",
            "state": "st&te",
            **changes,
        }
        return f"{site.url}/oauth/authorize?{urlencode(query)}"


@pytest.fixture
def tool():
    client = Client()
    thread = threading.Thread(target=client.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield client
    client.server.shutdown()
    thread.join()
    client.server.server_close()


@pytest.fixture
def site_settings(tmp_path):
    """More settings of the helper."""
    table = {"redirect_uris": ["http://127.0.0.1/callback"]}
    return {"OAUTH_CLIENTS_FILE": clients_file(tmp_path, table)}


def to_hubspot(page, site, tool):
    page.goto(tool.link(site))
    page.get_by_role("button", name="Continue to HubSpot").click()
    page.wait_for_url("**/sandbox/oauth/authorize?**")


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}], ids=["script", "none"])
def test_the_way_through_and_back_to_the_client(new_page, site, tool, options):
    page = new_page(**options)
    to_hubspot(page, site, tool)
    site.agree(page)
    page.wait_for_url(f"{tool.redirect_uri}?**")
    (answer,) = tool.answers
    assert (answer["state"], answer["iss"]) == ("st&te", site.url)
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": tool.redirect_uri,
    }
    response = requests.post(
        f"{site.url}/oauth/token", data=form, auth=("tool", SECRET), timeout=60
    )
    assert response.json()["hub_id"] == 1000104
    page.go_back()  # to HubSpot's page, or to how it ended, but to no code
    assert answer["code"] not in page.content()


def test_who_says_no_is_led_back_from_either_page(page, site, tool):
    page.goto(tool.link(site))
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url(f"{tool.redirect_uri}?**")
    to_hubspot(page, site, tool)
    page.get_by_role("radio", name="Enterprise test account").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Back to Flow Tool").click()
    page.wait_for_url(f"{tool.redirect_uri}?**")
    assert [answer["error"] for answer in tool.answers] == ["access_denied"] * 2


def test_who_is_stranded_comes_back_to_the_client_with_an_error(page, site, tool):
    site.list_as(page, requiredScopes=["oauth", "crm.objects.contacts.read", "tickets"])
    to_hubspot(page, site, tool)
    assert "Couldn’t complete the connection" in page.content()  # noqa: RUF001 - HubSpot's own
    page.goto(site.url)
    page.get_by_role("link", name="HubSpot showed me an error").first.click()
    page.get_by_label("Paste what HubSpot's page says").fill("scopes are missing [tickets]")
    page.get_by_role("button", name="Tell me what to do").click()
    page.get_by_role("link", name="Back to Flow Tool").click()
    page.wait_for_url(f"{tool.redirect_uri}?**")
    assert tool.answers[0]["error"] == "invalid_scope"


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_are_fit_for_everybody(new_page, site, tool, scheme, width):
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    for changes in ({}, {"redirect_uri": "https://elsewhere.example/"}):
        page.goto(tool.link(site, **changes))
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert site.fits(page)
