"""Who comes in by OpenID Connect, and what they are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.config.staff_access import (
    AccessRule,
    OpenIdSettings,
    name_in,
    parse_rule,
    verified_email,
)


def somebody(**claims):
    return {"iss": "https://id.example", "sub": "one", **claims}


def with_email(email, *, verified=True):
    return somebody(email=email, email_verified=verified)


def settings(agents="", viewers=""):
    def rules(text):
        return tuple(filter(None, map(parse_rule, text.split())))

    return OpenIdSettings(
        issuer="https://id.example",
        client_id="us",
        client_secret=SecretStr("x"),
        name="Example",
        agents=rules(agents),
        viewers=rules(viewers),
    )


@pytest.mark.parametrize(
    ("rule", "claims"),
    [
        ("ana@example.com", with_email("ana@example.com")),
        ("ana@example.com", with_email("Ana@EXAMPLE.com")),
        ("Ana@Example.com", with_email("ana@example.com")),
        ("@example.com", with_email("anybody@example.com")),
        ("groups=support", somebody(groups=["all", "support"])),
        ("groups=support", somebody(groups="support")),
        ("team=two words", somebody(team="two words")),
        ("https://id.example/team=a=b", {"https://id.example/team": "a=b"}),
    ],
)
def test_a_rule_admits(rule, claims):
    assert parse_rule(rule).admits(claims)


@pytest.mark.parametrize(
    ("rule", "claims"),
    [
        ("ana@example.com", somebody()),
        ("ana@example.com", with_email("bob@example.com")),
        ("ana@example.com", with_email("xana@example.com")),
        ("ana@example.com", with_email("ana@example.com.evil.example")),
        ("ana@example.com", with_email("ana@example.com", verified=False)),
        ("ana@example.com", with_email("ana@example.com", verified="true")),
        ("ana@example.com", with_email(["ana@example.com"])),
        ("@example.com", with_email("ana@sub.example.com")),
        ("@example.com", with_email("ana@notexample.com")),
        ("@example.com", with_email("@example.com")),
        ("@example.com", with_email("ana@evil.example@example.com")),
        ("@example.com", with_email('"ana@evil.example"@example.com')),
        ("@example.com", with_email("ana@example.com\n")),
        ("kim@kelvin.example", with_email("\u212aim@kelvin.example")),
        ("@kelvin.example", with_email("kim@\u212aelvin.example")),
        ("groups=support", somebody(groups=["Support", "support2"])),
        ("groups=support", somebody(groups="unsupported")),
        ("groups=support", somebody(groups={"support": True})),
        ("groups=support", somebody(groups=None)),
        ("admin=True", somebody(admin=True)),
    ],
)
def test_a_rule_does_not_admit(rule, claims):
    assert not parse_rule(rule).admits(claims)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@",
        "@example",
        "ana@",
        "a b@c.example",
        "=x",
        "x=",
        "email=a@b.example",
        "a@b@c.d",
    ],
)
def test_what_is_no_rule(text):
    assert parse_rule(text) is None


def test_an_agent_by_any_rule_is_one_and_nobody_else_comes_in():
    known = settings("groups=support", "@example.com")
    agent = known.admit(with_email("ana@example.com") | {"groups": ["support"]})
    assert (agent.role, agent.rule) == ("agent", AccessRule("groups=support"))
    assert known.admit(with_email("ana@example.com")).role == "viewer"
    assert known.admit(with_email("ana@other.example")) is None
    assert settings().admit(with_email("ana@example.com")) is None


def test_a_grant_is_over_with_its_rule_or_role():
    known = settings("@example.com")
    assert known.grant(AccessRule("@example.com"), "agent")
    assert known.grant(AccessRule("@example.com"), "viewer") is None
    assert known.grant(AccessRule("@other.example"), "agent") is None


def test_names_cannot_be_taken_for_one_another_and_are_no_addresses():
    verified = name_in(with_email("Ana@Example.com"))
    assert verified.startswith("ana#")
    assert verified == name_in(with_email("ana@example.com") | {"sub": "two"})
    assert verified != name_in(with_email("ana@example.org"))
    assert verified != name_in(somebody(preferred_username=verified))
    chosen = somebody(preferred_username="ana@example.com")
    assert name_in(chosen).startswith("anaexample.com#")
    assert name_in(chosen) != name_in(somebody(preferred_username="ana"))
    assert name_in(chosen) != name_in(chosen | {"sub": "two"})
    assert name_in(chosen) != name_in(chosen | {"iss": "https://other.example"})
    assert name_in(somebody(preferred_username=["x"])).startswith("#")


@given(st.text(max_size=80))
def test_a_name_is_short_and_of_one_line_whatever_was_chosen(text):
    name = name_in(somebody(preferred_username=text))
    assert name.isprintable()
    assert len(name) <= 71
    assert parse_rule(name) != AccessRule("ana@example.com")


@given(st.text(max_size=300))
def test_any_address_is_read_or_left_aside(text):
    found = verified_email(with_email(text))
    assert found is None or (found.isascii() and found.count("@") == 1 and len(found) <= 254)
