import copy
import json
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from oauth_helper.scopes import AppConfiguration, AppConfigurationError, read_app_configuration
from oauth_helper.scopes.app_file import AppFile, corrected_document, corrected_text, parse_app_file

CALLBACK = "https://helper.example/callback"

APP_HSMETA = """\
{
  "uid": "workato_connection",
  "type": "app",
  "config": {
    "name": "Workato connection",
    "description": "Lets recipes read and write HubSpot; see https://docs.example // not a comment",
    "distribution": "marketplace",
    "isUserFacing": true,
    "auth": {
      "type": "oauth",
      "redirectUrls": ["http://localhost:3000/oauth-callback"],
      "requiredScopes": [
        "oauth",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write"
      ],
      "optionalScopes": [],
      "conditionallyRequiredScopes": []
    },
    "permittedUrls": {
      "fetch": ["https://api.hubapi.com"],
      "iframe": [],
      "img": []
    },
    "support": {
      "supportEmail": "support@example.com",
      "documentationUrl": "https://example.com/docs",
      "supportUrl": "https://example.com/support",
      "supportPhone": "+18005555555"
    }
  }
}
"""
APP_HSMETA_CORRECTED = """\
{
  "uid": "workato_connection",
  "type": "app",
  "config": {
    "name": "Workato connection",
    "description": "Lets recipes read and write HubSpot; see https://docs.example // not a comment",
    "distribution": "marketplace",
    "isUserFacing": true,
    "auth": {
      "type": "oauth",
      "redirectUrls": ["http://localhost:3000/oauth-callback", "https://helper.example/callback"],
      "requiredScopes": [
        "oauth",
        "crm.objects.contacts.read",
        "tickets"
      ],
      "optionalScopes": [
        "crm.objects.contacts.write",
        "forms"
      ],
      "conditionallyRequiredScopes": []
    },
    "permittedUrls": {
      "fetch": ["https://api.hubapi.com"],
      "iframe": [],
      "img": []
    },
    "support": {
      "supportEmail": "support@example.com",
      "documentationUrl": "https://example.com/docs",
      "supportUrl": "https://example.com/support",
      "supportPhone": "+18005555555"
    }
  }
}
"""
PUBLIC_APP = """\
// Deployed with `hs project upload`.
{
    "name": "Workato connection",
    "uid": "workato_connection",
    "description": "An app of an older project",
    "allowedUrls": ["https://api.hubapi.com"],
    "auth": {
        "redirectUrls": [
            "http://localhost:3000/oauth-callback", // on a developer's machine
        ],
        "requiredScopes": [
            // people
            "crm.objects.contacts.read", // every recipe
            "crm.objects.contacts.write",

            // money
            "crm.objects.deals.read", /* reports */
            "crm.objects.deals.write"  // of the sales team
        ],
        "optionalScopes": ["tickets", "forms" /* of the web site */],
        "conditionallyRequiredScopes": [] // none so far
    },
    "support": {
        "supportEmail": "support@example.com",
        "supportPhone": "+18005555555",
    },
}
"""
PUBLIC_APP_CORRECTED = """\
// Deployed with `hs project upload`.
{
    "name": "Workato connection",
    "uid": "workato_connection",
    "description": "An app of an older project",
    "allowedUrls": ["https://api.hubapi.com"],
    "auth": {
        "redirectUrls": [
            "http://localhost:3000/oauth-callback", // on a developer's machine
            "https://helper.example/callback",
        ],
        "requiredScopes": [
            // people
            "crm.objects.contacts.read", // every recipe

            // money
            "crm.objects.deals.write",  // of the sales team
            "crm.lists.read",
            "crm.lists.write"
        ],
        "optionalScopes": ["forms" /* of the web site */, "hubdb"],
        "conditionallyRequiredScopes": [
            "automation"
        ] // none so far
    },
    "support": {
        "supportEmail": "support@example.com",
        "supportPhone": "+18005555555",
    },
}
"""
GOLDEN = [
    pytest.param(
        APP_HSMETA,
        AppConfiguration(
            required=("oauth", "crm.objects.contacts.read", "tickets"),
            optional=("crm.objects.contacts.write", "forms"),
            redirect_urls=("http://localhost:3000/oauth-callback", CALLBACK),
        ),
        APP_HSMETA_CORRECTED,
        id="app-hsmeta",
    ),
    pytest.param(
        PUBLIC_APP,
        AppConfiguration(
            required=(
                "crm.lists.read",
                "crm.objects.deals.write",
                "crm.objects.contacts.read",
                "crm.lists.write",
            ),
            optional=("forms", "hubdb"),
            conditional=("automation",),
            redirect_urls=(CALLBACK, "http://localhost:3000/oauth-callback"),
        ),
        PUBLIC_APP_CORRECTED,
        id="public-app",
    ),
]


def file_of(text):
    return parse_app_file(text, origin="app.json")


def optional(*names):
    return AppConfiguration(optional=names)


@pytest.mark.parametrize(("text", "app", "corrected"), GOLDEN)
def test_a_whole_file(text, app, corrected):
    assert corrected_text(file_of(text), app) == corrected
    assert corrected_document(file_of(text).document, app) == file_of(corrected).document
    assert corrected_text(file_of(corrected), app) == corrected


@pytest.mark.parametrize(("text", "app", "corrected"), GOLDEN)
def test_the_line_ends_of_windows_stay(text, app, corrected):
    assert corrected_text(file_of(text.replace("\n", "\r\n")), app) == corrected.replace(
        "\n", "\r\n"
    )


@pytest.mark.parametrize("text", [APP_HSMETA, PUBLIC_APP], ids=["app-hsmeta", "public-app"])
def test_a_file_that_is_right_stays_as_it_is(text):
    file = file_of(("\ufeff" + text).encode())
    assert file == AppFile("app.json", text, file.document, file.configuration)
    assert file.configuration == read_app_configuration(file.document, origin="x")
    assert corrected_text(file, file.configuration) == text
    assert corrected_document(file.document, file.configuration) == file.document


SPREAD = '{"auth": {"optionalScopes": [\n  "a",\n  "b", // of b\n  "c" // of c\n]}}'


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        pytest.param('["a", "b"]', "a b c", '["a", "b", "c"]', id="one-line"),
        pytest.param('[ "a", "b" ]', "a b c d", '[ "a", "b", "c", "d" ]', id="inner-blanks"),
        pytest.param('["a", "b",]', "a b c", '["a", "b", "c",]', id="one-line-comma-last"),
        pytest.param('["a", "b", "c"]', "b c", '["b", "c"]', id="first-goes"),
        pytest.param('[ "a", "b", "c" ]', "b c", '[ "b", "c" ]', id="first-goes-inner-blanks"),
        pytest.param('["a", "b", "c"]', "a c", '["a", "c"]', id="middle-goes"),
        pytest.param('["a", "b", "c"]', "a b", '["a", "b"]', id="last-goes"),
        pytest.param('["a", "b", "c",]', "a b", '["a", "b",]', id="last-goes-comma-last"),
        pytest.param('["a", "b", "c"]', "c d", '["c", "d"]', id="one-line-both"),
        pytest.param('["a", "b"]', "c", '["c"]', id="all-others"),
        pytest.param('["a", "b",]', "c d", '["c", "d",]', id="all-others-comma-last"),
        pytest.param('["a", "b"]', "", "[]", id="all-go"),
        pytest.param('["a", "b",]', "", "[]", id="all-go-comma-last"),
        pytest.param('["a", "b", "a"]', "b a", '["a", "b", "a"]', id="right-with-a-repeat"),
        pytest.param('["a", "b", "a"]', "b a c", '["a", "b", "c"]', id="repeat-goes"),
        pytest.param('["a", "b"]', "b a", '["a", "b"]', id="another-order"),
        pytest.param(r'["\u0061"]', "a b", r'["\u0061", "b"]', id="escaped"),
        pytest.param(
            '["a" /* of a */, "b" /* of b */]',
            "a b c",
            '["a" /* of a */, "b" /* of b */, "c"]',
            id="comment-stays-with-the-last",
        ),
        pytest.param(
            '["a" /* of a */, /* of b */ "b"]', "b", '[/* of b */ "b"]', id="comment-goes"
        ),
        pytest.param('["a", /* of b */ "b"]', "a", '["a"]', id="comment-before-goes"),
        pytest.param(
            '["a", "b", /* of b */ ]', "a", '["a", ]', id="comment-behind-the-last-comma-goes"
        ),
        pytest.param('["a" /* 1 */ /* 2 */]', "", "[]", id="comments-go-with-the-only-one"),
        pytest.param("[/* none */]", "a b", '[/* none */ "a", "b"]', id="behind-a-comment"),
        pytest.param(
            '[\n  "a",\n  "b"\n]', "a b c", '[\n  "a",\n  "b",\n  "c"\n]', id="one-a-line"
        ),
        pytest.param(
            '[\n  "a",\n  "b",\n]', "b c d", '[\n  "b",\n  "c",\n  "d",\n]', id="spread-comma-last"
        ),
        pytest.param('[\n  "a",\n  "b"\n]', "a", '[\n  "a"\n]', id="last-line-goes"),
        pytest.param('[\n  "a",\n  "b"\n]', "", "[]", id="all-lines-go"),
        pytest.param('[\n   "a"\n ]', "b c", '[\n   "b",\n   "c"\n ]', id="all-lines-others"),
        pytest.param(
            '[\n  "a", // of a\n  "b" // of b\n]',
            "a b c",
            '[\n  "a", // of a\n  "b", // of b\n  "c"\n]',
            id="line-comment-stays-with-the-last",
        ),
        pytest.param(
            '[\n  "a", // of a\n  "b" // of b\n]',
            "a",
            '[\n  "a" // of a\n]',
            id="line-comment-goes",
        ),
        pytest.param(
            '[\n  "a", // of a\n  "b" // of b\n]', "b", '[\n  "b" // of b\n]', id="first-line-goes"
        ),
        pytest.param(
            '[\n  // group\n  "a", // of a\n  // other\n  "b" // of b\n  // end\n]',
            "",
            "[\n  // group\n  // other\n  // end\n]",
            id="comments-on-their-own-stay",
        ),
        pytest.param(
            '[\n  // group\n  "a",\n  /* other\n     one */\n  "b",\n  "c"\n]',
            "c",
            '[\n  // group\n  /* other\n     one */\n  "c"\n]',
            id="comments-on-their-own-stay-before-the-next",
        ),
        pytest.param(
            '[\n  // group\n  "a" // of a\n]',
            "b",
            '[\n  // group\n  "b"\n]',
            id="others-behind-a-comment-on-its-own",
        ),
        pytest.param(
            '[\n  "a",\n\n  "b",\n  "c",\n\n  "d"\n]',
            "a c d",
            '[\n  "a",\n\n  "c",\n\n  "d"\n]',
            id="blank-lines-stay",
        ),
        pytest.param(
            '[\n  "a",\n\n  "b",\n  "c"\n]',
            "b c",
            '[\n  "b",\n  "c"\n]',
            id="no-blank-line-at-the-beginning",
        ),
        pytest.param('["a",\n "b"]', "b", '["b"]', id="first-of-a-line-each-goes"),
        pytest.param(
            '[\n  "a", "b", // of b\n  "c", "d"\n]',
            "b d e",
            '[\n  "b", // of b\n  "d",\n  "e"\n]',
            id="several-a-line",
        ),
        pytest.param(
            '[\n  "a", "b", // of b\n  "c", "d"]', "a", '[\n  "a"]', id="several-a-line-go"
        ),
        pytest.param('["a", // of a\n "b"]', "a", '["a" // of a\n]', id="a-bracket-moves-up"),
        pytest.param('["a" // of a\n]', "a b", '["a", // of a\n  "b"\n]', id="no-indentation"),
        pytest.param(
            '[ "a" // of a\n, "b" // of b\n, "c"\n]',
            "a b",
            '[ "a" // of a\n, "b" // of b\n]',
            id="commas-first",
        ),
        pytest.param("[ // none\n]", "a", '[ // none\n  "a"\n]', id="none-comment"),
        pytest.param("[\n]", "a", '[\n  "a"\n]', id="none-spread"),
        pytest.param("[]", "a b", '["a", "b"]', id="none"),
        pytest.param("[ ]", "a", '["a"]', id="none-blank"),
    ],
)
def test_one_list(before, names, after):
    text = '{"x": "[]", "auth": {"optionalScopes": %s, "y": [ ]}}'
    app = optional(*names.split())
    assert corrected_text(file_of(text % before), app) == text % after
    windows = (text % before).replace("\n", "\r\n")
    assert corrected_text(file_of(windows), app) == (text % after).replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "{}", '{\n    "optionalScopes": [\n      "a",\n      "b"\n    ]\n  }', id="empty"
        ),
        pytest.param(
            '{"type": "oauth"}', '{"type": "oauth", "optionalScopes": ["a", "b"]}', id="one-line"
        ),
        pytest.param(
            '{ "type": "oauth", }',
            '{ "type": "oauth", "optionalScopes": ["a", "b"], }',
            id="one-line-comma-last",
        ),
        pytest.param(
            '{\n    "type": "oauth" // fixed\n  }',
            '{\n    "type": "oauth", // fixed\n    "optionalScopes": [\n      "a",\n      "b"\n'
            "    ]\n  }",
            id="spread",
        ),
        pytest.param(
            '{\n    "type": "oauth", /* fixed */\n    // end\n  }',
            '{\n    "type": "oauth", /* fixed */\n    "optionalScopes": [\n      "a",\n      "b"\n'
            "    ],\n    // end\n  }",
            id="spread-comma-last",
        ),
        pytest.param(
            '{\n    "redirectUrls": []\n  }',
            '{\n    "redirectUrls": [],\n    "optionalScopes": [\n      "a",\n      "b"\n'
            "    ]\n  }",
            id="an-empty-list-tells-nothing",
        ),
        pytest.param(
            '{\n    "requiredScopes": ["oauth"],\n    "more": {\n    }\n  }',
            '{\n    "requiredScopes": ["oauth"],\n    "more": {\n    },\n'
            '    "optionalScopes": ["a", "b"]\n  }',
            id="like-the-other-lists",
        ),
        pytest.param(
            "{ // nothing\n  }",
            '{ // nothing\n    "optionalScopes": [\n      "a",\n      "b"\n    ]\n  }',
            id="empty-with-a-comment",
        ),
        pytest.param(
            '{"optionalScopes": []\n  }',
            '{"optionalScopes": [\n    "a",\n    "b"\n  ]\n  }',
            id="list-like-the-object-around-it",
        ),
    ],
)
def test_a_list_that_is_missing_or_empty(before, after):
    around = '{\n  "auth": %s\n}\n'
    assert corrected_text(file_of(around % before), optional("a", "b")) == around % after


@pytest.mark.parametrize(
    ("unit", "line_break"),
    [("\t", "\n"), ("   ", "\n"), ("  ", "\r\n"), (" \t", "\r\n")],
    ids=["tab", "three", "windows", "both"],
)
@pytest.mark.parametrize(
    "auth", [{}, {"type": "oauth"}, {"optionalScopes": []}, {"requiredScopes": ["x", "oauth"]}]
)
def test_the_layout_of_the_file_is_taken(unit, line_break, auth):
    def written(auth):
        text = json.dumps({"config": {"auth": auth, "n": 1}}, indent=unit)
        return text.replace("\n", line_break)

    app = AppConfiguration(required=("x", "y"), optional=("a",), redirect_urls=(CALLBACK,))
    expected = corrected_document({"auth": auth}, app)["auth"]
    assert corrected_text(file_of(written(auth)), app) == written(expected)
    spread = written(auth).replace("{}", f"{{{line_break}{unit * 2}}}")
    assert corrected_text(file_of(spread), app) == written(expected)


@pytest.mark.parametrize(
    ("auth", "app", "expected"),
    [
        pytest.param(
            {"requiredScopes": ["a"]},
            AppConfiguration(required=("oauth", "a", "b")),
            {"requiredScopes": ["a", "b"]},
            id="never-added",
        ),
        pytest.param(
            {"type": "oauth"},
            AppConfiguration(required=("oauth", "a")),
            {"type": "oauth", "requiredScopes": ["a"]},
            id="never-added-to-a-new-list",
        ),
        pytest.param({}, AppConfiguration(), {}, id="no-list-for-it-alone"),
        pytest.param(
            {"requiredScopes": ["a", "oauth"]},
            AppConfiguration(required=("b",)),
            {"requiredScopes": ["oauth", "b"]},
            id="never-taken",
        ),
        pytest.param(
            {"optionalScopes": ["oauth", "a"], "conditionallyRequiredScopes": ["oauth"]},
            AppConfiguration(optional=("oauth", "a"), conditional=("oauth",)),
            {"optionalScopes": ["a"], "conditionallyRequiredScopes": []},
            id="only-ever-required",
        ),
        pytest.param(
            {"redirectUrls": ["oauth"]},
            AppConfiguration(redirect_urls=("oauth", "b")),
            {"redirectUrls": ["oauth", "b"]},
            id="a-redirect-url-of-that-name",
        ),
    ],
)
def test_oauth_stands_where_the_file_has_it(auth, app, expected):
    document = {"config": {"auth": auth}}
    assert corrected_document(document, app) == {"config": {"auth": expected}}
    assert file_of(corrected_text(file_of(json.dumps(document)), app)).document == {
        "config": {"auth": expected}
    }


@pytest.mark.parametrize(
    ("auth", "auth_type", "expected"),
    [
        ("{}", "oauth", "{}"),
        ("{}", "static", '{"type": "static"}'),
        ('{"type"/**/: "static"/**/}', "oauth", '{"type"/**/: "oauth"/**/}'),
        ('{"type": "\\u006fauth"}', "oauth", '{"type": "\\u006fauth"}'),
    ],
)
def test_the_type_of_the_app(auth, auth_type, expected):
    text = corrected_text(file_of(f'{{"auth": {auth}}}'), AppConfiguration(auth_type=auth_type))
    assert text == f'{{"auth": {expected}}}'


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("https://münchen.example", '"https://münchen.example"'),
        ('a"\\\n', r'"a\"\\\n"'),
        ("\ud800", r'"\ud800"'),
        ("\u2028", r'"\u2028"'),
    ],
)
def test_any_text_can_be_written(name, written):
    app = AppConfiguration(redirect_urls=(name,))
    text = corrected_text(file_of('{"auth": {"redirectUrls": []}}'), app)
    assert text == f'{{"auth": {{"redirectUrls": [{written}]}}}}'
    assert file_of(text.encode()).configuration == app


def test_the_object_that_is_read_is_corrected():
    text = '{"auth": {"optionalScopes": ["x"]}, "config": {"auth": {"optionalScopes": []}}}'
    assert corrected_text(file_of(text), optional("a")) == (
        '{"auth": {"optionalScopes": ["x"]}, "config": {"auth": {"optionalScopes": ["a"]}}}'
    )
    text = '{"auth": {"optionalScopes": ["x"]}, "config": {"auth": null}}'
    assert corrected_text(file_of(text), optional()) == (
        '{"auth": {"optionalScopes": []}, "config": {"auth": null}}'
    )


def test_a_corrected_document_shares_nothing():
    document = {"config": {"auth": {"optionalScopes": ["a"]}, "more": [{"x": []}]}, "uid": "u"}
    kept = copy.deepcopy(document)
    corrected = corrected_document(document, optional("b"))
    corrected["config"]["more"][0]["x"].append(1)
    assert document == kept
    assert list(corrected) == ["config", "uid"]


@pytest.mark.parametrize("document", [{}, {"auth": []}, {"auth": {"requiredScopes": "a"}}])
def test_what_is_no_app_configuration_is_not_corrected(document):
    with pytest.raises(AppConfigurationError):
        corrected_document(document, optional("a"))
    with pytest.raises(AppConfigurationError, match=r"^app\.json: "):
        file_of(json.dumps(document))


def test_a_document_that_is_nested_too_deep_is_not_corrected():
    nested = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(AppConfigurationError, match="is nested too deep"):
        corrected_document({"auth": {}, "x": nested}, optional("a"))


def test_a_file_as_deep_as_can_be_read_is_corrected():
    text = '{"auth": {}, "x": ' + "[" * 99 + "]" * 99 + "}"
    assert corrected_text(file_of(text), optional("a")).startswith('{"auth": {"optionalScopes"')
    assert corrected_document(file_of(text).document, optional("a"))["auth"]
    with pytest.raises(AppConfigurationError, match="nested more than 100 deep"):
        file_of(text.replace("[]", "[[]]"))


def test_a_megabyte_of_elements_and_comments_is_corrected():
    rows = [f'\n// of {index}\n"s{index}", // {index}' for index in range(25_000)]
    text = f'{{"auth": {{"optionalScopes": [{"".join(rows)}\n]}}}}'
    assert 700_000 < len(text) < 1_000_000
    names = [f"s{index}" for index in range(0, 25_000, 3)]
    corrected = corrected_text(file_of(text), optional(*names, *(f"t{i}" for i in range(5000))))
    assert len(file_of(corrected).configuration.optional) == len(names) + 5000
    assert corrected.count("// of ") == 25_000
    assert corrected_text(file_of(text), optional()).count("//") == 25_000


# -- any file in any layout

NAMES = ["oauth", "a", "b", "crm.objects.deals.read", "tickets"]
URLS = [CALLBACK, "http://localhost:3000/a,b", 'https://x.example/"]', "/*", "ü", "\ud800\n"]
KEYS = {
    "redirectUrls": "redirect_urls",
    "requiredScopes": "required",
    "optionalScopes": "optional",
    "conditionallyRequiredScopes": "conditional",
}
COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|(//[^\n\r]*|/\*.*?\*/)', re.DOTALL)
spaces = st.lists(
    st.sampled_from(
        [" ", "\n", "\r\n\t", "\n\n    ", ' // c, ] } "\n', "//\r\n", '/* , ] " */', "/* a\n // */"]
    ),
    max_size=3,
).map("".join)
bare_spaces = st.sampled_from(["", "", "", " ", "\n  ", " // c\n  "])
other = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "//", '"', "\\"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("k"), inner),
    max_leaves=3,
)
auths = st.fixed_dictionaries(
    {},
    optional={
        "more": other,
        "type": st.sampled_from(["oauth", "static"]),
        "redirectUrls": st.lists(st.sampled_from(URLS), max_size=4),
        **{key: st.lists(st.sampled_from(NAMES), max_size=5) for key in [*KEYS][1:]},
    },
).flatmap(lambda auth: st.permutations(list(auth.items())).map(dict))
documents = st.builds(
    lambda auth, around, more: (
        {"x": more, "config": {"auth": auth, "y": more}}
        if around
        else {"uid": "u", "auth": auth, "x": more}
    ),
    auths,
    st.booleans(),
    other,
)
apps = st.builds(
    AppConfiguration,
    required=st.lists(st.sampled_from(NAMES), unique=True).map(tuple),
    conditional=st.lists(st.sampled_from(NAMES), unique=True).map(tuple),
    optional=st.lists(st.sampled_from(NAMES), unique=True).map(tuple),
    redirect_urls=st.lists(st.sampled_from(URLS), unique=True).map(tuple),
    auth_type=st.sampled_from(["oauth", "static"]),
)


@st.composite
def texts(draw):
    between = draw(st.sampled_from([spaces, bare_spaces]))
    return draw(between) + laid_out(draw, between, draw(documents)) + draw(between)


def laid_out(draw, between, value):
    """`value` as JSON, with whatever people put between."""

    def spaced(text):
        return draw(between) + text + draw(between)

    if isinstance(value, dict):
        parts = [
            spaced(json.dumps(key)) + ":" + spaced(laid_out(draw, between, inner))
            for key, inner in value.items()
        ]
    elif isinstance(value, list):
        parts = [spaced(laid_out(draw, between, inner)) for inner in value]
    else:
        return json.dumps(value)
    first, last = "{}" if isinstance(value, dict) else "[]"
    trailing = "," + draw(between) if parts and draw(st.booleans()) else ""
    return first + (",".join(parts) or draw(between)) + trailing + last


def scopes_without_oauth(names):
    return {name for name in names if name != "oauth"}


def auth_of(document):
    return document["config"]["auth"] if "config" in document else document["auth"]


@given(texts(), apps)
@settings(max_examples=500)
def test_the_corrected_text_has_the_lists_of_the_app(text, app):
    file = file_of(text)
    corrected = file_of(corrected_text(file, app))
    assert set(corrected.configuration.redirect_urls) == set(app.redirect_urls)
    assert corrected.configuration.auth_type == app.auth_type
    before, after = auth_of(file.document), auth_of(corrected.document)
    for key, field in [*KEYS.items()][1:]:
        listed = scopes_without_oauth(getattr(corrected.configuration, field))
        assert listed == scopes_without_oauth(getattr(app, field))
        stays = key == "requiredScopes" and "oauth" in before.get(key, [])
        assert ("oauth" in after.get(key, [])) is stays
    for key in KEYS:
        old, new = before.get(key), after.get(key)
        if old != new:
            assert len(set(new)) == len(new)
            kept = [name for name in dict.fromkeys(old or ()) if name in new]
            assert new[: len(kept)] == kept
        assert new != [] or old is not None


@given(texts(), apps)
@settings(max_examples=500)
def test_the_corrected_text_says_what_the_corrected_document_says(text, app):
    file = file_of(text)
    before = json.dumps(file.document)
    corrected = corrected_document(file.document, app)
    again = file_of(corrected_text(file, app))
    assert json.dumps(again.document) == json.dumps(corrected)
    assert corrected_text(again, app) == again.text
    assert json.dumps(file.document) == before


def has_oauth_elsewhere(auth):
    return "oauth" in (
        *auth.get("optionalScopes", []),
        *auth.get("conditionallyRequiredScopes", []),
    )


@given(texts())
@example('{"auth": {"optionalScopes": ["a", "a", /* , */]}}')
def test_what_is_right_already_is_not_touched(text):
    file = file_of(text)
    assume(not has_oauth_elsewhere(auth_of(file.document)))
    assert corrected_text(file, file.configuration) == text
    assert corrected_document(file.document, file.configuration) == file.document


def with_all_of(app, listed):
    return AppConfiguration(
        **{
            field: tuple(dict.fromkeys((*getattr(app, field), *getattr(listed, field))))
            for field in KEYS.values()
        },
        auth_type=app.auth_type,
    )


def comments_in(text):
    return [comment for comment in COMMENT.findall(text) if comment]


@given(texts(), apps)
@settings(max_examples=500)
def test_every_comment_stays_when_nothing_is_taken_out(text, app):
    file = file_of(text)
    auth = auth_of(file.document)
    assume(not has_oauth_elsewhere(auth))
    assume(all(len(set(names)) == len(names) for key in KEYS if (names := auth.get(key, []))))
    corrected = corrected_text(file, with_all_of(app, file.configuration))
    assert comments_in(corrected) == comments_in(text)


@given(st.data(), auths, apps)
def test_everything_around_the_object_stays(data, auth, app):
    before, after = '\ufeff/* "auth": {} */ {"x": [1,], "auth":\t', ', "n": "}" // }\r\n}\n\n'
    text = before + laid_out(data.draw, spaces, auth) + after
    corrected = corrected_text(file_of(text), app)
    assert corrected.startswith(before[1:])
    assert corrected.endswith(after)
