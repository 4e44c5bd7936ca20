"""The sessions of the support staff: they end when they are ended, copies of the cookie too."""

import re

import pytest
from harness import PASSWORD, SAME_SITE, browser_of, csrf_token
from werkzeug.security import generate_password_hash

from oauth_helper.common.passwords import is_password_hash
from oauth_helper.web.support import login

EVERYWHERE = "/support/account/sign-out-everywhere"


@pytest.fixture
def copy_of(app):
    """A browser with the cookie of another one, as a thief has it."""

    def copy(browser):
        other = browser_of(app)
        other.set_cookie("__Host-session", cookie_of(browser), secure=True)
        return other

    return copy


def cookie_of(browser):
    return browser.get_cookie("__Host-session").value


def post(browser, path, **headers):
    form = {"csrf_token": csrf_token(browser, "/support/account")}
    return browser.post(path, data=form, headers={**SAME_SITE, **headers})


def is_in(browser):
    return browser.get("/support/account").status_code == 200


def test_signing_out_ends_copies_of_the_cookie(staff, copy_of):
    agent = staff("agent")
    thief = copy_of(agent)
    assert is_in(thief)
    assert post(agent, "/support/logout").status_code == 303
    assert not is_in(agent)
    assert not is_in(thief)


def test_signing_out_ends_one_session_only(staff):
    first, second = staff("agent"), staff("agent")
    post(first, "/support/logout")
    assert not is_in(first)
    assert is_in(second)


def test_signing_out_everywhere_ends_all_of_ones_own(staff, copy_of):
    first, second, viewer = staff("agent"), staff("agent"), staff("viewer")
    thief = copy_of(second)
    response = post(first, EVERYWHERE)
    assert (response.status_code, response.location) == (303, "/support/login")
    assert not is_in(first)
    assert not is_in(second)
    assert not is_in(thief)
    assert is_in(viewer)
    assert is_in(staff("agent"))


def test_other_workers_know_at_once(staff, make_app):
    agent = staff("agent")
    worker = browser_of(make_app(WORKERS="2"))
    worker.set_cookie("__Host-session", cookie_of(agent), secure=True)
    assert is_in(worker)
    post(agent, EVERYWHERE)
    assert not is_in(worker)


def test_each_sign_in_has_an_id_of_its_own(staff, copy_of, store):
    agent = staff("agent")
    before = copy_of(agent)
    post(agent, "/support/logout")
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(agent)}
    assert agent.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    assert is_in(agent)
    assert not is_in(before)
    (key,) = store.keys("oh:staff:*")
    assert store.hlen(key) == 1


def test_a_cookie_of_before_signing_in_is_nobodys(app, copy_of):
    browser = browser_of(app)
    token = csrf_token(browser)
    planted = copy_of(browser)
    form = {"name": "agent", "password": PASSWORD, "csrf_token": token}
    browser.post("/support/login", data=form, headers=SAME_SITE)
    assert is_in(browser)
    assert not is_in(planted)


def test_a_session_ends_after_twelve_hours_in_the_store_too(staff, store, clock):
    agent = staff("agent")
    (key,) = store.keys("oh:staff:*")
    assert 12 * 3600 <= store.ttl(key) <= 12 * 3600 + 60
    clock.now += 12 * 3600 + 1
    assert not is_in(agent)


def test_a_store_that_forgets_ends_all(staff, store):
    agent = staff("agent")
    store.flushall()
    assert not is_in(agent)


def test_neither_names_nor_sessions_can_be_read_from_the_store(staff, store):
    cookie = cookie_of(staff("agent"))
    (key,) = store.keys("oh:staff:*")
    kept = key + str(store.hgetall(key))
    assert "agent" not in kept
    assert not any(part in kept for part in cookie.split(".") if part)


def test_a_page_asks_the_store_once(staff, store):
    agent = staff("agent")
    agent.get("/support/account")
    before = store.info("commandstats")
    agent.get("/support/account")
    after = store.info("commandstats")
    calls = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
        if name not in ("cmdstat_info", "cmdstat_client|setinfo", "cmdstat_hello")
    }
    assert {name: count for name, count in calls.items() if count} == {"cmdstat_hget": 1}


def test_a_page_for_everybody_does_not_ask(staff, make_app):
    agent = staff("agent")
    browser = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
    browser.set_cookie("__Host-session", cookie_of(agent), secure=True)
    for path in ("/", "/setup/workato", "/healthz"):
        assert browser.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/support/account", "/support/failures", "/support/check", "/support/connections"]
)
def test_a_store_that_is_away_is_said_to_be(staff, make_app, path):
    agent = staff("agent")
    browser = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
    browser.set_cookie("__Host-session", cookie_of(agent), secure=True)
    response = browser.get(path)
    assert response.status_code == 503
    assert "available right now. Try again soon" in response.text
    assert browser.get("/support/nothing").status_code == 404


def test_without_the_store_nobody_signs_in_and_it_is_said_why(make_app):
    browser = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
    response = browser.post("/support/login", data=form, headers=SAME_SITE)
    assert response.status_code == 503
    assert "available right now. Try again soon" in response.text


def test_signing_out_without_the_store_ends_it_in_this_browser(staff, make_app):
    agent = staff("agent")
    token = csrf_token(agent, "/support/account")
    away = browser_of(make_app(REDIS_URL="redis://127.0.0.1:1/0"))
    away.set_cookie("__Host-session", cookie_of(agent), secure=True)
    response = away.post("/support/logout", data={"csrf_token": token}, headers=SAME_SITE)
    assert response.status_code == 503
    assert away.get("/support/account").status_code == 302


# What a viewer may post: who they are, and the check of an app's file, which is kept nowhere.
HARMLESS = ("login", "logout", "account/sign-out-everywhere", "check", "check/corrected")


def test_a_viewer_can_post_nothing_that_changes_something(staff, app):
    viewer = staff("viewer")
    form = {"csrf_token": csrf_token(viewer, "/support/account"), "do": "note", "text": "x"}
    paths = {
        re.sub("<[^>]+>", "2M7G-7JW3-4R5J", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/support/") and "POST" in (rule.methods or ())
    } - {f"/support/{each}" for each in HARMLESS}
    assert len(paths) >= 10
    for path in paths:
        assert viewer.post(path, data=form, headers=SAME_SITE).status_code == 403, path


@pytest.mark.parametrize("path", ["/support/logout", EVERYWHERE, "/support/login"])
@pytest.mark.parametrize("token", [None, "", "x", "of another session"])
def test_a_forged_form_does_nothing(staff, app, path, token):
    agent = staff("agent")
    form = {"name": "viewer", "password": PASSWORD}
    if token is not None:
        form["csrf_token"] = csrf_token(browser_of(app)) if " " in token else token
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert agent.post(path, data=form, headers=headers).status_code == 400
    assert "agent" in agent.get("/support/account").text


def test_the_account_says_who_with_which_role_since_when(staff, clock):
    viewer = staff("viewer")
    clock.now += 3600
    page = viewer.get("/support/account").text
    assert "viewer: can view everything, but not change it" in page
    assert "(1 h ago)" in page
    assert 'href="/support/account"' in viewer.get("/support/connections").text


def test_the_account_is_nobodys_who_is_not_signed_in(client):
    assert client.get("/support/account").location == "/support/login?next=/support/account"
    form = {"csrf_token": csrf_token(client)}
    response = client.post(EVERYWHERE, data=form, headers=SAME_SITE)
    assert response.status_code == 401
    assert "Your session has ended" in response.text


@pytest.mark.parametrize("name", ["id", "role", "by", "grant"])
@pytest.mark.parametrize("value", [None, 7])
def test_a_cookie_of_another_version_has_to_sign_in_again(staff, name, value):
    agent = staff("agent")
    with agent.session_transaction(base_url="https://localhost") as kept:
        kept["staff"] = {**kept["staff"], name: value}
        if value is None:
            del kept["staff"][name]
    assert agent.get("/support/account").location == "/support/login?next=/support/account"
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(agent)}
    assert agent.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    assert is_in(agent)


@pytest.mark.parametrize(("ahead", "is_on"), [(50, True), (-50, True), (90, False)])
def test_clocks_of_instances_may_differ_by_a_minute(staff, clock, ahead, is_on):
    agent = staff("agent")
    clock.now += ahead
    with agent.session_transaction(base_url="https://localhost") as kept:
        kept["signed"] = "there"
    clock.now -= ahead
    assert is_in(agent) is is_on


def test_an_unknown_name_costs_what_a_usual_one_costs():
    algorithm, *_ = generate_password_hash("x").split("$")
    assert login._NO_PASSWORD.split("$")[0] == algorithm
    assert is_password_hash(login._NO_PASSWORD)
