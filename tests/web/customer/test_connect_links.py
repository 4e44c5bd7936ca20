"""Connect links: made for a customer, opened in another browser, used up by success."""

import pytest
from harness import API_TOKEN, PROFESSIONAL, browser_of, customer_of, query_of

HEADERS = {"Authorization": f"Bearer {API_TOKEN}"}
WHO = {"profile": "workato", "customer": "c-17", "customer_name": "Ana at Flow"}


@pytest.fixture
def make(app):
    browser = browser_of(app)
    return lambda **body: browser.post(
        "/api/v1/connect-links", json={**WHO, **body}, headers=HEADERS
    )


@pytest.fixture
def links(app):
    browser = browser_of(app)
    return lambda method, link: browser.open(
        f"/api/v1/connect-links/{link['id']}", method=method, headers=HEADERS
    )


def path_of(link):
    return link["url"].removeprefix("https://connect.example.com")


def start(customer, link):
    response = customer.browser.get(path_of(link))
    assert response.status_code == 302, response.text
    return response.location


def test_a_failure_names_the_customer_and_leaves_the_link_open(customer, make, links, api, store):
    made = make()
    assert made.status_code == 201, made.text
    link = made.json
    way_back = customer.agree(start(customer, link), token_answer="rfc_body:BAD_AUTH_CODE")
    page = customer.come_back(way_back)
    assert "link=" in page.text  # "Start again" opens the same link
    failure = api("/failures?q=customer:flow").json["failures"][0]
    assert (failure["customer"], failure["customer_name"]) == ("c-17", "Ana at Flow")
    assert api("/failures?q=c-17").json["failures"][0] == failure
    assert not api("/failures?q=customer:nobody").json["failures"]
    assert links("GET", link).json["status"] == "open"
    assert "Ana" not in str(store.keys("*"))


def test_a_connection_uses_it_up_and_resolves_the_failure(app, hubspot, make, links, api, backend):
    link = make().json
    customer = customer_of(app, hubspot)
    customer.come_back(customer.agree(start(customer, link), token_answer="rfc_body:BAD_AUTH_CODE"))
    connected = customer.come_back(customer.agree(start(customer, link)))
    assert "HubSpot is connected" in connected.text
    now = links("GET", link).json
    assert (now["status"], now["connection"]) == ("connected", "workato.1000104")
    connection = backend("/workato.1000104").json
    assert (connection["customer"], connection["customer_name"]) == ("c-17", "Ana at Flow")
    assert connection["reference"] == now["reference"]
    assert api("/failures").json["failures"][0]["status"] == "resolved"
    again = customer_of(app, hubspot).browser.get(path_of(link))
    assert again.status_code == 410
    assert "has been used" in again.text


def test_only_the_first_of_two_browsers_connects_with_it(app, hubspot, make, backend):
    link = make().json
    thief, owner = customer_of(app, hubspot), customer_of(app, hubspot)
    begun, own = start(thief, link), start(owner, link)
    owner.come_back(owner.agree(own, account=str(PROFESSIONAL)))
    asked = hubspot.token_requests
    refused = thief.browser.get(thief.agree(begun))
    assert refused.status_code == 410
    assert "has been used" in refused.text
    assert hubspot.token_requests == asked
    (connection,) = backend("?customer=c-17").json["connections"]
    assert connection["hub_id"] == PROFESSIONAL


@pytest.mark.parametrize("choices", [{}, {"decision": "deny"}], ids=["agreed", "denied"])
def test_withdrawn_meanwhile_it_neither_connects_nor_records(
    customer, hubspot, make, links, api, backend, choices
):
    link = make().json
    begun = start(customer, link)
    links("DELETE", link)
    refused = customer.browser.get(customer.agree(begun, **choices))
    assert refused.status_code == 410
    assert "was withdrawn" in refused.text
    assert hubspot.token_requests == 0
    assert backend().json["connections"] == api("/failures").json["failures"] == []


def test_its_choices_count_and_those_in_the_address_do_not(customer, make):
    link = make(optional_scope="tickets", hub_id=7).json
    response = customer.browser.get(path_of(link) + "&optional_scope=forms&hub_id=8&customer=evil")
    assert query_of(response.location)["optional_scope"] == "tickets"
    assert "/oauth/7/authorize" in response.location


def test_an_unsigned_customer_is_ignored(customer, api):
    response = customer.browser.get("/connect/workato?customer=evil&customer_name=Evil")
    customer.come_back(customer.agree(response.location, token_answer="rfc_body:BAD_AUTH_CODE"))
    assert api("/failures").json["failures"][0]["customer"] is None


def test_what_no_longer_works_says_what_to_do(customer, make, links, clock):
    withdrawn, expired = make().json, make(expires_in=60).json
    assert links("DELETE", withdrawn).json["status"] == "withdrawn"
    clock.now += 61
    assert links("GET", expired).json["status"] == "expired"
    for link, words in ((withdrawn, "was withdrawn"), (expired, "has expired")):
        page = customer.browser.get(path_of(link))
        assert page.status_code == 410
        assert words in page.text


@pytest.mark.parametrize("altered", ["x", "A" * 2000, "\u00e9", "%00"])
def test_an_altered_link_starts_nothing(customer, store, altered):
    page = customer.browser.get("/connect/workato", query_string={"link": altered})
    assert page.status_code == 400
    assert not store.keys("*attempt*")


@pytest.mark.parametrize(
    "body",
    [
        {"profile": "nobody"},
        {"optional_scope": "bogus"},
        {"return_to": "https://evil.example/"},
        {"return_to": "javascript:alert(1)"},
        {"customer": "x" * 81},
        {"customer_name": "a\nb"},
        {"customer": "\ud800"},
        {"expires_in": 59},
        {"expires_in": 31 * 86_400},
        {"hub_id": 0},
        {"customre": "x"},
    ],
    ids=str,
)
def test_a_link_that_could_not_work_is_not_made(make, store, body):
    response = make(**body)
    assert response.status_code == 400, response.text
    assert not store.keys("oh:link:*")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_link_is_a_404(links, method):
    response = links(method, {"id": "unknown"})
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_the_api_needs_its_token(app):
    assert browser_of(app).post("/api/v1/connect-links", json=WHO).status_code == 401
