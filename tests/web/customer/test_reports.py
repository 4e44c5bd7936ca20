"""What people say that HubSpot showed them, from the customer's side and from the staff's."""

import json
import re
from html import unescape

import pytest
from flask import Flask
from harness import (
    CLIENT_ID,
    PUBLIC_URL,
    SAME_SITE,
    Customer,
    browser_of,
    csrf_token,
    customer_of,
    services_of,
)

from oauth_helper.diagnosis import Cause, known_messages
from oauth_helper.failures.model import EventType, Status
from oauth_helper.failures.query import FailureQuery

E1 = "Authorization failed because the provided scopes are missing [tickets, forms]"
E2 = (
    "Authorization failed because there is a mismatch between the scopes in the install URL and "
    "the app\u2019s configured scopes. Please contact the app developer."
)
E7 = (
    "Authorization failed because this app hasn\u2019t been approved to access the required "
    "scopes [a.b]"
)
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": PUBLIC_URL}


def begin(customer):
    """Sets out and is stranded; the attempt's reference."""
    customer.start()
    home = customer.browser.get("/")
    return re.search(r"Reference: ([0-9A-Z-]{14})", home.text)[1]


def tell(customer, reference, message="", **fields):
    form = {"message": message, **fields}
    address = f"/attempts/{reference}/report"
    return customer.browser.post(address, data=form, headers=SAME_ORIGIN)


def failures(app):
    return services_of(app).failures.page(FailureQuery(), limit=10).failures


def test_going_back_to_the_first_page_offers_to_tell(customer):
    assert "You were on the way" not in customer.browser.get("/").text
    reference = begin(customer)
    home = customer.browser.get("/")
    assert f'href="/attempts/{reference}#report">HubSpot showed me an error' in home.text
    page = customer.browser.get(f"/attempts/{reference}")
    assert page.status_code == 200
    assert f'action="/attempts/{reference}/report#report"' in page.text
    for usual in known_messages():
        assert f'value="{usual.id}"' in page.text


def test_a_report_is_answered_with_what_it_means_and_recorded(customer, app, clock):
    reference = begin(customer)
    clock.now += 60
    page = tell(customer, reference, E1)
    assert page.status_code == 303
    assert page.location == f"/attempts/{reference}#main"
    assert "ask for everything the app needs" in page.text
    assert reference in page.text
    (failure,) = failures(app)
    assert failure.reference == reference
    assert failure.cause is Cause.URL_MISSING_REQUIRED_SCOPE
    assert failure.missing == ("tickets", "forms")
    assert failure.stage == "authorization"
    assert failure.message == E1
    assert [(each.what, each.by, each.at) for each in failure.history] == [
        (EventType.REPORTED, "the customer", clock.now)
    ]
    # The page says so when it is opened again, too.
    assert "ask for everything the app needs" in customer.browser.get(f"/attempts/{reference}").text


def test_each_user_of_a_user_level_app_connects_for_themselves(make_app, hubspot, tmp_path):
    path = tmp_path / "app-hsmeta.json"
    auth = {"type": "oauth", "requiredScopes": ["oauth", "crm.objects.contacts.read"]}
    path.write_text(json.dumps({"config": {"isUserLevel": True, "auth": auth}}))
    customer = customer_of(make_app(HUBSPOT_APP_CONFIG=str(path)), hubspot)
    reference = begin(customer)
    page = tell(customer, reference, "You don\u2019t have permission to connect this app")
    assert "Then connect with your own HubSpot user." in page.text
    assert "to connect, or to give you" not in page.text


def test_what_was_met_before_speaks_in_a_report(customer, new_customer, app):
    new_customer().connect()
    customer.connect(decision="deny")
    reference = begin(customer)
    tell(customer, reference, "Couldn\u2019t complete the connection")
    failure = next(each for each in failures(app) if each.reference == reference)
    assert Cause.APP_NOT_APPROVED in {each.cause for each in failure.candidates}, "it worked"
    tell(customer, reference, "The popup window was closed")
    failure = next(each for each in failures(app) if each.reference == reference)
    marked = [each.cause for each in failure.candidates if "An earlier attempt" in each.why]
    assert marked == [Cause.USER_DENIED]


def test_a_second_report_refines_the_same_record(customer, app):
    reference = begin(customer)
    tell(customer, reference, "something odd")
    tell(customer, reference, E7)
    (failure,) = failures(app)
    assert failure.cause is Cause.APP_NOT_APPROVED
    assert [each.text for each in failure.history] == ["something odd", E7]
    assert failure.revision == 1


def test_a_report_refines_what_counted_as_never_returned(customer, app, clock):
    reference = begin(customer)
    clock.now += 1000
    services_of(app).expiry.record_expired()
    page = customer.browser.get(f"/attempts/{reference}")
    assert "We haven't heard back from HubSpot" in page.text
    assert "an admin of your HubSpot account" in tell(customer, reference, E7).text
    (failure,) = failures(app)
    assert failure.cause is Cause.APP_NOT_APPROVED
    log = services_of(app).failures
    assert log.page(FailureQuery(cause=Cause.NEVER_RETURNED), limit=5).failures == ()
    assert log.page(FailureQuery(cause=Cause.APP_NOT_APPROVED), limit=5).failures == (failure,)


def test_after_a_report_the_same_attempt_can_still_connect(customer, app):
    address = customer.start()
    reference = re.search(r"Reference: ([0-9A-Z-]{14})", customer.browser.get("/").text)[1]
    tell(customer, reference, E7)
    page = customer.come_back(customer.agree(address))
    assert "HubSpot is connected" in page.text
    (failure,) = failures(app)
    assert failure.status is Status.RESOLVED
    assert [each.what for each in failure.history] == [EventType.REPORTED, EventType.CONNECTED]
    # A report that comes after that changes nothing.
    assert "HubSpot is connected" in tell(customer, reference, E1).text
    assert failures(app) == (failure,)


def test_a_report_that_tells_less_takes_nothing_away(customer, app):
    reference = begin(customer)
    tell(customer, reference, E1)
    tell(customer, reference, "hello, is anybody there?")
    (failure,) = failures(app)
    assert failure.cause is Cause.URL_MISSING_REQUIRED_SCOPE
    assert failure.missing == ("tickets", "forms")
    assert failure.message == E1
    assert [each.text for each in failure.history] == [E1, "hello, is anybody there?"]


def test_sending_the_same_again_changes_nothing(customer, app):
    reference = begin(customer)
    for _ in range(3):
        tell(customer, reference, E1)
    (failure,) = failures(app)
    assert len(failure.history) == 1
    assert failure.revision == 0


def test_a_flood_of_reports_is_bounded(customer, app, store):
    reference = begin(customer)
    for number in range(12):
        tell(customer, reference, f"{number} " + "\U0001f600" * 3000)
    (failure,) = failures(app)
    assert [each.text.split()[0] for each in failure.history] == ["7", "8", "9", "10", "11"]
    (key,) = store.keys("oh:*:failure:*")
    # Five reports of 500 characters, the latest in full, all of them four bytes long.
    assert sum(len(value.encode()) for value in store.hgetall(key).values()) < 24_000


@pytest.fixture
def connected_unseen(customer):
    """Connects, but the answer of the callback, with its cookie, is lost; the reference."""
    address = customer.start()
    reference = re.search(r"Reference: ([0-9A-Z-]{14})", customer.browser.get("/").text)[1]
    kept = customer.browser.get_cookie(f"__Host-attempt_{reference}").value
    customer.come_back(customer.agree(address))
    customer.browser.set_cookie(f"__Host-attempt_{reference}", kept, secure=True)
    return reference


def test_an_attempt_that_connected_unseen_stays_connected(customer, connected_unseen, app):
    assert status_of(customer.browser, connected_unseen).json == {"status": "connected"}
    page = customer.browser.get(f"/attempts/{connected_unseen}")
    assert "HubSpot is connected" in page.text
    assert "did not tell which permissions" not in page.text
    assert "HubSpot is connected" in tell(customer, connected_unseen, E1).text
    assert failures(app) == ()
    assert services_of(app).attempts.outcome(connected_unseen) == "connected"


def test_the_saved_message_is_shown_to_compare_with(customer):
    reference = begin(customer)
    tell(customer, reference, "<b>Insufficient scopes</b> were provided, ana@acme.example")
    page = customer.browser.get(f"/attempts/{reference}").text
    assert "Saved error message: &lt;b&gt;Insufficient scopes&lt;/b&gt; were provided" in page
    assert "ana@acme.example" not in page


def test_an_error_that_came_back_unseen_is_shown(customer):
    address = customer.start()
    reference = re.search(r"Reference: ([0-9A-Z-]{14})", customer.browser.get("/").text)[1]
    kept = customer.browser.get_cookie(f"__Host-attempt_{reference}").value
    customer.come_back(customer.agree(address, token_answer="rfc_body:BAD_AUTH_CODE"))
    customer.browser.set_cookie(f"__Host-attempt_{reference}", kept, secure=True)
    page = customer.browser.get(f"/attempts/{reference}")
    assert "came too late or had already been used" in page.text
    assert "That's not the error I saw" not in page.text


def test_the_step_names_the_redirect_url_of_the_page(make_app, hubspot, tmp_path):
    file = tmp_path / "app.json"
    ours = f"{PUBLIC_URL}/callback/workato"
    scopes = '"requiredScopes": ["crm.objects.contacts.read"]'
    file.write_text(f'{{"auth": {{{scopes}, "redirectUrls": ["{ours}"]}}}}')
    app = make_app(HUBSPOT_APP_CONFIG=str(file))
    customer = Customer(browser_of(app), hubspot)
    reference = begin(customer)
    other = page_address(
        redirect_uri="https://a.example/cb", scope="oauth%20crm.objects.contacts.read"
    )
    tell(customer, reference, f"{E2}\n{other}")
    (failure,) = failures(app)
    assert failure.cause is Cause.REDIRECT_URI_MISMATCH
    assert any("https://a.example/cb" in step for fix in failure.fix for step in fix.steps)


def test_scopes_in_a_pasted_address_are_no_way_in_for_addresses_of_people(
    make_app, hubspot, tmp_path
):
    file = tmp_path / "app.json"
    file.write_text('{"auth": {"requiredScopes": ["crm.objects.contacts.read"]}}')
    app = make_app(HUBSPOT_APP_CONFIG=str(file))
    customer = Customer(browser_of(app), hubspot)
    reference = begin(customer)
    other = page_address(
        redirect_uri="https://a.example/cb", scope="oauth%20jane.doe%40example.com"
    )
    page = tell(customer, reference, f"{E2}\n{other}")
    (failure,) = failures(app)
    assert "jane" not in repr(failure) + page.text


@pytest.mark.parametrize("usual", known_messages(), ids=lambda usual: usual.id)
def test_a_picked_message_is_understood(customer, app, usual):
    reference = begin(customer)
    assert tell(customer, reference, picked=usual.id).status_code == 303
    (failure,) = failures(app)
    assert failure.cause is not Cause.UNKNOWN
    assert failure.message == usual.text


def test_a_message_that_nobody_knows_is_kept(customer, app):
    reference = begin(customer)
    page = tell(customer, reference, "Etwas ist schiefgegangen <script>alert(1)</script>")
    assert "We don't recognise this message yet" in page.text
    assert "<script>alert" not in page.text
    (failure,) = failures(app)
    assert failure.cause is Cause.UNKNOWN
    assert "schiefgegangen" in failure.message


@pytest.mark.parametrize("message", ["", "  \n "], ids=["empty", "blank"])
def test_an_empty_report_says_what_to_do(customer, app, message):
    reference = begin(customer)
    page = tell(customer, reference, message, picked="no-such-message")
    assert page.status_code == 400
    assert "pick the message that comes closest" in page.text
    assert 'aria-invalid="true"' in page.text
    assert failures(app) == ()


def test_a_long_report_is_cut_and_secrets_stay_out(customer, app):
    reference = begin(customer)
    token = "CANARY" * 10
    tell(customer, reference, f"jane@example.com code={token} {E2} {'x y ' * 20_000}"[:50_000])
    (failure,) = failures(app)
    assert failure.cause is Cause.URL_REQUESTS_UNCONFIGURED_SCOPE
    assert len(failure.message) == 2000
    assert "CANARY" not in failure.message
    assert "jane@" not in failure.message
    assert "decides" not in failure.ask
    assert "app-hsmeta.json" in failure.ask


def page_address(**changes):
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": f"{PUBLIC_URL}/callback/workato",
        "scope": "oauth",
        **changes,
    }
    joined = "&".join(f"{name}={value}" for name, value in query.items())
    return f"https://app-eu1.hubspot.com/oauth/authorize?{joined}"


def test_the_address_of_another_links_page_tells_what_that_link_asked_for(customer, app):
    reference = begin(customer)
    other = page_address(redirect_uri="https://www.workato.com/oauth/callback", scope="tickets")
    tell(customer, reference, f"{E2}\n{other}")
    (failure,) = failures(app)
    assert failure.cause is Cause.MISSING_OAUTH_SCOPE


def test_rules_decide_what_a_message_leaves_open_when_the_app_is_known(make_app, hubspot, tmp_path):
    file = tmp_path / "app.json"
    file.write_text('{"auth": {"requiredScopes": ["crm.objects.contacts.read"]}}')
    app = make_app(HUBSPOT_APP_CONFIG=str(file))
    customer = Customer(browser_of(app), hubspot)
    reference = begin(customer)
    other = page_address(redirect_uri="https://www.workato.com/oauth/callback", scope="oauth")
    tell(customer, reference, f"{E2}\n{other}")
    (failure,) = failures(app)
    assert failure.cause is Cause.URL_MISSING_REQUIRED_SCOPE
    assert failure.missing == ("crm.objects.contacts.read",)
    # A message that names its cause says more than a file that may not be deployed.
    tell(customer, begin(customer), f"{E7}\n{other}")
    causes = {each.cause: each for each in failures(app)}
    named = causes[Cause.APP_NOT_APPROVED]
    assert Cause.URL_MISSING_REQUIRED_SCOPE in [each.cause for each in named.candidates]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_another_site_cannot_report(customer, app, headers):
    reference = begin(customer)
    address = f"/attempts/{reference}/report"
    response = customer.browser.post(address, data={"message": E1}, headers=headers)
    assert response.status_code == 403
    assert failures(app) == ()


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}], ids=["neither", "null"])
def test_browsers_without_fetch_metadata_can_report(customer, app, headers):
    """Our own Referrer-Policy makes them send an origin of "null"; the cookie is the permission."""
    reference = begin(customer)
    address = f"/attempts/{reference}/report"
    response = customer.browser.post(address, data={"message": E1}, headers=headers)
    assert response.status_code == 303
    assert len(failures(app)) == 1


def test_another_browser_cannot_report(customer, new_customer, app):
    reference = begin(customer)
    assert tell(new_customer(), reference, E1).status_code == 400
    assert tell(new_customer(), "XXXX", E1).status_code == 400
    assert failures(app) == ()


def test_a_report_while_the_store_is_down_is_answered_all_the_same(make_app, hubspot):
    app = make_app(REDIS_URL="redis://127.0.0.1:1")
    stranded = Customer(browser_of(app), hubspot)
    reference = begin(stranded)
    assert stranded.browser.get(f"/attempts/{reference}").status_code == 200
    page = tell(stranded, reference, E1)
    assert page.status_code == 303
    assert "Traceback" not in page.text
    assert services_of(app).outbox.depth() == 2


def status_of(browser, reference):
    return browser.get(f"/attempts/{reference}/status")


def test_the_waiting_page_can_notice_the_answer(customer, new_customer):
    address = customer.start()
    reference = re.search(r"Reference: ([0-9A-Z-]{14})", customer.browser.get("/").text)[1]
    assert status_of(customer.browser, reference).json == {"status": "waiting"}
    customer.come_back(customer.agree(address))
    assert status_of(customer.browser, reference).json == {"status": "connected"}
    assert status_of(new_customer().browser, reference).status_code == 404
    assert "You were on the way" not in customer.browser.get("/").text


def test_the_latest_of_several_attempts_is_offered(customer, clock):
    first = begin(customer)
    clock.now += 5
    second = begin(customer)
    assert first != second
    assert first not in customer.browser.get("/").text


# ---- support staff


@pytest.fixture
def attempt_reference(customer):
    return begin(customer)


def take_down(browser, reference, message, page=None):
    token = csrf_token(browser, page or f"/support/failures/{reference}")
    form = {"csrf_token": token, "message": message}
    return browser.post(f"/support/failures/{reference}/report", data=form, headers=SAME_SITE)


def test_staff_record_what_the_customer_on_the_phone_reads(staff, attempt_reference, app: Flask):
    agent = staff("agent")
    page = agent.get(f"/support/failures/{attempt_reference}")
    assert page.status_code == 404
    assert "Did HubSpot show an error?" in page.text
    response = take_down(agent, attempt_reference, E2)
    assert response.status_code == 303
    page = agent.get(response.location)
    assert "To confirm" in page.text
    assert "app-hsmeta.json" in page.text
    assert "agent reported HubSpot's error" in unescape(page.text)
    assert "resolve-a-request-for-integration-permissions-error" in page.text
    (failure,) = failures(app)
    assert failure.history[0].by == "agent"
    take_down(agent, attempt_reference, E7)
    (failure,) = failures(app)
    assert failure.cause is Cause.APP_NOT_APPROVED


def test_a_report_on_a_failure_that_came_back_is_kept_but_changes_no_cause(customer, staff, app):
    customer.connect(token_answer="rfc_body:BAD_CLIENT_SECRET")
    (before,) = failures(app)
    take_down(staff("agent"), before.reference, E7)
    (after,) = failures(app)
    assert after.cause is Cause.CLIENT_SECRET_INVALID
    assert after.message == before.message
    assert after.history[0].text == E7


def test_a_viewer_records_nothing(staff, attempt_reference, app):
    viewer = staff("viewer")
    assert (
        "Did HubSpot show an error?"
        not in viewer.get(f"/support/failures/{attempt_reference}").text
    )
    response = take_down(viewer, attempt_reference, E2, page="/support/failures")
    assert response.status_code == 403
    assert failures(app) == ()


def test_nothing_is_recorded_of_what_is_unknown(staff, customer, app):
    agent = staff("agent")
    assert take_down(agent, "2M7X-TQRT-89HR", E2, "/support/failures").status_code == 404
    assert take_down(agent, "nonsense", E2, "/support/failures").status_code == 404
    reference = begin(customer)
    page = agent.get(take_down(agent, reference, "  ").location)
    assert "or pick a message" in page.text
    assert failures(app) == ()


def test_nothing_is_recorded_of_one_that_connected(customer, staff, app):
    address = customer.start()
    reference = re.search(r"Reference: ([0-9A-Z-]{14})", customer.browser.get("/").text)[1]
    customer.come_back(customer.agree(address))
    agent = staff("agent")
    response = take_down(agent, reference, E2, "/support/failures")
    assert "has connected in the meantime" in agent.get(response.location).text
    assert failures(app) == ()
