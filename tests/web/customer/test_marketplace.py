"""Installs that begin in HubSpot's Marketplace: with partner sign-in, and with a code alone."""

import time
from html import unescape
from re import findall
from urllib.parse import urlencode, urlsplit

import pytest
import urllib3
from harness import CLIENT_ID, customer_of, profiles_file, query_of, services_of
from relays import Relay

from oauth_helper.hubspot.install_request import read_install_request
from oauth_helper.models import StoreUnavailableError

HUBSPOT = "https://app.hubspot.com/oauth/authorize"
EVIL = "evil.example"


def marketplace_app(make_app, tmp_path, **settings):
    profiles = profiles_file(tmp_path, workato={"marketplace": True}, second={})
    return make_app(PROFILES_FILE=profiles, **settings)


@pytest.fixture
def app(make_app, tmp_path):
    return marketplace_app(make_app, tmp_path)


def caught_up(app):
    deadline = time.monotonic() + 60
    while True:
        try:
            return services_of(app).writer.flush()
        except StoreUnavailableError:
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)


def listing(hubspot, **query):
    return f"{hubspot.url}/marketplace/installed?{urlencode({'a': 'b', **query})}"


def begin(customer, profile="workato", **query):
    """The first step with partner sign-in; the state that goes to HubSpot."""
    query = {"step": "authorize", "returnUrl": listing(customer.hubspot), **query}
    response = customer.browser.get(f"/callback/{profile}", query_string=query)
    assert response.status_code == 302, response.text
    assert response.location.startswith(listing(customer.hubspot) + "&state=")
    return query_of(response.location)["state"]


def code_of(customer, **choices):
    """A code as HubSpot's own link gets it: without a PKCE challenge, with `state` if given."""
    start = urlsplit(customer_of(customer.browser.application, customer.hubspot).start())
    wanted = query_of(start.geturl())
    kept = {name: wanted[name] for name in ("client_id", "redirect_uri", "scope", "optional_scope")}
    address = start._replace(query=urlencode(kept)).geturl()
    return query_of(customer.decide(address, **choices).headers["Location"])["code"]


def finish(customer, **query):
    query = {"returnUrl": listing(customer.hubspot), **query}
    return customer.browser.get("/callback/workato", query_string=query)


def attempts(store):
    return set(store.keys("oh:{*}:attempt:*"))


class TestWithPartnerSignIn:
    def test_it_connects_and_leads_back_once(self, customer, backend):
        state = begin(customer)
        done = finish(customer, step="finalize", code=code_of(customer), state=state)
        assert done.status_code == 303
        back = customer.browser.get(done.location)
        assert (back.status_code, back.location) == (303, listing(customer.hubspot))
        assert "HubSpot is connected" in customer.browser.get(done.location).text
        (connection,) = backend().json["connections"]
        assert connection["reference"] == state.partition(".")[0]

    def test_another_browser_cannot_finish_it(self, customer, new_customer, hubspot, store):
        state, code = begin(customer), code_of(customer)
        before = hubspot.token_requests
        stranger = new_customer()
        done = finish(stranger, step="finalize", code=code, state=state)
        page = stranger.browser.get(done.location)
        assert page.status_code == 400
        assert "start in this browser" in page.text
        assert hubspot.token_requests == before
        assert not store.keys("oh:*failure*")

    def test_a_replay_does_nothing(self, customer, hubspot):
        state, code = begin(customer), code_of(customer)
        first = finish(customer, step="finalize", code=code, state=state)
        again = finish(customer, step="finalize", code=code, state=state)
        assert again.location == first.location
        assert hubspot.token_requests == 1

    def test_a_failure_is_recorded_and_can_lead_back(self, customer, api):
        state = begin(customer)
        done = finish(customer, step="finalize", code="wrong", state=state)
        page = customer.browser.get(done.location)
        assert "Back to HubSpot" in page.text
        assert "/marketplace/installed" in page.text
        assert "popup" not in page.text
        (failure,) = api("/failures").json["failures"]
        assert failure["reference"] == state.partition(".")[0]
        assert failure["cause"] == "code_expired_or_reused"

    def test_a_foreign_return_url_at_the_end_is_a_failure(self, customer, api, hubspot):
        state = begin(customer)
        done = finish(
            customer, step="finalize", code="x", state=state, returnUrl=f"https://{EVIL}/"
        )
        page = customer.browser.get(done.location)
        assert EVIL not in page.text
        assert hubspot.token_requests == 0
        (failure,) = api("/failures").json["failures"]
        assert "returnUrl" in failure["candidates"][0]["why"]

    def test_what_never_comes_back_expires(self, customer, app, clock, api):
        state = begin(customer)
        clock.now += 1000
        app.extensions["oauth_helper.background"].expiry.record_expired()
        (failure,) = api("/failures").json["failures"]
        assert failure["reference"] == state.partition(".")[0]
        assert failure["cause"] == "never_returned"


class TestWithACodeAlone:
    def test_it_connects_and_leads_back(self, customer, backend):
        done = finish(customer, code=code_of(customer))
        back = customer.browser.get(done.location)
        assert (back.status_code, back.location) == (303, listing(customer.hubspot))
        (connection,) = backend().json["connections"]
        assert done.location.endswith(connection["reference"])
        assert connection["customer"] is None

    def test_a_replay_asks_and_writes_nothing(self, customer, new_customer, hubspot, store):
        code = code_of(customer)
        first = finish(customer, code=code)
        known = attempts(store)
        assert finish(customer, code=code).location == first.location
        stranger = new_customer()
        assert finish(stranger, code=code).location == first.location
        assert stranger.browser.get(first.location).status_code == 400
        assert hubspot.token_requests == 1
        assert attempts(store) == known

    def test_it_resolves_nothing_of_this_browser(self, customer, api):
        address = customer.start()
        page = customer.come_back(customer.agree(address, decision="deny"))
        assert "You cancelled" in page.text
        finish(customer, code=code_of(customer))
        (failure,) = api("/failures").json["failures"]
        assert failure["status"] == "open"

    def test_a_wrong_code_is_recorded(self, customer, api):
        page = customer.browser.get(finish(customer, code="wrong").location)
        assert "Back to HubSpot" in page.text
        assert [each["cause"] for each in api("/failures").json["failures"]] == [
            "code_expired_or_reused"
        ]

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"error": "access_denied"},
            {"step": "finalize", "code": "x"},
            {"step": "other", "code": "x"},
            {"code": ""},
        ],
    )
    def test_what_is_no_step_leaves_nothing(self, customer, hubspot, store, query):
        done = finish(customer, **query)
        assert customer.browser.get(done.location).status_code == 400
        assert hubspot.token_requests == 0
        assert not attempts(store)

    def test_an_outage_of_the_store_defers_it(self, make_app, tmp_path, hubspot, store_url):
        with Relay(store_url) as relay:
            app = marketplace_app(make_app, tmp_path, REDIS_URL=relay.url)
            customer = customer_of(app, hubspot)
            code = code_of(customer)
            relay.cut()
            page = finish(customer, code=code).location
            assert customer.browser.get(page).status_code == 503
            assert hubspot.token_requests == 0
            relay.restore()
            caught_up(app)
            done = customer.browser.get(page)
            assert (done.status_code, done.location) == (303, page)
            assert customer.browser.get(page).location == listing(hubspot)


class TestInTheSandbox:
    def page(self, hubspot, **query):
        address = f"{hubspot.url}/marketplace/{CLIENT_ID}"
        return urllib3.request("GET", address, fields=query, redirect=False)

    def links(self, hubspot):
        return [
            unescape(each) for each in findall(r'href="([^"]+)"', self.page(hubspot).data.decode())
        ]

    def back_at_hubspot(self, customer, path):
        done = customer.browser.get(path)
        end = customer.browser.get(done.location).location
        page = self.page(customer.hubspot, **query_of(end)).data.decode()
        assert "The install is complete" in page

    def test_with_a_code_alone(self, customer, hubspot):
        (consent, *_) = [each for each in self.links(hubspot) if "/oauth/authorize" in each]
        path = customer.agree(f"{hubspot.url}{consent}")
        assert query_of(path).keys() == {"code", "returnUrl"}
        self.back_at_hubspot(customer, path)

    def test_with_partner_sign_in(self, customer, hubspot):
        (first, *_) = [each for each in self.links(hubspot) if "step=authorize" in each]
        parts = urlsplit(first)
        to_hubspot = customer.browser.get(f"{parts.path}?{parts.query}").location
        consent = urllib3.request("GET", to_hubspot, redirect=False).headers["Location"]
        path = customer.agree(f"{hubspot.url}{consent}")
        assert query_of(path).keys() == {"step", "code", "state", "returnUrl"}
        self.back_at_hubspot(customer, path)


def test_a_flood_of_codes_is_limited(make_app, tmp_path, hubspot):
    app = marketplace_app(make_app, tmp_path, RATE_LIMITS="on")
    customer = customer_of(app, hubspot)
    query = {"step": "other", "returnUrl": listing(hubspot)}
    answers = [customer.browser.get("/callback/workato", query_string=query) for _ in range(61)]
    assert [each.status_code for each in answers][-2:] == [303, 429]


def test_a_profile_without_the_key_takes_none(customer, hubspot, store):
    query = {"step": "authorize", "returnUrl": listing(hubspot)}
    response = customer.browser.get("/callback/second", query_string=query)
    assert "refused=no_state" in response.location
    assert not attempts(store)


def test_prefetching_starts_nothing(customer, store):
    query = {"step": "authorize", "returnUrl": listing(customer.hubspot)}
    response = customer.browser.head("/callback/workato", query_string=query)
    assert response.status_code == 204
    assert not attempts(store)


HOSTILE = [
    "",
    "/",
    "//",
    f"//{EVIL}",
    f"///{EVIL}",
    "app.hubspot.com",
    "//app.hubspot.com/",
    "http://app.hubspot.com/",
    "ftp://app.hubspot.com/",
    "javascript:alert(1)",
    "javascript://app.hubspot.com/%0aalert(1)",
    "data:text/html,x",
    "https:app.hubspot.com",
    "https:/app.hubspot.com",
    "https:///app.hubspot.com",
    "https:\\\\app.hubspot.com",
    "https://",
    "https:// app.hubspot.com/",
    " https://app.hubspot.com/",
    "https://app.hubspot.com /",
    "https://app.hubspot.com\t/",
    "https://app.hubspot.com\n/",
    "https://app.hubspot.com\r\nLocation: https://evil.example/",
    "https://app.hubspot.com\x00/",
    "https://app.hubspot.com\x7f/",
    f"https://{EVIL}/",
    f"https://{EVIL}/app.hubspot.com",
    f"https://{EVIL}?https://app.hubspot.com/",
    f"https://{EVIL}#https://app.hubspot.com/",
    f"https://app.hubspot.com.{EVIL}/",
    f"https://app.hubspot.com{EVIL}/",
    f"https://{EVIL}.app.hubspot.com/",
    f"https://app.hubspot.com@{EVIL}/",
    f"https://app.hubspot.com:443@{EVIL}/",
    f"https://app.hubspot.com%40{EVIL}/",
    f"https://app.hubspot.com\\@{EVIL}/",
    f"https://app.hubspot.com%2f@{EVIL}/",
    f"https://app.hubspot.com%23.{EVIL}/",
    f"https://app.hubspot.com%00.{EVIL}/",
    f"https://app.hubspot.com%0a.{EVIL}/",
    f"https://app.hubspot.com;.{EVIL}/",
    f"https://app.hubspot.com&.{EVIL}/",
    f"https://app.hubspot.com\\.{EVIL}/",
    f"https://app.hubspot.com\uff0f.{EVIL}/",
    f"https://app.hubspot.com\u2044.{EVIL}/",
    f"https://{EVIL}\\app.hubspot.com/",
    "https://user@app.hubspot.com/",
    "https://user:secret@app.hubspot.com/",
    "https://@app.hubspot.com/",
    "https://app.hubspot.com:8443/",
    "https://app.hubspot.com:443/",
    "https://app.hubspot.com:/",
    "https://app.hubspot.com:0/",
    "https://app.hubspot.com:99999/",
    "https://app.hubspot.com./",
    "https://.app.hubspot.com/",
    "https://App.HubSpot.com/",
    "https://app.hubspot.co/",
    "https://app.hubspot.com.br/",
    "https://appxhubspot.com/",
    "https://app-hubspot.com/",
    "https://hubspot.com/",
    "https://www.hubspot.com/",
    "https://developers.hubspot.com/",
    "https://api.hubapi.com/",
    "https://app-.hubspot.com/",
    "https://app-eu.hubspot.com/",
    "https://app-eu11.hubspot.com/",
    "https://app-eu1x.hubspot.com/",
    "https://app-eu1-x.hubspot.com/",
    "https://app-EU1.hubspot.com/",
    "https://app-eu1.hubspot.com.evil.example/",
    "https://app-eu1.evil.example/.hubspot.com/",
    "https://app-eu1/.hubspot.com/",
    "https://\u0430pp.hubspot.com/",
    "https://xn--pp-7kc.hubspot.com/",
    "https://[::1]/",
    "https://[app.hubspot.com]/",
    "https://app.hubspot.com/#x",
    "https://app.hubspot.com#@evil.example/",
    f"https://app.hubspot.com/{'x' * 1000}",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_return_url_elsewhere_is_refused(url):
    found = read_install_request({"step": ["authorize"], "returnUrl": [url]}, HUBSPOT)
    assert not found.return_url


@pytest.mark.parametrize("urls", [[], ["https://app.hubspot.com/"] * 2])
def test_a_return_url_stands_there_once(urls):
    parameters = {"step": ["authorize"], "returnUrl": urls}
    assert not read_install_request(parameters, HUBSPOT).return_url


@pytest.mark.parametrize(
    "url",
    [
        "https://app.hubspot.com",
        "https://app.hubspot.com/",
        "https://app.hubspot.com/app-store/123/install?x=1&y=%20",
        "https://app-eu1.hubspot.com/integrations/oauth-bridge/7",
        "https://app-na2.hubspot.com/",
        "https://app.hubspot.com//evil.example",
    ],
)
def test_hubspots_own_are_taken(url):
    found = read_install_request({"returnUrl": [url]}, HUBSPOT)
    assert found.return_url == url
    mark = "&" if "?" in url else "?"
    assert found.return_url_with("s") == f"{url}{mark}state=s"


@pytest.mark.parametrize("url", [each for each in HOSTILE if each.isprintable()][::4])
def test_nothing_leads_to_a_hostile_return_url(customer, store, url):
    for query in ({"step": "authorize"}, {"code": "x"}):
        response = customer.browser.get(
            "/callback/workato", query_string={**query, "returnUrl": url}
        )
        assert response.location.startswith("/attempts/unknown")
        assert "Set-Cookie" not in response.headers
    assert not attempts(store)
