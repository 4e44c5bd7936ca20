"""The page that says what to enter in the HubSpot app's settings."""

import pytest
from harness import query_of


def test_names_everything_to_enter(client):
    page = client.get("/setup/workato").text
    assert "https://connect.example.com/callback/workato" in page
    assert "https://www.workato.com/oauth/callback" in page
    assert page.count('name="optional_scope" value="') == 48 + 1  # and the empty one
    assert "ask HubSpot first" in page
    assert "pilot" in page


def test_the_file_is_what_the_page_says(client):
    auth = client.get("/setup/workato/app-hsmeta.json").json["config"]["auth"]
    assert auth["requiredScopes"] == ["oauth", "crm.objects.contacts.read"]
    assert len(auth["optionalScopes"]) == 47
    assert auth["redirectUrls"] == [
        "https://connect.example.com/callback/workato",
        "https://www.workato.com/oauth/callback",
    ]


def test_fewer_scopes_make_a_smaller_list_and_the_link_for_exactly_those(client):
    query = "optional_scope=&optional_scope=tickets&optional_scope=forms"
    page = client.get(f"/setup/workato?{query}").text
    link = page.split('id="connect-link" href="')[1].split('"')[0]
    assert link == "https://connect.example.com/connect/workato?optional_scope=tickets+forms"
    response = client.get(link.removeprefix("https://connect.example.com"))
    assert query_of(response.location)["optional_scope"] == "forms tickets"
    file = client.get(f"/setup/workato/app-hsmeta.json?{query}").json
    assert file["config"]["auth"]["optionalScopes"] == ["forms", "tickets"]


def test_no_optional_scope_at_all(client):
    page = client.get("/setup/workato?optional_scope=").text
    assert "Mark as optional" not in page
    link = page.split('id="connect-link" href="')[1].split('"')[0]
    response = client.get(link.removeprefix("https://connect.example.com"))
    assert "optional_scope" not in query_of(response.location)


def test_an_unknown_scope_is_named(client):
    response = client.get("/setup/workato?optional_scope=nonsense")
    assert response.status_code == 400
    assert "nonsense" in response.text


def test_an_app_that_is_set_up_by_the_file_connects(client, customer, hubspot):
    auth = client.get("/setup/workato/app-hsmeta.json").json["config"]["auth"]
    hubspot.list_as(required=tuple(auth["requiredScopes"]), optional=tuple(auth["optionalScopes"]))
    assert "HubSpot is connected" in customer.connect().text


@pytest.mark.parametrize("path", ["/setup/workato", "/setup/workato/app-hsmeta.json"])
def test_shows_no_secret(client, path):
    assert "canary" not in client.get(path).text
