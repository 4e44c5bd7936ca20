"""The user that the operator guide makes for the program has the rights that it needs."""

import re

import pytest
import redis
from harness import SAME_SITE, browser_of, csrf_token, customer_of, services_of
from paths import ROOT

from benchmarks import servers

GUIDE = ROOT / "docs" / "operating.md"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with servers.one(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def rights():
    """The arguments of the guide's ACL SETUSER."""
    (line,) = re.findall(r"^ACL SETUSER (.+)$", GUIDE.read_text("utf-8"), re.MULTILINE)
    return line.split()


@pytest.fixture
def denied(server):
    """The commands that were denied."""
    with server.client as client:
        client.flushall()
        client.acl_log_reset()
        yield lambda: [entry["object"] for entry in client.acl_log()]


@pytest.fixture
def made_by(server, make_app, rights):
    def make(*without):
        user = "oauth-helper"
        with server.client as client:
            client.acl_deluser(user)
            client.execute_command("ACL SETUSER", *rights)
            if without:
                client.execute_command("ACL SETUSER", user, *without)
        password = next(part[1:] for part in rights if part.startswith(">"))
        url = f"redis://{user}:{password}@127.0.0.1:{server.port}/0"
        return make_app(REDIS_URL=url, RATE_LIMITS="on")

    return make


def test_everything_works_with_these_rights(made_by, hubspot, denied, clock):
    app = made_by()
    customer = customer_of(app, hubspot)
    assert "HubSpot is connected" in customer.connect().text
    response = customer.decide(customer.start(), decision="deny")
    customer.come_back(response.headers["Location"].partition(".com")[2])
    customer.start()
    clock.now += 1000
    services = services_of(app)
    services.expiry.record_expired()
    services.writer.flush()
    assert services.writer._last_identity  # INFO is allowed
    browser = browser_of(app)
    form = {"name": "agent", "password": "canary-password", "csrf_token": csrf_token(browser)}
    assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    for path in (
        "failures?q=cancel+cause:user_denied",
        "failures/groups",
        "insights",
        "connections",
        "export?format=csv",
    ):
        page = browser.get(f"/support/{path}")
        assert page.status_code == 200, path
        assert page.data
    assert browser.get("/readyz").status_code == 200
    assert denied() == []


@pytest.mark.parametrize("kind", ["@read", "@write", "@scripting"])
def test_without_one_of_them_the_log_names_the_problem(made_by, denied, kind, caplog):
    app = made_by(f"-{kind}")
    assert browser_of(app).get("/connect/workato").status_code == 302
    assert denied()
    assert "Redis rejected a command (not permitted)" in caplog.text


def test_other_keys_are_out_of_reach(made_by, server, rights):
    made_by()
    password = next(part[1:] for part in rights if part.startswith(">"))
    with redis.Redis(port=server.port, username="oauth-helper", password=password) as client:
        for command in (
            ("SET", "other", "1"),
            ("FLUSHALL",),
            ("CONFIG", "GET", "*"),
            ("KEYS", "*"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
