"""The page of connect links: made by agents, for a customer or from a failure, and withdrawn."""

import html
import re

import pytest
from harness import SAME_SITE, csrf_token, customer_of, query_of

PAGE = "/support/links"


def post(browser, path=PAGE, **form):
    form = {"csrf_token": csrf_token(browser, "/support/failures"), **form}
    return browser.post(path, data=form, headers=SAME_SITE)


def made(browser, **form):
    """Make a link; return its id and path."""
    form = {"customer_name": "Ana <b>", "customer": "c-17", "days": "7", **form}
    response = post(browser, **form)
    assert response.status_code == 303, response.text
    page = browser.get(PAGE).text
    link_id, address = re.search(r'id="link-(\w+)">([^<]*)<', page).groups()
    return link_id, html.unescape(address).removeprefix("https://connect.example.com")


def test_a_link_is_shown_until_it_is_withdrawn(staff, client):
    agent = staff("agent")
    assert "No link has been made yet." in agent.get(PAGE).text
    link_id, path = made(agent, optional_scope=["", "tickets"])
    page = agent.get(PAGE).text
    assert "Ana &lt;b&gt;" in page
    assert "<td><div>Open</div>" in page
    assert query_of(client.get(path).location)["optional_scope"] == "tickets"
    assert post(agent, f"{PAGE}/{link_id}/withdraw").status_code == 303
    page = agent.get(PAGE).text
    assert "<td><div>Withdrawn</div>" in page
    assert path.partition("link=")[2] not in page
    gone = client.get(path)
    assert gone.status_code == 410
    assert "<h1>This link no longer works</h1>" in gone.text


def test_a_failure_gives_its_choices_and_the_new_link_resolves_it(staff, app, hubspot, api, clock):
    agent = staff("agent")
    _, path = made(agent, optional_scope="tickets")
    customer = customer_of(app, hubspot)
    start = customer.browser.get(path).location
    customer.come_back(customer.agree(start, token_answer="rfc_body:BAD_AUTH_CODE"))
    reference = api("/failures").json["failures"][0]["reference"]
    address = f"{PAGE}?failure={reference}"
    assert f'href="{address}"' in agent.get(f"/support/failures/{reference}").text
    page = agent.get(address).text
    assert 'name="customer_name" value="Ana &lt;b&gt;"' in page
    assert 'name="customer" value="c-17"' in page
    assert re.findall(r'value="([\w.-]+)" checked', page) == ["tickets"]
    clock.now += 1
    _, again = made(agent, optional_scope="tickets")
    assert again != path
    customer.come_back(customer.agree(customer.browser.get(again).location))
    assert api("/failures").json["failures"][0]["status"] == "resolved"
    assert "<td><div>Connected</div>" in agent.get(PAGE).text


def test_the_usual_choice_fits_in_a_link(staff, client):
    agent = staff("agent")
    usual = re.findall(r'value="([\w.-]+)" checked', agent.get(PAGE).text)
    assert len(usual) > 20
    _, path = made(agent, optional_scope=usual)
    assert (
        client.get(path).location.partition("&state=")[0]
        == (client.get("/connect/workato").location.partition("&state=")[0])
    )


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"days": "0"}, "from 1 to 30"),
        ({"days": "\u0663"}, "from 1 to 30"),
        ({"customer": "x" * 81}, "customer"),
        ({"customer_name": "a\nb"}, "customer_name"),
        ({"optional_scope": "bogus"}, "bogus"),
    ],
    ids=str,
)
def test_what_could_not_work_keeps_what_was_written(staff, store, form, reason):
    response = post(staff("agent"), **{"customer_name": "Ana", "days": "7", **form})
    assert response.status_code == 400
    assert reason in response.text
    if "customer_name" not in form:
        assert 'value="Ana"' in response.text
    assert not store.keys("oh:link*")


def test_viewers_see_no_links(staff):
    viewer = staff("viewer")
    assert viewer.get(PAGE).status_code == 403
    assert post(viewer, days="7").status_code == 403
    assert post(viewer, f"{PAGE}/x/withdraw").status_code == 403
    assert PAGE not in viewer.get("/support/failures").text


def test_an_unknown_link_is_not_withdrawn(staff):
    assert post(staff("agent"), f"{PAGE}/nobody/withdraw").status_code == 404
