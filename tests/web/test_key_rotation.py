"""A new SECRET_KEY over two instances, in the steps of the operator guide: nobody starts again."""

from itertools import pairwise

import pytest
from harness import PASSWORD, SAME_SITE, Customer, browser_of, csrf_token

OLD, NEW = "o" * 32, "n" * 32
READ_TOO, WRITE_TOO = f"{OLD},{NEW}", f"{NEW},{OLD}"
# The keys of the two instances, which restart one after the other.
STEPS = [
    (OLD, OLD),
    (READ_TOO, OLD),
    (READ_TOO, READ_TOO),
    (WRITE_TOO, READ_TOO),
    (WRITE_TOO, WRITE_TOO),
    (NEW, WRITE_TOO),
    (NEW, NEW),
]


def sharing(browser, app):
    """The same browser, at another instance."""
    other = browser_of(app)
    other._cookies = browser._cookies
    return other


@pytest.fixture
def instances(make_app, tmp_path):
    """Starts the two instances with their keys."""

    def start(keys):
        return [
            make_app(SECRET_KEY=key, DATA_DIR=str(tmp_path / f"data{number}"))
            for number, key in enumerate(keys)
        ]

    return start


def sets_out(app, hubspot):
    customer = Customer(browser_of(app), hubspot)
    return customer, customer.agree(customer.start())


def arrives(customer, way, callback_at, page_at):
    answer = sharing(customer.browser, callback_at).get(way)
    assert answer.status_code == 303, answer.text
    return sharing(customer.browser, page_at).get(answer.location).text


def test_whoever_starts_before_a_step_arrives_after_it_at_any_instance(instances, hubspot):
    for before, after in pairwise(STEPS):
        old, new = instances(before), instances(after)
        for start_at in (*old, *new):
            for callback_at, page_at in (new, new[::-1]):
                customer, way = sets_out(start_at, hubspot)
                page = arrives(customer, way, callback_at, page_at)
                assert "HubSpot is connected" in page, (before, after)


def test_staff_stay_signed_in_at_both_until_the_old_key_goes(instances):
    first, _ = instances(STEPS[0])
    browser = browser_of(first)
    form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
    assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
    for keys in STEPS[1:5]:
        for app in instances(keys):
            assert sharing(browser, app).get("/support/failures").status_code == 200, keys
            seen = browser_of(app)
            form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(seen)}
            assert seen.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
            for other in instances(keys):
                assert sharing(seen, other).get("/support/failures").status_code == 200, keys


def test_in_one_step_customers_would_have_to_start_again(instances, hubspot):
    turned, old = instances((WRITE_TOO, OLD))
    customer, way = sets_out(turned, hubspot)
    assert "HubSpot is connected" not in arrives(customer, way, old, old)
    assert hubspot.token_requests == 0
