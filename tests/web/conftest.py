"""Clients of the OAuth proxy, for the tests of what must not be possible with them."""

import pytest
from harness import Customer, browser_of
from oauth_clients import CALLBACK, Tool, clients_file


@pytest.fixture
def make_tool(make_app, hubspot, tmp_path):
    """Registers clients; the first of them, with a person who comes from it."""

    def make(*tables, **settings):
        path = clients_file(tmp_path, *(tables or ({},)))
        app = make_app(OAUTH_CLIENTS_FILE=path, **settings)
        return tool_of(app, hubspot, **(tables[0] if tables else {}))

    return make


def tool_of(app, hubspot, **table):
    browser = browser_of(app)
    tool = Tool(browser, Customer(browser, hubspot), id=table.get("id", "tool"))
    tool.redirect_uri = table.get("redirect_uris", [CALLBACK])[0]
    if "secret_hash" in table and table["secret_hash"] is None:
        tool.secret = None
    return tool


@pytest.fixture
def tool(make_tool):
    return make_tool()


@pytest.fixture
def failures(api):
    """The records, the newest first."""
    return lambda: api("/failures").json["failures"]
