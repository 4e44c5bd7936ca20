"""Signing in at an OpenID provider: who comes in, and what is refused."""

import base64
import hmac
import json
import re
import threading
import time
from urllib.parse import urlencode

import pytest
from harness import PASSWORD, PUBLIC_URL, SAME_SITE, browser_of, csrf_token, query_of, services_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openid_providers import (
    KEYS,
    METADATA,
    OPENID_CLIENT,
    OPENID_SECRET,
    HostileProvider,
    PyopProvider,
    as_json,
    foreign_key,
    public_key_as_text,
    serving,
)
from werkzeug.wrappers import Response

CALLBACK = f"{PUBLIC_URL}/support/oidc/callback"
SIGN_IN = "/support/oidc/sign-in"


def settings_for(provider, **more):
    return {
        "OIDC_ISSUER": provider.url,
        "OIDC_CLIENT_ID": OPENID_CLIENT,
        "OIDC_CLIENT_SECRET": OPENID_SECRET,
        "OIDC_AGENTS": "ana@example.com",
        "OIDC_VIEWERS": "@view.example",
        "OIDC_NAME": "Example",
        **more,
    }


@pytest.fixture
def provider(clock):
    clock.now = time.time()  # the provider has no other clock
    provider = PyopProvider(CALLBACK)
    with serving(provider.answer) as url:
        provider.start(url)
        yield provider


@pytest.fixture
def hostile(clock):
    clock.now = time.time()
    provider = HostileProvider(CALLBACK)
    with serving(provider.answer) as url:
        provider.start(url)
        yield provider


@pytest.fixture
def at(make_app):
    """A browser at the program, which knows a provider."""

    def open_browser(provider, **settings):
        return browser_of(make_app(**settings_for(provider, **settings)))

    return open_browser


def leave(browser, target=None):
    """Presses the button; the address of the provider that it leads to."""
    response = browser.get(SIGN_IN, query_string={"next": target} if target else None)
    assert response.status_code == 302, response.text
    return response.location


def sign_in(browser, provider, person="ana", **more):
    return browser.get(provider.agree(leave(browser), person, **more))


def is_out(browser):
    response = browser.get("/support/account")
    return response.status_code == 302 and response.location.startswith("/support/login")


class TestWhoComesIn:
    def test_an_agent(self, at, provider):
        browser = at(provider)
        assert "Sign in with Example" in browser.get("/support/login").text
        response = sign_in(browser, provider)
        assert (response.status_code, response.location) == (303, "/support/failures")
        account = browser.get("/support/account").text
        assert re.search(r"\bana#[0-9a-f]{8}\b", account)
        assert "ana@example.com" not in account
        assert "agent: can work on failures" in account

    def test_a_viewer_changes_nothing(self, at, provider, customer, api):
        customer.connect(decision="deny")
        (failure,) = api("/failures").json["failures"]
        browser = at(provider)
        assert sign_in(browser, provider, "vic").status_code == 303
        assert re.search(r"\bvic#[0-9a-f]{8} \(viewer\)", browser.get("/support/account").text)
        form = {"csrf_token": csrf_token(browser, "/support/account"), "text": "x", "do": "note"}
        for path in (
            f"/support/failures/{failure['reference']}/work",
            f"/support/failures/{failure['reference']}/report",
            "/support/connections/workato.1/revoke",
        ):
            assert browser.post(path, data=form, headers=SAME_SITE).status_code == 403
        assert api("/failures").json["failures"] == [failure]

    @pytest.mark.parametrize("person", ["bob", "eve", "max", "gil", "tim"])
    def test_no_stranger_and_nobody_with_an_unverified_address(self, at, provider, person, caplog):
        browser = at(provider)
        response = sign_in(browser, provider, person)
        assert response.status_code == 403
        assert "Your account may not use these pages" in response.text
        assert "@" not in caplog.text
        assert is_out(browser)

    def test_by_a_claim_under_a_name_that_nobody_else_can_have(self, at, provider):
        browser = at(provider, OIDC_AGENTS="groups=support")
        assert sign_in(browser, provider, "gil").status_code == 303
        account = browser.get("/support/account").text
        assert re.search(r"\banaexample\.com#[0-9a-f]{8}\b", account)

    def test_an_agent_by_any_rule_is_an_agent(self, at, provider):
        browser = at(provider, OIDC_VIEWERS="@example.com", OIDC_AGENTS="groups=support")
        sign_in(browser, provider)
        assert "agent: can work on failures" in browser.get("/support/account").text

    def test_nobody_of_the_same_name_with_a_password(self, at, provider, environ):
        users = environ["SUPPORT_USERS"].replace("agent:", "ana@example.com:", 1)
        browser = at(provider, SUPPORT_USERS=users)
        sign_in(browser, provider)
        other = browser_of(browser.application)
        form = {"name": "ana@example.com", "password": PASSWORD, "csrf_token": csrf_token(other)}
        assert other.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
        token = csrf_token(other, "/support/account")
        path = "/support/account/sign-out-everywhere"
        other.post(path, data={"csrf_token": token}, headers=SAME_SITE)
        assert is_out(other)
        assert not is_out(browser)


class TestTheWayThere:
    def test_is_the_code_flow_with_pkce_state_and_nonce(self, at, provider):
        browser = at(provider)
        sign_in(browser, provider)
        (asked,), (form,) = provider.authorizations, provider.token_forms
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"] == CALLBACK
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"] == "openid email profile"
        assert len(asked["state"]) >= 43
        assert len(asked["nonce"]) >= 43
        assert asked["nonce"] != asked["state"]
        assert len(form["code_verifier"]) >= 43
        assert "client_secret" not in form

    def test_is_the_same_whatever_the_host_header_says(self, at, provider):
        browser = at(provider)
        response = browser.get(SIGN_IN, headers={"Host": "evil.example"})
        assert query_of(response.location)["redirect_uri"] == CALLBACK

    def test_leaves_no_secret_in_cookies_log_or_store(self, at, provider, store, caplog):
        caplog.set_level("INFO")
        browser = at(provider)
        address = leave(browser)
        cookie = browser.get_cookie("__Host-session").value
        browser.get(provider.agree(address, "ana"))
        verifier = provider.token_forms[0]["code_verifier"]
        body = cookie.split(".")[1 if cookie.startswith(".") else 0]
        opened = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode("latin-1")
        kept = "".join(str(store.hgetall(key)) + key for key in store.keys("oh:staff:*"))
        logged = "".join(each.getMessage() for each in caplog.records if each.name != "werkzeug")
        assert kept
        for secret in (verifier, OPENID_SECRET, "ana@example.com"):
            assert secret not in opened + kept + logged

    def test_asks_for_what_stands_in_the_metadata_once(self, at, provider):
        browser = at(provider)
        leave(browser)
        leave(browser)
        assert provider.requests.count(METADATA) == 1
        assert provider.requests.count(KEYS) == 1

    def test_sends_the_secret_in_the_form_if_the_provider_wants_it_there(self, at, hostile):
        forms = []

        def token(request):
            forms.append((request.form.to_dict(), request.headers.get("Authorization")))
            return as_json({"access_token": "a", "id_token": hostile.id_token()})

        hostile.answers["/token"] = token
        hostile.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
        assert sign_in(at(hostile), hostile).status_code == 303
        ((form, header),) = forms
        assert form["client_secret"] == OPENID_SECRET
        assert header is None

    def test_is_limited(self, at, provider):
        browser = at(provider, RATE_LIMITS="on")
        assert [browser.get(SIGN_IN).status_code for _ in range(31)] == [302] * 30 + [429]
        path = "/support/oidc/callback"
        assert [browser.get(path).status_code for _ in range(31)] == [400] * 30 + [429]

    def test_is_not_there_without_the_setting(self, client):
        assert client.get(SIGN_IN).status_code == 404
        assert client.get("/support/oidc/callback").status_code in (400, 404)
        assert "oidc" not in client.get("/support/login").text


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/support/\\..\\..\\evil",
        "/support/\r\nLocation: https://evil.example",
        "javascript:alert(1)",
        "/callback/workato",
        "/supportive",
    ],
)
def test_after_signing_in_one_stays_here(at, provider, target):
    browser = at(provider)
    response = browser.get(provider.agree(leave(browser, target), "ana"))
    assert response.location == "/support/failures"


def test_after_signing_in_one_is_where_one_wanted_to_be(at, provider):
    browser = at(provider)
    login = browser.get(browser.get("/support/failures?status=open").location).text
    link = login.split(f'href="{SIGN_IN}')[1].split('"')[0].replace("&amp;", "&")
    response = browser.get(provider.agree(browser.get(SIGN_IN + link).location, "ana"))
    assert response.location == "/support/failures?status=open"


class TestAResponseIsRefused:
    def refuses(self, browser, provider, path, status=400):
        asked = provider.requests.count("/token")
        response = browser.get(path)
        assert response.status_code == status
        assert "sign in again" in response.text or status != 400
        assert provider.requests.count("/token") == asked
        assert is_out(browser)

    def test_with_another_state(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        self.refuses(browser, provider, back.replace("state=", "state=x"))
        assert browser.get(back).status_code == 303  # nobody else's answer spoils it

    def test_with_two_states(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        self.refuses(browser, provider, f"{back}&state=x")

    def test_without_a_state(self, at, provider):
        browser = at(provider)
        leave(browser)
        self.refuses(browser, provider, "/support/oidc/callback?code=c")

    def test_with_a_state_beyond_ascii(self, at, provider):
        browser = at(provider)
        leave(browser)
        self.refuses(browser, provider, "/support/oidc/callback?code=c&state=%C3%BC%ff")

    def test_in_another_browser(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        other = browser_of(browser.application)
        self.refuses(other, provider, back)
        leave(other)
        self.refuses(other, provider, back)

    def test_a_second_time(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        assert browser.get(back).status_code == 303
        token = csrf_token(browser, "/support/account")
        browser.post("/support/logout", data={"csrf_token": token}, headers=SAME_SITE)
        self.refuses(browser, provider, back)

    def test_a_second_time_with_the_cookies_of_the_first(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        cookie = browser.get_cookie("__Host-session").value
        browser.get(back)
        other = browser_of(browser.application)
        other.set_cookie("__Host-session", cookie, secure=True)
        assert other.get(back).status_code == 403  # the provider takes no code twice
        assert is_out(other)

    def test_after_ten_minutes(self, at, provider, clock):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        clock.now += 601
        self.refuses(browser, provider, back)

    def test_of_another_issuer(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        self.refuses(browser, provider, f"{back}&iss=https://evil.example", 403)

    def test_without_an_issuer_if_the_provider_names_itself(self, at, hostile):
        hostile.metadata["authorization_response_iss_parameter_supported"] = True
        browser = at(hostile)
        self.refuses(browser, hostile, hostile.agree(leave(browser)), 403)
        back = hostile.agree(leave(browser), iss=hostile.url)
        assert browser.get(back).status_code == 303

    def test_that_is_an_error(self, at, hostile, caplog):
        browser = at(hostile)
        more = {"error": "access_denied", "error_description": "<b>canary"}
        response = browser.get(hostile.agree(leave(browser), **more))
        assert response.status_code == 403
        assert "canary" not in response.text + caplog.text
        assert "access_denied" in caplog.text
        assert hostile.requests.count("/token") == 0

    def test_after_one_that_was_an_error(self, at, hostile):
        browser = at(hostile)
        back = hostile.agree(leave(browser))
        assert browser.get(f"{back}&error=access_denied").status_code == 403
        self.refuses(browser, hostile, back)

    def test_that_is_an_error_of_nobody(self, at, hostile, caplog):
        browser = at(hostile)
        leave(browser)
        path = "/support/oidc/callback?error=access_denied&state=x"
        self.refuses(browser, hostile, path)
        assert "access_denied" not in caplog.text

    def test_whose_error_could_forge_the_log(self, at, hostile, caplog):
        browser = at(hostile)
        browser.get(hostile.agree(leave(browser), error="canary\nERROR forged"))
        assert "canary" not in caplog.text
        assert "an unknown error" in caplog.text


class TestAnIdTokenIsRefused:
    def refuses(self, at, hostile):
        browser = at(hostile)
        response = sign_in(browser, hostile)
        assert response.status_code == 403
        assert "did not sign you in" in response.text
        assert is_out(browser)

    def test_but_the_right_one_is_accepted(self, at, hostile):
        assert sign_in(at(hostile), hostile).status_code == 303

    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"iss": "https://evil.example"},
            {"iss": None},
            {"iss": ["x"]},
            {"aud": "another"},
            {"aud": "another", "azp": OPENID_CLIENT},
            {"aud": ["another"]},
            {"aud": []},
            {"aud": None},
            {"aud": [OPENID_CLIENT, "another"]},
            {"azp": "another"},
            {"exp": -3600},
            {"exp": None},
            {"exp": "never"},
            {"iat": 3600},
            {"iat": None},
            {"nbf": 3600},
            {"sub": None},
            {"sub": 1},
            {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
            {"at_hash": 5},
        ],
        ids=str,
    )
    def test_with_wrong_claims(self, at, hostile, claims):
        for name, value in claims.items():
            is_time = name in ("exp", "iat", "nbf") and isinstance(value, int)
            hostile.claims[name] = int(time.time()) + value if is_time else value
        self.refuses(at, hostile)

    def test_of_another_key_with_the_same_name(self, at, hostile):
        hostile.key = foreign_key()
        self.refuses(at, hostile)

    def test_of_a_key_that_nobody_knows_after_asking_once_more(self, at, hostile):
        hostile.header["kid"] = "three"
        self.refuses(at, hostile)
        assert hostile.requests.count(KEYS) == 2

    def test_signed_with_the_public_key_as_a_secret(self, at, hostile):
        def token(_request):
            header, claims, _ = hostile.id_token().split(".")
            signed = f"{changed(header, {'alg': 'HS256'})}.{claims}"
            mac = hmac.digest(public_key_as_text(), signed.encode(), "sha256")
            signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
            return as_json({"access_token": "a", "id_token": f"{signed}.{signature}"})

        hostile.answers["/token"] = token
        self.refuses(at, hostile)

    @pytest.mark.parametrize("alg", ["none", "None", "HS256"])
    def test_without_a_signature(self, at, hostile, alg):
        self.tampered(at, hostile, header={"alg": alg}, signature="")

    def test_whose_claims_were_changed(self, at, hostile):
        self.tampered(at, hostile, claims={"sub": "two"})

    def tampered(self, at, hostile, header=None, claims=None, signature=None):
        def token(_request):
            parts = hostile.id_token().split(".")
            parts[0] = changed(parts[0], header or {})
            parts[1] = changed(parts[1], claims or {})
            parts[2] = parts[2] if signature is None else signature
            return as_json({"access_token": "a", "id_token": ".".join(parts)})

        hostile.answers["/token"] = token
        self.refuses(at, hostile)

    @pytest.mark.parametrize("token", [None, "", "x", "a.b.c", 5, ["x"], "e30.e30.", "." * 9999])
    def test_that_is_none(self, at, hostile, token):
        document = {"access_token": "a", "id_token": token}
        hostile.answers["/token"] = lambda _request: as_json(document)
        self.refuses(at, hostile)

    def test_that_userinfo_contradicts(self, at, hostile):
        hostile.claims.update(email=None, email_verified=None)
        hostile.userinfo.update(sub="two", email="ana@example.com", email_verified=True)
        self.refuses(at, hostile)


def changed(part, values):
    document = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return base64.urlsafe_b64encode(json.dumps(document | values).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("verified", [False, None, "true", 1, "yes"], ids=str)
def test_an_address_that_is_not_verified_lets_nobody_in(at, hostile, verified):
    hostile.claims["email_verified"] = verified
    assert sign_in(at(hostile), hostile).status_code == 403


def test_that_another_address_is_verified_says_nothing_about_this_one(at, hostile):
    hostile.claims["email_verified"] = None
    hostile.userinfo.update(email="mine@elsewhere.example", email_verified=True)
    assert sign_in(at(hostile), hostile).status_code == 403
    hostile.userinfo.update(email="ana@example.com")
    assert sign_in(at(hostile), hostile).status_code == 303


class TestAProvider:
    """That does not answer as one does."""

    def password_still_works(self, browser):
        form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
        assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303

    def test_that_is_down_keeps_nobody_else_out(self, at, hostile):
        browser = at(hostile, OIDC_ISSUER="http://127.0.0.1:1")
        response = browser.get(SIGN_IN)
        assert response.status_code == 503
        assert "The sign-in service does not answer" in response.text
        self.password_still_works(browser)

    @pytest.mark.parametrize(
        "answer",
        [
            lambda _request: Response("busy", 503),
            lambda _request: Response("<html>"),
            lambda _request: Response("[]"),
            lambda _request: Response("{}"),
            lambda _request: Response("[" * 100_000),
            lambda _request: Response("x" * 300_000),
            lambda _request: Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
            lambda _request: as_json({"keys": [5, {"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}]}),
        ],
        ids=["busy", "html", "list", "empty", "deep", "long", "elsewhere", "no_key"],
    )
    @pytest.mark.parametrize("path", [METADATA, KEYS])
    def test_that_talks_garbage(self, at, hostile, path, answer):
        hostile.answers[path] = answer
        browser = at(hostile)
        assert browser.get(SIGN_IN).status_code == 503
        self.password_still_works(browser)

    @pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
    @pytest.mark.parametrize("address", ["http://evil.example/", "javascript:x", "", 5, None])
    def test_that_has_an_endpoint_nobody_should_use(self, at, hostile, name, address):
        hostile.metadata[name] = address
        assert at(hostile).get(SIGN_IN).status_code == 503

    @pytest.mark.parametrize("issuer", ["https://evil.example", "", None, "/"])
    def test_that_speaks_for_another(self, at, hostile, issuer):
        hostile.metadata["issuer"] = hostile.url + "/" if issuer == "/" else issuer
        assert at(hostile).get(SIGN_IN).status_code == 503

    @pytest.mark.parametrize("status", [500, 429])
    def test_that_breaks_in_between(self, at, hostile, status):
        hostile.answers["/token"] = lambda _request: Response("busy", status)
        assert sign_in(at(hostile), hostile).status_code == 503

    @pytest.mark.parametrize(
        "document", [{}, {"access_token": 5}, {"access_token": "ü"}, {"error": "invalid_grant"}]
    )
    def test_whose_token_response_is_none(self, at, hostile, document):
        hostile.answers["/token"] = lambda _request: as_json(document)
        assert sign_in(at(hostile), hostile).status_code == 403

    def test_that_is_slow_is_not_waited_for(self, at, hostile, monkeypatch):
        has_ended = threading.Event()

        def slow(_request):
            has_ended.wait(60)
            return as_json({})

        hostile.answers[METADATA] = slow
        browser = at(hostile)
        provider = services_of(browser.application).oidc_provider
        monkeypatch.setitem(provider.client_kwargs, "default_timeout", 0.1)
        began = time.monotonic()
        assert browser.get(SIGN_IN).status_code == 503
        assert time.monotonic() - began < 30
        has_ended.set()

    def test_that_trickles_is_not_waited_for(self, at, hostile, monkeypatch):
        has_ended = threading.Event()

        def trickle():
            while not has_ended.wait(0.05):
                yield b" "

        hostile.answers[METADATA] = lambda _request: Response(trickle(), direct_passthrough=True)
        monkeypatch.setattr("oauth_helper.web.support.oidc_client._TOTAL_TIMEOUT", 0.5)
        began = time.monotonic()
        assert at(hostile).get(SIGN_IN).status_code == 503
        assert time.monotonic() - began < 30
        has_ended.set()

    def test_that_has_new_keys_is_asked_for_them_once(self, at, provider):
        browser = at(provider)
        sign_in(browser, provider)
        provider.rotate()
        other = browser_of(browser.application)
        assert sign_in(other, provider).status_code == 303
        assert provider.requests.count(KEYS) == 2

    def test_that_answers_again_is_used_again(self, at, hostile):
        hostile.answers[METADATA] = lambda _request: Response("busy", 503)
        browser = at(hostile)
        assert browser.get(SIGN_IN).status_code == 503
        del hostile.answers[METADATA]
        assert sign_in(browser, hostile).status_code == 303


class TestTheSession:
    def copied(self, make_app, browser, provider, **settings):
        """The same cookie at a program with other settings."""
        again = browser_of(make_app(**settings_for(provider, **settings)))
        cookie = browser.get_cookie("__Host-session").value
        again.set_cookie("__Host-session", cookie, secure=True)
        return again

    @pytest.mark.parametrize(
        "settings",
        [
            {"OIDC_AGENTS": "bob@example.com"},
            {"OIDC_AGENTS": "bob@example.com", "OIDC_VIEWERS": "ana@example.com"},
            {"OIDC_CLIENT_ID": "another"},
            {"OIDC_ISSUER": "https://another.example"},
        ],
        ids=str,
    )
    def test_ends_when_the_settings_no_longer_let_somebody_in(
        self, make_app, at, provider, settings
    ):
        browser = at(provider)
        sign_in(browser, provider)
        assert not is_out(self.copied(make_app, browser, provider))
        assert is_out(self.copied(make_app, browser, provider, **settings))

    def test_has_an_id_of_its_own(self, at, provider):
        browser = at(provider)
        back = provider.agree(leave(browser), "ana")
        before = browser.get_cookie("__Host-session").value
        browser.get(back)
        other = browser_of(browser.application)
        other.set_cookie("__Host-session", before, secure=True)
        assert is_out(other)
        assert not is_out(browser)

    def test_of_somebody_else_in_the_same_browser_ends(self, at, provider):
        browser = at(provider)
        sign_in(browser, provider)
        cookie = browser.get_cookie("__Host-session").value
        sign_in(browser, provider, "vic")
        assert "vic#" in browser.get("/support/account").text
        other = browser_of(browser.application)
        other.set_cookie("__Host-session", cookie, secure=True)
        assert is_out(other)

    def test_does_not_begin_while_the_store_is_away(self, at, provider):
        browser = at(provider, REDIS_URL="redis://127.0.0.1:1/0")
        response = sign_in(browser, provider)
        assert response.status_code == 503
        assert "available right now. Try again soon" in response.text


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    query=st.lists(
        st.tuples(
            st.sampled_from(["state", "code", "iss", "error", "error_description", "next"]),
            st.text(max_size=40),
        ),
        max_size=5,
    ),
    with_state=st.booleans(),
)
def test_no_response_makes_an_internal_error(at_hostile, query, with_state):
    browser, provider = at_hostile
    state = query_of(leave(browser))["state"]
    pairs = [("state", state)] * with_state + query
    path = f"/support/oidc/callback?{urlencode(pairs, errors='replace')}"
    assert browser.get(path).status_code in (303, 400, 403)
    assert provider.requests.count(METADATA) == 1


@pytest.fixture
def at_hostile(at, hostile):
    hostile.claims["nonce"] = "another"
    return at(hostile), hostile


def test_without_passwords_there_is_only_the_button(at, provider):
    page = at(provider, SUPPORT_USERS="").get("/support/login").text
    assert "Sign in with Example" in page
    assert 'type="password"' not in page
