import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from oauth_helper.scopes import (
    AppConfiguration,
    Availability,
    Catalogue,
    Kind,
    RequestedScopes,
    Scope,
    UnknownScopesError,
    check_placement,
    shipped_catalogue,
    split,
)

CONTACTS = "crm.objects.contacts.read"
NAMES = ("contacts", "deals", "tickets", "forms", "hubdb", "files", "social")


def catalogue(*entries):
    """A catalogue from `(name, kind)` and `(name, kind, availability)`."""
    return Catalogue(
        "Test",
        tuple(
            Scope(name, kind, "", availability=more[0] if more else Availability.DEFAULT)
            for name, kind, *more in entries
        ),
    )


@st.composite
def cases(draw):
    """A catalogue, an app that knows some of it and more, and a choice of what it holds."""
    order = draw(st.permutations(NAMES))
    entries = [
        (name, draw(st.sampled_from(Kind)), draw(st.sampled_from(Availability)))
        for name in order[: draw(st.integers(0, len(NAMES)))]
    ]
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), ("oauth", Kind.REQUIRED))
    held = [entry[0] for entry in entries]
    some = st.lists(st.sampled_from(held), unique=True) if held else st.just([])
    kinds = {name: draw(st.sampled_from([None, *Kind])) for name in (*NAMES, "elsewhere")}
    app = AppConfiguration(
        required=tuple(name for name, kind in kinds.items() if kind is Kind.REQUIRED),
        conditional=tuple(name for name, kind in kinds.items() if kind is Kind.CONDITIONAL),
        optional=tuple(name for name, kind in kinds.items() if kind is Kind.OPTIONAL),
    )
    return (
        catalogue(*entries),
        app if draw(st.booleans()) else None,
        draw(st.none() | some),
        draw(some),
    )


def app_of(catalogue):
    """The app that is set up just as the catalogue says."""

    def names(kind):
        return tuple(scope.name for scope in catalogue.scopes if scope.kind is kind)

    return AppConfiguration(names(Kind.REQUIRED), names(Kind.CONDITIONAL), names(Kind.OPTIONAL))


@given(cases())
@settings(max_examples=400)
def test_the_shape_of_a_split(case):
    catalogue, app, optional, conditional = case
    requested = split(catalogue, app, optional=optional, conditional=conditional)
    asked = requested.all
    assert asked == requested.scope + requested.optional_scope
    assert len(set(asked)) == len(asked), "disjoint and without duplicates"
    assert requested.scope[0] == "oauth"
    position = {scope.name: index for index, scope in enumerate(catalogue.scopes)}
    for names in (requested.scope[1:], requested.optional_scope):
        assert list(names) == sorted(names, key=position.__getitem__), "the catalogue's order"
    assert requested == split(catalogue, app, optional=optional, conditional=conditional)


@given(cases())
@settings(max_examples=400)
def test_the_placement_rules_hold(case):
    catalogue, app, optional, conditional = case
    event("app known" if app else "app unknown")
    requested = split(catalogue, app, optional=optional, conditional=conditional)
    app = app or app_of(catalogue)
    held = {scope.name for scope in catalogue.scopes}
    r, c, o = {"oauth", *app.required}, set(app.conditional), set(app.optional)
    s, p = set(requested.scope), set(requested.optional_scope)
    must = {scope.name for scope in catalogue.scopes if scope.kind is Kind.REQUIRED}

    missing = r - s  # rule 1
    unlisted = (s | p) - r - c - o  # rule 2
    assert missing == r - held - {"oauth"}, "only what the catalogue does not hold"
    assert unlisted == must - r - c - o, "only what the catalogue cannot do without"
    assert not p & c, "rule 3"
    assert not s & o, "rule 4"

    named = {
        (problem.code, name)
        for problem in check_placement(requested.scope, requested.optional_scope, app)
        for name in problem.scopes
    }
    assert named == {
        *(("url_missing_required_scope", name) for name in missing),
        *(("url_requests_unconfigured_scope", name) for name in unlisted),
    }


@given(cases())
@settings(max_examples=400)
def test_what_is_chosen_is_asked_for_and_nothing_else(case):
    catalogue, app, optional, conditional = case
    requested = split(catalogue, app, optional=optional, conditional=conditional)
    listed = (app or app_of(catalogue)).listed
    must = {scope.name for scope in catalogue.scopes if scope.kind is Kind.REQUIRED}
    by_default = {
        scope.name
        for scope in catalogue.scopes
        if scope.kind is Kind.OPTIONAL and scope.availability is Availability.DEFAULT
    }
    wanted = set(by_default if optional is None else optional) | set(conditional)
    asked = set(requested.all)
    assert must <= asked
    assert asked <= {"oauth", *must, *wanted, *(app.required if app else ())}
    if optional is not None:
        assert wanted & listed <= asked
    elif app is None:
        assert wanted <= asked


CATALOGUE = catalogue(
    ("oauth", Kind.REQUIRED),
    ("contacts", Kind.REQUIRED),
    ("deals", Kind.CONDITIONAL),
    ("tickets", Kind.OPTIONAL),
    ("forms", Kind.OPTIONAL),
    ("hubdb", Kind.OPTIONAL, Availability.ON_REQUEST),
)


@pytest.mark.parametrize(
    ("app", "choice", "scope", "optional_scope"),
    [
        pytest.param(None, {}, "oauth contacts", "tickets forms", id="by-default"),
        pytest.param(None, {"optional": ()}, "oauth contacts", "", id="none-optional"),
        pytest.param(
            None,
            {"optional": ["hubdb", "tickets"]},
            "oauth contacts",
            "tickets hubdb",
            id="narrowed",
        ),
        pytest.param(
            None, {"optional": ["contacts", "oauth"]}, "oauth contacts", "", id="required-chosen"
        ),
        pytest.param(
            None,
            {"conditional": ["deals"]},
            "oauth contacts deals",
            "tickets forms",
            id="conditional-beside-the-default",
        ),
        pytest.param(
            None,
            {"optional": ["deals"]},
            "oauth contacts deals",
            "",
            id="conditional-chosen-as-optional",
        ),
        pytest.param(
            AppConfiguration(required=("contacts",), optional=("forms", "social")),
            {},
            "oauth contacts",
            "forms",
            id="app-lists-fewer",
        ),
        pytest.param(
            AppConfiguration(required=("contacts", "tickets")),
            {"optional": ()},
            "oauth contacts tickets",
            "",
            id="app-requires-an-optional-one",
        ),
        pytest.param(
            AppConfiguration(optional=("contacts", "tickets")),
            {"optional": ()},
            "oauth",
            "contacts",
            id="app-has-the-required-one-as-optional",
        ),
        pytest.param(
            AppConfiguration(conditional=("contacts", "tickets")),
            {},
            "oauth contacts",
            "",
            id="app-has-both-as-conditional",
        ),
        pytest.param(
            AppConfiguration(conditional=("contacts", "tickets")),
            {"optional": ["tickets"]},
            "oauth contacts tickets",
            "",
            id="app-has-the-chosen-one-as-conditional",
        ),
        pytest.param(AppConfiguration(), {}, "oauth contacts", "", id="app-lists-nothing"),
        pytest.param(
            AppConfiguration(required=("contacts",), optional=("hubdb", "tickets")),
            {},
            "oauth contacts",
            "tickets",
            id="on-request-stays-out-although-the-app-lists-it",
        ),
    ],
)
def test_where_each_scope_goes(app, choice, scope, optional_scope):
    assert split(CATALOGUE, app, **choice) == RequestedScopes(
        tuple(scope.split()), tuple(optional_scope.split())
    )


def test_oauth_is_asked_for_although_the_catalogue_leaves_it_out():
    requested = split(catalogue(("contacts", Kind.REQUIRED)), optional=["oauth"])
    assert requested == RequestedScopes(("oauth", "contacts"))


@pytest.mark.parametrize("parameter", ["optional", "conditional"])
def test_an_unknown_choice_is_refused_and_named(parameter):
    with pytest.raises(UnknownScopesError) as caught:
        split(CATALOGUE, None, **{parameter: ["tikets", "tickets", "payments", "deal"]})
    assert caught.value.meant == {"deal": "deals", "payments": None, "tikets": "tickets"}
    assert str(caught.value) == (
        "not in the catalogue: deal (did you mean deals?), payments, tikets (did you mean tickets?)"
    )


def test_the_shipped_catalogue_splits_into_two_and_forty_seven():
    requested = split(shipped_catalogue())
    assert requested.scope == ("oauth", CONTACTS)
    assert len(requested.optional_scope) == 47
    assert "crm.schemas.custom.write" not in requested.optional_scope
