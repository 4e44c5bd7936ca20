"""What another version left in browsers and in the store is read, or put aside, but no error."""

import zlib

import msgspec
import pytest
from harness import (
    API_TOKEN,
    CONNECTIONS_API_TOKEN,
    SAME_SITE,
    browser_of,
    customer_of,
    query_of,
    services_of,
)

ODD = [None, 0, True, "x", "\u00e9" * 50, [], [[]], {"a": 1}, 1e300]


def test_a_cookie_of_any_other_form_leads_to_a_new_start(app, hubspot):
    customer = customer_of(app, hubspot)
    back = customer.agree(customer.start())
    reference = query_of(back)["state"][:14]
    encryptor = services_of(app).cookies.encryptor
    name = f"__Host-attempt_{reference}"
    plain = encryptor.decrypt(customer.browser.get_cookie(name).value.encode())
    text = zlib.decompress(plain) if plain[:1] == b"x" else plain
    kind, values = msgspec.json.decode(text)
    changed = [[*values[:place], odd, *values[place + 1 :]] for place in (0, 4, 8) for odd in ODD]
    forms = [(kind, each) for each in (*changed, values[:3], [*values, *ODD, *ODD], [], {})]
    report = {"message": "x"}
    for form in (*forms, ("Connected", values), ("Other", values), [], "x"):
        browser = browser_of(app)
        encrypted = encryptor.encrypt(msgspec.json.encode(form)).decode()
        for ask in (
            lambda browser: browser.post(
                f"/attempts/{reference}/report", data=report, headers=SAME_SITE
            ),
            lambda browser: browser.get("/connect/workato"),
            lambda browser: browser.get("/attempts/latest"),
            lambda browser: browser.get(f"/attempts/{reference}"),
        ):
            browser.set_cookie(name, encrypted, secure=True)
            assert ask(browser).status_code < 500, form
    browser.set_cookie(name, encrypted, secure=True)
    page = browser.get(browser.get(back).location)
    assert page.status_code == 400
    assert "Please start again" in page.text
    assert "This site was updated while you were at HubSpot" in page.text


@pytest.mark.parametrize("half", [0, 1])
def test_half_a_record_is_shown_nowhere_and_stops_nothing(app, hubspot, store, staff, half, clock):
    for choices in ({}, {"decision": "deny"}):
        customer_of(app, hubspot).connect(**choices)
    whole = customer_of(app, hubspot)
    whole.start()
    agent, programs = staff("agent"), browser_of(app)
    (failure,) = [key for key in store.keys("oh:*:failure:*") if store.type(key) == "hash"]
    (connection,) = store.keys("oh:connection:*")
    for key in (failure, connection, *store.keys("oh:*:attempt:*")):
        for name in sorted(store.hgetall(key))[half::2]:
            if name not in ("v", "outcome"):
                store.hdel(key, name)
    reference = failure.rsplit(":", 1)[1]
    for token, path, status in (
        (API_TOKEN, "/api/v1/failures", 200),
        (API_TOKEN, f"/api/v1/failures/{reference}", 404),
        (CONNECTIONS_API_TOKEN, "/api/v1/connections", 200),
        (CONNECTIONS_API_TOKEN, "/api/v1/connections/workato.1000104", 404),
    ):
        answer = programs.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text
        assert reference not in answer.text or status == 404
    for path in ("failures", "connections", "insights", f"failures/{reference}", "failures?q=x"):
        assert agent.get(f"/support/{path}").status_code in (200, 404)
    clock.now += 901
    assert services_of(app).expiry.record_expired() == 0
    assert "HubSpot is connected" in customer_of(app, hubspot).connect().text
    assert services_of(app).connections.get("workato.1000104").reference != reference
