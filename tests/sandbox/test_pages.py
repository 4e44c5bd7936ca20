import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from harness import sandbox_client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oauth_helper.sandbox import MemoryState, Sandbox

CONTACTS = "crm.objects.contacts.read"
TITLE = "Couldn\u2019t complete the connection"


def error_of(response):
    """The code and text of an error page, which ends the attempt."""
    assert response.status_code == 200
    assert "Location" not in response.headers
    text = unescape(response.text)
    assert f"<title>{TITLE}</title>" in text
    assert f"<h1>{TITLE}</h1>" in text
    code = re.search(r'data-error="(E\d)"', text)
    message = re.search(r'<p class="message">(.*?)</p>', text)
    return code[1], message[1]


def title_of(response):
    return unescape(re.search(r"<title>(.*?)</title>", response.text)[1])


def reload_text(http):
    page = unescape(http.get("/app/shop").text)
    return re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)[1]


def save(http, configuration, **flags):
    text = configuration if isinstance(configuration, str) else json.dumps(configuration)
    fields = {"policy_signed": "on", "link_valid": "on", **flags}
    data = {key: value for key, value in fields.items() if value}
    return http.post("/app/shop", data={"configuration": text, "action": "save", **data})


def hsmeta(**auth):
    return {"config": {"auth": {"type": "oauth", **auth}}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"client_id": "nobody"}, "E6"),
        ({"redirect_uri": "https://evil.example/"}, "E5"),
        ({"scope": "oauth"}, "E1"),
        ({"scope": CONTACTS}, "E2"),
        ({"optional_scope": "nonsense"}, "E4"),
    ],
)
def test_error_pages_of_the_url(connection, query, code):
    assert error_of(connection.open(**query))[0] == code
    connection.query |= query
    for decision in ("allow", "deny"):
        assert error_of(connection.decide(decision=decision))[0] == code


def test_error_pages_show_the_exact_words(connection):
    text = error_of(connection.open(redirect_uri="https://x.example/'<b>"))[1]
    assert text == (
        "Authorization failed as the redirect URL 'https://x.example/'<b>' doesn't match the "
        "app's registered redirect URL"
    )


def test_e3_for_an_account_without_the_scope(connection, http):
    auth = hsmeta(
        redirectUrls=[connection.query["redirect_uri"]],
        requiredScopes=["oauth", CONTACTS, "automation"],
    )
    assert save(http, auth).status_code == 303
    connection.query |= {"scope": f"oauth {CONTACTS} automation", "optional_scope": ""}
    code, text = error_of(connection.decide(account="1000101"))
    assert (code, text.rpartition("[")[2]) == ("E3", "automation]")
    assert connection.decide(account="1000103").status_code == 302


def test_e9_for_a_user_who_may_not_install(connection):
    response = connection.decide(role="user")
    assert error_of(response) == ("E9", "Request for Integration Permissions")
    assert "You don't have permission to connect this app" in unescape(response.text)


def test_e7_until_a_super_admin_of_that_account_approves(connection, http):
    save(http, reload_text(http), governed="on")
    assert error_of(connection.decide())[0] == "E7"
    assert "Now connect it again" in connection.decide(decision="approve").text
    assert connection.decide().status_code == 302
    assert error_of(connection.decide(account="1000101"))[0] == "E7"
    http.post("/app/shop", data={"action": "reset"})
    save(http, reload_text(http), governed="on")
    assert error_of(connection.decide())[0] == "E7"


@pytest.mark.parametrize("flag", ["policy_signed", "link_valid"])
def test_e8_when_the_app_cannot_be_installed(connection, http, flag):
    save(http, reload_text(http), **{flag: ""})
    assert error_of(connection.open())[0] == "E8"


def test_the_consent_page_shows_what_is_asked_for(connection):
    page = unescape(connection.open().text)
    assert title_of(connection.open()) == "Connect Shop"
    for shown in (CONTACTS, "tickets", "automation", "Professional or higher", "client.example"):
        assert shown in page
    assert page.count("<optgroup") == 5
    assert "script" not in page
    assert "style=" not in page


def test_only_the_form_of_the_page_that_leads_to_the_client_may_leave(connection):
    # Where the client leads on to, by further redirects, only the client knows.
    assert "form-action" not in connection.open().headers["Content-Security-Policy"]
    assert (
        connection.http.get("/").headers["Content-Security-Policy"].endswith("form-action 'self'")
    )


def test_the_form_carries_the_query(connection):
    connection.query["state"] = 'a"b <&> ü'
    action = re.search(r'<form method="post" action="([^"]*)"', connection.open().text)[1]
    query = {key: values[0] for key, values in parse_qs(unescape(action)[1:]).items()}
    assert query == connection.query


def test_allow_sends_code_and_state(connection):
    location = connection.decide().location
    assert location.startswith(connection.query["redirect_uri"] + "?code=na1-")
    assert parse_qs(urlsplit(location).query).keys() == {"code", "state"}
    assert location.endswith("&state=s%20t%26te")


@pytest.mark.parametrize("decision", ["allow", "deny"])
@pytest.mark.parametrize(
    ("state", "expected"), [(None, []), ("", [""]), ("x=1&y", ["x=1&y"]), ("ü\n", ["ü\n"])]
)
def test_state_is_echoed_if_sent(connection, decision, state, expected):
    if state is None:
        del connection.query["state"]
    else:
        connection.query["state"] = state
    query = urlsplit(connection.decide(decision=decision).location).query
    assert parse_qs(query, keep_blank_values=True).get("state", []) == expected


def test_deny_sends_an_error(connection):
    response = connection.decide(decision="deny")
    query = parse_qs(urlsplit(response.location).query)
    assert response.status_code == 302
    assert query["error"] == ["access_denied"]
    assert query["error_description"]
    assert "code" not in query


def test_the_query_of_a_redirect_uri_is_kept(connection):
    connection.query["redirect_uri"] = "https://client.example/other?keep=1"
    location = connection.decide().location
    assert location.startswith("https://client.example/other?keep=1&code=")


def test_leaving_without_an_answer(connection):
    assert 'href="/left"' in connection.open().text
    assert title_of(connection.http.get("/left")) == "You left the page"


def test_an_account_in_the_path_is_the_only_choice(connection):
    connection.base = "/oauth/1000103/authorize"
    page = connection.open().text
    assert "Professional test account" in page
    assert "Free test account" not in page
    assert connection.decide(account="1000101").status_code == 400
    assert connection.decide(account="1000103").status_code == 302


@pytest.mark.parametrize("hub_id", ["1", "abc", "-1000101", "9" * 5000, "%00", "1000101%0A"])
def test_an_unknown_account_in_the_path(connection, hub_id):
    connection.base = f"/oauth/{hub_id}/authorize"
    assert connection.open().status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {"account": "1"},
        {"account": "9" * 5000},
        {"role": "king"},
        {"decision": "perhaps"},
        {"token_answer": "nonsense"},
        {"token_answer": "rfc_body:NONSENSE"},
        {"token_answer": ""},
    ],
    ids=lambda form: next(iter(form)),
)
def test_an_incomplete_answer_shows_the_page_again(connection, form):
    response = connection.decide(**form)
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert title_of(response) == "Connect Shop"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_sites_are_refused(connection, site):
    headers = {"Sec-Fetch-Site": site}
    query, form = connection.query, connection.form
    answer = connection.http.post(connection.base, query_string=query, data=form, headers=headers)
    edit = connection.http.post("/app/shop", data={"action": "reset"}, headers=headers)
    assert (answer.status_code, edit.status_code) == (403, 403)


def test_an_overlong_query_is_refused(connection):
    assert connection.open(state="x" * 20_000).status_code == 414


def test_the_start_page_lists_the_apps(http):
    page = http.get("/").text
    assert "No real data is involved" in page
    assert 'href="/app/shop"' in page
    assert 'href="/app/other"' in page
    assert "sesame" not in page


def test_the_stylesheet_is_there(http):
    address = re.search(r'<link rel="stylesheet" href="([^"]*)"', http.get("/").text)[1]
    with http.get(address) as response:
        assert response.mimetype == "text/css"


def test_the_pages_work_below_a_prefix(sandbox, connection):
    from flask import Flask  # noqa: PLC0415 - only this test mounts it

    from oauth_helper.sandbox import create_blueprint  # noqa: PLC0415

    app = Flask("host", static_folder=None)
    app.register_blueprint(create_blueprint(sandbox), url_prefix="/sandbox")
    connection.http, connection.base = app.test_client(), "/sandbox/oauth/authorize"
    assert 'href="/sandbox/static/sandbox.css"' in connection.open().text
    assert 'href="/sandbox/left"' in connection.open().text
    assert connection.decide().status_code == 302


def test_the_file_round_trips(http, sandbox, shop):
    response = http.get("/app/shop/app-hsmeta.json")
    assert response.mimetype == "application/json"
    assert save(http, response.text).status_code == 303
    assert sandbox.app("shop") == shop
    assert not sandbox.is_edited("shop")


def test_an_edit_wins_until_it_is_reset(http, sandbox, shop):
    save(http, hsmeta(requiredScopes=["tickets"]), policy_signed="", governed="on")
    edited = sandbox.app("shop")
    assert edited.configuration.required == ("oauth", "tickets")
    assert (edited.policy_signed, edited.governed, edited.link_valid) == (False, True, True)
    assert "changed" in http.get("/app/shop").text
    http.post("/app/shop", data={"action": "reset"})
    assert sandbox.app("shop") == shop


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "has to be a JSON object"),
        ('{"auth": {"requiredScopes": "oauth"}}', "auth.requiredScopes has to be a list"),
        ('{"auth": {"redirectUrls": ["javascript:alert(1)"]}}', "is no web address"),
        ('{"auth": {"redirectUrls": ["https://a.example/\\ud800"]}}', "is no web address"),
        ('{"auth": {"redirectUrls": ["https://a.example/\\r\\nA: b"]}}', "is no web address"),
        ('{"auth": {"requiredScopes": ["\\ud800"]}}', "is not a legal scope name"),
        ("1" * 5000, "is not JSON that can be read"),
        ("[" * 60_000, "is not"),
        ("x" * 70_000, "is longer than"),
        ("</textarea><script>", "is not JSON"),
    ],
    ids=lambda value: value[:24],
)
def test_a_bad_file_is_explained_and_kept(http, sandbox, shop, text, problem):
    response = save(http, text)
    assert response.status_code == 400
    assert problem in unescape(response.text)
    assert text in unescape(response.text)
    assert "<script>" not in response.text
    assert sandbox.app("shop") == shop


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tickets-required", "E1"),
        ("optional-removed", "E2"),
        ("contacts-optional", "E2"),
        ("hubdb-replaced", "E2"),
        ("redirects-removed", "E5"),
    ],
)
def test_each_mistake_breaks_a_url_that_worked(connection, http, name, code):
    connection.query["optional_scope"] = "tickets hubdb"
    assert title_of(connection.open()) == "Connect Shop"
    assert f'value="mismatch:{name}"' in http.get("/app/shop").text
    assert http.post("/app/shop", data={"action": f"mismatch:{name}"}).status_code == 303
    assert error_of(connection.open())[0] == code


@pytest.mark.parametrize("action", ["", "nonsense", "mismatch:nonsense"])
def test_a_button_that_is_not_there(http, action):
    assert http.post("/app/shop", data={"action": action}).status_code == 400


def test_the_authorize_url_of_the_page_fits_the_app(http):
    link = re.search(r'href="(/oauth/authorize\?[^"]*)"', http.get("/app/shop").text)[1]
    assert title_of(http.get(unescape(link))) == "Connect Shop"


@pytest.mark.parametrize(
    ("added", "followed"),
    [("https://evil.example/", False), ("http://localhost:9000/callback", True)],
)
def test_an_address_added_on_the_page_is_no_open_redirect(connection, http, added, followed):
    save(http, hsmeta(requiredScopes=[CONTACTS], redirectUrls=[added]))
    connection.query |= {"redirect_uri": added, "optional_scope": ""}
    for decision in ("allow", "deny"):
        response = connection.decide(decision=decision)
        assert (response.status_code == 302) is followed
        assert followed or added in response.text


def test_an_unknown_app(http):
    assert http.get("/app/nobody").status_code == 404
    assert http.post("/app/nobody", data={"action": "reset"}).status_code == 404
    assert http.get("/app/nobody/app-hsmeta.json").status_code == 404


def test_an_overlarge_body_is_refused(connection, http):
    assert http.post("/app/shop", data={"configuration": "x" * 300_000}).status_code == 413
    assert connection.redeem("x" * 300_000).status_code == 413


@pytest.mark.parametrize("path", ["/", "/left", "/app/shop", "/app/nobody", "/oauth/authorize"])
def test_pages_are_kept_private(http, path):
    headers = http.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers


TEXT = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "shop",
            "sesame",
            "oauth " + CONTACTS,
            "tickets",
            "https://client.example/callback",
            "1000101",
            "super_admin",
            "allow",
            "approve",
            "authorization_code",
            "refresh_token",
            "save",
            "mismatch:",
            "\r\nSet-Cookie: a=b",
            "{{7*7}}",
            "\x00",
        ]
    ),
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "client_id",
            "client_secret",
            "redirect_uri",
            "scope",
            "optional_scope",
            "state",
            "code_challenge",
            "account",
            "role",
            "decision",
            "token_answer",
            "grant_type",
            "code",
            "code_verifier",
            "refresh_token",
            "token",
            "action",
            "configuration",
        ]
    ),
    TEXT,
    max_size=10,
)
VALID = {
    "client_id": "shop",
    "redirect_uri": "https://client.example/callback",
    "scope": f"oauth {CONTACTS}",
    "account": "1000101",
    "role": "super_admin",
    "decision": "allow",
    "client_secret": "sesame",
    "grant_type": "authorization_code",
    "action": "save",
}
NEARLY_VALID = FIELDS.map(lambda fields: {**VALID, **fields})
PATHS = st.sampled_from(
    [
        "/",
        "/left",
        "/oauth/authorize",
        "/oauth/1000101/authorize",
        "/oauth/x/authorize",
        "/oauth/2026-09/token",
        "/oauth/v3/token/introspect",
        "/oauth/v3/token/revoke",
        "/appinstalls/2026-09/external-install",
        "/app/shop",
        "/app/shop/app-hsmeta.json",
        "/app/x",
        "/static/../x",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Authorization", "Content-Type", "Sec-Fetch-Site", "Accept", "Host", "Cookie"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    max_size=3,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=PATHS,
    query=st.one_of(
        FIELDS, NEARLY_VALID, st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))
    ),
    form=st.one_of(FIELDS, NEARLY_VALID, st.binary(max_size=80)),
    headers=HEADERS,
)
def test_nothing_that_is_sent_breaks_it(*, shop, clock, method, path, query, form, headers):
    sandbox = Sandbox([shop], MemoryState(clock=clock), clock=clock, slow_seconds=0)
    headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    client = sandbox_client(sandbox)
    response = client.open(path, method=method, query_string=query, data=form, headers=headers)
    assert response.status_code < 500
    location = response.headers.get("Location", "/app/")
    assert location.startswith((f"{VALID['redirect_uri']}?", "/app/"))
    assert "Set-Cookie" not in response.headers


def test_the_tie_to_the_opener_is_cut_where_the_app_says_so(connection, http):
    name = "Cross-Origin-Opener-Policy"
    assert name not in connection.open().headers
    configuration = reload_text(http)
    assert save(http, configuration, cuts_opener="on").status_code == 303
    assert 'name="cuts_opener" checked' in http.get("/app/shop").text
    pages = [connection.open(), connection.open(scope="oauth"), connection.decide(account="")]
    assert [page.headers[name] for page in pages] == ["same-origin"] * 3
    assert name not in connection.open(client_id="other").headers
    assert save(http, configuration).status_code == 303
    assert name not in connection.open().headers
