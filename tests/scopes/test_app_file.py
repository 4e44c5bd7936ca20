"""The app's file with other lists: order and indentation stay."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.scopes import AppConfiguration, AppConfigurationError, read_app_configuration
from oauth_helper.scopes.app_file import corrected_document, corrected_text, parse_app_file

APP = {
    "uid": "workato_connection",
    "type": "app",
    "config": {
        "name": "Workato // not a comment",
        "auth": {
            "type": "oauth",
            "redirectUrls": ["http://localhost:3000/cb"],
            "requiredScopes": ["oauth", "crm.objects.contacts.read"],
            "optionalScopes": [],
        },
        "support": {"supportPhone": "+18005555555"},
    },
}


def file_of(raw):
    return parse_app_file(raw, origin="app.json")


def optional(*names):
    return AppConfiguration(optional=names)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("indent", [2, 4, "\t"])
def test_order_indentation_and_line_ends_stay(indent, line_end):
    text = (json.dumps(APP, indent=indent) + "\n").replace("\n", line_end)
    app = AppConfiguration(
        required=("oauth", "crm.objects.contacts.read", "tickets"),
        redirect_urls=("http://localhost:3000/cb",),
    )
    expected = copy.deepcopy(APP)
    expected["config"]["auth"]["requiredScopes"].append("tickets")
    corrected = corrected_text(file_of(text), app)
    assert corrected == (json.dumps(expected, indent=indent) + "\n").replace("\n", line_end)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(APP),
        json.dumps(APP, indent=3) + "\n\n",
        '{ "auth" : { "requiredScopes":["a","a"]} }',
        '{"auth": {"optionalScopes": ["b", "a"]}}',
    ],
)
def test_a_file_that_is_right_stays_as_it_is(text):
    file = file_of(text)
    assert corrected_text(file, file.configuration) == text


def test_variables_stay_where_their_values_are_right():
    text = '{"auth": {"redirectUrls": ["${ORIGIN}/cb"], "requiredScopes": ["${SCOPE}"]}}'
    variables = {"ORIGIN": "https://a.example", "SCOPE": "tickets"}
    file = parse_app_file(text, origin="x", variables=variables)
    assert file.configuration.redirect_urls == ("https://a.example/cb",)
    assert file.configuration.required == ("oauth", "tickets")
    app = AppConfiguration(
        required=("tickets", "forms"), redirect_urls=("https://a.example/cb", "https://b.example")
    )
    assert json.loads(corrected_text(file, app)) == {
        "auth": {
            "redirectUrls": ["${ORIGIN}/cb", "https://b.example"],
            "requiredScopes": ["${SCOPE}", "forms"],
        }
    }


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
def test_oauth_is_where_the_file_has_it(auth, app, expected):
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
        ('{"type": "static"}', "oauth", '{"type": "oauth"}'),
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
    with pytest.raises(AppConfigurationError, match="nested too deep"):
        file_of(text.replace("[]", "[[]]"))


names = st.lists(st.sampled_from(["oauth", "tickets", "forms", "crm.lists.read"]), unique=True)
auths = st.fixed_dictionaries(
    {},
    optional={
        "requiredScopes": names,
        "optionalScopes": names,
        "conditionallyRequiredScopes": names,
        "redirectUrls": st.lists(st.text(min_size=1), max_size=2, unique=True),
        "other": st.text() | st.none(),
    },
)
apps = st.builds(
    AppConfiguration,
    required=names.map(tuple),
    conditional=names.map(lambda each: tuple(name for name in each if name != "oauth")),
    optional=names.map(lambda each: tuple(name for name in each if name != "oauth")),
    redirect_urls=st.lists(st.text(min_size=1), max_size=2, unique=True).map(tuple),
)


@given(auths, apps, st.sampled_from([None, 2, "\t"]))
@settings(max_examples=300)
def test_the_corrected_text_has_the_lists_of_the_app(auth, app, indent):
    document = {"config": {"auth": auth}, "uid": "u"}
    file = file_of(json.dumps(document, indent=indent))
    corrected = corrected_text(file, app)
    assert json.loads(corrected) == corrected_document(document, app)
    read = read_app_configuration(json.loads(corrected), origin="x")
    for kind in ("required", "conditional", "optional", "redirect_urls"):
        assert set(getattr(read, kind)) == set(getattr(app, kind))
