"""A session that ends takes no typed text with it, and gives nobody else's in its place."""

import html
import json
import re

import pytest
from harness import PASSWORD, SAME_SITE, browser_of, csrf_token

from oauth_helper.failures.query import FailureQuery
from oauth_helper.web.services import services_of

NOTE = "Called <b>back</b> &amp; \"quoted\" 'single'\n</textarea><script>alert(1)</script> 日本"


@pytest.fixture
def reference(customer, app):
    customer.connect(decision="deny")
    return the_failure(app).reference


def the_failure(app):
    (found,) = services_of(app).failures.page(FailureQuery(), limit=10).failures
    return found


def work(reference):
    return f"/support/failures/{reference}/work"


def send(browser, path, token="", headers=None, **fields):
    """Presses a button of a page that has been open for long; `token` is the one in it."""
    form = {"csrf_token": token, "text": NOTE, "do": "note", **fields}
    return browser.post(path, data=form, headers=headers or SAME_SITE)


def hidden(page, name):
    """The value of a hidden field; None when the page has none of that name."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    return html.unescape(found[1]) if found else None


def sign_in(browser, page, **more):
    form = {"name": "agent", "password": PASSWORD, **more}
    form |= {name: hidden(page, name) for name in ("csrf_token", "typed")}
    return browser.post("/support/login", data=form, headers=SAME_SITE)


def send_again(browser, page):
    """Presses the button of the page that shows what was typed."""
    action = re.search(r'<form method="post" action="([^"]*)"', page.split("<main")[1])[1]
    names = re.findall(r'<input type="hidden" name="([^"]*)"', page.split("<main")[1])
    form = {name: hidden(page.split("<main")[1], name) for name in names}
    for name, text in re.findall(
        r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL
    ):
        form[name] = html.unescape(text)
    return browser.post(html.unescape(action), data=form, headers=SAME_SITE)


class TestANote:
    def test_comes_through_a_session_that_is_over(self, staff, reference, app, clock):
        agent = staff("agent")
        token = csrf_token(agent, "/support/account")
        clock.now += 13 * 3600
        kept = send(agent, work(reference), token)
        assert kept.status_code == 401
        assert "Your session had ended, so nothing has been sent" in kept.text
        assert not the_failure(app).history
        shown = sign_in(agent, kept.text)
        assert shown.status_code == 200
        assert "You are signed in again" in shown.text
        assert "This is what you were about to send" in shown.text
        assert f"It goes to the failure <code>{reference}</code>" in shown.text
        assert not the_failure(app).history
        response = send_again(agent, shown.text)
        assert (response.status_code, response.location) == (
            303,
            f"/support/failures/{reference}#done",
        )
        (event,) = the_failure(app).history
        assert event.text == NOTE
        assert event.by == "agent"

    def test_comes_through_a_cookie_that_is_gone(self, client, reference, app):
        kept = send(client, work(reference), "a token of long ago")
        assert kept.status_code == 401
        shown = sign_in(client, kept.text)
        assert send_again(client, shown.text).status_code == 303
        assert the_failure(app).history[0].text == NOTE

    def test_comes_through_signing_out_everywhere(self, staff, reference):
        agent, other = staff("agent"), staff("agent")
        token = csrf_token(agent, "/support/account")
        path = "/support/account/sign-out-everywhere"
        form = {"csrf_token": csrf_token(other, "/support/account")}
        other.post(path, data=form, headers=SAME_SITE)
        shown = sign_in(agent, send(agent, work(reference), token).text)
        assert send_again(agent, shown.text).status_code == 303

    def test_comes_through_a_mistyped_password(self, client, reference, app):
        kept = send(client, work(reference))
        wrong = sign_in(client, kept.text, password="wrong")
        assert wrong.status_code == 401
        assert hidden(wrong.text, "typed") == hidden(kept.text, "typed")
        empty = sign_in(client, wrong.text, password="")
        shown = sign_in(client, empty.text)
        assert send_again(client, shown.text).status_code == 303
        assert the_failure(app).history[0].text == NOTE

    def test_comes_through_a_sign_in_page_that_was_open_for_long(self, client, reference, app):
        kept = send(client, work(reference)).text
        later = browser_of(app)
        stale = sign_in(later, kept)
        assert stale.status_code == 400
        assert "The page was open for too long" in stale.text
        assert send_again(later, sign_in(later, stale.text).text).status_code == 303

    def test_comes_through_a_sign_in_in_another_tab(self, client, reference, app):
        kept = send(client, work(reference)).text
        typed = {"typed": hidden(kept, "typed")}
        without = client.post("/support/typed", data=typed)
        assert without.status_code == 401
        form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(client)}
        client.post("/support/login", data=form, headers=SAME_SITE)
        shown = client.post("/support/typed", data=typed)
        assert "You are signed in again" in shown.text
        assert not the_failure(app).history
        assert send_again(client, shown.text).status_code == 303

    def test_needs_no_store(self, make_app):
        browser = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
        kept = send(browser, work("2M7G-7JW3-4R5J"))
        assert kept.status_code == 401
        assert json.loads(hidden(kept.text, "typed"))["fields"][0] == ["text", NOTE]

    def test_is_escaped_wherever_it_stands(self, client, reference):
        kept = send(client, work(reference)).text
        shown = sign_in(client, kept).text
        for page in (kept, shown):
            assert "<script>alert" not in page
            assert "<b>back" not in page
            assert page.count("</textarea>") <= 1

    def test_that_is_endless_is_cut_and_that_is_said(self, client, reference):
        kept = send(client, work(reference), text="日" * 6500)
        assert kept.status_code == 401
        assert "Only its beginning can be kept" in kept.text
        document = json.loads(hidden(kept.text, "typed"))
        assert set(document["fields"][0][1]) == {"日"}
        shown = sign_in(client, kept.text)
        assert shown.status_code == 200
        assert "Only its beginning could be kept" in shown.text

    def test_of_a_viewer_is_refused_when_it_is_sent(self, client, reference, app):
        kept = send(client, work(reference)).text
        shown = sign_in(client, kept, name="viewer")
        assert send_again(client, shown.text).status_code == 403
        assert not the_failure(app).history


def test_a_report_comes_through(client, reference):
    path = f"/support/failures/{reference}/report"
    form = {"message": "Authorization failed\nbecause …", "picked": ""}
    kept = client.post(path, data=form, headers=SAME_SITE)
    assert kept.status_code == 401
    shown = sign_in(client, kept.text)
    assert f"It goes to the failure <code>{reference}</code>" in shown.text
    response = send_again(client, shown.text)
    assert response.status_code == 303
    assert response.location.startswith(f"/support/failures/{reference}")


def test_an_apps_file_comes_through(client):
    text = '{"auth": {"requiredScopes": ["oauth"]}}'
    form = {"app_config": text, "profile": "workato", "authorize_url": ""}
    kept = client.post("/support/check", data=form, headers=SAME_SITE)
    shown = sign_in(client, kept.text).text
    assert "It goes to the failure" not in shown
    checked = send_again(client, shown)
    assert checked.status_code == 200
    assert "HubSpot will" in checked.text


@pytest.mark.parametrize("text", ["", "  \n"])
def test_without_a_text_there_is_only_the_door(client, reference, text):
    response = send(client, work(reference), text=text, do="take")
    assert response.status_code == 400
    token = csrf_token(client)
    response = send(client, work(reference), token, text=text, do="take")
    assert (response.status_code, response.location) == (302, "/support/login")


FORGED = [
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
class TestAFormOfAnotherSite:
    """Its sender would like somebody to send a note that they have not written."""

    def test_puts_nothing_into_the_sign_in_page(self, client, reference, headers):
        response = send(client, work(reference), headers=headers)
        assert response.status_code == 400
        assert "Called" not in response.text
        token = csrf_token(client)
        response = send(client, work(reference), token, headers=headers)
        assert (response.status_code, response.location) == (302, "/support/login")

    def test_puts_nothing_into_the_page_of_who_is_signed_in(self, staff, reference, headers, app):
        agent = staff("agent")
        typed = json.dumps({"to": work(reference), "fields": [["text", "forged"]], "cut": False})
        response = agent.post("/support/typed", data={"typed": typed}, headers=headers)
        assert response.status_code == 403
        assert "forged" not in response.text
        assert send(agent, work(reference), headers=headers).status_code == 400
        assert not the_failure(app).history

    def test_signs_nobody_in_with_a_text_prepared(self, client, reference, headers):
        typed = json.dumps({"to": work(reference), "fields": [["text", "forged"]], "cut": False})
        form = {"name": "agent", "password": PASSWORD, "typed": typed}
        response = client.post("/support/login", data=form, headers=headers)
        assert response.status_code == 400
        assert "forged" not in response.text


def test_a_wrong_token_of_who_is_signed_in_stays_an_error(staff, reference, app):
    response = send(staff("agent"), work(reference), "wrong")
    assert response.status_code == 400
    assert "You are signed in again" not in response.text
    assert hidden(response.text, "typed") is None
    assert not the_failure(app).history


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/support/failures/x/work",
        "//evil.example/support/failures/x/work",
        "/\\evil.example",
        "/support/logout",
        "/support/account/sign-out-everywhere",
        "/support/connections/workato.1/revoke",
        "/support/failures/x/../../../connect/workato",
        "/support/failures",
        "/attempts/2M7G-7JW3-4R5J/report",
        "/nothing",
        "javascript:alert(1)",
        "",
        5,
        None,
        ["/support/check"],
    ],
    ids=str,
)
def test_it_leads_to_the_forms_that_people_type_into_only(client, target):
    typed = json.dumps({"to": target, "fields": [["text", "forged"]], "cut": False})
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(client)}
    response = client.post("/support/login", data={**form, "typed": typed}, headers=SAME_SITE)
    assert (response.status_code, response.location) == (303, "/support/failures")


def test_halves_of_characters_are_left_out(client):
    typed = '{"to": "/support/check", "fields": [["app_config", "a\\ud800b"], ["\\udfff", "x"]]}'
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(client)}
    response = client.post("/support/login", data={**form, "typed": typed}, headers=SAME_SITE)
    assert response.status_code == 200
    assert "a?b" in response.text


@pytest.mark.parametrize(
    "typed",
    [
        '{"to": "/support/failures/\\ud800/nothing", "fields": [["text", "x"]]}',
        "x",
        "null",
        "5",
        "[]",
        "{}",
        "[" * 9000,
        '{"to": "/support/check"}',
        '{"to": "/support/check", "fields": 5}',
        '{"to": "/support/check", "fields": ["ab"]}',
        '{"to": "/support/check", "fields": [["app_config", "x", "y"]]}',
        '{"to": "/support/check", "fields": [["app_config", "x"], ["csrf_token", "y"]]}',
        '{"to": "/support/check", "fields": [["onclick", "x"]]}',
        json.dumps({"to": "/support/check", "fields": [["app_config", "x"]] * 1001}),
    ],
)
def test_what_cannot_be_read_is_left_aside(client, typed):
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(client)}
    response = client.post("/support/login", data={**form, "typed": typed}, headers=SAME_SITE)
    assert (response.status_code, response.location) == (303, "/support/failures")
