"""What Prometheus is told, and that nobody else is."""

import json
import re

import pytest
import yaml
from harness import browser_of, customer_of, services_of
from paths import ROOT
from prometheus_client.parser import text_string_to_metric_families
from relays import Relay

from oauth_helper.common.metrics import reset
from oauth_helper.models import StoreUnavailableError

TOKEN = "canary-metrics-token-0123456789"
OPS = ROOT / "ops"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests():
    reset()


@pytest.fixture
def app(make_app):
    return make_app(METRICS_TOKEN=TOKEN)


def metrics(app, token=TOKEN):
    headers = {"Authorization": f"Bearer {token}"}
    response = browser_of(app).get("/metrics", headers=headers)
    assert response.status_code == 200, response.text
    return response.text


def values(app):
    """Each sample by its name and its labels' values, in the order of the labels' names."""
    return {
        " ".join(
            [sample.name, *(value for _, value in sorted(sample.labels.items()))]
        ): sample.value
        for family in text_string_to_metric_families(metrics(app))
        for sample in family.samples
    }


@pytest.mark.parametrize("sent", ["", "Bearer x", "Basic x", f"Basic {TOKEN}"])
def test_nobody_else_is_told(app, sent):
    response = browser_of(app).get("/metrics", headers={"Authorization": sent} if sent else {})
    assert response.status_code == 401
    assert "oauth_helper_attempts" not in response.text


def test_it_is_closed_without_a_token(make_app):
    assert browser_of(make_app()).get("/metrics").status_code == 401


def test_attempts_and_how_they_ended_are_counted_once_each(app, hubspot, clock):
    customer = customer_of(app, hubspot)
    customer.connect()
    back = customer.decide(customer.start(), decision="deny").headers["Location"]
    customer.come_back(back.partition(".com")[2])
    customer.browser.get(back.partition(".com")[2])
    customer_of(app, hubspot).start()
    clock.now += 1000
    services_of(app).expiry.record_expired()
    services_of(app).expiry.record_expired()
    found = values(app)
    assert found["oauth_helper_attempts_total workato"] == 3
    assert found["oauth_helper_connections_total workato"] == 1
    assert found["oauth_helper_failures_total user_denied workato callback"] == 1
    assert found["oauth_helper_failures_total never_returned workato authorization"] == 1
    assert found["oauth_helper_hubspot_request_seconds_count code granted"] == 1
    assert found["oauth_helper_outbox_notes"] == 0
    assert found["oauth_helper_http_request_seconds_count GET connect.connect 302"] == 3


def test_an_outage_is_seen(make_app, store_url, hubspot):
    with Relay(store_url) as relay:
        app = make_app(METRICS_TOKEN=TOKEN, REDIS_URL=relay.url)
        relay.cut()
        customer_of(app, hubspot).start()
        found = values(app)
        assert found["oauth_helper_outbox_notes"] == 1
        assert found["oauth_helper_outbox_notes_put_total began"] == 1
        assert found["oauth_helper_store_errors_total ConnectionError"] >= 1
        assert "oauth_helper_attempts_total workato" not in found
        relay.mend()
        while True:
            try:
                services_of(app).writer.flush()
                break
            except StoreUnavailableError:
                continue
        found = values(app)
        assert found["oauth_helper_attempts_total workato"] == 1
        assert found["oauth_helper_outbox_notes"] == 0


def test_strangers_make_up_no_label(app):
    browser = browser_of(app)
    before = metrics(app).count("\n")
    for number in range(50):
        browser.get(f"/made-up-{number}?q={number}")
        browser.open(f"/attempts/{number}", method=f"METHOD{number}")
        browser.get(f"/connect/{number}")
    assert "made-up" not in metrics(app)
    assert "METHOD" not in metrics(app)
    assert metrics(app).count("\n") - before < 80


def test_it_holds_no_secret_reference_or_account(app, hubspot):
    customer_of(app, hubspot).connect()
    text = metrics(app)
    assert not [secret for secret in hubspot.issued if secret in text]
    assert not re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", text)
    assert "canary" not in text
    assert "10001" not in text


def names_in(expressions):
    return {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for expression in expressions
        for name in re.findall(r"oauth_helper_\w+", expression)
    }


@pytest.fixture
def known(app, hubspot):
    customer_of(app, hubspot).connect()
    families = text_string_to_metric_families(metrics(app))
    samples = {sample.name for family in families for sample in family.samples}
    # Those that nothing has happened to yet have their name only.
    declared = set(re.findall(r"^# TYPE (\S+)", metrics(app), re.MULTILINE))
    return {re.sub(r"_(bucket|count|sum|created)$", "", each) for each in samples | declared}


def test_every_alert_is_about_a_metric_that_there_is(known):
    rules = yaml.safe_load((OPS / "alerts.yml").read_text("utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len(alerts) >= 6
    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["description"]
        assert alert["labels"]["severity"] in ("page", "ticket")
    found = names_in(alert["expr"] for alert in alerts)
    assert found
    assert found <= known


def test_every_panel_is_about_a_metric_that_there_is(known):
    board = json.loads((OPS / "grafana.json").read_text("utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len(panels) >= 8
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["title"]
        assert names_in(target["expr"] for target in panel["targets"]) <= known
