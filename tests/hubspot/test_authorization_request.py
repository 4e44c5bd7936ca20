"""The whole URL as one literal each: what the browser is sent to is read, not computed."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.config.settings import Settings
from oauth_helper.hubspot.authorization_request import (
    HUBLETS,
    authorization_endpoint,
    authorization_link,
    find_authorization_url,
    is_issuer,
)
from oauth_helper.oauth.client.start import with_state
from oauth_helper.scopes import RequestedScopes

HUBSPOT = "https://app.hubspot.com/oauth/authorize"
ENVIRON = {
    "HUBSPOT_CLIENT_ID": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "HUBSPOT_CLIENT_SECRET": "s3cret",
    "PUBLIC_URL": "https://connect.example.com",
}
# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

DEFAULT_URL = (
    "https://app.hubspot.com/oauth/authorize?response_type=code"
    "&client_id=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    "&redirect_uri=https%3A%2F%2Fconnect.example.com%2Fcallback%2Fworkato&scope=oauth"
    "%20crm.objects.contacts.read&optional_scope=accounting%20automation"
    "%20business-intelligence%20content%20conversations.visitor_identification.tokens.create"
    "%20crm.export%20crm.import%20crm.lists.read%20crm.lists.write"
    "%20crm.objects.companies.read%20crm.objects.companies.write%20crm.objects.contacts.write"
    "%20crm.objects.custom.read%20crm.objects.custom.write%20crm.objects.deals.read"
    "%20crm.objects.deals.write%20crm.objects.marketing_events.read"
    "%20crm.objects.marketing_events.write%20crm.objects.owners.read"
    "%20crm.objects.quotes.read%20crm.objects.quotes.write%20crm.objects.users.read"
    "%20crm.objects.users.write%20crm.schemas.companies.read%20crm.schemas.companies.write"
    "%20crm.schemas.contacts.read%20crm.schemas.contacts.write%20crm.schemas.custom.read"
    "%20crm.schemas.deals.read%20crm.schemas.deals.write%20e-commerce%20files"
    "%20files.ui_hidden.read%20forms%20forms-uploaded-files%20hubdb%20integration-sync"
    "%20sales-email-read%20settings.billing.write%20settings.users.read"
    "%20settings.users.write%20settings.users.teams.read%20settings.users.teams.write"
    "%20social%20tickets%20timeline%20transactional-email"
)
START = (
    "https://app.hubspot.com/oauth/authorize?response_type=code"
    "&client_id=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    "&redirect_uri=https%3A%2F%2Fconnect.example.com%2Fcallback%2Fworkato&scope=oauth"
    "%20crm.objects.contacts.read"
)


def authorization_url(endpoint, *, state=None, code_verifier=None, **requested):
    """The whole URL, as a start makes it."""
    link = authorization_link(endpoint, **requested)
    return with_state(link, state, code_verifier) if state else link


def url_by_default(optional=None, **more):
    config = Settings.from_environ(ENVIRON)
    (profile,) = config.profiles
    return authorization_url(
        authorization_endpoint(config.authorization_endpoint),
        client_id=profile.client_id,
        redirect_uri=profile.redirect_uri,
        requested=profile.requested_scopes(optional),
        **more,
    )


@pytest.mark.parametrize(
    ("choice", "url"),
    [
        pytest.param({}, DEFAULT_URL, id="forty-nine-scopes"),
        pytest.param({"optional": ()}, START, id="none-optional"),
        pytest.param(
            {"optional": ["tickets", "e-commerce"]},
            START + "&optional_scope=e-commerce%20tickets",
            id="narrowed",
        ),
        pytest.param(
            {"optional": ["crm.schemas.custom.write"]},
            START + "&optional_scope=crm.schemas.custom.write",
            id="on-request-chosen",
        ),
        pytest.param(
            {"state": "3CK7-94MQ-TRWX.chance"},
            DEFAULT_URL + "&state=3CK7-94MQ-TRWX.chance",
            id="state",
        ),
        pytest.param(
            {"state": "s", "code_verifier": VERIFIER},
            DEFAULT_URL
            + "&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
            + "&code_challenge_method=S256",
            id="pkce-known-answer",
        ),
        pytest.param(
            {"optional": (), "state": "s", "code_verifier": VERIFIER},
            START
            + "&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
            + "&code_challenge_method=S256",
            id="state-and-pkce",
        ),
        pytest.param({"optional": (), "state": None, "code_verifier": None}, START, id="neither"),
    ],
)
def test_the_url_for_the_shipped_catalogue(choice, url):
    assert url_by_default(**choice) == url


def test_what_is_asked_for_by_default():
    query = parse_qs(urlsplit(url_by_default()).query, strict_parsing=True)
    assert query["scope"] == ["oauth crm.objects.contacts.read"]
    assert len(query["optional_scope"][0].split(" ")) == 47


@pytest.mark.parametrize(
    ("base", "where", "url"),
    [
        pytest.param(HUBSPOT, {}, "https://app.hubspot.com/oauth/authorize?", id="general"),
        pytest.param(
            HUBSPOT,
            {"hub_id": 123456},
            "https://app.hubspot.com/oauth/123456/authorize?",
            id="account",
        ),
        pytest.param(
            HUBSPOT, {"region": "na1"}, "https://app.hubspot.com/oauth/authorize?", id="na1"
        ),
        pytest.param(
            HUBSPOT, {"region": "na2"}, "https://app-na2.hubspot.com/oauth/authorize?", id="na2"
        ),
        pytest.param(
            HUBSPOT, {"region": "na3"}, "https://app-na3.hubspot.com/oauth/authorize?", id="na3"
        ),
        pytest.param(
            HUBSPOT, {"region": "eu1"}, "https://app-eu1.hubspot.com/oauth/authorize?", id="eu1"
        ),
        pytest.param(
            HUBSPOT, {"region": "ap1"}, "https://app-ap1.hubspot.com/oauth/authorize?", id="ap1"
        ),
        pytest.param(
            HUBSPOT,
            {"region": "eu1", "hub_id": 7},
            "https://app-eu1.hubspot.com/oauth/7/authorize?",
            id="region-and-account",
        ),
        pytest.param(
            "https://login.example:8443/a+b/authorize?tenant=x%20y",
            {"region": "eu1", "hub_id": 7},
            "https://login.example:8443/a+b/7/authorize?tenant=x%20y&",
            id="custom-with-query",
        ),
        pytest.param(
            "http://localhost:8000/sandbox/oauth/authorize",
            {"region": "ap1", "hub_id": 7},
            "http://localhost:8000/sandbox/oauth/7/authorize?",
            id="sandbox",
        ),
    ],
)
def test_the_url_for_an_account_and_a_region(base, where, url):
    assert authorization_url(
        authorization_endpoint(base, **where),
        client_id="shop",
        redirect_uri="https://a.example/cb?x=1&y=a+b",
        requested=RequestedScopes(("oauth", "contacts"), ("tickets", "forms")),
        state="s",
    ) == (
        url + "response_type=code&client_id=shop"
        "&redirect_uri=https%3A%2F%2Fa.example%2Fcb%3Fx%3D1%26y%3Da%2Bb"
        "&scope=oauth%20contacts&optional_scope=tickets%20forms&state=s"
    )


@pytest.mark.parametrize("region", ["", "eu", "EU1", "eu1.evil.example/", "na44"])
@pytest.mark.parametrize("base", [HUBSPOT, "https://other.example/authorize"])
def test_an_unknown_region_is_refused(base, region):
    with pytest.raises(ValueError, match="is not one of na1, na2, na3, eu1, ap1"):
        authorization_endpoint(base, region=region)
    assert region not in HUBLETS


@pytest.mark.parametrize("host", ["app", "app-na1", "app-eu1", "app-xx9"])
def test_an_issuer_of_any_region(host):
    iss = f"https://{host}.hubspot.com"
    assert is_issuer(iss, HUBSPOT)
    assert is_issuer(f"{iss}/", HUBSPOT)
    assert not is_issuer(iss, "https://other.example/authorize")


@pytest.mark.parametrize(
    "iss",
    [
        "",
        "http://app-eu1.hubspot.com",
        "https://app-evil.hubspot.com",
        "https://app-xx9.hubspot.com.evil",
        "https://app-xx9.hubspot.com/x",
        "https://app.hubspot.com\n",
        "https://evil.hubspot.com",
    ],
)
def test_no_issuer_of_hubspots(iss):
    assert not is_issuer(iss, HUBSPOT)


def test_a_host_that_only_looks_like_hubspots_keeps_its_name():
    base = "https://app.hubspot.com.evil.example/oauth/authorize"
    assert authorization_endpoint(base, region="eu1") == base


tokens = st.text("abcxyz.-_0123456789!*'()+,&=%#?/~", min_size=1, max_size=20)


@given(
    client_id=tokens,
    redirect_uri=tokens.map("https://a.example/".__add__),
    scope=st.lists(tokens, min_size=1, max_size=5, unique=True),
    optional_scope=st.lists(tokens, max_size=5, unique=True),
    state=st.text("abcXYZ019-_.", min_size=1),
)
@settings(max_examples=200)
def test_whatever_goes_in_comes_out(client_id, redirect_uri, scope, optional_scope, state):
    url = authorization_url(
        HUBSPOT,
        client_id=client_id,
        redirect_uri=redirect_uri,
        requested=RequestedScopes(tuple(scope), tuple(optional_scope)),
        state=state,
    )
    parts = urlsplit(url)
    assert "+" not in parts.query
    assert not parts.fragment
    expected = {
        "response_type": ["code"],
        "client_id": [client_id],
        "redirect_uri": [redirect_uri],
        "scope": [" ".join(scope)],
        "state": [state],
    }
    if optional_scope:
        expected["optional_scope"] = [" ".join(optional_scope)]
    assert parse_qs(parts.query, strict_parsing=True) == expected


def test_two_apps_do_not_get_one_anothers_url():
    requested = RequestedScopes(("oauth",))
    urls = {
        authorization_url(endpoint, client_id=client, redirect_uri=uri, requested=requested)
        for endpoint in (HUBSPOT, "https://b.example/a")
        for client in ("one", "two")
        for uri in ("https://a.example/1", "https://a.example/2")
    }
    assert len(urls) == 8


@pytest.mark.parametrize(
    ("text", "scope", "optional_scope"),
    [
        pytest.param(
            "https://app.hubspot.com/oauth/authorize?client_id=x&scope=oauth%20tickets",
            ("oauth", "tickets"),
            (),
            id="plain",
        ),
        pytest.param(
            "see <https://app-eu1.hubspot.com/oauth/123/authorize?scope=a+b&optional_scope=c>.",
            ("a", "b"),
            ("c",),
            id="in-angle-brackets",
        ),
        pytest.param(
            'href="https://app.hubspot.com/oauth/authorize?client_id=x&amp;scope=a" more',
            ("a",),
            (),
            id="html",
        ),
        pytest.param(
            "https://app.hubspot.com/oauth/authorize?client_id%3Dx%26scope%3Da%2520b",
            ("a", "b"),
            (),
            id="encoded-as-a-whole",
        ),
        pytest.param(
            "https://example.com/ https://app.hubspot.com/oauth/authorize?optional_scope=c",
            (),
            ("c",),
            id="the-second-address",
        ),
        pytest.param(
            "https://app.hubspot.com/oauth/authorize?scope=a,b", ("a,b",), (), id="commas-stay"
        ),
    ],
)
def test_an_authorize_url_is_found_in_a_text(text, scope, optional_scope):
    found = find_authorization_url(text)
    assert found is not None
    assert (found.requested.scope, found.requested.optional_scope) == (scope, optional_scope)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no address",
        "https://app.hubspot.com/oauth/authorize",
        "https://app.hubspot.com/oauth/authorize?client_id=x",
        "https://www.example.com/?scope=a",
        "https://app.hubspot.com/oauth/authorize?scope=a%20b...",
        "https://app.hubspot.com/oauth/authorize?scope=a%20b ... (truncated)",
        "https://app.hubspot.com/oauth/authorize?scope=a%20b\u2026",
        "https://app.hubspot.com/oauth/authorize?" + "scope=a&" * 60,
    ],
)
def test_what_is_no_authorize_url_or_was_cut_off_is_left_aside(text):
    assert find_authorization_url(text) is None


@pytest.mark.parametrize(
    ("text", "scope", "optional_scope"),
    [
        ("{}?client_id=x&scope=oauth tickets forms&redirect_uri=y", "oauth tickets forms", ""),
        ("{}?scope=oauth social&optional_scope=forms files", "oauth social", "forms files"),
        ("{}\n  ?client_id=x\n  &scope=oauth%20\n  forms\n", "oauth forms", ""),
        (
            "{}?client_id=x&scope=oauth%20crm.objects.con\ntacts.read&state=s",
            "oauth crm.objects.contacts.read",
            "",
        ),
        ("{}?scope=oauth tickets and then an error", "oauth tickets", ""),
        ("{}?scope=oauth\nInsufficient scopes were provided.", "oauth", ""),
        ("{}?scope=oauth&state=x tickets", "oauth", ""),
    ],
)  # fmt: skip
def test_blanks_and_line_breaks_in_an_address_are_read(text, scope, optional_scope):
    found = find_authorization_url(text.format("https://app.hubspot.com/oauth/authorize"))
    assert found.requested.scope == tuple(scope.split())
    assert found.requested.optional_scope == tuple(optional_scope.split())
