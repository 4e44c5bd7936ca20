import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import broken_rules

from oauth_helper.scopes import AppConfiguration, check_placement

NAMES = ("oauth", "contacts", "deals", "tickets", "forms", "hubdb")


@st.composite
def urls_and_apps(draw):
    """A place in the URL and a kind at the app for each name, drawn on their own."""
    places = draw(st.lists(st.sampled_from(["", "s", "p", "sp"]), min_size=6, max_size=6))
    kinds = draw(st.lists(st.sampled_from(["", "r", "c", "o"]), min_size=6, max_size=6))
    kinds[0] = draw(st.sampled_from(["", "r"]))  # HubSpot adds oauth as required
    order = draw(st.permutations(range(6)))

    def having(values, wanted):
        return tuple(NAMES[index] for index in order if wanted in values[index])

    app = AppConfiguration(
        required=having(kinds, "r"), conditional=having(kinds, "c"), optional=having(kinds, "o")
    )
    return having(places, "s"), having(places, "p"), app


@given(urls_and_apps())
@settings(max_examples=500)
def test_exactly_the_broken_rules_are_reported(drawn):
    scope, optional_scope, app = drawn
    problems = check_placement(scope, optional_scope, app)
    named = [(problem.code, name) for problem in problems for name in problem.scopes]
    assert set(named) == broken_rules(scope, optional_scope, app)
    assert len(set(named)) == len(named)
    for problem in problems:
        assert problem.scopes
        assert all(name in problem.message for name in problem.scopes)


@given(urls_and_apps())
@settings(max_examples=200)
def test_a_url_that_is_accepted_stays_so_with_fewer_optional_scopes(drawn):
    scope, optional_scope, app = drawn
    required = ("oauth", *app.required)
    for kept in range(len(app.optional) + 1):
        assert check_placement(required, app.optional[:kept], app) == ()
    if not check_placement(scope, optional_scope, app):
        assert check_placement(scope, (), app) == ()


APP = AppConfiguration(
    required=("oauth", "contacts", "companies"),
    conditional=("deals",),
    optional=("tickets", "forms"),
)


@pytest.mark.parametrize(
    ("scope", "optional_scope", "expected"),
    [
        pytest.param("oauth contacts companies", "tickets forms", [], id="everything"),
        pytest.param("oauth contacts companies", "", [], id="no-optional"),
        pytest.param("companies contacts oauth deals", "forms", [], id="order-does-not-matter"),
        pytest.param("oauth contacts companies", "contacts", [], id="required-in-both"),
        pytest.param(
            "contacts companies", "", [("missing_oauth_scope", ("oauth",))], id="no-oauth"
        ),
        pytest.param(
            "contacts companies",
            "oauth",
            [("missing_oauth_scope", ("oauth",))],
            id="oauth-optional",
        ),
        pytest.param(
            "oauth", "", [("url_missing_required_scope", ("contacts", "companies"))], id="missing"
        ),
        pytest.param(
            "oauth contacts",
            "forms companies",
            [
                ("url_missing_required_scope", ("companies",)),
            ],
            id="required-in-optional",
        ),
        pytest.param(
            "oauth contacts companies x",
            "y x",
            [("url_requests_unconfigured_scope", ("x", "y"))],
            id="unlisted-in-both",
        ),
        pytest.param(
            "oauth contacts companies",
            "deals tickets",
            [("scope_in_wrong_parameter", ("deals",))],
            id="conditional-in-optional",
        ),
        pytest.param(
            "oauth contacts companies forms tickets",
            "tickets",
            [("scope_in_wrong_parameter", ("forms", "tickets"))],
            id="optional-in-scope",
        ),
        pytest.param(
            "",
            "",
            [
                ("url_missing_required_scope", ("contacts", "companies")),
                ("missing_oauth_scope", ("oauth",)),
            ],
            id="nothing",
        ),
        pytest.param(
            "OAuth contacts,companies",
            "",
            [
                ("url_missing_required_scope", ("contacts", "companies")),
                ("url_requests_unconfigured_scope", ("OAuth", "contacts,companies")),
                ("missing_oauth_scope", ("oauth",)),
            ],
            id="case-and-commas-count",
        ),
    ],
)
def test_each_rule(scope, optional_scope, expected):
    problems = check_placement(scope.split(), optional_scope.split(), APP)
    assert [(problem.code, problem.scopes) for problem in problems] == expected


def test_a_scope_that_the_app_lists_twice_counts_as_the_stricter_kind():
    app = AppConfiguration(
        required=("contacts",), conditional=("deals",), optional=("contacts", "deals")
    )
    assert check_placement(("oauth", "contacts", "deals"), (), app) == ()
    (problem,) = check_placement(("oauth", "contacts"), ("deals",), app)
    assert (problem.code, problem.scopes) == ("scope_in_wrong_parameter", ("deals",))


@given(st.sampled_from(["r", "s"]), st.text(max_size=5))
@example("r", "{}")
@example("s", "{0}{x}")
@settings(max_examples=50)
def test_names_from_outside_do_not_disturb_the_message(where, name):
    app = AppConfiguration(required=(name,)) if where == "r" else AppConfiguration()
    scope = ("oauth",) if where == "r" else ("oauth", name)
    for problem in check_placement(scope, (), app):
        assert name in problem.message


def test_iterators_are_read_once():
    (problem,) = check_placement(iter(["oauth", "x"]), iter(["x"]), AppConfiguration())
    assert problem.scopes == ("x",)
