"""The redirection endpoint: what it refuses before anything is asked or written, and what it makes
of each answer."""

import json
import zlib
from dataclasses import fields

import msgspec
import pytest
from harness import (
    CLIENT_SECRET,
    Customer,
    browser_of,
    customer_of,
    profiles_file,
    query_of,
    services_of,
)

ERRORS = {
    "BAD_AUTH_CODE": "code_expired_or_reused",
    "EXPIRED_AUTH_CODE": "code_expired_or_reused",
    "MISMATCH_REDIRECT_URI_AUTH_CODE": "redirect_uri_mismatch",
    "BAD_REDIRECT_URI": "redirect_uri_mismatch",
    "BAD_CLIENT_ID": "client_id_invalid",
    "BAD_CLIENT_SECRET": "client_secret_invalid",
    "BAD_CODE_VERIFIER": "pkce_mismatch",
    "BAD_GRANT_TYPE": "token_request_malformed",
    "BAD_SCOPES": "invalid_scope_name",
    "BAD_HUB": "account_unknown",
}


class TestRefusedBeforeAnything:
    """Nothing is asked of HubSpot and nothing is written, whatever an outsider sends."""

    @pytest.fixture(autouse=True)
    def _leaves_no_trace(self, hubspot, store):
        yield
        assert hubspot.token_requests == 0
        assert not store.keys("oh:*failure*")
        assert not store.keys("oh:connection*")
        assert not any(store.hexists(key, "claimed") for key in store.keys("oh:*attempt*"))

    def refused(self, customer, path, says):
        page = customer.come_back(path)
        assert page.status_code == 400
        assert says in page.text
        assert "Start again" in page.text
        return page

    def test_finished_in_another_browser(self, customer, new_customer):
        back = customer.agree(customer.start())
        self.refused(new_customer(), back, "start in this browser")

    def test_begun_by_an_attacker_for_a_victim_with_their_own_attempt(self, customer, new_customer):
        victim = new_customer()
        victim.start()
        self.refused(victim, customer.agree(customer.start()), "start in this browser")

    def test_without_state(self, customer):
        customer.start()
        self.refused(customer, "/callback/workato?code=x", "answer anything this browser")

    @pytest.mark.parametrize("state", ["x", "..", "ÿ", "2M7X-TQRT-89HR.short", "x" * 5000, "\0"])
    def test_with_a_state_that_is_none(self, customer, state):
        customer.start()
        response = customer.browser.get(
            "/callback/workato", query_string={"code": "x", "state": state}
        )
        assert response.status_code == 303
        assert customer.browser.get(response.location).status_code == 400

    def test_with_a_state_that_was_altered(self, customer):
        query = query_of(customer.start())
        altered = query["state"][:-1] + ("A" if query["state"][-1] != "A" else "B")
        path = f"/callback/workato?code=x&state={altered}"
        self.refused(customer, path, "match what this browser asked")

    def test_with_the_state_twice(self, customer):
        state = query_of(customer.start())["state"]
        path = f"/callback/workato?code=x&state={state}&state={state}"
        self.refused(customer, path, "answer anything this browser")

    def test_an_error_with_a_forged_state_writes_nothing(self, customer):
        state = query_of(customer.start())["state"]
        path = f"/callback/workato?error=forged&state={state[:14]}.{'x' * 43}"
        self.refused(customer, path, "match what this browser asked")

    def test_after_an_hour(self, customer, clock):
        back = customer.agree(customer.start())
        clock.now += 3601
        self.refused(customer, back, "more than an hour")

    def test_when_the_clock_went_back(self, customer, clock):
        back = customer.agree(customer.start())
        clock.now -= 3600
        self.refused(customer, back, "more than an hour")

    def test_at_the_callback_of_another_profile(self, make_app, tmp_path, hubspot):
        path = profiles_file(tmp_path, workato={"title": "One"}, second={"title": "Two"})
        customer = customer_of(make_app(PROFILES_FILE=path), hubspot)
        back = customer.agree(customer.start("workato"))
        self.refused(customer, back.replace("/workato", "/second"), "match what this browser asked")

    @pytest.mark.parametrize(
        "issuer",
        [
            "iss=https://evil.example",
            "iss=https://app.hubspot.com.evil",
            "iss=",
            "iss=https://evil.example&iss=https://evil.example",
        ],
        ids=["other", "longer", "empty", "twice"],
    )
    def test_from_another_issuer(self, customer, issuer):
        back = customer.agree(customer.start())
        self.refused(customer, f"{back}&{issuer}", "match what this browser asked")

    def test_with_a_cookie_that_was_altered(self, customer):
        reference = query_of(customer.start())["state"][:14]
        name = f"__Host-attempt_{reference}"
        encrypted = customer.browser.get_cookie(name).value
        altered = encrypted[:-10] + ("A" if encrypted[-10] != "A" else "B") + encrypted[-9:]
        customer.browser.set_cookie(name, altered, secure=True)
        state = query_of(customer.start())["state"]
        path = f"/callback/workato?code=x&state={reference}.{state[15:]}"
        self.refused(customer, path, "updated while you were at HubSpot")

    def test_with_the_cookie_of_another_attempt_under_its_name(self, customer):
        mine, other = (query_of(customer.start())["state"] for _ in range(2))
        encrypted = customer.browser.get_cookie(f"__Host-attempt_{mine[:14]}").value
        customer.browser.set_cookie(f"__Host-attempt_{other[:14]}", encrypted, secure=True)
        self.refused(
            customer, f"/callback/workato?code=x&state={other}", "match what this browser asked"
        )


def test_a_replay_in_the_same_browser_shows_the_outcome_again(customer, hubspot):
    back = customer.agree(customer.start())
    assert "HubSpot is connected" in customer.come_back(back).text
    assert "HubSpot is connected" in customer.come_back(back).text
    assert hubspot.token_requests == 1


def test_a_replay_with_the_earlier_cookie_shows_how_it_ended_and_does_nothing(
    app, customer, hubspot, store
):
    back = customer.agree(customer.start())
    twin = Customer(browser_of(app), hubspot)
    reference = query_of(back)["state"][:14]
    name = f"__Host-attempt_{reference}"
    twin.browser.set_cookie(name, customer.browser.get_cookie(name).value, secure=True)
    assert "HubSpot is connected" in customer.come_back(back).text
    before = dump_of(store)
    page = twin.come_back(back)
    assert page.status_code == 200
    assert "HubSpot is connected" in page.text
    assert dump_of(store) == before
    assert hubspot.token_requests == 1
    assert not store.keys("oh:*failure*")


def dump_of(store):
    return {key: store.dump(key) for key in store.keys("*")}


def test_state_and_code_leave_the_address_bar(customer):
    response = customer.browser.get(customer.agree(customer.start()))
    assert response.status_code == 303
    assert response.location == f"/attempts/{response.location[-14:]}"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_the_cookie_is_guarded(client):
    header = client.get("/connect/workato").headers["Set-Cookie"]
    assert header.startswith("__Host-attempt_")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in header
    assert "Domain" not in header


def test_on_localhost_the_cookie_does_without_https(make_app):
    app = make_app(PUBLIC_URL="http://localhost:8000")
    header = app.test_client().get("http://localhost:8000/connect/workato").headers["Set-Cookie"]
    assert header.startswith("attempt_")
    assert "Secure" not in header


def test_nothing_in_the_cookie_can_be_read(customer):
    state = query_of(customer.start())["state"]
    encrypted = customer.browser.get_cookie(f"__Host-attempt_{state[:14]}").value
    assert state[15:] not in encrypted
    assert "crm." not in encrypted


def test_the_cookie_of_a_usual_start_is_small(client):
    assert len(client.get("/connect/workato").headers["Set-Cookie"]) <= 450


def as_of_before(app, customer, reference):
    """Writes the attempt's cookie as the version before did."""
    cookies = services_of(app).cookies
    name = f"__Host-attempt_{reference}"
    kept = cookies._open(customer.browser.get_cookie(name).value)
    values = [getattr(kept, field.name) for field in fields(kept)]
    plain = msgspec.json.encode((type(kept).__name__, values))
    encrypted = cookies.encryptor.encrypt(zlib.compress(plain, 9)).decode()
    customer.browser.set_cookie(name, encrypted, secure=True)


def test_a_cookie_of_the_version_before_leads_on(app, customer):
    back = customer.agree(customer.start())
    as_of_before(app, customer, query_of(back)["state"][:14])
    assert "HubSpot is connected" in customer.come_back(back).text


def test_who_asked_for_what_the_profile_no_longer_asks_for_starts_again(
    make_app, tmp_path, customer
):
    back = customer.agree(customer.start())
    path = profiles_file(tmp_path, workato={"optional_scopes": ["tickets"]})
    other = Customer(browser_of(make_app(PROFILES_FILE=path)), customer.hubspot)
    other.browser._cookies = customer.browser._cookies
    page = other.come_back(back)
    assert page.status_code == 400
    assert "Start again" in page.text


@pytest.mark.parametrize("body", ["older_body", "rfc_body"])
@pytest.mark.parametrize(("status", "cause"), ERRORS.items())
def test_each_error_of_the_token_endpoint_becomes_its_cause(customer, api, status, cause, body):
    page = customer.connect(token_answer=f"{body}:{status}")
    assert "We couldn't connect HubSpot" in page.text
    (failure,) = api("/failures").json["failures"]
    assert (failure["cause"], failure["stage"]) == (cause, "token")
    assert status in failure["message"]
    assert failure["reference"] in page.text


@pytest.mark.parametrize(
    ("answer", "cause", "asked"),
    [
        ("error_in_200", None, 1),
        ("423", "hubspot_unavailable", 2),
        ("429", "rate_limited", 2),
        ("477", "hubspot_unavailable", 1),
        ("500", "hubspot_unavailable", 1),
        ("502", "hubspot_unavailable", 1),
        ("503", "hubspot_unavailable", 1),
        ("503_once", "hubspot_unavailable", 1),
        ("empty", "hubspot_unavailable", 1),
        ("html", "hubspot_unavailable", 1),
        ("list", "hubspot_unavailable", 1),
        ("truncated", "hubspot_unavailable", 1),
        ("wrong_types", "hubspot_unavailable", 1),
        ("huge", "hubspot_unavailable", 1),
        ("misses_required", "granted_missing_required", 1),
    ],
)
def test_each_odd_answer_becomes_a_failure_and_nothing_is_kept(
    customer, api, store, hubspot, answer, cause, asked
):
    page = customer.connect(token_answer=answer)
    assert page.status_code == 200
    assert "We couldn't connect HubSpot" in page.text
    (failure,) = api("/failures").json["failures"]
    if cause:
        assert failure["cause"] == cause
    assert hubspot.token_requests == asked
    assert not store.exists("oh:connections")


def test_a_passing_refusal_is_survived(customer, hubspot, api):
    assert "HubSpot is connected" in customer.connect(token_answer="429_once").text
    assert hubspot.token_requests == 2
    assert api("/failures").json["failures"] == []


def test_what_the_answer_leaves_out_is_introspected(customer, store, hubspot):
    page = customer.connect(token_answer="no_scopes", account="1000101")
    assert "HubSpot is connected" in page.text
    assert "Not available in your account" in page.text
    assert any(path.endswith("/introspect") for path in hubspot.requests)
    assert store.exists("oh:connection:workato.1000101")


@pytest.mark.parametrize("named", ["hub_id", "scopes"])
def test_only_what_the_answer_leaves_out_is_taken_from_introspection(customer, hubspot, app, named):
    tokens = {"token_type": "bearer", "access_token": "a", "refresh_token": "r", "expires_in": 1800}
    known = {"scopes": ["oauth", "crm.objects.contacts.read"], "hub_id": 11}
    other = {
        "active": True,
        "scopes": ["oauth", "crm.objects.contacts.read", "tickets"],
        "hub_id": 12,
    }
    bodies = {"token": {**tokens, named: known[named]}, "introspect": other}
    hubspot.instead = lambda path: (
        (json.dumps(bodies[last]), 200, {"Content-Type": "application/json"})
        if (last := path.rpartition("/")[2]) in bodies
        else None
    )
    wanted = {**other, named: known[named]}
    customer.connect()
    (made,) = services_of(app).connections.newest(limit=2)
    assert (list(made.granted), made.hub_id) == (wanted["scopes"], wanted["hub_id"])


def test_what_the_answer_tells_is_not_introspected(customer, hubspot):
    customer.connect()
    assert not any(path.endswith("/introspect") for path in hubspot.requests)


def test_what_no_response_says_stays_unknown(customer, store):
    page = customer.connect(token_answer="no_scopes_no_introspection")
    assert "HubSpot is connected" in page.text
    assert "say which permissions it granted" in page.text
    (key,) = store.keys("oh:connection:*")
    assert store.hget(key, "granted") == ""


def test_a_missing_required_scope_names_itself(customer, api):
    customer.connect(token_answer="misses_required")
    (failure,) = api("/failures").json["failures"]
    assert failure["missing"] == ["crm.objects.contacts.read"]
    assert "crm.objects.contacts.read" not in failure["granted"]
    assert failure["hub_id"] == 1000104


def test_the_operator_and_not_the_customer_learns_of_a_wrong_secret(make_app, hubspot, api):
    page = customer_of(make_app(HUBSPOT_CLIENT_SECRET="another-secret"), hubspot).connect()
    (failure,) = api("/failures").json["failures"]
    assert failure["cause"] == "client_secret_invalid"
    assert failure["fix"][0]["who"] == "operator"
    assert "secret" not in page.text.lower()


def test_texts_from_outside_are_capped_escaped_and_quoted(customer, staff, api):
    state = query_of(customer.start())["state"]
    hostile = "<script>alert(1)</script>" + "x" * 5000
    page = customer.come_back(
        f"/callback/workato?error=odd&error_description={hostile}&state={state}"
    )
    assert "<script>alert" not in page.text
    (failure,) = api("/failures").json["failures"]
    assert failure["cause"] == "unknown"
    assert len(failure["message"]) < 1000
    record = staff("agent").get(f"/support/failures/{failure['reference']}").text
    assert "<script>alert" not in record
    assert "&lt;script&gt;" in record


@pytest.mark.parametrize(
    "query",
    ["code=", "", "code=a&code=b", "error=", "code=%00", "code=" + "x" * 3000, "error=a&error=b"],
    ids=["empty", "nothing", "twice", "empty-error", "nul", "long", "error-twice"],
)
def test_a_malformed_answer_with_the_right_state_is_a_failure(customer, api, hubspot, query):
    state = query_of(customer.start())["state"]
    customer.come_back(f"/callback/workato?{query}&state={state}")
    (failure,) = api("/failures").json["failures"]
    assert failure["stage"] == "callback"
    assert hubspot.token_requests == 0


@pytest.mark.parametrize(
    ("error", "description", "cause"),
    [
        ("odd", "An invalid scope name was provided.", "invalid_scope_name"),
        ("odd", "scopes are missing [tickets]", "url_missing_required_scope"),
        ("access_denied", "An invalid scope name was provided.", "user_denied"),
        ("odd", "who knows", "unknown"),
    ],
)
def test_the_words_of_an_error_are_read_where_its_code_says_nothing(
    customer, api, error, description, cause
):
    state = query_of(customer.start())["state"]
    query = {"error": error, "error_description": description, "state": state}
    customer.browser.get("/callback/workato", query_string=query)
    (failure,) = api("/failures").json["failures"]
    assert failure["cause"] == cause
    assert failure["missing"] == (["tickets"] if "tickets" in description else [])


def test_an_error_beside_a_code_is_an_error(customer, api, hubspot):
    state = query_of(customer.start())["state"]
    customer.come_back(f"/callback/workato?code=x&error=access_denied&state={state}")
    assert api("/failures").json["failures"][0]["cause"] == "user_denied"
    assert hubspot.token_requests == 0


def test_looking_only_uses_nothing_up(customer):
    back = customer.agree(customer.start())
    assert customer.browser.head(back).status_code == 204
    prefetch = {"Sec-Purpose": "prefetch"}
    assert customer.browser.get(back, headers=prefetch).status_code == 204
    assert "HubSpot is connected" in customer.come_back(back).text


def test_a_mismatch_that_hubspot_keeps_to_itself_leaves_the_attempt_open(customer, hubspot, store):
    hubspot.list_as(required=("tickets",))
    stranded = customer.decide(customer.start())
    assert stranded.status == 200
    assert "complete the connection" in stranded.data.decode()
    (key,) = store.keys("oh:*:open")
    assert store.zcard(key) == 1


class TestAppConfigurationKnown:
    @pytest.fixture
    def app_config(self, tmp_path):
        def write(**auth):
            path = tmp_path / "app-hsmeta.json"
            path.write_text(json.dumps({"config": {"auth": {"type": "oauth", **auth}}}))
            return str(path)

        return write

    @pytest.fixture
    def user_level_app(self, make_app, hubspot, tmp_path):
        hubspot.list_as(required=("crm.objects.contacts.read",))
        path = tmp_path / "app-hsmeta.json"
        auth = {"type": "oauth", "requiredScopes": ["oauth", "crm.objects.contacts.read"]}
        path.write_text(json.dumps({"config": {"isUserLevel": True, "auth": auth}}))
        return make_app(HUBSPOT_APP_CONFIG=str(path))

    def test_only_what_the_app_lists_is_asked_for(self, make_app, app_config, hubspot):
        path = app_config(
            requiredScopes=["oauth", "crm.objects.contacts.read"], optionalScopes=["tickets"]
        )
        hubspot.list_as(required=("crm.objects.contacts.read",), optional=("tickets",))
        customer = customer_of(make_app(HUBSPOT_APP_CONFIG=path), hubspot)
        query = query_of(customer.start())
        assert query["optional_scope"] == "tickets"
        assert "HubSpot is connected" in customer.connect().text

    def test_users_of_one_account_have_a_connection_each_when_the_app_is_user_level(
        self, user_level_app, hubspot, store
    ):
        for role in ("super_admin", "marketplace", "super_admin"):
            assert (
                "HubSpot is connected"
                in customer_of(user_level_app, hubspot).connect(role=role).text
            )
        connections = sorted(store.zrange("oh:connections", 0, -1))
        assert len(connections) == 2
        assert [each.removesuffix(each[-1]) for each in connections] == [
            "workato.1000104-1000104"
        ] * 2

    def test_users_of_one_account_resolve_their_own_failures_when_the_app_is_user_level(
        self, user_level_app, hubspot, clock
    ):
        services = services_of(user_level_app)
        one, other = customer_of(user_level_app, hubspot), customer_of(user_level_app, hubspot)
        one.connect(role="super_admin")
        other.connect(role="marketplace")
        clock.now += 1800
        hubspot.instead = lambda _: (json.dumps({"status": "BAD_REFRESH_TOKEN"}), 400, {})
        ended = {
            each.id: services.token_refresher.token(each.id).connection.ended_by
            for each in services.connections.newest(limit=2)
        }
        hubspot.instead = None
        customer_of(user_level_app, hubspot).connect(role="super_admin")
        (renewed, *_) = services.connections.newest(limit=1)
        status = {name: services.failures.get(by).status for name, by in ended.items()}
        assert status.pop(renewed.id) == "resolved"
        assert list(status.values()) == ["open"]

    def test_what_the_catalogue_requires_is_needed_though_the_app_lists_it_as_optional(
        self, make_app, app_config, hubspot, api, tmp_path
    ):
        catalogue = tmp_path / "catalogue.toml"
        catalogue.write_text('[[scope]]\nname = "automation"\nkind = "required"\n')
        hubspot.list_as(optional=("automation",))
        app = make_app(
            SCOPE_CATALOGUE=str(catalogue),
            HUBSPOT_APP_CONFIG=app_config(optionalScopes=["automation"]),
        )
        customer = customer_of(app, hubspot)
        assert query_of(customer.start())["optional_scope"] == "automation"
        assert "HubSpot is connected" in customer.connect(account="1000104").text
        assert "We couldn't connect HubSpot" in customer.connect(account="1000101").text
        (failure,) = api("/failures").json["failures"]
        assert failure["cause"] == "granted_missing_required"
        assert failure["missing"] == ["automation"]

    @pytest.mark.parametrize(
        ("auth", "cause", "scope"),
        [
            (
                {"requiredScopes": ["crm.objects.contacts.read", "crm.objects.leads.read"]},
                "url_missing_required_scope",
                "crm.objects.leads.read",
            ),
            (
                {"requiredScopes": [], "optionalScopes": ["tickets"]},
                "url_requests_unconfigured_scope",
                "crm.objects.contacts.read",
            ),
            (
                {
                    "requiredScopes": ["crm.objects.contacts.read"],
                    "redirectUrls": ["https://elsewhere.example/callback"],
                },
                "redirect_uri_mismatch",
                None,
            ),
        ],
        ids=["app-requires-more", "app-lacks-the-required", "redirect-url"],
    )
    def test_a_certain_refusal_is_not_sent_to_hubspot(
        self, make_app, app_config, hubspot, api, auth, cause, scope
    ):
        app = make_app(HUBSPOT_APP_CONFIG=app_config(**auth))
        customer = customer_of(app, hubspot)
        page = customer.come_back("/connect/workato")
        assert "We couldn't connect HubSpot" in page.text
        (failure,) = api("/failures").json["failures"]
        assert (failure["cause"], failure["stage"]) == (cause, "preflight")
        assert failure["reference"] in page.text
        if scope:
            assert scope in failure["missing"]
        assert hubspot.requests == []


def test_no_secret_of_ours_is_in_a_page(customer):
    assert CLIENT_SECRET not in customer.connect().text
