from dataclasses import replace

import pytest

from oauth_helper.sandbox.accounts import ACCOUNTS, SandboxRole, Subscription, has_scope
from oauth_helper.sandbox.rules import (
    SandboxErrorPage,
    SandboxGranted,
    SandboxRequest,
    decide,
    refuse_request,
)
from oauth_helper.scopes import AppConfiguration, shipped_catalogue

CATALOGUE = shipped_catalogue()
FREE, STARTER, PROFESSIONAL, ENTERPRISE = ACCOUNTS
CONTACTS = "crm.objects.contacts.read"
REDIRECT_URI = "https://client.example/callback"
MISMATCH = (
    "Authorization failed because there is a mismatch between the scopes in the install URL and "
    "the app's configured scopes. Please contact the app developer."
)
INVALID_NAME = "An invalid scope name was provided. Please contact the app developer."


def asked(scope=f"oauth {CONTACTS}", optional_scope="", redirect_uri=REDIRECT_URI):
    return SandboxRequest.from_query(
        {
            "client_id": "shop",
            "redirect_uri": redirect_uri,
            "scope": scope,
            "optional_scope": optional_scope,
        }
    )


def page(app, request):
    found = refuse_request(app, request, CATALOGUE)
    return found and (found.code, found.message)


@pytest.mark.parametrize(
    ("scope", "optional_scope", "expected"),
    [
        pytest.param(f"oauth {CONTACTS}", "", None, id="required-alone"),
        pytest.param(f"oauth {CONTACTS}", "tickets hubdb", None, id="subset-of-optional"),
        pytest.param(f"oauth {CONTACTS} crm.objects.deals.read", "", None, id="conditional"),
        pytest.param(f"oauth {CONTACTS}", CONTACTS, None, id="required-in-both"),
        pytest.param(
            "oauth",
            "",
            ("E1", f"Authorization failed because the provided scopes are missing [{CONTACTS}]"),
            id="required-missing",
        ),
        pytest.param(
            "oauth",
            f"{CONTACTS} tickets",
            ("E1", f"Authorization failed because the provided scopes are missing [{CONTACTS}]"),
            id="required-in-optional",
        ),
        pytest.param(CONTACTS, "", ("E2", MISMATCH), id="oauth-missing"),
        pytest.param("tickets", "", ("E2", MISMATCH), id="oauth-missing-hides-the-required"),
        pytest.param("", "tickets", ("E2", MISMATCH), id="optional-alone"),
        pytest.param(f"oauth {CONTACTS} tickets", "", ("E2", MISMATCH), id="optional-in-scope"),
        pytest.param(f"oauth {CONTACTS}", "social", ("E2", MISMATCH), id="unlisted-in-optional"),
        pytest.param(f"oauth {CONTACTS} social", "", ("E2", MISMATCH), id="unlisted-in-scope"),
        pytest.param(
            f"oauth {CONTACTS}",
            "crm.objects.deals.read",
            ("E2", MISMATCH),
            id="conditional-in-optional",
        ),
        pytest.param(
            f"oauth {CONTACTS}", "hubdb.rows.read", ("E2", MISMATCH), id="granular-is-known"
        ),
        pytest.param("oauth nonsense", "", ("E4", INVALID_NAME), id="unknown-hides-the-missing"),
        pytest.param(f"oauth {CONTACTS}", "nonsense", ("E4", INVALID_NAME), id="unknown-optional"),
        pytest.param(f"oauth,{CONTACTS}", "", ("E4", INVALID_NAME), id="commas"),
        pytest.param('oauth "quoted"', "", ("E4", INVALID_NAME), id="malformed"),
        pytest.param("", "", ("E4", INVALID_NAME), id="none-at-all"),
    ],
)
def test_scopes_of_the_url(shop, scope, optional_scope, expected):
    assert page(shop, asked(scope, optional_scope)) == expected


def test_e1_names_every_missing_scope(shop):
    app = replace(shop, configuration=replace(shop.configuration, required=(CONTACTS, "tickets")))
    assert page(app, asked("oauth"))[1].endswith(f"are missing [{CONTACTS}, tickets]")


def test_a_scope_that_only_the_app_knows_is_no_invalid_name(shop):
    configuration = replace(shop.configuration, optional=("brand.new.scope",))
    app = replace(shop, configuration=configuration)
    assert page(app, asked(optional_scope="brand.new.scope")) is None


def test_e6_comes_before_everything():
    assert page(None, asked("nonsense", redirect_uri="")) == (
        "E6",
        "An invalid app client_id was provided. Please contact the app developer.",
    )


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://client.example/callback/",
        "https://client.example/callback?x=1",
        "HTTPS://client.example/callback",
        "https://evil.example/",
        "",
    ],
)
def test_e5_unless_the_redirect_url_is_listed_exactly(shop, redirect_uri):
    unsigned = replace(shop, policy_signed=False)
    assert page(unsigned, asked(redirect_uri=redirect_uri)) == (
        "E5",
        (
            f"Authorization failed as the redirect URL '{redirect_uri}' doesn't match the app's "
            "registered redirect URL"
        ),
    )


@pytest.mark.parametrize(
    "listed",
    [
        "javascript:alert(1)",
        "/relative",
        "https:///no-host",
        "http://[",
        "https://a.example/\r\nX-Header: 1",
        "https://a.example/\ud800",
    ],
)
def test_what_is_no_web_address_is_not_registered_even_when_listed(shop, listed):
    app = replace(shop, configuration=AppConfiguration(redirect_urls=(listed,)))
    assert page(app, asked("oauth", redirect_uri=listed))[0] == "E5"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"policy_signed": False},
            (
                "The app could not be installed because the app developer has not signed the "
                "acceptable use policy."
            ),
        ),
        (
            {"link_valid": False},
            (
                "This install link is no longer valid. Please visit HubSpot's App Marketplace to "
                "install this app."
            ),
        ),
    ],
    ids=["unsigned-policy", "dead-link"],
)
def test_e8_comes_before_the_scopes(shop, change, message):
    assert page(replace(shop, **change), asked("nonsense")) == ("E8", message)


@pytest.mark.parametrize("role", SandboxRole)
def test_e3_meets_everyone_whose_account_lacks_a_scope_of_scope(shop, role):
    configuration = replace(
        shop.configuration, required=("oauth", "automation", "crm.objects.custom.read")
    )
    app = replace(shop, configuration=configuration, governed=True)
    request = asked("oauth automation crm.objects.custom.read")
    lacks = "Authorization failed because your account lacks access to the required scopes "
    assert decide(app, request, STARTER, role, CATALOGUE) == SandboxErrorPage(
        "E3", f"{lacks}[automation, crm.objects.custom.read]"
    )
    assert decide(app, request, PROFESSIONAL, role, CATALOGUE) == SandboxErrorPage(
        "E3", f"{lacks}[crm.objects.custom.read]"
    )


def test_e9_without_the_right_to_install(shop):
    governed = replace(shop, governed=True)
    assert decide(governed, asked(), FREE, SandboxRole.USER, CATALOGUE) == SandboxErrorPage(
        "E9",
        "Request for Integration Permissions",
        "You don't have permission to connect this app",
    )


@pytest.mark.parametrize("role", [SandboxRole.SUPER_ADMIN, SandboxRole.MARKETPLACE])
def test_e7_until_the_app_is_approved(shop, role):
    assert decide(replace(shop, governed=True), asked(), FREE, role, CATALOGUE) == SandboxErrorPage(
        "E7",
        "Authorization failed because this app hasn't been approved to access the required "
        f"scopes [oauth, {CONTACTS}]",
    )


@pytest.mark.parametrize(
    ("account", "optional"),
    [
        (FREE, ("tickets",)),
        (STARTER, ("tickets",)),
        (PROFESSIONAL, ("automation", "tickets", "hubdb")),
        (ENTERPRISE, ("automation", "tickets", "crm.objects.custom.read", "hubdb")),
    ],
    ids=lambda value: value.subscription.name if hasattr(value, "subscription") else None,
)
def test_optional_scopes_that_the_account_lacks_are_dropped(shop, account, optional):
    request = asked(optional_scope="automation tickets crm.objects.custom.read hubdb")
    granted = decide(shop, request, account, SandboxRole.MARKETPLACE, CATALOGUE)
    assert granted == SandboxGranted(("oauth", CONTACTS), optional)


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("oauth", Subscription.FREE),
        ("automation", Subscription.PROFESSIONAL),
        ("hubdb.rows.read", Subscription.PROFESSIONAL),
        ("crm.objects.custom.read", Subscription.ENTERPRISE),
        ("crm.schemas.custom.write", None),
        ("unheard.of", Subscription.FREE),
    ],
)
def test_the_subscription_from_which_on_a_scope_is_there(name, lowest):
    having = [account for account in ACCOUNTS if has_scope(account, name, CATALOGUE)]
    expected = [a for a in ACCOUNTS if lowest is not None and a.subscription >= lowest]
    assert having == expected
