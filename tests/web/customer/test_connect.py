"""The way of one connection, from the button to the page at its end."""

import json
import secrets
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from harness import customer_of, profiles_file, query_of

from oauth_helper.scopes import shipped_catalogue

CONTACTS = "crm.objects.contacts.read"


def test_the_address_for_hubspot_is_exact(customer, hubspot):
    address = customer.start()
    query = query_of(address)
    assert address.startswith(f"{hubspot.url}/oauth/authorize?")
    assert "+" not in address
    assert query["scope"] == f"oauth {CONTACTS}"
    assert len(query["optional_scope"].split()) == 47
    assert query["redirect_uri"] == "https://connect.example.com/callback/workato"
    assert query["response_type"] == "code"
    assert query["code_challenge_method"] == "S256"
    assert set(query) == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "optional_scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    }


def test_connecting_leads_to_a_page_that_says_so(customer, store):
    page = customer.connect()
    assert page.status_code == 200
    assert "HubSpot is connected" in page.text
    assert "1000104" in page.text
    fields = store.hgetall("oh:connection:workato.1000104")
    assert fields["hub_id"] == "1000104"
    assert CONTACTS in json.loads(fields["granted"])
    assert fields["missing_optional"] == ""
    assert len(fields["tokens"]) > 100
    assert not [secret for secret in customer.hubspot.issued if secret in fields["tokens"]]


def test_what_the_account_lacks_is_a_note_and_no_failure(customer, store):
    page = customer.connect(account="1000101")
    assert "Not available in your account" in page.text
    assert "<code>automation</code>" in page.text
    assert "automation" in store.hgetall("oh:connection:workato.1000101")["missing_optional"]
    assert not store.keys("oh:*failure*")


def test_what_the_account_lacks_is_a_failure_if_the_profile_says_so(
    make_app, hubspot, tmp_path, store
):
    app = make_app(PROFILES_FILE=profiles_file(tmp_path, workato={"missing_optional": "fail"}))
    customer = customer_of(app, hubspot)
    page = customer.connect(account="1000101")
    assert "We couldn't connect HubSpot" in page.text
    assert not store.exists("oh:connections")


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ("tickets", "tickets"),
        ("tickets crm.lists.read", "crm.lists.read tickets"),
        ("", None),
        (CONTACTS, None),
        ("oauth", None),
        ("crm.schemas.custom.write", "crm.schemas.custom.write"),
    ],
    ids=["one", "catalogue-order", "none", "a-required-one", "oauth", "not-by-default"],
)
def test_optional_scopes_can_be_narrowed(customer, narrowed, expected):
    query = query_of(customer.start(optional_scope=narrowed))
    assert query.get("optional_scope") == expected
    assert query["scope"] == f"oauth {CONTACTS}"


def test_ticked_boxes_arrive_as_repeated_parameters(client):
    response = client.get(
        "/connect/workato?optional_scope=&optional_scope=tickets&optional_scope=forms"
    )
    assert query_of(response.location)["optional_scope"] == "forms tickets"


def test_an_unknown_scope_is_refused_and_named_with_what_it_may_have_meant(client, store):
    response = client.get("/connect/workato?optional_scope=crm.objects.deal.read+nonsense")
    assert response.status_code == 400
    assert "crm.objects.deal.read (did you mean crm.objects.deals.read?)" in response.text
    assert "nonsense" in response.text
    assert not store.keys("*attempt*")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"hub_id": "123"}, "/oauth/123/authorize"),
        ({"region": "na1"}, "/oauth/authorize"),
    ],
    ids=["account", "region"],
)
def test_account_and_region_are_taken_where_hubspot_takes_them(customer, query, expected):
    assert urlsplit(customer.start(**query)).path == expected


@pytest.mark.parametrize(
    "query",
    ["hub_id=x", "hub_id=0", "hub_id=-1", f"hub_id={'9' * 5000}", "hub_id=١٢", "region=mars"],
)
def test_a_wrong_account_or_region_is_refused(client, query):
    assert client.get(f"/connect/workato?{query}").status_code == 400


def test_a_flood_of_unknown_scopes_is_answered_at_once(client):
    many = " ".join(f"crm.objects.contact{number}.read" for number in range(240))
    began = time.process_time()
    response = client.get("/connect/workato", query_string={"optional_scope": many})
    assert time.process_time() - began < 1  # looking each up takes many seconds
    assert response.status_code == 400
    assert "and 230 more" in response.text
    longer = {"optional_scope": "x " * 5000}
    for path in ("/connect/workato", "/setup/workato"):
        assert client.get(path, query_string=longer).status_code == 400


def test_an_attempt_is_stored_with_what_it_asks_for(customer, store, clock):
    reference = query_of(customer.start())["state"].split(".")[0]
    (key,) = store.keys("oh:*:attempt:*")
    assert key.endswith(reference)
    fields = store.hgetall(key)
    assert fields["profile"] == "workato"
    asked = store.hget(f"{key.partition('attempt')[0]}requests", fields["request"])
    assert asked.startswith(f"oauth {CONTACTS}\n")
    assert int(fields["begun_at"]) == int(clock.now)
    (open_key,) = store.keys("oh:*:open")
    assert store.zrange(open_key, 0, -1, withscores=True) == [(reference, clock.now + 900)]
    assert 0 < store.ttl(key) <= 3 * 86_400


def test_two_tabs_do_not_disturb_one_another(customer, store):
    first, second = customer.start(), customer.start(optional_scope="tickets")
    back_first, back_second = customer.agree(first), customer.agree(second, account="1000102")
    assert "1000102" in customer.come_back(back_second).text
    assert "1000104" in customer.come_back(back_first).text
    assert store.zcard("oh:connections") == 2


def test_six_tabs_leave_the_newest_five(customer):
    addresses = [customer.start() for _ in range(6)]
    backs = [customer.agree(address) for address in addresses]
    assert "start in this browser" in customer.come_back(backs[0]).text
    for back in backs[1:]:
        assert "HubSpot is connected" in customer.come_back(back).text


def test_the_pending_attempt_has_a_page(customer):
    reference = query_of(customer.start())["state"].split(".")[0]
    page = customer.browser.get(f"/attempts/{reference}")
    assert page.status_code == 200
    assert "Waiting for HubSpot" in page.text
    assert reference in page.text


def test_a_typed_reference_in_another_form_leads_to_the_page(customer):
    reference = query_of(customer.start())["state"].split(".")[0]
    typed = reference.replace("-", "").lower()
    assert customer.browser.get(f"/attempts/{typed}").status_code == 200


def test_the_cookies_of_five_large_attempts_fit_into_a_header(make_app, tmp_path, hubspot):
    path = profiles_file(tmp_path, workato={"return_origins": ["https://shop.example"]})
    browser = customer_of(make_app(PROFILES_FILE=path), hubspot).browser
    names = shipped_catalogue().default_optional
    for number in range(8):
        choice = " ".join(name for place, name in enumerate(names) if place != number)
        return_to = "https://shop.example/" + secrets.token_urlsafe(500)[:470]
        query = {"optional_scope": choice, "return_to": return_to, "hub_id": "123456789"}
        assert browser.get("/connect/workato", query_string=query).status_code == 302
    header = "; ".join(f"{c.key}={c.value}" for c in browser._cookies.values())
    assert len(browser._cookies) == 5
    assert len(header) < 8000  # what servers and proxies commonly take


class TestStartingAgain:
    """Leads to the same request: what was asked for, and where to return."""

    QUERY = "hub_id=77&optional_scope=tickets&return_to=https%3A%2F%2Fshop.example%2Fx"

    @pytest.fixture
    def customer(self, make_app, tmp_path, hubspot):
        path = profiles_file(tmp_path, workato={"return_origins": ["https://shop.example"]})
        return customer_of(make_app(PROFILES_FILE=path), hubspot)

    def again(self, page):
        link = page.text.split(">Start again<")[0].rsplit('href="', 1)[1].split('"')[0]
        return link.replace("&amp;", "&")

    def test_while_it_is_waiting(self, customer):
        response = customer.browser.get(f"/connect/workato?{self.QUERY}")
        reference = query_of(response.location)["state"][:14]
        page = customer.browser.get(f"/attempts/{reference}")
        assert self.again(page) == f"/connect/workato?{self.QUERY}"

    def test_after_a_failure(self, customer):
        response = customer.browser.get(f"/connect/workato?{self.QUERY}")
        address = response.location.replace("/oauth/77/", "/oauth/")
        page = customer.come_back(customer.agree(address, decision="deny"))
        assert self.again(page) == f"/connect/workato?{self.QUERY}"

    def test_with_the_default_choice_is_short(self, customer):
        every = "&".join(f"optional_scope={name}" for name in shipped_catalogue().default_optional)
        response = customer.browser.get(f"/connect/workato?optional_scope=&{every}")
        reference = query_of(response.location)["state"][:14]
        assert self.again(customer.browser.get(f"/attempts/{reference}")) == "/connect/workato"


def test_the_page_of_a_connected_attempt_in_another_browser_does_not_say_it_is_not(
    customer, new_customer
):
    back = customer.agree(customer.start())
    customer.come_back(back)
    page = new_customer().browser.get(f"/attempts/{query_of(back)['state'][:14]}")
    assert page.status_code == 400
    assert "only see this page in the browser" in page.text
    assert "Nothing was connected" not in page.text


def test_cancelling_is_recorded_and_explained(customer, api):
    page = customer.come_back(customer.agree(customer.start(), decision="deny"))
    assert "You cancelled" in page.text
    assert "Start again" in page.text
    assert "card failure" not in page.text
    (failure,) = api("/failures").json["failures"]
    assert failure["cause"] == "user_denied"
    assert failure["stage"] == "callback"
    assert failure["reference"] in page.text
    assert failure["requested"]["scope"] == ["oauth", CONTACTS]
    assert len(failure["requested"]["optional_scope"]) == 47
    assert failure["granted"] is None
    assert failure["fix"][0]["who"] == "customer"


class TestReturnTo:
    @pytest.fixture
    def customer(self, make_app, tmp_path, hubspot):
        path = profiles_file(tmp_path, workato={"return_origins": ["https://shop.example"]})
        return customer_of(make_app(PROFILES_FILE=path), hubspot)

    def test_leads_back_with_reference_and_outcome(self, customer):
        address = customer.start(return_to="https://shop.example/settings?tab=crm")
        page = customer.come_back(customer.agree(address))
        link = page.text.split('href="https://shop.example', 1)[1].split('"', 1)[0]
        query = parse_qs(urlsplit(link.replace("&amp;", "&")).query)
        assert query["tab"] == ["crm"]
        assert query["outcome"] == ["connected"]
        assert query["reference"][0] in page.text

    def test_leads_back_after_a_failure_too(self, customer):
        address = customer.start(return_to="https://shop.example/x")
        page = customer.come_back(customer.agree(address, decision="deny"))
        assert "outcome=failed" in page.text

    def test_an_outcome_in_the_address_is_not_passed_on(self, customer):
        forged = "https://shop.example/x?outcome=connected&reference=AAAA&keep=1"
        page = customer.come_back(customer.agree(customer.start(return_to=forged), decision="deny"))
        back = page.text.split('href="https://shop.example', 1)[1].split('"', 1)[0]
        assert back.startswith("/x?keep=1&amp;reference=2K")
        assert back.endswith("&amp;outcome=failed")

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "http://shop.example/",
            "https://shop.example.evil.example/",
            "https://shop.example:8443/",
            "https://shop.example@evil.example/",
            "https://evil.example\\@shop.example/",
            "//shop.example/",
            "/settings",
            "javascript:alert(1)",
            "https:shop.example",
            "https://shop.example\t/",
            " https://shop.example/",
            "https://shop.example/" + "x" * 600,
            "https://SHOP.example.",
        ],
    )
    def test_goes_nowhere_else(self, customer, target):
        response = customer.browser.get("/connect/workato", query_string={"return_to": target})
        assert response.status_code == 400


def test_without_registered_origins_there_is_no_return(client):
    response = client.get("/connect/workato?return_to=https://shop.example/")
    assert response.status_code == 400


@pytest.mark.parametrize(
    "headers", [{"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}]
)
def test_a_prefetch_begins_nothing(client, store, headers):
    assert client.get("/connect/workato", headers=headers).status_code == 204
    assert client.head("/connect/workato").status_code == 204
    assert not store.keys("*")


def test_an_unknown_profile_is_a_404(client):
    for path in ("/connect/nobody", "/callback/nobody", "/setup/nobody"):
        assert client.get(path).status_code == 404
