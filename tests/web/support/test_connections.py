"""The page of connections: searched by account and by reference, each one told from the others."""

import csv
import html
import io
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from harness import ENTERPRISE, PROFESSIONAL, PUBLIC_URL, SAME_SITE, csrf_token, services_of
from pydantic import SecretStr

from oauth_helper.cli.main import cli
from oauth_helper.models import Tokens
from oauth_helper.store.granted_scopes import Lacks
from oauth_helper.web.api.link_requests import reconnect_link

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
            pytest.param("12345", "Nothing is connected", id="account"),
            pytest.param("9" * 15, "Nothing is connected", id="long-number"),
            pytest.param("2M7G-7JW3-4R5J", "Nothing is connected", id="reference"),
            pytest.param("2M7G-7JW3-4R5K", "Nothing is connected", id="mistyped"),
            pytest.param("9" * 300, "Nothing is connected", id="endless-number"),
            pytest.param("<b>x", "Nothing is connected", id="words"),
            pytest.param("\u0665\u0665", "Nothing is connected", id="other-digits"),
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


class TestWhatTheProfileRequestsToday:
    """One account was asked for everything, another for less."""

    @pytest.fixture
    def lacking(self, customer, new_customer, app):
        customer.connect()
        without = new_customer()
        address = without.start(optional_scope="crm.lists.read")
        without.come_back(without.agree(address, account=str(PROFESSIONAL)))
        (found,) = services_of(app).connections.of_account(PROFESSIONAL)
        return found

    def test_shows_those_that_lack_a_scope(self, staff, lacking, backend):
        browser = staff("viewer")
        page = browser.get(PAGE).text
        assert "1 of Workato lack a scope that it requests today." in page
        assert "lacks " in page
        for wanted in ("any", "tickets"):
            found = browser.get(PAGE, query_string={"profile": "workato", "lacks": wanted})
            assert rows(found.text) == [lacking.reference]
            (listed,) = backend(f"?missing_scope={wanted}").json["connections"]
            assert listed["id"] == lacking.id
        assert backend("?missing_scope=crm.lists.read").json["connections"] == []
        assert backend("?missing_scope=unknown").json["connections"] == []
        assert "Make a link for each" not in found.text

    def test_granular_successors_count(self, customer, staff):
        customer.connect(token_answer="granular")
        assert "of Workato lack a scope" not in staff("viewer").get(PAGE).text

    def test_a_file_has_a_link_for_each(self, staff, lacking, new_customer, app):
        browser = staff("agent")
        token = {"csrf_token": csrf_token(browser, PAGE)}
        response = browser.post(f"{PAGE}/links?lacks=any", data=token, headers=SAME_SITE)
        assert response.mimetype == "text/csv"
        (row,) = csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff")))
        assert row["connection"] == lacking.id
        assert "tickets" in row["lacks"].split()
        renewing = new_customer()
        address = renewing.browser.get(row["url"].removeprefix(PUBLIC_URL)).location
        assert f"/oauth/{PROFESSIONAL}/authorize" in address
        assert services_of(app).connections.get(lacking.id) == lacking
        assert services_of(app).token_refresher.token(lacking.id).connection == lacking
        renewing.come_back(renewing.agree(address, account=str(PROFESSIONAL)))
        renewed = services_of(app).connections.get(lacking.id)
        assert "tickets" in renewed.granted
        assert services_of(app).connections.count() == 2
        assert rows(browser.get(f"{PAGE}?lacks=any").text) == []

    def test_one_gets_its_link(self, staff, lacking, backend, app):
        browser = staff("agent")
        token = {"csrf_token": csrf_token(browser, PAGE)}
        response = browser.post(f"{PAGE}/{lacking.id}/link", data=token, headers=SAME_SITE)
        assert response.location == "/support/links"
        made = backend(f"/{lacking.id}/reconnect-link", "POST")
        assert made.status_code == 201
        assert made.json["status"] == "open"
        links = services_of(app).connect_links.newest(limit=5)
        assert [each.link.connection for each in links] == [lacking.id] * 2
        assert {each.link.hub_id for each in links} == {PROFESSIONAL}
        assert backend("/nothing/reconnect-link", "POST").status_code == 404

    @pytest.mark.parametrize("path", ["/links", "/workato.1/link"])
    def test_viewers_make_none(self, staff, path):
        browser = staff("viewer")
        token = {"csrf_token": csrf_token(browser, "/support/account")}
        assert browser.post(f"{PAGE}{path}", data=token, headers=SAME_SITE).status_code == 403

    def test_the_command_prints_them(self, lacking, environ, monkeypatch):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(cli, ["connections", "links", "--missing-scope", "tickets"])
        (row,) = csv.DictReader(io.StringIO(done.output))
        assert (row["connection"], row["hub_id"]) == (lacking.id, str(PROFESSIONAL))


def test_a_connection_whose_account_is_unknown_keeps_its_id(customer, app):
    customer.connect(token_answer="no_scopes_no_introspection")
    (made,) = services_of(app).connections.newest(limit=2)
    link = reconnect_link(made, services_of(app).profiles, now=services_of(app).clock())
    (record,) = services_of(app).connect_links.create(link)
    customer.come_back(customer.agree(customer.start(link=record.encrypted)))
    (renewed,) = services_of(app).connections.newest(limit=2)
    assert (renewed.id, renewed.hub_id) == (made.id, ENTERPRISE)


def test_a_search_finds_a_customer(staff, app, connection):
    known = replace(connection, customer="c-17", customer_name="Ana")
    services_of(app).connections.save(known, Tokens(SecretStr("a"), SecretStr("r")))
    assert rows(search(staff("viewer"), "c-17")) == [connection.reference]
    assert rows(staff("viewer").get(f"{PAGE}?customer=c-17").text) == [connection.reference]
    assert rows(staff("viewer").get(f"{PAGE}?customer=c-18").text) == []


def test_ten_thousand_are_paged_and_counted(staff, app, connection):
    """3,000 of them lack a scope."""
    services = services_of(app)
    had = tuple(name for name in connection.granted if name != "tickets")
    with services.connections._client.pipeline(transaction=False) as pipeline:
        for number in range(10_000):
            each = replace(
                connection,
                id=f"workato.{number + 1}",
                hub_id=number + 1,
                connected_at=connection.connected_at + number,
                granted=had if number % 10 < 3 else connection.granted,
            )
            services.connections.add_to(pipeline, each, Tokens(SecretStr("a"), SecretStr("r")))
        pipeline.execute()
    page = staff("viewer").get(f"{PAGE}?lacks=any").text
    assert "3,000 of Workato lack" in page
    assert len(rows(page)) == 50
    found, cursor = [], None
    tickets = Lacks(services.profiles, "tickets")
    assert services.connections.count(lacks=tickets) == 3000
    while True:
        part = services.connections.page(limit=200, cursor=cursor, lacks=tickets)
        found += [each.hub_id for each in part.connections]
        if (cursor := part.next_cursor) is None:
            break
    assert found == [n + 1 for n in reversed(range(10_000)) if n % 10 < 3]
