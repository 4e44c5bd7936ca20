"""The support staff's pages: who gets in, what they see, what they may do."""

import pytest
from harness import (
    PASSWORD,
    SAME_SITE,
    browser_of,
    csrf_token,
    query_of,
    quick_hash,
    services_of,
)

from oauth_helper.cli.bootstrap import hash_password
from oauth_helper.web.support import login

PAGES = ["/support/failures", "/support/failures/2M7X-TQRT-89HR", "/support/connections"]


@pytest.mark.parametrize("page", PAGES)
def test_without_signing_in_there_is_only_the_door(client, page):
    response = client.get(page)
    assert response.status_code == 302
    assert response.location.startswith("/support/login")
    assert client.get(response.location).status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("agent", "wrong"), ("nobody", PASSWORD), ("AGENT", PASSWORD), ("agent", "x" * 500)],
)
def test_a_wrong_password_is_refused_in_the_same_words(client, name, password):
    form = {"name": name, "password": password, "csrf_token": csrf_token(client)}
    response = client.post("/support/login", data=form, headers=SAME_SITE)
    assert response.status_code == 401
    assert "Name and password do not match." in response.text
    assert client.get("/support/failures").status_code == 302


@pytest.mark.parametrize("form", [{}, {"name": "agent"}, {"name": "a" * 200, "password": "x"}])
def test_a_form_that_is_not_filled_in_says_so(client, form):
    form = {**form, "csrf_token": csrf_token(client)}
    response = client.post("/support/login", data=form, headers=SAME_SITE)
    assert response.status_code == 200
    assert 'role="alert"' in response.text


def test_the_sign_in_fields_are_described_only_by_what_is_there(client):
    page = client.get("/support/login").text
    assert 'id="name"' in page
    assert "aria-describedby" not in page
    form = {"name": "agent", "password": "", "csrf_token": csrf_token(client)}
    page = client.post("/support/login", data=form, headers=SAME_SITE).text
    assert page.count("aria-describedby") == 1
    assert 'aria-describedby="password-error"' in page
    assert 'id="password-error"' in page


def test_a_forged_sign_in_is_refused(client):
    response = client.post("/support/login", data={"name": "agent", "password": PASSWORD})
    assert response.status_code in (200, 400)
    assert client.get("/support/failures").status_code == 302


def test_signing_in_starts_a_session_of_its_own(client):
    token = csrf_token(client)
    before = client.get_cookie("__Host-session").value
    form = {"name": "agent", "password": PASSWORD, "csrf_token": token}
    response = client.post("/support/login", data=form, headers=SAME_SITE)
    cookie = " ".join(response.headers.getlist("Set-Cookie"))
    assert client.get_cookie("__Host-session").value != before
    for attribute in ("__Host-session=", "Secure", "HttpOnly", "SameSite=Lax"):
        assert attribute in cookie


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/support/connections", "/support/connections"),
        ("https://evil.example/", "/support/failures"),
        ("//evil.example/", "/support/failures"),
        ("/\\evil.example", "/support/failures"),
        ("/support/\\..\\..\\evil", "/support/failures"),
        ("javascript:alert(1)", "/support/failures"),
    ],
)
def test_after_signing_in_one_stays_here(client, target, leads_to):
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(client)}
    response = client.post(
        "/support/login", query_string={"next": target}, data=form, headers=SAME_SITE
    )
    assert response.location == leads_to


def test_signing_out_ends_it(staff):
    browser = staff("agent")
    token = csrf_token(browser, "/support/failures")
    browser.post("/support/logout", data={"csrf_token": token}, headers=SAME_SITE)
    assert browser.get("/support/failures").status_code == 302


def test_an_empty_list_says_what_will_come(staff):
    assert "No connection has failed yet" in staff("viewer").get("/support/failures").text


def test_a_failure_is_found_by_the_reference_as_a_customer_reads_it_out(customer, staff, api):
    customer.connect(token_answer="rfc_body:BAD_AUTH_CODE")
    reference = api("/failures").json["failures"][0]["reference"]
    agent = staff("agent")
    typed = reference.replace("-", " ").lower()
    response = agent.get("/support/failures", query_string={"q": typed})
    assert response.location == f"/support/failures/{reference}"
    page = agent.get(response.location).text
    assert "Code expired or used twice" in page
    assert "BAD_AUTH_CODE" in page
    assert "How to fix it" in page
    assert "crm.objects.contacts.read" in page


def test_the_list_can_be_filtered(customer, staff):
    customer.connect(token_answer="rfc_body:BAD_AUTH_CODE")
    customer.connect(token_answer="500")
    agent = staff("agent")
    rows = agent.get("/support/failures?cause=code_expired_or_reused").text.split(
        "<tbody data-rows>"
    )[1]
    assert "Code expired or used twice" in rows
    assert "HubSpot did not answer" not in rows
    assert "No failures match" in agent.get("/support/failures?cause=rate_limited").text
    assert agent.get("/support/failures?cause=nonsense").status_code == 400


def test_long_lists_have_pages(customer, staff, clock):
    for _ in range(51):
        clock.now += 1
        customer.come_back(customer.agree(customer.start(), decision="deny"))
    agent = staff("agent")
    first = agent.get("/support/failures?status=open").text
    assert first.count("<tr id=") == 50
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "status=open" in older
    second = agent.get(older).text
    assert second.count("<tr id=") == 1
    newer = second.split('rel="prev"')[0].rsplit('href="', 1)[1].split('"')[0]
    back = agent.get(newer.replace("&amp;", "&")).text
    rows = [page.split("<tbody data-rows>")[1].split("</tbody>")[0] for page in (first, back)]
    assert rows[0] == rows[1]


class TestReferenceWithoutFailure:
    def page(self, staff, reference):
        response = staff("agent").get(f"/support/failures/{reference}")
        assert response.status_code == 404
        assert 'aria-label="Support"' in response.text
        return response.text

    def test_of_a_connected_attempt(self, customer, staff):
        reference = query_of(customer.start())["state"][:14]
        customer.connect()
        page = customer.connect().text
        connected = page.split("Reference: ")[1][:14]
        assert "has connected. It's among the" in self.page(staff, connected)
        assert "HubSpot hasn't answered yet" in self.page(staff, reference)

    def test_of_nothing_that_is_known(self, staff):
        assert "no attempt has it" in self.page(staff, "2M7G-7JW3-4R5J")

    def test_that_is_none(self, staff):
        assert "This isn't a reference" in self.page(staff, "2M7G-7JW3-4R5K")


@pytest.mark.parametrize("typed", ["2M7G-7JW3-4R5K", "2m7g7jw34r5k", "2M7G 7JW3 4R5K"])
def test_a_mistyped_reference_is_noticed(staff, typed):
    page = staff("agent").get("/support/failures", query_string={"q": typed}).text
    assert "looks like a reference with a mistyped character" in page


def test_a_page_of_connections_that_is_not_there_is_refused(staff):
    assert staff("agent").get("/support/connections?cursor=99").status_code == 400


class TestGuessing:
    """Of a name's password, from one network; the person meant gets in from elsewhere."""

    def guess(self, browser, name="agent", password="wrong", token=None):  # noqa: S107 - wrong
        token = token or csrf_token(browser)
        form = {"name": name, "password": password, "csrf_token": token}
        return browser.post("/support/login", data=form, headers=SAME_SITE).status_code

    def test_is_throttled_where_it_comes_from(self, make_app):
        app = make_app(RATE_LIMITS="on")
        guesser = browser_of(app)
        assert [self.guess(guesser) for _ in range(12)] == [401] * 10 + [429] * 2
        assert self.guess(guesser, "viewer", PASSWORD) == 303
        elsewhere = browser_of(app)
        elsewhere.environ_base["REMOTE_ADDR"] = "192.0.2.7"
        assert self.guess(elsewhere, password=PASSWORD) == 303

    def test_from_many_networks_locks_nobody_out(self, make_app):
        app = make_app(RATE_LIMITS="on")
        for number in range(11):
            guesser = browser_of(app)
            guesser.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
            assert [self.guess(guesser) for _ in range(10)] == [401] * 10
        elsewhere = browser_of(app)
        elsewhere.environ_base["REMOTE_ADDR"] = "198.51.100.7"
        assert self.guess(elsewhere, password=PASSWORD) == 303

    def test_from_the_same_network_does_not_lock_out_a_browser_that_is_known(
        self, make_app, monkeypatch
    ):
        monkeypatch.setattr(login, "_NO_PASSWORD", quick_hash(""))
        app = make_app(RATE_LIMITS="on")
        known = browser_of(app)
        assert self.guess(known, password=PASSWORD) == 303
        cookie = known.get_cookie("__Host-known")
        assert (cookie.secure, cookie.http_only, cookie.same_site) == (True, True, "Lax")
        known.delete_cookie("__Host-session")
        guesser = browser_of(app)
        # A cookie of one person opens nothing for another, and one that is made up nothing at all.
        guesser.set_cookie("__Host-known", "made-up", secure=True)
        token = csrf_token(guesser)
        statuses = {self.guess(guesser, f"{number}", token=token) for number in range(32)}
        assert statuses == {401, 429}
        assert self.guess(known, "viewer", PASSWORD) == 429
        assert self.guess(known, password=PASSWORD) == 303
        known.delete_cookie("__Host-session")
        assert [self.guess(known) for _ in range(11)][-1] == 429

    def test_from_many_addresses_of_one_ipv6_customer_is_from_one_network(self, make_app):
        app = make_app(RATE_LIMITS="on")
        statuses = []
        for number in range(12):
            browser = browser_of(app)
            browser.environ_base["REMOTE_ADDR"] = f"2001:db8::{number:x}"
            statuses.append(self.guess(browser))
        assert statuses == [401] * 10 + [429] * 2

    def test_a_password_typed_as_a_name_is_not_kept(self, make_app, store):
        self.guess(browser_of(make_app(RATE_LIMITS="on")), "canary-typed-as-name")
        assert store.keys("*")
        assert not [key for key in store.keys("*") if "canary" in key]


class TestSessions:
    def test_end_with_the_password(self, make_app, staff):
        cookie = staff("agent").get_cookie("__Host-session").value
        again = browser_of(make_app(SUPPORT_USERS=f"agent:{hash_password('another')}"))
        again.set_cookie("__Host-session", cookie, secure=True)
        assert again.get("/support/failures").status_code == 302

    def test_end_with_the_role(self, make_app, staff, environ):
        cookie = staff("agent").get_cookie("__Host-session").value
        users = environ["SUPPORT_USERS"].replace("agent:", "agent:", 1).split(",")[0] + ":viewer"
        again = browser_of(make_app(SUPPORT_USERS=users))
        again.set_cookie("__Host-session", cookie, secure=True)
        assert again.get("/support/failures").status_code == 302

    def test_end_after_twelve_hours_however_busy(self, staff, clock):
        agent = staff("agent")
        for _ in range(12):
            clock.now += 3590
            assert agent.get("/support/failures").status_code == 200
        clock.now += 600
        assert agent.get("/support/failures").status_code == 302


class TestConnections:
    def revoke(self, browser, connection="workato.1000104"):
        token = csrf_token(browser, "/support/connections")
        return browser.post(
            f"/support/connections/{connection}/revoke",
            data={"csrf_token": token},
            headers=SAME_SITE,
        )

    def test_are_listed(self, customer, staff):
        customer.connect()
        page = staff("viewer").get("/support/connections").text
        assert "1000104" in page
        assert "Revoke at HubSpot" not in page

    def test_are_revoked_at_hubspot_and_forgotten(self, customer, staff, store, hubspot):
        customer.connect()
        agent = staff("agent")
        assert self.revoke(agent).status_code == 303
        assert "Revoked at HubSpot" in agent.get("/support/connections").text
        assert any(path.endswith("/revoke") for path in hubspot.requests)
        assert not store.keys("oh:connection*")

    def test_of_a_profile_that_is_gone_are_forgotten_and_that_is_said(self, customer, staff, store):
        customer.connect()
        store.hset("oh:connection:workato.1000104", "profile", "gone")
        agent = staff("agent")
        self.revoke(agent)
        assert "its profile is gone" in agent.get("/support/connections").text

    def test_that_were_made_anew_meanwhile_are_kept(self, customer, app, store):
        customer.connect()
        connections = services_of(app).connections
        before = connections.get("workato.1000104")
        customer.connect()
        connections.forget(before)
        assert store.exists("oh:connection:workato.1000104")
        assert store.zscore("oh:connections", "workato.1000104")

    def test_are_not_for_viewers_to_revoke(self, customer, staff, store):
        customer.connect()
        assert self.revoke(staff("viewer")).status_code == 403
        assert store.exists("oh:connection:workato.1000104")

    def test_are_not_for_strangers_to_revoke(self, customer, client, store):
        customer.connect()
        form = {"csrf_token": csrf_token(client)}
        path = "/support/connections/workato.1000104/revoke"
        assert client.post(path, data=form, headers=SAME_SITE).status_code == 401
        assert store.exists("oh:connection:workato.1000104")

    def test_are_not_revoked_by_a_forged_form(self, customer, staff, store):
        customer.connect()
        response = staff("agent").post("/support/connections/workato.1000104/revoke")
        assert response.status_code == 400
        assert store.exists("oh:connection:workato.1000104")

    def test_unknown_ones_are_said_to_be_unknown(self, customer, staff):
        customer.connect()
        agent = staff("agent")
        self.revoke(agent, "nobody.1")
        assert "no such connection" in agent.get("/support/connections").text

    def test_old_keys_still_open_them_after_a_rotation(self, make_app, customer, hubspot, environ):
        customer.connect()
        rotated = f"another-key-0123456789-0123456789-01,{environ['SECRET_KEY']}"
        agent = sign_in(make_app(SECRET_KEY=rotated))
        assert self.revoke(agent).status_code == 303
        assert any(path.endswith("/revoke") for path in hubspot.requests)

    def test_without_the_old_key_they_are_kept_and_that_is_said(
        self, make_app, customer, hubspot, store
    ):
        customer.connect()
        agent = sign_in(make_app(SECRET_KEY="another-key-0123456789-0123456789-01"))
        self.revoke(agent)
        assert "uninstall the app" in agent.get("/support/connections").text
        assert not any(path.endswith("/revoke") for path in hubspot.requests)
        assert store.hexists("oh:connection:workato.1000104", "tokens")


def sign_in(app):
    browser = browser_of(app)
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
    assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    return browser


def test_without_addresses_the_page_of_deliveries_says_so(staff):
    page = staff("agent").get("/support/webhooks").text
    assert "No address gets events or notices." in page
