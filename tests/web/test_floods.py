"""Floods from one network: what they leave behind is bounded, and others are served."""

from datetime import UTC, datetime

import pytest
from harness import (
    PASSWORD,
    SAME_SITE,
    browser_of,
    csrf_token,
    customer_of,
    query_of,
    quick_hash,
    services_of,
)

from oauth_helper.store import attempts
from oauth_helper.web.support import login

COUNT = 1000


def start(browser, number):
    return browser.get("/connect/workato", headers={"X-Request-ID": f"number-{number}"})


def come_back(browser, number):
    return browser.get(f"/callback/workato?code={number}&state=2M7G-7JW3-4R5J.{number:043d}")


def report(browser, number):
    data = {"message": f"{number} " * 500}
    return browser.post("/attempts/2M7G-7JW3-4R5J/report", data=data, headers=SAME_SITE)


def sign_in(browser, number):
    data = {"name": f"agent-{number}", "password": "x" * 500, "csrf_token": browser.token}
    return browser.post("/support/login", data=data, headers=SAME_SITE)


def ask_for_tokens(browser, number):
    return browser.post("/oauth/token", data={"grant_type": "x" * 100, "code": f"{number}"})


def look_for_what_is_not_there(browser, number):
    return browser.get(f"/{number}/{'x' * 200}")


@pytest.mark.parametrize(
    ("flood", "most_answered"),
    [
        (start, 121),
        (come_back, 241),
        (report, 121),
        (sign_in, 101),
        (ask_for_tokens, COUNT),
        (look_for_what_is_not_there, COUNT),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_flood_is_bounded_and_others_are_served(
    make_app, hubspot, store, flood, most_answered, monkeypatch
):
    monkeypatch.setattr(login, "_NO_PASSWORD", quick_hash(""))
    app = make_app(RATE_LIMITS="on", TRUSTED_PROXIES="1")
    browser = browser_of(app)
    browser.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.7"
    browser.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    browser.token = csrf_token(browser)
    keys, memory = store.dbsize(), store.info("memory")["used_memory"]
    answered = sum(flood(browser, number).status_code != 429 for number in range(COUNT))
    assert answered <= most_answered
    assert store.dbsize() - keys <= answered * 2 + 110
    assert store.info("memory")["used_memory"] - memory < 2_000_000
    assert services_of(app).outbox.depth() == 0
    # A customer from elsewhere gets through the whole way.
    customer = customer_of(app, hubspot)
    customer.browser.environ_base["HTTP_X_FORWARDED_FOR"] = "198.51.100.20"
    customer.browser.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    assert "HubSpot is connected" in customer.connect().text


def test_beyond_its_daily_budget_a_network_is_counted_and_others_are_recorded(
    make_app, hubspot, clock, store, monkeypatch, caplog
):
    monkeypatch.setattr(attempts, "DAILY_BUDGET", 5)
    app = make_app(RATE_LIMITS="on")
    services = services_of(app)
    for _ in range(4):
        customer_of(app, hubspot).start()
    # The fifth attempt is the last in the budget, and fails once.
    customer_of(app, hubspot).connect(decision="deny")
    keys = store.dbsize()
    for _ in range(9):
        customer_of(app, hubspot).start()
    declining, reporting, connecting = (customer_of(app, hubspot) for _ in range(3))
    assert "cancelled" in declining.connect(decision="deny").text
    reference = query_of(reporting.start())["state"][:14]
    told = reporting.browser.post(
        f"/attempts/{reference}/report", data={"message": "missing scopes"}, headers=SAME_SITE
    )
    assert "HubSpot is connected" not in told.text
    assert reference in told.text
    # Marks of claims are all that stays, for three days.
    assert store.dbsize() - keys <= 5
    assert caplog.text.count("check TRUSTED_PROXIES") == 1
    assert "HubSpot is connected" in connecting.connect().text
    assert services.connections.count() == 1
    elsewhere = customer_of(app, hubspot)
    elsewhere.browser.environ_base["REMOTE_ADDR"] = "198.51.100.20"
    elsewhere.start()
    clock.now += 901
    services.expiry.record_expired()
    counts = services.counters.failures(*[datetime.fromtimestamp(clock.now, UTC).date()] * 2)
    assert {each.cause: each.count for each in counts} == {"never_returned": 5, "user_denied": 1}
    # Nine starts, and three with what became of the first two of them.
    (key,) = store.keys("oh:*:attempts")
    assert store.hget(key, "unrecorded workato") == "14"


@pytest.mark.parametrize(
    ("path", "refused"),
    [("/support/login", 400), ("/support/logout", 401), ("/support/check", 401)],
)
def test_forged_posts_count(make_app, path, refused):
    app = make_app(RATE_LIMITS="on")
    browser = browser_of(app)
    csrf_token(browser)
    answers = [browser.post(path, data={"csrf_token": "x"}) for _ in range(62)]
    assert [each.status_code for each in answers] == [refused] * 60 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "60"
    # Forms with a token get through, and so do other networks.
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
    assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    other = browser_of(app)
    other.environ_base["REMOTE_ADDR"] = "198.51.100.20"
    assert other.post(path).status_code == refused
