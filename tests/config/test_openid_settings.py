"""The settings of the OpenID provider: all problems at once, and no password beside it."""

import pytest
from pydantic import SecretStr

from oauth_helper.cli.bootstrap import with_support_user
from oauth_helper.cli.doctor import examine
from oauth_helper.config.settings import Settings, SettingsError
from oauth_helper.config.staff_access import AccessRule

WHOLE = {
    "OIDC_ISSUER": "https://id.example/tenant/",
    "OIDC_CLIENT_ID": "us",
    "OIDC_CLIENT_SECRET": "canary-secret",
    "OIDC_AGENTS": "Ana@Example.com, groups=support",
    "OIDC_VIEWERS": "@example.com",
}


def problems_of(**changes):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**WHOLE, **changes})
    return caught.value.problems


def test_as_they_are_given():
    config = Settings.from_environ(WHOLE)
    assert config.openid.issuer == "https://id.example/tenant/"  # to the letter
    assert config.openid.client_secret == SecretStr("canary-secret")
    assert config.openid.agents == (AccessRule("ana@example.com"), AccessRule("groups=support"))
    assert config.openid.viewers == (AccessRule("@example.com"),)
    assert config.openid.name == "your organisation"
    assert "canary" not in repr(config)


def test_none_of_them_is_needed():
    assert Settings.from_environ({"OIDC_NAME": "Example"}).openid is None


@pytest.mark.parametrize("name", ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"])
def test_one_without_the_others_is_named(name):
    (problem,) = problems_of(**{name: ""})
    assert problem.startswith(f"{name} is missing; OIDC_")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"OIDC_ISSUER": "http://id.example"}, "must start with https://"),
        ({"OIDC_ISSUER": "id.example"}, "must be a web address"),
        ({"OIDC_ISSUER": "https://id.example?a=b"}, "without a query"),
        ({"OIDC_ISSUER": "https://u:canary@id.example"}, "must be a web address"),
        ({"OIDC_CLIENT_ID": "ü"}, "must be ASCII text"),
        ({"OIDC_CLIENT_SECRET": "canary\x07"}, "without control characters"),
        ({"OIDC_AGENTS": "", "OIDC_VIEWERS": ""}, "nobody could sign in"),
        ({"OIDC_AGENTS": "everybody"}, "entry 1 must be an e-mail address"),
        ({"OIDC_VIEWERS": "email=ana@example.com"}, "a claim other than email"),
    ],
)
def test_a_wrong_one_is_named(changes, says):
    (problem,) = problems_of(**changes)
    assert says in problem
    assert problem.split()[0] in changes
    assert "canary" not in problem


def test_all_wrong_ones_are_named_at_once():
    names = [problem.split()[0] for problem in problems_of(OIDC_CLIENT_ID="", OIDC_AGENTS="x,y")]
    assert names == ["OIDC_CLIENT_ID", "OIDC_AGENTS", "OIDC_AGENTS"]


def test_with_a_provider_no_password_is_made():
    config = Settings.from_environ(WHOLE)
    assert with_support_user(config) == (config, None)
    findings = {each.about: each.text for each in examine(config, {})}
    assert "https://id.example/tenant/" in findings["OIDC_ISSUER"]
    assert "SUPPORT_USERS" not in findings
