"""The page of connections: searched by account and by reference, each one told from the others."""

import html
import re

import pytest
from harness import ENTERPRISE, services_of

PAGE = "/support/connections"


@pytest.fixture
def connection(customer, app):
    customer.connect()
    (made,) = services_of(app).connections.newest(limit=2)
    return made


def search(browser, text):
    response = browser.get(PAGE, query_string={"q": text})
    assert response.status_code == 200
    return response.text


def rows(page):
    """The references of the connections that are shown."""
    return re.findall(r'<td class="age">.*?<code>([^<]*)</code>', page)


class TestSearch:
    @pytest.mark.parametrize(
        "written",
        [str, str.lower, lambda text: text.replace("-", " "), lambda text: f" see {text}, please "],
        ids=["as-it-is", "small-letters", "with-blanks", "with-words-around"],
    )
    def test_for_a_reference_finds_its_connection(self, staff, connection, written):
        page = search(staff("viewer"), written(connection.reference))
        assert rows(page) == [connection.reference]
        assert 'Connections <span class="count">1</span>' in page

    def test_for_an_account_finds_its_connections(self, staff, connection):
        page = search(staff("viewer"), f" {ENTERPRISE} ")
        assert rows(page) == [connection.reference]
        assert f'name="q" type="search" value="{ENTERPRISE}"' in page
        assert f'href="{PAGE}">Show all</a>' in page

    @pytest.mark.usefixtures("connection")
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            pytest.param("12345", "Account 12345 is not connected", id="account"),
            pytest.param("9" * 15, "is not connected with any of the profiles", id="long-number"),
            pytest.param("2M7G-7JW3-4R5J", "No connection has the reference", id="reference"),
            pytest.param("2M7G-7JW3-4R5K", "neither the number of an account", id="mistyped"),
            pytest.param("9" * 300, "neither the number of an account", id="endless-number"),
            pytest.param("<b>x", "neither the number of an account", id="words"),
            pytest.param("\u0665\u0665", "neither the number", id="other-digits"),
        ],
    )
    def test_that_finds_nothing_says_so(self, staff, text, sentence):
        page = search(staff("viewer"), text)
        assert sentence in page
        assert not rows(page)
        assert "<b>" not in page

    def test_for_blanks_is_none(self, staff, connection):
        assert rows(search(staff("viewer"), "  ")) == [connection.reference]

    def test_is_not_for_strangers(self, client):
        assert client.get(f"{PAGE}?q=1").status_code == 302


def test_an_empty_page_says_that_nobody_is_connected(staff):
    assert "No account is connected yet." in staff("viewer").get(PAGE).text


def test_names_tell_one_row_from_another(staff, connection):
    page = staff("agent").get(PAGE).text
    assert '<table class="list" aria-label="Connections">' in page
    names = [
        html.unescape(re.sub("<[^>]*>", "", each)).strip()
        for each in re.findall(r"<button[^>]* popovertarget=[^>]*>(.*?)</button>", page)
    ]
    whose = f"account {ENTERPRISE}, workato"
    assert connection.hub_id == ENTERPRISE
    assert len(names) == 2
    assert re.fullmatch(rf"\d+ granted.*: {whose}", names[0])
    assert names[1] == f"Revoke\N{HORIZONTAL ELLIPSIS} {whose}"


@pytest.mark.usefixtures("connection")
def test_an_account_leads_to_its_failures(staff):
    browser = staff("viewer")
    assert f'href="/support/failures?account={ENTERPRISE}"' in browser.get(PAGE).text
    assert browser.get(f"/support/failures?account={ENTERPRISE}").status_code == 200


def test_the_page_of_a_reference_that_connected_leads_to_its_connection(staff, connection):
    browser = staff("viewer")
    page = browser.get(f"/support/failures/{connection.reference}").text
    address = f"{PAGE}?q={connection.reference}"
    assert f'<a href="{address}">connections</a>' in page
    assert rows(browser.get(address).text) == [connection.reference]
