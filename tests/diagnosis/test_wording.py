import re
import string
import tomllib
from importlib import resources

import pytest

from oauth_helper.diagnosis import Cause, Responsible, fix_for, wording

WORDING = tomllib.loads(
    resources.files("oauth_helper.diagnosis").joinpath("wording.toml").read_text("utf-8")
)
# The vocabulary that clients of the API rely on.
CAUSES = """
url_missing_required_scope url_requests_unconfigured_scope scope_in_wrong_parameter
missing_oauth_scope invalid_scope_name deprecated_scope scopes_badly_encoded account_lacks_feature
user_lacks_permission app_not_approved app_blocked user_denied redirect_uri_mismatch
client_id_invalid client_secret_invalid code_expired_or_reused token_request_malformed pkce_mismatch
state_mismatch granted_missing_required granted_missing_optional token_lacks_scope token_expired
refresh_token_invalid access_token_missing access_token_invalid wrong_region account_unknown
account_not_eligible rate_limited hubspot_unavailable never_returned unknown
"""


def test_the_vocabulary_is_the_same_everywhere(client):
    assert [str(cause) for cause in Cause] == CAUSES.split()
    assert set(WORDING) == set(Cause)
    schemas = client.get("/api/v1/openapi.json").json["components"]["schemas"]
    assert schemas["Cause"]["enum"] == list(Cause)
    assert schemas["Responsible"]["enum"] == list(Responsible)
    assert schemas["Fix"]["properties"]["who"] == {"$ref": "#/components/schemas/Responsible"}


@pytest.mark.parametrize("cause", Cause)
def test_each_cause_has_its_wording(cause):
    said = wording(cause)
    for text in (said.title, said.explained, said.customer):
        assert text == text.strip()
        assert text
    assert len(said.title) <= 50, "has to fit into a list"
    assert said.customer.endswith(".")
    assert type(said.again) is bool
    assert said.fix
    for fix in said.fix:
        assert fix.who.title
        assert fix.steps
        assert all(step.strip() and step.endswith(".") for step in fix.steps)
    assert len({fix.who for fix in said.fix}) == len(said.fix), "each person once"
    table = WORDING[cause]
    assert said.distinguishing_sign.endswith(".")
    for link in said.links:
        assert link.title.strip()
        assert re.fullmatch(r"https://[a-z]+\.hubspot\.com(/[\w./-]+)?", link.url)
    fields = {"title", "explained", "customer", "again", "distinguishing_sign", "fix"}
    assert set(table) - {"links"} == fields
    assert [set(fix) for fix in table["fix"]] == [{"who", "steps"}] * len(table["fix"])


@pytest.mark.parametrize("cause", Cause)
def test_placeholders_are_known_and_only_in_steps(cause):
    said = wording(cause)
    steps = [step for fix in said.fix for step in fix.steps]
    assert {
        (name, spec, conversion)
        for step in steps
        for _, name, spec, conversion in string.Formatter().parse(step)
        if name is not None
    } <= {(name, "", None) for name in ("scopes", "detail", "redirect_uri", "profile")}
    assert "{" not in said.title + said.explained + said.customer


SITUATIONS = tomllib.loads(
    resources.files("oauth_helper.diagnosis").joinpath("situations.toml").read_text("utf-8")
)
# What was not granted is always known by name.
ABOUT_KNOWN_SCOPES = {Cause.GRANTED_MISSING_REQUIRED, Cause.GRANTED_MISSING_OPTIONAL}
EVERY = [(cause, "") for cause in Cause] + [(Cause.UNKNOWN, name) for name in SITUATIONS]


@pytest.mark.parametrize(("cause", "situation"), EVERY)
def test_steps_are_filled_in(cause, situation):
    names = {"redirect_uri": "https://a.example/cb", "profile": "shop"}
    named = fix_for(cause, situation=situation, scopes=("a.b", "c"), detail="d.e", **names)
    said = wording(cause, situation)
    assert [fix.who for fix in named] == [fix.who for fix in said.fix]
    for written, filled in zip(said.fix, named, strict=True):
        conditions = zip(written.steps, written.only_without, strict=True)
        templates = [step for step, without in conditions if not without]
        for template, with_names in zip(templates, filled.steps, strict=True):
            assert "{" not in with_names
            assert ("a.b, c" in with_names) is ("{scopes}" in template)
            assert ("d.e" in with_names) is ("{detail}" in template)
            assert ("https://a.example/cb" in with_names) is ("{redirect_uri}" in template)
            assert ("shop" in with_names) is ("{profile}" in template)


@pytest.mark.parametrize(("cause", "situation"), EVERY)
def test_without_names_there_are_steps_all_the_same(cause, situation):
    if cause in ABOUT_KNOWN_SCOPES or situation == "required_and_listed":
        return
    fixes = fix_for(cause, situation=situation)
    assert fixes
    for fix in fixes:
        assert fix.steps
        assert not any("{" in step or "``" in step for step in fix.steps)
    text = " ".join(step for fix in fixes for step in fix.steps)
    assert "scopes concerned" not in text


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_has_its_own_words(name):
    fields = {"title", "explained", "distinguishing_sign", "fix"}
    assert set(SITUATIONS[name]) <= fields
    assert "fix" in SITUATIONS[name]
    assert len(wording(Cause.UNKNOWN, name).title) <= 50


STEPS = [
    step
    for name in ("wording.toml", "situations.toml", "client_errors.toml")
    for table in tomllib.loads(
        resources.files("oauth_helper.diagnosis").joinpath(name).read_text("utf-8")
    ).values()
    for fix in table["fix"]
    for step in fix["steps"]
    if "{scopes}" in step
]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_reads_right_for_one_scope_and_for_several(step):
    assert not re.search(r"\{scopes\}`? (is|has|was)\b|\{scopes\}[^.]*\b(it|its)\b", step)


def test_names_from_outside_are_not_filled_in_again():
    fixes = fix_for(Cause.URL_MISSING_REQUIRED_SCOPE, scopes=("{profile}", "{0}", "{x.__class__}"))
    assert "{profile}, {0}, {x.__class__}" in fixes[0].steps[0]


@pytest.mark.parametrize(
    ("cause", "again"),
    [
        (Cause.USER_DENIED, True),
        (Cause.CODE_EXPIRED_OR_REUSED, True),
        (Cause.HUBSPOT_UNAVAILABLE, True),
        (Cause.STATE_MISMATCH, True),
        (Cause.URL_MISSING_REQUIRED_SCOPE, False),
        (Cause.REDIRECT_URI_MISMATCH, False),
        (Cause.CLIENT_SECRET_INVALID, False),
        (Cause.USER_LACKS_PERMISSION, False),
    ],
)
def test_whether_starting_again_can_help(cause, again):
    assert wording(cause).again is again


@pytest.mark.parametrize(
    ("cause", "who"),
    [
        (Cause.URL_MISSING_REQUIRED_SCOPE, Responsible.OPERATOR),
        (Cause.URL_REQUESTS_UNCONFIGURED_SCOPE, Responsible.APP_DEVELOPER),
        (Cause.USER_LACKS_PERMISSION, Responsible.ACCOUNT_ADMIN),
        (Cause.APP_NOT_APPROVED, Responsible.ACCOUNT_ADMIN),
        (Cause.APP_BLOCKED, Responsible.APP_DEVELOPER),
        (Cause.REDIRECT_URI_MISMATCH, Responsible.APP_DEVELOPER),
        (Cause.USER_DENIED, Responsible.CUSTOMER),
        (Cause.CLIENT_SECRET_INVALID, Responsible.OPERATOR),
    ],
)
def test_who_is_likeliest_to_fix_it(cause, who):
    assert fix_for(cause)[0].who is who
