import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oauth_helper.scopes import (
    AppConfiguration,
    AppConfigurationError,
    Kind,
    load_app_configuration,
    parse_app_configuration,
    read_app_configuration,
)

AUTH = {
    "type": "oauth",
    "redirectUrls": ["https://a.example/callback", "http://localhost:3000/cb"],
    "requiredScopes": ["oauth", "crm.objects.contacts.read"],
    "optionalScopes": ["tickets"],
    "conditionallyRequiredScopes": ["forms"],
}
READ = AppConfiguration(
    required=("oauth", "crm.objects.contacts.read"),
    conditional=("forms",),
    optional=("tickets",),
    redirect_urls=("https://a.example/callback", "http://localhost:3000/cb"),
)


def problems_of(raw):
    with pytest.raises(AppConfigurationError) as caught:
        parse_app_configuration(raw, origin="app.json")
    assert caught.value.origin == "app.json"
    assert str(caught.value) == "app.json: " + "; ".join(caught.value.problems)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"uid": "a", "type": "app", "config": {"auth": AUTH}}, READ, id="app-hsmeta"),
        pytest.param({"auth": AUTH}, READ, id="public-app"),
        pytest.param({"config": {"name": "x"}, "auth": AUTH}, READ, id="config-without-auth"),
        pytest.param({"config": {"auth": AUTH}, "auth": {}}, READ, id="config-comes-first"),
        pytest.param({"config": {"auth": None}, "auth": AUTH}, READ, id="null-is-left-out"),
        pytest.param({"auth": {}}, AppConfiguration(), id="nothing-listed"),
        pytest.param(
            {"auth": {"requiredScopes": ["tickets"]}},
            AppConfiguration(required=("oauth", "tickets")),
            id="oauth-is-added",
        ),
        pytest.param(
            {"auth": {"requiredScopes": ["tickets", "oauth", "tickets"]}},
            AppConfiguration(required=("tickets", "oauth")),
            id="oauth-and-order-stay-repeats-go",
        ),
        pytest.param(
            {"auth": {"type": "static", "requiredScopes": ["tickets"]}},
            AppConfiguration(required=("oauth", "tickets"), auth_type="static"),
            id="static",
        ),
    ],
)
def test_each_form_of_file(document, expected):
    assert parse_app_configuration(json.dumps(document), origin="app.json") == expected
    assert read_app_configuration(document, origin="app.json") == expected


def test_a_byte_order_mark_does_not_matter():
    text = "\ufeff" + json.dumps({"auth": AUTH})
    assert parse_app_configuration(text, origin="x") == READ
    assert parse_app_configuration(text.encode(), origin="x") == READ


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("oauth", Kind.REQUIRED),
        ("forms", Kind.CONDITIONAL),
        ("tickets", Kind.OPTIONAL),
        ("hubdb", None),
        ("", None),
    ],
)
def test_how_the_app_lists_a_scope(name, kind):
    assert READ.kind_of(name) is kind
    assert (name in READ.listed) is (kind is not None)


def test_of_two_kinds_the_strictest_counts():
    app = AppConfiguration(required=("a",), conditional=("a", "b"), optional=("a", "b"))
    assert (app.kind_of("a"), app.kind_of("b")) == (Kind.REQUIRED, Kind.CONDITIONAL)


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        pytest.param("", ["is not JSON: line 1, column 1: Expecting value"], id="empty"),
        pytest.param(
            '{\n  "auth": {,}\n}',
            ["is not JSON: line 2, column 12: Expecting property name enclosed in double quotes"],
            id="not-json",
        ),
        pytest.param(b'{"a": "\xff"}', ["is not UTF-8 text (byte 7)"], id="not-utf-8"),
        pytest.param("[" * 100_000, ["is not JSON that can be read"], id="nested-too-deep"),
        pytest.param("9" * 5000, ["is not JSON that can be read"], id="number-too-long"),
        pytest.param(" " * 1_000_001, ["is larger than 1,000,000 bytes"], id="huge"),
        pytest.param("[]", ["has to be a JSON object at its top"], id="list-at-the-top"),
        pytest.param("null", ["has to be a JSON object at its top"], id="null-at-the-top"),
        pytest.param("{}", ['holds neither "config.auth" nor "auth"'], id="no-auth"),
        pytest.param(
            '{"config": [1], "auth": null}',
            ['holds neither "config.auth" nor "auth"'],
            id="neither",
        ),
        pytest.param('{"auth": "oauth"}', ["auth has to be a JSON object"], id="auth-is-text"),
        pytest.param(
            '{"config": {"auth": []}, "auth": {}}',
            ["config.auth has to be a JSON object"],
            id="config-auth-is-a-list",
        ),
    ],
)
def test_a_file_that_is_no_app_configuration(raw, problems):
    assert problems_of(raw) == problems


def test_every_problem_is_named_with_its_place():
    auth = {
        "type": "basic",
        "redirectUrls": [1, "https://a.example", {}],
        "requiredScopes": ["ok", "a b", 7, "ü", ""],
        "optionalScopes": "tickets",
        "conditionallyRequiredScopes": None,
    }
    assert problems_of(json.dumps({"config": {"auth": auth}})) == [
        "config.auth.requiredScopes[1]: 'a b' is no legal scope name",
        "config.auth.requiredScopes[2] has to be text",
        "config.auth.requiredScopes[3]: 'ü' is no legal scope name",
        "config.auth.requiredScopes[4]: '' is no legal scope name",
        "config.auth.conditionallyRequiredScopes has to be a list of texts",
        "config.auth.optionalScopes has to be a list of texts",
        "config.auth.redirectUrls[0] has to be text",
        "config.auth.redirectUrls[2] has to be text",
        'config.auth.type is \'basic\', not "oauth" or "static"',
    ]


def test_a_file_is_read(tmp_path):
    path = tmp_path / "app-hsmeta.json"
    path.write_text(json.dumps({"config": {"auth": AUTH}}), "utf-8")
    assert load_app_configuration(path) == READ


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        pytest.param("gone.json", None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(".", None, "cannot be read: Is a directory", id="folder"),
        pytest.param("a\0b", None, "cannot be read: no legal path", id="zero-byte"),
        pytest.param("big.json", b" " * 1_000_001, "is larger than 1,000,000 bytes", id="huge"),
        pytest.param("odd.json", b"\x00\xff", "is not UTF-8 text (byte 1)", id="not-utf-8"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, content, problem):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AppConfigurationError) as caught:
        load_app_configuration(path)
    assert caught.value.problems == (problem,)
    assert ascii(name)[1:-1] in ascii(caught.value.origin).replace("\\\\", "\\") or name == "."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
names = st.lists(st.sampled_from(["oauth", "tickets", "a b", ""]) | json_values, max_size=4)
auths = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["oauth", "static"]) | json_values,
        "redirectUrls": st.lists(st.text(), max_size=2) | json_values,
        "requiredScopes": names | json_values,
        "optionalScopes": names | json_values,
        "conditionallyRequiredScopes": names | json_values,
    },
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "auth": auths | json_values,
        "config": st.fixed_dictionaries({}, optional={"auth": auths | json_values}) | json_values,
    },
)


def reads_or_refuses(raw):
    try:
        app = parse_app_configuration(raw, origin="x")
    except AppConfigurationError as error:
        problems = error.problems
    else:
        problems = ("none",)
        assert "oauth" in app.required
        assert app.auth_type in ("oauth", "static")
        assert all(isinstance(name, str) and name.split() == [name] for name in app.listed)
    assert problems
    assert all(problems)


@given(documents | json_values)
@settings(max_examples=300)
def test_any_json_reads_or_is_refused(document):
    reads_or_refuses(json.dumps(document))


@given(st.text() | st.binary())
@example("{}\x00")
@example("\ufeff\ufeff{}")
@example(b"\xff\xfe{\x00}\x00")
@example('{"auth": {"type": "\\ud800"}}')
@example('{"auth": {"type": NaN}}')
@settings(max_examples=300)
def test_any_text_or_bytes_read_or_are_refused(raw):
    reads_or_refuses(raw)


@pytest.mark.parametrize("depth", range(900, 1000, 3))
def test_a_value_that_is_nested_as_deep_as_can_be_read_is_refused(depth):
    nested = "[" * depth + "]" * depth
    reads_or_refuses(f'{{"auth": {{"type": {nested}}}}}')
    reads_or_refuses(f'{{"auth": {{"requiredScopes": [{nested}]}}}}')
