import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.config.app_setup import app_hsmeta, setup_checklist
from oauth_helper.config.profiles import Profile
from oauth_helper.scopes import (
    AppConfiguration,
    Availability,
    Catalogue,
    Kind,
    Scope,
    UnknownScopesError,
    check_placement,
    parse_app_configuration,
    shipped_catalogue,
    split,
)

CONTACTS = "crm.objects.contacts.read"
CALLBACK = "https://connect.example.com/callback/workato"
OWN = Catalogue(
    "",
    (
        Scope("oauth", Kind.REQUIRED, ""),
        Scope("contacts", Kind.REQUIRED, "", availability=Availability.ON_REQUEST),
        Scope("deals", Kind.CONDITIONAL, ""),
        Scope("tickets", Kind.OPTIONAL, ""),
        Scope("hubdb", Kind.OPTIONAL, "", availability=Availability.ON_REQUEST),
    ),
)


def profile(catalogue, **changes):
    return Profile(
        name="workato",
        title="Workato",
        client_id="canary-id",
        client_secret=SecretStr("canary-secret"),
        redirect_uri=CALLBACK,
        catalogue=catalogue,
        **changes,
    )


def names(scopes):
    return [scope.name for scope in scopes]


def test_the_checklist_of_the_shipped_catalogue():
    checklist = setup_checklist(profile(shipped_catalogue()))
    assert checklist.title == profile(shipped_catalogue()).title
    assert checklist.redirect_urls == (CALLBACK, "https://www.workato.com/oauth/callback")
    assert names(checklist.required) == [CONTACTS]
    assert checklist.conditional == ()
    assert len(checklist.optional) == 47
    assert names(checklist.left_out) == ["crm.schemas.custom.write"]
    assert checklist.ask_first == ()


@pytest.mark.parametrize(
    ("changes", "chosen", "optional", "left_out", "ask_first"),
    [
        pytest.param({}, None, ["tickets"], ["hubdb"], ["contacts"], id="by-default"),
        pytest.param({}, ["hubdb"], ["hubdb"], ["tickets"], ["contacts", "hubdb"], id="chosen"),
        pytest.param({}, [], [], ["tickets", "hubdb"], ["contacts"], id="none"),
        pytest.param(
            {"optional_scopes": ("hubdb", "tickets")},
            None,
            ["tickets", "hubdb"],
            [],
            ["contacts", "hubdb"],
            id="profiles-own",
        ),
        pytest.param(
            {"app": AppConfiguration()},
            None,
            ["tickets"],
            ["hubdb"],
            ["contacts"],
            id="app-differs",
        ),
    ],
)
def test_what_is_marked_as_what(changes, chosen, optional, left_out, ask_first):
    checklist = setup_checklist(profile(OWN, **changes), chosen)
    assert checklist.title == "Workato"
    assert names(checklist.required) == ["contacts"]
    assert names(checklist.conditional) == ["deals"]
    assert names(checklist.optional) == optional
    assert names(checklist.left_out) == left_out
    assert names(checklist.ask_first) == ask_first


def test_an_unknown_choice_is_refused():
    with pytest.raises(UnknownScopesError, match="payments"):
        setup_checklist(profile(OWN), ["payments"])


def test_the_file_for_a_developer_project():
    text = app_hsmeta(setup_checklist(profile(OWN), ["tickets"]))
    document = json.loads(text)
    assert document["type"] == "app"
    assert document["config"]["auth"] == {
        "type": "oauth",
        "redirectUrls": [CALLBACK],
        "requiredScopes": ["oauth", "contacts"],
        "optionalScopes": ["tickets"],
        "conditionallyRequiredScopes": ["deals"],
    }
    assert text.endswith("}\n")
    assert "canary" not in text


@given(st.lists(st.sampled_from(sorted(shipped_catalogue().by_name)), unique=True))
@settings(max_examples=100)
def test_an_app_that_is_set_up_by_the_file_accepts_what_is_asked_for(chosen):
    asking = profile(shipped_catalogue())
    text = app_hsmeta(setup_checklist(asking, chosen))
    app = parse_app_configuration(text, origin="made")
    requested = split(asking.catalogue, app, optional=chosen)
    assert check_placement(requested.scope, requested.optional_scope, app) == ()
    assert requested == asking.requested_scopes(chosen)
    assert asking.redirect_uri in app.redirect_urls
