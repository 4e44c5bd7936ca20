"""What pages of other origins load, and what a popup tells them."""

import re
from html.parser import HTMLParser

import pytest
from harness import CLIENT_SECRET, browser_of, customer_of, profiles_file, query_of

SHOP = "https://shop.example"
BACK = f"{SHOP}/settings?tab=crm"


@pytest.fixture
def app(make_app, tmp_path):
    origins = [SHOP, "https://shop.example:8443"]
    return make_app(PROFILES_FILE=profiles_file(tmp_path, workato={"return_origins": origins}))


@pytest.fixture
def customer(app, hubspot):
    return customer_of(app, hubspot)


def message_of(page):
    """What the page's script is given for the opener; None where there is no such script."""
    found = []

    class Scripts(HTMLParser):
        def handle_starttag(self, tag, attrs):
            fields = dict(attrs)
            if tag == "script" and fields["src"].endswith("/popup.js"):
                found.append({k[5:]: v for k, v in fields.items() if k.startswith("data-")})

    Scripts().feed(page.text)
    assert len(found) < 2
    return found[0] if found else None


def script(client, path="/embed.js", **headers):
    with client.get(path, headers=headers) as response:
        response.get_data()
    return response


class TestScript:
    def test_any_site_may_load_it(self, client):
        response = script(client, Origin="https://anywhere.example")
        assert response.status_code == 200
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in response.headers
        assert "Access-Control-Allow-Origin" not in response.headers

    def test_it_is_kept_for_an_hour_and_then_asked_for_by_its_mark(self, client):
        response = script(client)
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        again = script(client, **{"If-None-Match": response.headers["ETag"]})
        assert again.status_code == 304
        assert again.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert not again.data

    def test_it_is_the_same_for_everybody(self, client, app):
        chosen = script(client, "/embed.js?lang=de", **{"Accept-Language": "de"})
        assert chosen.data == script(browser_of(app)).data

    def test_it_needs_nothing_that_a_strict_policy_forbids(self, client):
        text = script(client).text
        assert not re.search(r"\beval\(|new Function|innerHTML|cssText|fetch\(", text)
        assert not re.search(r"postMessage\([^)]*['\"]\*['\"]", text)

    @pytest.mark.parametrize("path", ["/", "/static/popup.js", "/static/app.js", "/healthz"])
    def test_nothing_else_may_be_loaded_by_other_sites(self, client, path):
        assert script(client, path).headers["Cross-Origin-Resource-Policy"] == "same-origin"


class TestDisplay:
    """`display=popup` is for sites that may be notified."""

    def test_without_a_return_address_no_site_can_be_notified(self, customer, store):
        page = customer.browser.get("/connect/workato?display=popup")
        assert page.status_code == 400
        assert "display=popup needs a return_to" in page.text
        assert "workato" in page.text
        assert "return_origins" in page.text
        assert not store.keys("oh:*")

    @pytest.mark.parametrize(
        "back", ["https://evil.example/", "https://shop.example:444/", "http://shop.example/", "/x"]
    )
    def test_other_origins_are_not_notified(self, customer, back):
        query = {"display": "popup", "return_to": back}
        page = customer.browser.get("/connect/workato", query_string=query)
        assert page.status_code == 400
        assert "“workato” registers" in page.text
        assert message_of(page) is None

    def test_a_profile_that_registers_nothing_has_no_popup(self, make_app, hubspot, tmp_path):
        path = profiles_file(tmp_path, workato={"title": "Workato"})
        customer = customer_of(make_app(PROFILES_FILE=path), hubspot)
        query = {"display": "popup", "return_to": BACK}
        assert customer.browser.get("/connect/workato", query_string=query).status_code == 400

    @pytest.mark.parametrize("display", ["page", "POPUP", "popup popup"])
    def test_there_is_no_other(self, customer, display):
        query = {"display": display, "return_to": BACK}
        page = customer.browser.get("/connect/workato", query_string=query)
        assert page.status_code == 400
        assert "display has to be popup" in page.text

    def test_hubspot_learns_of_no_popup(self, customer):
        address = customer.start(begin="1", display="popup", return_to=BACK)
        assert "popup" not in address
        assert "shop.example" not in address


class TestOutcome:
    def test_connected(self, customer):
        address = customer.start(begin="1", display="popup", return_to=BACK)
        page = customer.come_back(customer.agree(address))
        reference = query_of(address)["state"][:14]
        expected = {"reference": reference, "outcome": "connected", "origin": SHOP}
        assert message_of(page) == expected
        way = f'href="{BACK}&amp;reference={reference}&amp;outcome=connected" data-continue'
        assert way in page.text

    def test_failed(self, customer):
        address = customer.start(begin="1", display="popup", return_to=BACK)
        page = customer.come_back(customer.agree(address, decision="deny"))
        assert message_of(page)["outcome"] == "failed"
        assert re.search(r"<button[^>]* data-close hidden>Close this window<", page.text)
        assert "outcome=failed" in page.text

    def test_stopped_before_hubspot(self, make_app, tmp_path, hubspot):
        (tmp_path / "app.json").write_text(
            '{"config": {"auth": {"requiredScopes": ["oauth", "automation.sequences.read"],'
            ' "redirectUrls": ["https://connect.example.com/callback/workato"]}}}'
        )
        profile = {"return_origins": [SHOP], "app_config": "app.json"}
        app = make_app(PROFILES_FILE=profiles_file(tmp_path, workato=profile))
        browser = customer_of(app, hubspot).browser
        query = {"begin": "1", "display": "popup", "return_to": BACK}
        page = browser.get("/connect/workato", query_string=query, follow_redirects=True)
        assert "We couldn't connect HubSpot" in page.text
        assert message_of(page)["outcome"] == "failed"

    def test_the_origin_is_written_as_browsers_write_it(self, customer):
        for address, origin in (
            ("https://SHOP.example:443/x", SHOP),
            ("https://shop.example:8443/x", "https://shop.example:8443"),
        ):
            begun = customer.start(begin="1", display="popup", return_to=address)
            assert message_of(customer.come_back(customer.agree(begun)))["origin"] == origin

    def test_another_window_tells_nobody(self, customer):
        page = customer.come_back(customer.agree(customer.start(return_to=BACK)))
        assert message_of(page) is None
        assert "Continue" in page.text
        page = customer.come_back(customer.agree(customer.start(return_to=BACK), decision="deny"))
        assert message_of(page) is None
        assert "Close this window" not in page.text

    def test_starting_again_stays_in_the_popup(self, customer):
        address = customer.start(
            begin="1", display="popup", return_to=BACK, optional_scope="tickets"
        )
        page = customer.come_back(customer.agree(address, decision="deny"))
        again = page.text.split(">Start again<")[0].rsplit('href="', 1)[1].split('"')[0]
        query = query_of(again.replace("&amp;", "&"))
        assert query == {"optional_scope": "tickets", "return_to": BACK, "display": "popup"}
        expired = customer.browser.get(page.request.path + "?refused=expired")
        assert "display=popup" in expired.text

    def test_it_begins_with_a_page_that_starts_nothing(self, customer, store):
        query = {"display": "popup", "return_to": BACK}
        page = customer.browser.get("/connect/workato", query_string=query)
        assert message_of(page)["origin"] == SHOP
        assert "Continue to HubSpot" in page.text
        assert not store.keys("oh:*attempt*")
        json = {"Accept": "application/json"}
        begun = customer.browser.get(
            "/connect/workato", query_string={"begin": "1", **query}, headers=json
        ).json
        assert query_of(begun["url"])["state"][:14] == begun["reference"]
        back = customer.browser.get("/connect/workato", query_string=query)
        assert f"/attempts/{begun['reference']}#report" in back.text
        latest = customer.browser.get("/attempts/latest")
        assert latest.location == f"/attempts/{begun['reference']}"

    def test_a_waiting_page_tells_nothing(self, customer):
        reference = query_of(customer.start(begin="1", display="popup", return_to=BACK))["state"][
            :14
        ]
        page = customer.browser.get(f"/attempts/{reference}")
        assert "Waiting for HubSpot" in page.text
        assert message_of(page) is None

    def test_what_was_reported_is_sent_as_failed_and_then_as_it_ends(self, customer):
        address = customer.start(begin="1", display="popup", return_to=BACK)
        reference = query_of(address)["state"][:14]
        report = {"message": "The app has not been approved by a Super Admin"}
        answer = customer.browser.post(f"/attempts/{reference}/report", data=report)
        page = customer.browser.get(f"/attempts/{reference}")
        for each in (answer, page):
            expected = {"reference": reference, "outcome": "failed", "origin": SHOP}
            assert message_of(each) == expected
            assert "outcome=failed" in each.text
        assert message_of(customer.come_back(customer.agree(address)))["outcome"] == "connected"

    def test_a_report_in_a_tab_leads_nowhere(self, customer):
        """There people carry on in the tab in which HubSpot is."""
        reference = query_of(customer.start(return_to=BACK))["state"][:14]
        report = {"message": "The app has not been approved by a Super Admin"}
        page = customer.browser.post(f"/attempts/{reference}/report", data=report)
        assert message_of(page) is None
        assert "shop.example/settings" not in page.text.replace("return_to=", "")

    def test_it_is_sent_where_the_outcomes_cookie_never_arrived(self, customer):
        address = customer.start(begin="1", display="popup", return_to=BACK)
        pending = {each.key: each.value for each in customer.browser._cookies.values()}
        customer.come_back(customer.agree(address))
        for name, value in pending.items():
            customer.browser.set_cookie(name, value, domain="connect.example.com", secure=True)
        page = customer.browser.get(f"/attempts/{query_of(address)['state'][:14]}")
        assert message_of(page)["outcome"] == "connected"

    @pytest.mark.parametrize("answer", ["ok", "rfc_body:BAD_AUTH_CODE"])
    def test_nothing_secret_is_in_it(self, customer, hubspot, answer):
        address = customer.start(begin="1", display="popup", return_to=BACK)
        back = customer.agree(address, token_answer=answer)
        page = customer.come_back(back)
        secrets = {query_of(back)["code"], query_of(back)["state"][14:], CLIENT_SECRET}
        for secret in (*secrets, *hubspot.issued):
            assert secret not in page.text
        assert set(message_of(page)) == {"reference", "outcome", "origin"}


@pytest.mark.parametrize(
    "path", ["/", "/connect/workato", "/connect/workato?display=popup", "/callback/workato"]
)
def test_no_page_of_ours_cuts_the_tie_to_its_opener(customer, path):
    assert "Cross-Origin-Opener-Policy" not in customer.browser.get(path).headers


def test_no_outcome_cuts_the_tie_to_its_opener(customer):
    address = customer.start(begin="1", display="popup", return_to=BACK)
    for page in (
        customer.browser.get(f"/attempts/{query_of(address)['state'][:14]}"),
        customer.browser.get(customer.agree(address)),
        customer.browser.get(f"/attempts/{query_of(address)['state'][:14]}"),
    ):
        assert "Cross-Origin-Opener-Policy" not in page.headers
