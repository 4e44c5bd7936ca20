"""A form that is sent after its session has ended does nothing, and the sign-in page says so."""

import html

import pytest
from harness import PASSWORD, SAME_SITE, browser_of, csrf_token, services_of

from oauth_helper.failures.query import FailureQuery

SAYS = "Your session has ended, so nothing was sent."
NOTE = "Called <b>back</b></blockquote><script>alert(1)</script>"


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
    """Press a button of a page that has been open for long; `token` is the one in it."""
    form = {"csrf_token": token, "text": NOTE, "do": "note", **fields}
    return browser.post(path, data=form, headers=headers or SAME_SITE)


def sign_in(browser, page):
    """Fill in the sign-in form of `page`."""
    action = page.split('<form method="post" action="')[1].split('"')[0].replace("&amp;", "&")
    token = page.split('name="csrf_token"', 1)[1].split('value="', 1)[1].split('"', 1)[0]
    form = {"name": "agent", "password": PASSWORD, "csrf_token": token}
    return browser.post(action, data=form, headers=SAME_SITE)


class TestASessionThatHasEnded:
    def test_is_said_and_leads_back_to_the_page(self, staff, reference, app, clock):
        agent = staff("agent")
        token = csrf_token(agent, "/support/account")
        clock.now += 13 * 3600
        page = send(agent, work(reference), token)
        assert page.status_code == 401
        assert SAYS in page.text
        assert f"<blockquote>{html.escape(NOTE)}</blockquote>" in page.text
        assert "<script>alert" not in page.text
        response = sign_in(agent, page.text)
        assert response.status_code == 303
        assert response.location == f"/support/failures/{reference}"
        assert not the_failure(app).history

    def test_is_said_where_the_cookie_is_gone(self, client, reference, app):
        page = send(client, work(reference), "a token of long ago")
        assert page.status_code == 401
        assert SAYS in page.text
        assert sign_in(client, page.text).location == f"/support/failures/{reference}"
        assert not the_failure(app).history

    def test_is_said_after_signing_out_everywhere(self, staff, reference):
        agent, other = staff("agent"), staff("agent")
        token = csrf_token(agent, "/support/account")
        path = "/support/account/sign-out-everywhere"
        form = {"csrf_token": csrf_token(other, "/support/account")}
        other.post(path, data=form, headers=SAME_SITE)
        page = send(agent, work(reference), token)
        assert page.status_code == 401
        assert SAYS in page.text

    @pytest.mark.parametrize(
        ("path", "back"),
        [
            ("/support/failures/work", "/support/failures"),
            ("/support/connections/workato.1/revoke", "/support/failures"),
            ("/support/check", "/support/check"),
        ],
    )
    def test_leads_back_from_every_form(self, client, path, back):
        page = client.post(path, data={"text": "x"}, headers=SAME_SITE)
        assert page.status_code == 401
        assert SAYS in page.text
        assert sign_in(client, page.text).location == back

    def test_needs_no_store(self, make_app):
        browser = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
        page = send(browser, work("2M7G-7JW3-4R5J"))
        assert page.status_code == 401
        assert SAYS in page.text


def test_a_sign_in_page_that_was_open_for_too_long_says_so(client, app):
    page = client.get("/support/login").text
    later = browser_of(app)
    stale = sign_in(later, page)
    assert stale.status_code == 400
    assert "The page was open for too long" in stale.text
    assert sign_in(later, stale.text).status_code == 303


FORGED = [
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
class TestAFormOfAnotherSite:
    def test_gets_an_error_page(self, client, reference, headers):
        response = send(client, work(reference), headers=headers)
        assert response.status_code == 400
        assert "Called" not in response.text
        assert SAYS not in response.text

    def test_does_nothing_for_who_is_signed_in(self, staff, reference, headers, app):
        assert send(staff("agent"), work(reference), headers=headers).status_code == 400
        assert not the_failure(app).history

    def test_signs_nobody_in(self, client, headers):
        form = {"name": "agent", "password": PASSWORD}
        response = client.post("/support/login", data=form, headers=headers)
        assert response.status_code == 400


def test_a_wrong_token_of_who_is_signed_in_stays_an_error(staff, reference, app):
    response = send(staff("agent"), work(reference), "wrong")
    assert response.status_code == 400
    assert SAYS not in response.text
    assert not the_failure(app).history
