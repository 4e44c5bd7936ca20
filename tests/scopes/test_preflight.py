import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import broken_rules

from oauth_helper.scopes import (
    AppConfiguration,
    Kind,
    Preflight,
    RequestedScopes,
    Severity,
    shipped_catalogue,
)
from oauth_helper.scopes.preflight import why_no_redirect_url

CATALOGUE = shipped_catalogue()
OURS = "https://connect.example.com/callback/workato"
CONTACTS, DEALS = "crm.objects.contacts.read", "crm.objects.deals.read"

#: Some of the catalogue, granular ones, and one that nobody knows.
NAMES = (
    "oauth",
    CONTACTS,
    DEALS,
    "hubdb",
    "hubdb.tables.read",
    "content",
    "tickets",
    "crm.objects.custom.read",
    "timeline",
    "x.unheard-of",
)


def preflight(scope, optional_scope="", redirect_uri="", **app):
    lists = {
        kind: tuple(names.split()) if isinstance(names, str) else names
        for kind, names in app.items()
        if kind != "auth_type"
    }
    auth_type = app.get("auth_type", "oauth")
    return Preflight(
        RequestedScopes(tuple(scope.split()), tuple(optional_scope.split())),
        AppConfiguration(**lists, auth_type=auth_type),
        CATALOGUE,
        redirect_uri,
    )


def random_preflight(chance):
    """Each name in each parameter, and of each kind at the app, by chance."""

    def some(share):
        return tuple(name for name in NAMES if chance.random() < share)

    order = chance.sample(NAMES, len(NAMES))
    kinds = {name: chance.choice("rrcoo-") for name in order}
    return Preflight(
        RequestedScopes(some(0.4), some(0.4)),
        AppConfiguration(
            required=tuple(name for name in order if kinds[name] == "r"),
            conditional=tuple(name for name in order if kinds[name] == "c" and name != "oauth"),
            optional=tuple(name for name in order if kinds[name] == "o" and name != "oauth"),
        ),
        CATALOGUE,
    )


def rules_broken_at(app, requested):
    return broken_rules(requested.scope, requested.optional_scope, app)


def test_ten_thousand_random_urls_and_apps():
    """The errors are exactly the broken rules, and either way of mending mends them all."""
    chance = random.Random(20241021)
    accepted = 0
    for _ in range(10_000):
        checked = random_preflight(chance)
        errors = {
            (problem.code, name)
            for problem in checked.problems
            if problem.severity is Severity.ERROR
            for name in problem.scopes
        }
        broken = rules_broken_at(checked.app, checked.requested)
        assert errors == broken
        assert checked.ok is (not broken)
        accepted += checked.ok
        # `oauth` has to be asked for; no app can make up for that.
        with_oauth = RequestedScopes(
            tuple(dict.fromkeys(("oauth", *checked.requested.scope))),
            checked.requested.optional_scope,
        )
        assert not rules_broken_at(checked.corrected, with_oauth)
        assert replace(checked, app=checked.corrected, requested=with_oauth).ok
        assert not rules_broken_at(checked.app, checked.mended)
        if checked.ok:
            assert checked.corrected == checked.app
    assert 0 < accepted < 10_000


@given(st.randoms(use_true_random=False))
def test_the_corrected_app_keeps_what_it_had(chance):
    checked = random_preflight(chance)
    assert checked.app.listed <= checked.corrected.listed
    assert checked.corrected.listed <= checked.app.listed | set(checked.requested.all)
    kinds = (checked.corrected.required, checked.corrected.conditional, checked.corrected.optional)
    assert sum(map(len, kinds)) == len(checked.corrected.listed)


def named(checked):
    return [(str(problem.severity), problem.code, problem.scopes) for problem in checked.problems]


@pytest.mark.parametrize(
    ("checked", "expected"),
    [
        pytest.param(preflight(f"oauth {CONTACTS}", required=CONTACTS), [], id="fits"),
        pytest.param(
            preflight("oauth crm.objects.custom.read", required="crm.objects.custom.read"),
            [("warning", "account_lacks_feature", ("crm.objects.custom.read",))],
            id="tier-gated-in-scope",
        ),
        pytest.param(
            preflight("oauth", "crm.objects.custom.read", optional="crm.objects.custom.read"),
            [],
            id="tier-gated-in-optional-scope",
        ),
        pytest.param(
            preflight("oauth", "hubdb", optional="hubdb"),
            [("warning", "deprecated_scope", ("hubdb",))],
            id="replaced-but-listed",
        ),
        pytest.param(
            preflight("oauth", "hubdb", optional="hubdb.tables.read hubdb.rows.read"),
            [
                ("error", "url_requests_unconfigured_scope", ("hubdb",)),
                ("warning", "deprecated_scope", ("hubdb",)),
            ],
            id="successors-do-not-cover-what-they-replace",
        ),
        pytest.param(
            preflight("oauth contacts", required="contacts"),
            [("warning", "deprecated_scope", ("contacts",))],
            id="gone",
        ),
        pytest.param(
            preflight("oauth", "crm.object.deals.read", optional="crm.object.deals.read"),
            [("warning", "invalid_scope_name", ("crm.object.deals.read",))],
            id="misspelt-in-both",
        ),
        pytest.param(
            preflight("oauth", optional="settings.users.team.write"),
            [("warning", "invalid_scope_name", ("settings.users.team.write",))],
            id="misspelt-in-the-app-by-an-alias",
        ),
        pytest.param(
            preflight("oauth", "x.unheard-of", optional="x.unheard-of"), [], id="unheard-of"
        ),
        pytest.param(
            preflight(f"oauth,{CONTACTS}", required=CONTACTS),
            [
                ("error", "scopes_badly_encoded", (f"oauth,{CONTACTS}",)),
                ("error", "missing_oauth_scope", ("oauth",)),
                ("error", "url_missing_required_scope", (CONTACTS,)),
                ("error", "url_requests_unconfigured_scope", (f"oauth,{CONTACTS}",)),
            ],
            id="commas",
        ),
        pytest.param(
            preflight(f"oauth%20{CONTACTS} oauth", required="oauth"),
            [
                ("error", "scopes_badly_encoded", (f"oauth%20{CONTACTS}",)),
                ("error", "url_requests_unconfigured_scope", (f"oauth%20{CONTACTS}",)),
            ],
            id="encoded-twice",
        ),
        pytest.param(
            preflight('oauth "deals"'),
            [
                ("error", "invalid_scope_name", ('"deals"',)),
                ("error", "url_requests_unconfigured_scope", ('"deals"',)),
            ],
            id="quotation-marks",
        ),
        pytest.param(
            preflight("oauth", redirect_uri=OURS, redirect_urls=(f"{OURS}/",)),
            [("error", "redirect_uri_mismatch", ())],
            id="redirect-url-with-a-slash-more",
        ),
        pytest.param(
            preflight("oauth", redirect_uri=OURS, redirect_urls=()), [], id="no-redirect-urls-known"
        ),
        pytest.param(
            preflight("oauth", redirect_urls=("https://x.example/",)), [], id="scopes-alone"
        ),
        pytest.param(
            Preflight(
                RequestedScopes(("oauth",)),
                AppConfiguration(lists_redirect_urls=True),
                CATALOGUE,
                OURS,
            ),
            [("error", "redirect_uri_mismatch", ())],
            id="no-redirect-url-listed",
        ),
        pytest.param(
            preflight(f"oauth {CONTACTS}", required=CONTACTS, optional=CONTACTS),
            [("warning", "scope_in_wrong_parameter", (CONTACTS,))],
            id="listed-twice",
        ),
        pytest.param(
            preflight("oauth", redirect_uri=OURS, redirect_urls=(OURS, "http://x.example/cb")),
            [("warning", "redirect_uri_mismatch", ())],
            id="another-that-hubspot-does-not-take",
        ),
        pytest.param(
            preflight(
                "oauth", redirect_uri="http://10.0.0.1/cb", redirect_urls=("http://10.0.0.1/cb",)
            ),
            [("error", "redirect_uri_mismatch", ())],
            id="our-own-that-hubspot-does-not-take",
        ),
        pytest.param(
            preflight("oauth", redirect_uri=OURS, auth_type="static"),
            [("error", "redirect_uri_mismatch", ())],
            id="static-app",
        ),
    ],
)
def test_every_difference_is_named(checked, expected):
    assert named(checked) == expected
    assert checked.ok is not any(severity == "error" for severity, _, _ in expected)
    for problem in checked.problems:
        assert problem.url_fix or problem.app_fix
        assert problem.message.endswith((".", "?"))


def only(checked):
    (problem,) = checked.problems
    return problem


@pytest.mark.parametrize(
    ("checked", "words"),
    [
        pytest.param(
            preflight("oauth", "crm.object.deals.read", optional="crm.object.deals.read"),
            f"Did you mean {DEALS}?",
            id="by-spelling",
        ),
        pytest.param(
            preflight("oauth", optional="hubdb.table.read"),
            "Did you mean hubdb.tables.read?",
            id="granular",
        ),
        pytest.param(
            preflight("oauth", redirect_uri=OURS, redirect_urls=(f"{OURS}/",)),
            f"It lists {OURS}/, which is not the same.",
            id="redirect-url",
        ),
        pytest.param(
            preflight("oauth", "hubdb", optional="hubdb hubdb.tables.read"),
            "The app lists hubdb.tables.read already.",
            id="successor-listed",
        ),
        pytest.param(
            preflight("oauth crm.objects.custom.read", required="crm.objects.custom.read"),
            "crm.objects.custom.read: any Hub Enterprise",
            id="subscription",
        ),
    ],
)
def test_what_is_said(checked, words):
    assert words in only(checked).message


def test_a_thousand_unknown_names_are_bounded():
    names = " ".join(f"crm.objects.contacts.reads{number}" for number in range(1000))
    checked = preflight("oauth", names, optional=names)
    assert len(checked.problems) == 20


@pytest.mark.parametrize(
    ("checked", "expected"),
    [
        pytest.param(
            preflight("oauth", "hubdb", optional="hubdb.tables.read hubdb.rows.read timeline"),
            (("oauth",), ("hubdb.tables.read", "hubdb.rows.read")),
            id="successors-that-the-app-lists",
        ),
        pytest.param(
            preflight(f"{DEALS} tickets", CONTACTS, required=CONTACTS, conditional=DEALS),
            (("oauth", CONTACTS, DEALS), ()),
            id="moved-added-and-left-out",
        ),
    ],
)
def test_the_mended_request(checked, expected):
    assert (checked.mended.scope, checked.mended.optional_scope) == expected


def test_the_catalogue_decides_what_becomes_conditionally_required():
    tickets = CATALOGUE.by_name["tickets"]
    catalogue = replace(CATALOGUE, scopes=(replace(tickets, kind=Kind.CONDITIONAL),))
    checked = Preflight(RequestedScopes(("oauth", "tickets")), AppConfiguration(), catalogue)
    assert checked.corrected.conditional == ("tickets",)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://app.example.com/oauth/callback", None),
        ("http://localhost:8000/callback/workato", None),
        ("https://localhost/", None),
        ("http://app.example.com/cb", "it is not https"),
        ("https://10.0.0.1/cb", "the host is an IP address"),
        ("http://127.0.0.1:8000/cb", "the host is an IP address"),
        ("https://[::1]/cb", "the host is an IP address"),
        ("https://*.example.com/cb", "a wildcard is not allowed"),
        ("https://app.example.com/*", "a wildcard is not allowed"),
        ("myapp://callback", "it is no https address"),
        ("", "it is no https address"),
        ("https://user@app.example.com/", "it is no https address"),
    ],
)
def test_redirect_urls_that_hubspot_takes(url, why):
    assert why_no_redirect_url(url) == why
