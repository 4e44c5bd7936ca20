import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oauth_helper.scopes import (
    Availability,
    Catalogue,
    CatalogueError,
    Kind,
    Scope,
    Sensitivity,
    Tier,
    is_scope_token,
    load_catalogue,
    parse_catalogue,
    shipped_catalogue,
)

SHIPPED = shipped_catalogue()
REQUIRED = ["oauth", "crm.objects.contacts.read"]
# Workato's list, https://docs.workato.com/connectors/hubspot/scopes.html (2026-11).
OPTIONAL = [
    "accounting",
    "automation",
    "business-intelligence",
    "content",
    "conversations.visitor_identification.tokens.create",
    "crm.export",
    "crm.import",
    "crm.lists.read",
    "crm.lists.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.contacts.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.marketing_events.read",
    "crm.objects.marketing_events.write",
    "crm.objects.owners.read",
    "crm.objects.quotes.read",
    "crm.objects.quotes.write",
    "crm.objects.users.read",
    "crm.objects.users.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.custom.read",
    "crm.schemas.custom.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
    "e-commerce",
    "files",
    "files.ui_hidden.read",
    "forms",
    "forms-uploaded-files",
    "hubdb",
    "integration-sync",
    "sales-email-read",
    "settings.billing.write",
    "settings.users.read",
    "settings.users.write",
    "settings.users.teams.read",
    "settings.users.teams.write",
    "social",
    "tickets",
    "timeline",
    "transactional-email",
]


def test_the_shipped_catalogue_holds_workatos_scopes():
    assert sorted(SHIPPED.by_name) == sorted(REQUIRED + OPTIONAL)
    assert len(SHIPPED.scopes) == 50
    assert list(SHIPPED.of_kind(Kind.REQUIRED)) == REQUIRED
    assert SHIPPED.of_kind(Kind.CONDITIONAL) == ()
    assert len(SHIPPED.of_kind(Kind.OPTIONAL)) == 48
    assert len(SHIPPED.default_optional) == 47
    assert set(OPTIONAL) - set(SHIPPED.default_optional) == {"crm.schemas.custom.write"}
    assert SHIPPED.redirect_uris == ("https://www.workato.com/oauth/callback",)
    assert SHIPPED.title
    assert SHIPPED.source


@pytest.mark.parametrize("scope", SHIPPED.scopes, ids=lambda scope: scope.name)
def test_each_shipped_scope_says_what_it_opens(scope):
    assert scope.opens
    assert scope.opens == scope.opens.strip()
    assert scope.name in SHIPPED
    assert not set(scope.aliases) & set(SHIPPED.by_name), "an alias that is a scope itself"
    assert all(map(is_scope_token, (scope.name, *scope.aliases, *scope.replaced_by)))
    for alias in scope.aliases:
        assert SHIPPED.meant_by(alias) == scope.name


@pytest.mark.parametrize(
    ("attribute", "value", "names"),
    [
        (
            "tier",
            Tier.ENTERPRISE,
            (
                "crm.objects.custom.read crm.objects.custom.write crm.schemas.custom.read "
                "crm.schemas.custom.write"
            ),
        ),
        (
            "tier",
            Tier.PROFESSIONAL,
            (
                "automation content conversations.visitor_identification.tokens.create hubdb "
                "social transactional-email"
            ),
        ),
        ("sensitivity", Sensitivity.SENSITIVE, "crm.export files.ui_hidden.read sales-email-read"),
        ("sensitivity", Sensitivity.HIGH, "settings.billing.write settings.users.write"),
        ("availability", Availability.ON_REQUEST, "crm.schemas.custom.write"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_is_known_of_the_shipped_scopes(attribute, value, names):
    found = {scope.name for scope in SHIPPED.scopes if getattr(scope, attribute) is value}
    assert found == set(names.split())


def test_the_scopes_that_hubspot_splits():
    assert SHIPPED.by_name["hubdb"].replaced_by == (
        "hubdb.tables.read",
        "hubdb.tables.write",
        "hubdb.tables.publish",
        "hubdb.rows.read",
        "hubdb.rows.write",
    )
    split = {scope.name for scope in SHIPPED.scopes if scope.replaced_by}
    assert split == {"files", "hubdb", "tickets", "timeline"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        pytest.param("settings.users.team.write", "settings.users.teams.write", id="hubspots-own"),
        pytest.param("crm.objects.contact.read", "crm.objects.contacts.read", id="alias"),
        pytest.param("crm.object.deals.write", "crm.objects.deals.write", id="spelling"),
        pytest.param("Tickets", "tickets", id="case"),
        pytest.param("payments", None, id="nothing"),
    ],
)
def test_what_an_unknown_name_meant(name, meant):
    assert name not in SHIPPED
    assert SHIPPED.meant_by(name) == meant


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        pytest.param({}, "", id="any"),
        pytest.param({"tier": Tier.PROFESSIONAL}, "any Hub Professional or higher", id="any-hub"),
        pytest.param({"tier": Tier.ENTERPRISE}, "any Hub Enterprise", id="nothing-higher"),
        pytest.param(
            {"tier": Tier.PROFESSIONAL, "hubs": ("content", "marketing")},
            "Content Hub or Marketing Hub Professional or higher",
            id="two-hubs",
        ),
        pytest.param({"tier": Tier.ENTERPRISE, "tier_note": "Ask"}, "Ask", id="note-comes-first"),
    ],
)
def test_the_subscription_in_words(scope, words):
    assert Scope("a", Kind.OPTIONAL, "", **scope).subscription == words


# -- reading files

MINIMAL = '[[scope]]\nname = "tickets"\nkind = "optional"\n'
FULL = """\
title = "Ours"
source = "somewhere"
redirect_uris = ["https://a.example/cb"]

[[scope]]  # the one that matters
name = "crm.x"
kind = "conditionally required"
opens = "Things"
tier = "professional"
hubs = ["sales"]
tier_note = "ask"
sensitivity = "highly sensitive"
availability = "on request"
replaced_by = ["crm.y"]
aliases = ["crm.z"]
note = "n"
source = "s"
"""


def problems_of(text):
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text, origin="own.toml")
    assert caught.value.origin == "own.toml"
    assert str(caught.value) == "own.toml: " + "; ".join(caught.value.problems)
    return list(caught.value.problems)


def test_every_key_is_read():
    assert parse_catalogue(FULL, origin="x") == Catalogue(
        title="Ours",
        source="somewhere",
        redirect_uris=("https://a.example/cb",),
        scopes=(
            Scope(
                name="crm.x",
                kind=Kind.CONDITIONAL,
                opens="Things",
                tier=Tier.PROFESSIONAL,
                hubs=("sales",),
                tier_note="ask",
                sensitivity=Sensitivity.HIGH,
                availability=Availability.ON_REQUEST,
                replaced_by=("crm.y",),
                aliases=("crm.z",),
                note="n",
                source="s",
            ),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MINIMAL, id="shortest"),
        pytest.param(MINIMAL.replace("\n", "\r\n"), id="windows-line-ends"),
        pytest.param('scope = [{name = "tickets", kind = "optional"}]', id="inline-tables"),
        pytest.param(MINIMAL.replace("[[scope]]", '[["scope"]]'), id="quoted-header"),
    ],
)
def test_what_is_left_out_has_a_default(text):
    assert parse_catalogue(text, origin="x") == Catalogue(
        "", (Scope("tickets", Kind.OPTIONAL, ""),)
    )


WRONG_KIND = "not one of 'required', 'conditionally required', 'optional'"
RFC = '(RFC 6749 section 3.3: visible ASCII without space, " and \\)'


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param(
            '\n\n[[scope]]\nname = "a"\nkind = "requierd"',
            [
                (
                    f"line 3, scope 1 (a): \"kind\" is 'requierd', {WRONG_KIND}; "
                    "did you mean 'required'?"
                )
            ],
            id="unknown-kind",
        ),
        pytest.param(
            '[[scope]]\nname = "a"\nkind = 1',
            [f'line 1, scope 1 (a): "kind" is 1, {WRONG_KIND}'],
            id="kind-is-a-number",
        ),
        pytest.param(
            '[[scope]]\nname = "a"\nkind = ["optional"]',
            [f"line 1, scope 1 (a): \"kind\" is ['optional'], {WRONG_KIND}"],
            id="kind-is-a-list",
        ),
        pytest.param(
            '[[scope]]\nname = "a"', ['line 1, scope 1 (a): "kind" is missing'], id="no-kind"
        ),
        pytest.param(
            '[[scope]]\nkind = "optional"', ['line 1, scope 1: "name" is missing'], id="no-name"
        ),
        pytest.param(
            '[[scope]]\nname = 7\nkind = "optional"',
            ['line 1, scope 1: "name" has to be text, not a number'],
            id="name-is-a-number",
        ),
        pytest.param(
            MINIMAL + MINIMAL,
            ["line 4, scope 2 (tickets): is already at line 1, scope 1 (tickets)"],
            id="twice",
        ),
        pytest.param(
            MINIMAL + MINIMAL.replace("optional", "required") + MINIMAL,
            [
                (
                    "line 4, scope 2 (tickets): is already at line 1, scope 1 (tickets), "
                    "optional and required"
                ),
                "line 7, scope 3 (tickets): is already at line 1, scope 1 (tickets)",
            ],
            id="in-two-kinds-and-thrice",
        ),
        pytest.param(
            '[[scope]]\nname = "a b"\nkind = "optional"',
            [f"line 1, scope 1 (a b): 'a b' is no legal scope name {RFC}"],
            id="space",
        ),
        pytest.param(
            '[[scope]]\nname = "tickéts"\nkind = "optional"',
            [f"line 1, scope 1 (tickéts): 'tickéts' is no legal scope name {RFC}"],
            id="not-ascii",
        ),
        pytest.param(
            '[[scope]]\nname = ""\nkind = "optional"',
            [f"line 1, scope 1 (): '' is no legal scope name {RFC}"],
            id="empty-name",
        ),
        pytest.param(
            '[[scope]]\nname = "a,b"\nkind = "optional"',
            ["line 1, scope 1 (a,b): 'a,b' has a comma; each scope needs its own table"],
            id="comma",
        ),
        pytest.param(
            '[[scope]]\nname = "oauth"\nkind = "optional"',
            [
                (
                    "line 1, scope 1 (oauth): is optional, but HubSpot lists oauth as required on "
                    "every app"
                )
            ],
            id="oauth-optional",
        ),
        pytest.param(
            '[[scope]]\nname = "oauth"\nkind = "conditionally required"',
            [
                (
                    "line 1, scope 1 (oauth): is conditionally required, but HubSpot lists oauth "
                    "as required on every app"
                )
            ],
            id="oauth-conditional",
        ),
        pytest.param(
            MINIMAL + 'opns = "x"\nweight = 1',
            [
                'line 1, scope 1 (tickets): unknown key "opns"; did you mean "opens"?',
                'line 1, scope 1 (tickets): unknown key "weight"',
            ],
            id="unknown-keys",
        ),
        pytest.param(
            'titel = "x"\nweight = []\n' + MINIMAL,
            [
                'at the top level: unknown key "titel"; did you mean "title"?',
                'at the top level: unknown key "weight"',
            ],
            id="unknown-keys-at-the-top",
        ),
        pytest.param(
            MINIMAL
            + 'opens = true\nnote = 1.5\nsource = 2026-01-01\ntier_note = {a = 1}\nhubs = "x"',
            [
                'line 1, scope 1 (tickets): "opens" has to be text, not true or false',
                'line 1, scope 1 (tickets): "hubs" has to be a list of texts, not text',
                'line 1, scope 1 (tickets): "tier_note" has to be text, not a table',
                'line 1, scope 1 (tickets): "note" has to be text, not a number',
                'line 1, scope 1 (tickets): "source" has to be text, not a date or time',
            ],
            id="wrong-types",
        ),
        pytest.param(
            "title = []\nredirect_uris = [1]\n" + MINIMAL,
            [
                'at the top level: "title" has to be text, not a list',
                'at the top level: "redirect_uris" has to be a list of texts, not a list',
            ],
            id="wrong-types-at-the-top",
        ),
        pytest.param(
            MINIMAL + 'tier = "gold"\nsensitivity = "High"\navailability = "on-request"',
            [
                (
                    "line 1, scope 1 (tickets): \"tier\" is 'gold', not one of 'any', "
                    "'professional', 'enterprise'"
                ),
                (
                    "line 1, scope 1 (tickets): \"sensitivity\" is 'High', not one of 'normal', "
                    "'sensitive', 'highly sensitive'"
                ),
                (
                    "line 1, scope 1 (tickets): \"availability\" is 'on-request', not one of "
                    "'default', 'on request'; did you mean 'on request'?"
                ),
            ],
            id="wrong-choices",
        ),
        pytest.param("", ["has no [[scope]] table, so there is nothing to request"], id="empty"),
        pytest.param(
            "scope = []",
            ["has no [[scope]] table, so there is nothing to request"],
            id="no-scopes",
        ),
        pytest.param(
            '[scope]\nname = "a"', ['"scope" has to be a list of [[scope]] tables'], id="one-table"
        ),
        pytest.param(
            'scope = ["a", "b"]',
            ['"scope" has to be a list of [[scope]] tables'],
            id="list-of-texts",
        ),
        pytest.param("a = " + "[" * 5000, ["is not TOML that can be read"], id="deeply-nested"),
        pytest.param("a = " + "9" * 5000, ["is not TOML that can be read"], id="number-too-long"),
    ],
)
def test_a_bad_catalogue_is_explained(text, problems):
    assert problems_of(text) == problems


def test_several_problems_are_named_at_once():
    problems = problems_of(
        'titel = "x"\n'
        '[[scope]]\nname = "oauth"\nkind = "optional"\n'
        '\n[[scope]]\nname = "a b"\nkind = "maybe"\n'
        '\n[[scope]]\nkind = "required"\nsize = 3\n'
        '\n[[scope]]\nname = "oauth"\nkind = "required"\n'
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "at the top level",
        "line 6, scope 2 (a b)",
        "line 6, scope 2 (a b)",
        "line 10, scope 3",
        "line 10, scope 3",
        "line 14, scope 4 (oauth)",
        "line 2, scope 1 (oauth)",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param(
            'title = "a\u2028b\x85c"\n[[scope]]\nname = "x"', "line 2, scope 1 (x)", id="odd-breaks"
        ),
        pytest.param(
            '# [[scope]]\r\n\r\n  [[ scope ]]\r\nname = "x"', "line 3, scope 1 (x)", id="windows"
        ),
        pytest.param(
            'title = """\n[[scope]]\n"""\n[[scope]]\nname = "x"', "scope 1 (x)", id="in-a-text"
        ),
        pytest.param('scope = [{name = "x"}]', "scope 1 (x)", id="inline"),
    ],
)
def test_a_line_is_named_only_when_it_is_certain(text, place):
    assert problems_of(text) == [f'{place}: "kind" is missing']


@pytest.mark.parametrize(
    "text",
    ["scope", "[[scope]\n", 'a = "\n', "a = 1\na = 2", "{}", "\x00", "a = 2026-99-99"],
    ids=["word", "bracket", "quote", "twice", "json", "zero", "date"],
)
def test_what_is_not_toml_is_refused_with_its_place(text):
    (problem,) = problems_of(text)
    assert problem.startswith("is not TOML: ")
    assert "line" in problem or "end of document" in problem


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        pytest.param("gone.toml", None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(".", None, "cannot be read: Is a directory", id="folder"),
        pytest.param("a\0b", None, "cannot be read: no legal path", id="zero-byte"),
        pytest.param("latin.toml", b'title = "\xe9"', "is not UTF-8 text (byte 9)", id="not-utf-8"),
        pytest.param("big.toml", b"#" * 1_000_001, "is larger than 1,000,000 bytes", id="huge"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, content, problem):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    assert caught.value.problems == (problem,)
    assert caught.value.origin in (str(path), repr(str(path)))


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert [scope.name for scope in load_catalogue(path).scopes] == ["tickets"]


def test_a_file_just_within_the_bound_is_read(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(MINIMAL + "#" * (1_000_000 - len(MINIMAL)), "utf-8")
    assert "tickets" in load_catalogue(path)


# -- anything at all

texts = st.text(max_size=8)
scalars = (
    st.booleans() | st.integers() | st.floats() | texts | st.dates() | st.times() | st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
choices = st.sampled_from(
    ["required", "optional", "conditionally required", "any", "enterprise", "on request", "oauth"]
)
scope_keys = [
    "name", "kind", "opens", "tier", "hubs", "tier_note", "sensitivity", "availability",
    "replaced_by", "aliases", "note", "source",
]  # fmt: skip
tables = st.dictionaries(st.sampled_from(scope_keys) | texts, choices | values, max_size=6)
documents = st.fixed_dictionaries(
    {},
    optional={
        "title": values,
        "redirect_uris": st.lists(texts, max_size=2) | values,
        "scope": st.lists(tables, max_size=4) | values,
    },
) | st.dictionaries(texts, values, max_size=3)


def to_toml(value):
    """`value` in TOML, tables inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = (char if char.isalnum() else f"\\U{ord(char):08x}" for char in value)
        return f'"{"".join(escaped)}"'
    if isinstance(value, list):
        return f"[{', '.join(map(to_toml, value))}]"
    if isinstance(value, dict):
        pairs = (f"{to_toml(key)} = {to_toml(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def reads_or_refuses(text):
    try:
        catalogue = parse_catalogue(text, origin="x")
    except CatalogueError as error:
        problems = error.problems
    else:
        problems = ("none",)
        assert_sound(catalogue)
    assert problems
    assert all(problems)


def assert_sound(catalogue):
    names = [scope.name for scope in catalogue.scopes]
    assert names
    assert len(set(names)) == len(names)
    assert all(is_scope_token(name) and "," not in name for name in names)
    assert all(scope.kind is Kind.REQUIRED for scope in catalogue.scopes if scope.name == "oauth")


@given(documents)
@example({"scope": [{"name": "oauth", "kind": "required"}, {"name": "a", "kind": "optional"}]})
@settings(max_examples=300)
def test_any_document_reads_or_is_refused(document):
    reads_or_refuses(
        "\n".join(f"{to_toml(key)} = {to_toml(value)}" for key, value in document.items())
    )


@given(st.text() | st.text('[]scope="\n{}.#\\ua1'))
@example("[[scope]]\n" * 3)
@example("a.b.c = 1\n[[a.b]]")
@example(".".join("a" * 3000) + " = 1")
@example("scope = 0x" + "f" * 5000)
@example("\ud800")
@settings(max_examples=300)
def test_any_text_reads_or_is_refused(text):
    reads_or_refuses(text)


@given(
    st.integers(0, len(FULL) - 1), st.sampled_from(['"', "[", "]", "\n", "#", "=", "\\", "é", ""])
)
@settings(max_examples=200)
def test_a_good_file_with_one_character_changed_reads_or_is_refused(place, char):
    reads_or_refuses(FULL[:place] + char + FULL[place + 1 :])
