import json
import re

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
COMMENT = "a comment. HubSpot parses this file as plain JSON and can't upload it; remove it"
READ = AppConfiguration(
    required=("oauth", "crm.objects.contacts.read"),
    conditional=("forms",),
    optional=("tickets",),
    redirect_urls=("https://a.example/callback", "http://localhost:3000/cb"),
)

A_COMMENT = ": a comment. HubSpot parses this file as plain JSON and can't upload it; remove it"


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
        pytest.param({"config": [], "auth": AUTH}, READ, id="config-of-something-else"),
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
        pytest.param(
            "[" * 100_000,
            ["is not JSON that can be read: nested too deep"],
            id="nested-too-deep",
        ),
        pytest.param(
            f'["{"9" * 5000}",\n {"9" * 5000}]',
            ["is not JSON that can be read: 99999999999999999999… isn't a number that can be read"],
            id="number-too-long",
        ),
        pytest.param(
            '{"NaN": [1, -1.5e3,\n-Infinity]}',
            ["is not JSON that can be read: -Infinity isn't a number that can be read"],
            id="infinity",
        ),
        pytest.param(
            "NaN",
            ["is not JSON that can be read: NaN isn't a number that can be read"],
            id="nan",
        ),
        pytest.param(
            "[1, NaN0]",
            ["is not JSON that can be read: NaN isn't a number that can be read"],
            id="nan-and-more",
        ),
        pytest.param(
            "[1e400]",
            ["is not JSON that can be read: 1e400 isn't a number that can be read"],
            id="infinity-by-size",
        ),
        pytest.param(
            '{}\n // "\n /* no end /',
            [f"is not JSON: line 2, column 2{A_COMMENT}"],
            id="comment-without-an-end",
        ),
        pytest.param(
            "/*/",
            [f"is not JSON: line 1, column 1{A_COMMENT}"],
            id="half-a-comment",
        ),
        pytest.param(
            '{"auth": {}} /* a\n */ /',
            [f"is not JSON: line 1, column 14{A_COMMENT}"],
            id="place-behind-a-comment",
        ),
        pytest.param("[,]", ["is not JSON: line 1, column 2: Expecting value"], id="only-a-comma"),
        pytest.param(
            "[1,,]", ["is not JSON: line 1, column 4: Expecting value"], id="two-trailing-commas"
        ),
        pytest.param(
            '{"auth":,}',
            ["is not JSON: line 1, column 9: Expecting value"],
            id="comma-for-a-value",
        ),
        pytest.param(
            '{"auth": {}}'.encode("utf-16"),
            ["is UTF-16 text; it has to be saved as UTF-8"],
            id="utf-16",
        ),
        pytest.param(" " * 1_000_001, ["is larger than 1,000,000 bytes"], id="huge"),
        pytest.param(
            "\n []",
            ["has to be a JSON object at its top, not a list"],
            id="list-at-the-top",
        ),
        pytest.param(
            "null",
            ["has to be a JSON object at its top, not null"],
            id="null-at-the-top",
        ),
        pytest.param("{}", ['has neither "config.auth" nor "auth"'], id="no-auth"),
        pytest.param(
            '{"config": [1], "auth": null}',
            [
                "line 1: config has to be a JSON object, not a list",
                'has neither "config.auth" nor "auth"',
            ],
            id="neither",
        ),
        pytest.param(
            '{"config": {"auth": null}}', ['has neither "config.auth" nor "auth"'], id="null"
        ),
        pytest.param(
            '{"auth": "oauth"}',
            ["line 1: auth has to be a JSON object, not text"],
            id="auth-is-text",
        ),
        pytest.param(
            '{"config": {"auth": []}, "auth": {}}',
            ["line 1: config.auth has to be a JSON object, not a list"],
            id="config-auth-is-a-list",
        ),
        pytest.param(
            '{\n"auth": {},\n"config": null,\n"auth": true}',
            [
                "auth is there more than once",
                "line 2: auth has to be a JSON object, not true or false",
            ],
            id="auth-twice",
        ),
        pytest.param(
            '{"config": {"auth": {"a": 1, "a": 2,\r\n"type": "oauth", "type": "oauth"},\n'
            ' "x": 1, "x": 1}, "a": 1, "a": {"b": 1, "b": 2}, "auth": {"a": 1, "a": 2}}',
            [
                "a is there more than once",
                "config.x is there more than once",
                "config.auth.a is there more than once",
                "config.auth.type is there more than once",
            ],
            id="keys-twice",
        ),
        pytest.param(
            r'{"auth": {"optionalScopes\ud800": [], "x\n": 1, "x\n": 2}}',
            [
                r"auth.x\n is there more than once",
                (
                    r'line 1: unknown key "optionalScopes\ud800" in auth; '
                    "did you mean optionalScopes?"
                ),
            ],
            id="keys-that-cannot-be-shown",
        ),
    ],
)
def test_a_file_that_is_no_app_configuration(raw, problems):
    assert problems_of(raw) == problems


WRONG_AUTH = {
    "type": "basic",
    "redirectUrls": [1, "https://a.example", {}],
    "requiredScopes": ["ok", "a b", 7, "ü", ""],
    "optionalScopes": "tickets",
    "conditionallyRequiredScopes": None,
}
WRONG = [
    ("line 13", "config.auth.requiredScopes[1]: 'a b' is not a legal scope name"),
    ("line 11", "config.auth.requiredScopes[2] has to be text, not a number"),
    ("line 15", "config.auth.requiredScopes[3]: 'ü' is not a legal scope name"),
    ("line 16", "config.auth.requiredScopes[4]: '' is not a legal scope name"),
    (
        "line 19",
        "config.auth.conditionallyRequiredScopes has to be a list of texts, not null",
    ),
    ("line 18", "config.auth.optionalScopes has to be a list of texts, not text"),
    ("line 6", "config.auth.redirectUrls[0] has to be text, not a number"),
    ("line 6", "config.auth.redirectUrls[2] has to be text, not an object"),
    ("line 5", 'config.auth.type is \'basic\', not "oauth" or "static"'),
]


def test_every_problem_is_named_with_its_place():
    text = "\ufeff\r\n" + json.dumps({"config": {"auth": WRONG_AUTH}}, indent=2)
    assert problems_of(text) == [f"{place}: {words}" for place, words in WRONG]
    assert problems_of(text.encode()) == problems_of(text)


def test_a_document_that_is_parsed_already_has_no_lines():
    with pytest.raises(AppConfigurationError) as caught:
        read_app_configuration({"config": {"auth": WRONG_AUTH}}, origin="x")
    assert list(caught.value.problems) == [words for _, words in WRONG]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"OAuth"', 'is \'OAuth\', not "oauth" or "static"'),
        ("null", "has to be text, not null"),
        ("[]", "has to be text, not a list"),
        ("1.5", "has to be text, not a number"),
        (f'"{"x" * 5000}"', f'is \'{"x" * 100}…\', not "oauth" or "static"'),
    ],
    ids=["case", "null", "list", "number", "long"],
)
def test_a_type_that_hubspot_does_not_have(value, words):
    assert problems_of(f'{{"auth": {{"type": {value}}}}}') == [f"line 1: auth.type {words}"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("scopes", "requiredScopes"),
        ("scope", "requiredScopes"),
        ("Scopes", "requiredScopes"),
        ("required_scopes", "requiredScopes"),
        ("requiredscopes", "requiredScopes"),
        ("requiredScope", "requiredScopes"),
        ("required-scopes", "requiredScopes"),
        ("optionalScope", "optionalScopes"),
        ("optional_scope", "optionalScopes"),
        ("conditionalScopes", "conditionallyRequiredScopes"),
        ("conditional_scopes", "conditionallyRequiredScopes"),
        ("conditional-scopes", "conditionallyRequiredScopes"),
        ("conditionalRequiredScopes", "conditionallyRequiredScopes"),
        ("conditionally_required_scopes", "conditionallyRequiredScopes"),
        ("redirectUrl", "redirectUrls"),
        ("redirectUris", "redirectUrls"),
        ("redirect_uri", "redirectUrls"),
        ("redirectURLs", "redirectUrls"),
    ],
)
def test_a_misspelt_key_is_named_with_what_was_meant(key, meant):
    words = f'unknown key "{key}" in config.auth; did you mean {meant}?'
    text = f'{{"config": {{"auth": {{\n  "{key}": []\n}}}}}}'
    assert problems_of(text) == [f"line 2: {words}"]
    with pytest.raises(AppConfigurationError, match=re.escape(words)):
        read_app_configuration(json.loads(text), origin="x")
    both = f'{{"auth": {{"{meant}": [], "{key}": 7}}}}'
    assert parse_app_configuration(both, origin="x") == AppConfiguration()


@pytest.mark.parametrize("key", ["", "clientId", "installUrl", "urls", "requiredScopes2" * 9])
def test_other_keys_are_hubspots_business(key):
    text = json.dumps({"auth": {key: 1}})
    assert parse_app_configuration(text, origin="x") == AppConfiguration()


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ('{"auth": {"optionalScopes": ["a",]}}', "line 1, column 33", "a trailing comma"),
        ('{"auth": {"optionalScopes": ["a"],\n}}', "line 1, column 34", "a trailing comma"),
        ('{\n// ours\n"auth": {}}', "line 2, column 1", "a comment"),
        ('{"auth": {"type": "oauth" /* "a" */}}', "line 1, column 27", "a comment"),
        ('{"x": "// no", "y": "/* no */, ]",\r\n"auth": {},}', "line 2, column 11", "a trailing"),
    ],
)
def test_what_json_does_not_allow_is_named_with_its_place(text, place, what):
    (problem,) = problems_of(text)
    assert problem.startswith(f"is not JSON: {place}: {what}")
    assert "HubSpot" in problem


def test_of_many_problems_the_first_are_named():
    problems = problems_of(json.dumps({"auth": {"optionalScopes": ["a b"] * 1250}}))
    assert len(problems) == 51
    assert problems[-1] == "and 1,200 more"
    assert problems[49].endswith(": auth.optionalScopes[49]: 'a b' is not a legal scope name")


# What takes the square of its length takes minutes with a megabyte of these.
NOISE = {
    "comments-begin": "/* /",
    "comments": "/**/\n",
    "halves-of-comments": "/*/*/*",
    "quotes": '"""""',
    "lists": "[",
    "empty-lists": "[],",
    "objects": '{"a":',
    "commas": ",",
    "commas-and-blanks": "1 , ",
    "blanks": " ",
    "line-breaks": "\r\n",
    "backslashes": "\\",
    "digits": "9",
    "trailing-commas": "1,]",
    "other": "\ufeff",
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("", ""),
        ('{"auth": {"optionalScopes": ["', ""),
        ('{"auth": {"optionalScopes": [', "0"),
        ('{"auth": {}, "a": {"b": 1', "]"),
    ],
    ids=["alone", "in-a-text", "in-a-list", "in-an-object"],
)
def test_a_megabyte_of_noise_is_one_clear_error(head, tail, noise):
    room = 1_000_000 - len(head) - len(tail)
    problems = problems_of(head + noise * (room // len(noise)) + tail)
    assert len(problems) == 1
    assert problems[0].startswith("is not JSON")
    assert len(problems[0]) < 200


@pytest.mark.parametrize(
    ("element", "number"),
    [('""', 331_000), ("0", 490_000), ('"' + "a " * 400 + '"', 1_200)],
    ids=["empty-names", "numbers", "long-names"],
)
def test_a_megabyte_of_wrong_elements_is_one_short_error(element, number):
    text = f'{{"auth": {{"requiredScopes": [{",".join([element] * number)}]}}}}'
    problems = problems_of(text)
    assert problems[-1] == f"and {number - 50:,} more"
    assert sum(map(len, problems)) < 20_000


def test_a_megabyte_of_members_is_looked_through():
    keys = ",".join(f'"requiredScop{index}": 1' for index in range(40_000))
    problems = problems_of(f'{{"auth": {{{keys}}}}}')
    assert len(problems) == 20
    assert all(problem.endswith("in auth; did you mean requiredScopes?") for problem in problems)
    twice = ",".join(['"a": 1'] * 120_000)
    assert problems_of(f'{{"auth": {{{twice}}}}}') == ["auth.a is there more than once"]


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
