"""The scopes of a failure: what differs between link, app and grant."""

import json

import pytest
from failure_examples import a_failure
from harness import services_of

from oauth_helper.diagnosis import Stage
from oauth_helper.scopes import RequestedScopes
from oauth_helper.web.support.scope_comparison import alike, scope_rows

CONTACTS = "crm.objects.contacts.read"


@pytest.fixture
def profile(make_app, tmp_path):
    """A profile whose app requires contacts and has tickets as optional."""
    auth = {"requiredScopes": ["oauth", CONTACTS], "optionalScopes": ["tickets"]}
    file = tmp_path / "app-hsmeta.json"
    file.write_text(json.dumps({"config": {"auth": {"type": "oauth", **auth}}}))
    return services_of(make_app(HUBSPOT_APP_CONFIG=str(file))).profiles["workato"]


def differing(failure, profile=None):
    return {row.name: row.differs for row in scope_rows(failure, profile) if row.differs}


def failed(scope, optional_scope="", **known):
    requested = RequestedScopes(tuple(scope.split()), tuple(optional_scope.split()))
    return a_failure(requested=requested, **{"granted": None, "missing": (), **known})


def test_a_link_is_compared_with_the_app(profile):
    failure = failed("oauth tickets", "forms")
    assert differing(failure, profile) == {
        CONTACTS: "not requested",
        "tickets": "wrong parameter",
        "forms": "not in the app",
    }
    assert differing(failure) == {}


def test_what_was_granted_is_compared_with_the_request():
    failure = failed("oauth tickets", "forms", granted=("forms", "social"), missing=("files",))
    assert differing(failure) == {
        "files": "affected",
        "tickets": "not granted",
        "social": "granted without request",
    }


def test_a_refresh_has_no_link_to_compare(profile):
    granted = ("oauth", CONTACTS, "tickets", "forms")
    failure = failed(" ".join(granted), granted=granted, stage=Stage.REFRESH)
    assert differing(failure, profile) == {}
    assert alike(scope_rows(failure, profile)) == [
        ("in the app: not listed, granted", ["forms"]),
        ("in the app: optional, granted", ["tickets"]),
        ("in the app: required, granted", ["oauth", CONTACTS]),
    ]
