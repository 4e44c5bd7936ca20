import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import broken_rules

from oauth_helper.scopes import (
    OUT_OF_USE,
    AppConfiguration,
    Kind,
    Preflight,
    RequestedScopes,
    Severity,
    hubspot_scopes,
    missing_scopes,
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
    """The errors are exactly the broken rules, and either fix fixes them all."""
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
        without_oauth = {("missing_oauth_scope", "oauth")} & broken
        broken -= without_oauth
        assert errors == broken
        warned = any(problem.code == "missing_oauth_scope" for problem in checked.problems)
        assert warned is bool(without_oauth)
        assert checked.ok is (not broken)
        accepted += checked.ok
        # `oauth` has to be asked for; no app can make up for that.
        with_oauth = RequestedScopes(
            tuple(dict.fromkeys(("oauth", *checked.requested.scope))),
            checked.requested.optional_scope,
        )
        assert not rules_broken_at(checked.corrected, with_oauth)
        assert replace(checked, app=checked.corrected, requested=with_oauth).ok
        assert not rules_broken_at(checked.app, checked.fixed_request)
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
            [],
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
            [("error", "deprecated_scope", ("contacts",))],
            id="gone",
        ),
        pytest.param(
            preflight("oauth contacts"),
            [("error", "deprecated_scope", ("contacts",))],
            id="gone-and-not-listed-is-one-mistake",
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
                ("error", "url_missing_required_scope", (CONTACTS,)),
                ("error", "url_requests_unconfigured_scope", (f"oauth,{CONTACTS}",)),
                ("warning", "missing_oauth_scope", ("oauth",)),
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
            f"It lists {OURS}/, which isn't the same.",
            id="redirect-url",
        ),
        pytest.param(
            preflight("oauth", "hubdb", optional="hubdb hubdb.tables.read"),
            "This one lists hubdb.tables.read already.",
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


def test_many_unknown_names_are_bounded():
    names = " ".join(f"crm.objects.contacts.read{chr(97 + number % 26)}" for number in range(26))
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
def test_the_fixed_request(checked, expected):
    assert (checked.fixed_request.scope, checked.fixed_request.optional_scope) == expected


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
        ("http://app.example.com/cb", "it isn't https"),
        ("https://10.0.0.1/cb", "the host is an IP address"),
        ("http://127.0.0.1:8000/cb", "the host is an IP address"),
        ("https://[::1]/cb", "the host is an IP address"),
        ("https://*.example.com/cb", "a wildcard isn't allowed"),
        ("https://app.example.com/*", "a wildcard isn't allowed"),
        ("myapp://callback", "it isn't an https address"),
        ("", "it isn't an https address"),
        ("https://user@app.example.com/", "it isn't an https address"),
    ],
)
def test_redirect_urls_that_hubspot_takes(url, why):
    assert why_no_redirect_url(url) == why


@pytest.mark.parametrize(
    ("checked", "in_link", "in_app"),
    [
        (preflight("oauth contacts"), True, False),
        (preflight("oauth", optional="contacts"), False, True),
        (preflight("oauth contacts", required="contacts"), True, True),
    ],
    ids=["link", "app", "both"],
)
def test_a_removed_scope_is_replaced_where_it_is(checked, in_link, in_app):
    (problem,) = checked.problems
    instead = "those of crm.objects.contacts.read"
    assert problem.url_fix.startswith(f"Request {instead}") is in_link
    assert problem.app_fix.startswith(f"List {instead}") is in_app
    assert bool(problem.url_fix) is in_link
    assert bool(problem.app_fix) is in_app
    assert problem.both is (in_link and in_app)


NAMES_OF_HUBSPOT = sorted(hubspot_scopes())


def test_no_name_of_hubspots_is_corrected_into_another():
    """All 263 names of its specifications of 2026-08 mean themselves."""
    assert len(NAMES_OF_HUBSPOT) == 263
    replaced = {name for scope in CATALOGUE.scopes for name in scope.replaced_by}
    listed = " ".join(
        name for name in NAMES_OF_HUBSPOT if name not in {"oauth", *OUT_OF_USE, *replaced}
    )
    checked = preflight("oauth", listed, optional=listed)
    assert checked.problems == ()
    assert all(CATALOGUE.meant_by(name) is None for name in NAMES_OF_HUBSPOT)


@pytest.mark.parametrize(
    ("listed", "redirect_uri", "fits"),
    [
        ("${ORIGIN}/callback/workato", OURS, True),
        ("${URL}", OURS, True),
        ("https://${HOST}/callback/${NAME}", OURS, True),
        ("${ORIGIN}/other", OURS, False),
        ("https://${HOST}/callback/workato", f"{OURS}/", False),
        ("${}", OURS, False),
    ],
)
def test_a_variable_of_the_file_stands_for_any_text(listed, redirect_uri, fits):
    checked = preflight("oauth", redirect_uri=redirect_uri, redirect_urls=(listed,))
    assert checked.ok is fits
    if fits:
        assert checked.corrected == checked.app


def test_a_variable_among_the_scopes_leaves_them_open():
    checked = preflight("oauth forms", required="${SCOPE}")
    assert named(checked) == [("warning", "url_requests_unconfigured_scope", ("forms",))]


@pytest.mark.parametrize(
    ("requested", "granted", "missing"),
    [
        ("tickets forms", "forms", ("tickets",)),
        (
            "tickets",
            (
                "crm.objects.tickets.read crm.objects.tickets.write "
                "crm.schemas.tickets.read crm.schemas.tickets.write"
            ),
            (),
        ),
        ("tickets", "crm.objects.tickets.read crm.objects.tickets.write", ("tickets",)),
        ("files", "files.read files.write files.delete", ()),
        ("timeline", "timeline.read timeline.write", ()),
        ("oauth forms", "", ("forms",)),
        ("crm.objects.tickets.read", "tickets", ()),
    ],
)
def test_all_successors_together_count_as_the_scope_that_they_replace(requested, granted, missing):
    assert missing_scopes(requested.split(), granted.split(), CATALOGUE) == missing
