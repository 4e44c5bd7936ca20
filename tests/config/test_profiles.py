import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from oauth_helper.config.profiles import Defaults, Profile, load_profiles
from oauth_helper.config.settings import Settings, SettingsError
from oauth_helper.scopes import (
    AppConfiguration,
    Kind,
    RequestedScopes,
    UnknownScopesError,
    shipped_catalogue,
)

CATALOGUE = shipped_catalogue()
CONTACTS = "crm.objects.contacts.read"
APP = AppConfiguration(required=(CONTACTS,), optional=("tickets",))
DEFAULTS = Defaults(
    client_id="default-id",
    client_secret=SecretStr("default-secret"),
    catalogue=CATALOGUE,
    app=APP,
    redirect_uri=lambda name: f"https://connect.example.com/callback/{name}",
)
ENVIRON = {"SHOP_SECRET": " shop-secret ", "BLANK": " "}


@pytest.fixture
def read(tmp_path):
    """Reads profiles from TOML, in a folder with one of each file that they may name."""
    (tmp_path / "own.toml").write_text(
        '[[scope]]\nname = "contacts"\nkind = "required"\n'
        '[[scope]]\nname = "deals"\nkind = "conditionally required"\n'
        '[[scope]]\nname = "forms"\nkind = "optional"\n'
    )
    (tmp_path / "bad.toml").write_text('[[scope]]\nname = "a"\nkind = "x"\n[[scope]]\nname = "b"\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "app.json").write_text('{"auth": {"requiredScopes": ["contacts"]}}')
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "secret").write_text("file-secret\n")
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    path = tmp_path / "profiles.toml"

    def read(text):
        path.write_text(text, "utf-8")
        return load_profiles(path, DEFAULTS, ENVIRON)

    read.folder = tmp_path
    read.path = path
    return read


def problems_of(read, text):
    with pytest.raises(SettingsError) as caught:
        read(text)
    assert str(caught.value) == "\n".join(caught.value.problems)
    prefix = f"{read.path}: profile 'p': "
    return [
        problem.removeprefix(prefix).replace(f"{read.folder}/", "")
        for problem in caught.value.problems
    ]


def test_a_profile_has_the_defaults_where_it_says_nothing(read):
    assert read("[profiles.p]") == (
        Profile(
            name="p",
            title="p",
            client_id="default-id",
            client_secret=SecretStr("default-secret"),
            redirect_uri="https://connect.example.com/callback/p",
            catalogue=CATALOGUE,
            app=APP,
            optional_scopes=None,
            conditional_scopes=(),
            missing_optional="note",
            pkce=True,
            region=None,
            hub_id=None,
            return_origins=frozenset(),
        ),
    )


def test_everything_that_a_profile_can_say(read):
    (profile,) = read(
        """
        [profiles.shop]
        title = "The shop"
        client_id = "shop-id"
        client_secret_env = "SHOP_SECRET"
        catalogue = "own.toml"
        app_config = "sub/app.json"
        optional_scopes = ["forms"]
        conditional_scopes = ["deals"]
        missing_optional = "fail"
        pkce = false
        region = "eu1"
        hub_id = 1234567
        return_origins = ["https://app.example.com", "http://localhost:3000"]
        """
    )
    assert list(profile.catalogue.by_name) == ["contacts", "deals", "forms"]
    assert profile == Profile(
        name="shop",
        title="The shop",
        client_id="shop-id",
        client_secret=SecretStr("shop-secret"),
        redirect_uri="https://connect.example.com/callback/shop",
        catalogue=profile.catalogue,
        app=AppConfiguration(required=("contacts",)),
        optional_scopes=("forms",),
        conditional_scopes=("deals",),
        missing_optional="fail",
        pkce=False,
        region="eu1",
        hub_id=1234567,
        return_origins=frozenset({"https://app.example.com", "http://localhost:3000"}),
    )
    assert "shop-secret" not in repr(profile)


def test_paths_start_at_the_file(read, monkeypatch):
    monkeypatch.chdir("/")
    (profile,) = read(
        '[profiles.p]\nclient_id = "x"\nclient_secret_file = "secret"\n'
        'catalogue = "sub/../own.toml"\napp_config = "sub/app.json"'
    )
    assert profile.client_secret == SecretStr("file-secret")
    assert "forms" in profile.catalogue


def test_a_path_may_be_absolute(read):
    (profile,) = read(f'[profiles.p]\nclient_secret_file = "{read.folder / "secret"}"')
    assert profile.client_secret == SecretStr("file-secret")
    assert profile.client_id == "default-id"


def test_the_order_of_the_file_is_kept(read):
    assert [p.name for p in read("[profiles.z]\n[profiles.a]\n[profiles.m-1_x]\n")] == [
        "z",
        "a",
        "m-1_x",
    ]


def test_a_byte_order_mark_does_not_matter(read):
    assert [profile.name for profile in read("\ufeff[profiles.p]")] == ["p"]


# -- nothing is shared


def test_profiles_do_not_leak_into_one_another(read):
    one, two, three = read(
        """
        [profiles.one]
        client_id = "one-id"
        client_secret_env = "SHOP_SECRET"
        catalogue = "own.toml"
        app_config = "sub/app.json"
        optional_scopes = ["forms"]
        return_origins = ["https://one.example"]
        hub_id = 1
        region = "eu1"

        [profiles.two]
        client_id = "two-id"
        client_secret_file = "secret"

        [profiles.three]
        """
    )
    assert [profile.client_id for profile in (one, two, three)] == [
        "one-id",
        "two-id",
        "default-id",
    ]
    assert [profile.client_secret.get_secret_value() for profile in (one, two, three)] == [
        "shop-secret",
        "file-secret",
        "default-secret",
    ]
    assert two.app is None, "the settings' app configuration is of another app"
    assert three.app == APP
    assert two.catalogue == three.catalogue == CATALOGUE
    assert two.return_origins == three.return_origins == frozenset()
    assert (two.hub_id, two.region, two.optional_scopes) == (None, None, None)
    assert len({profile.redirect_uri for profile in (one, two, three)}) == 3


def test_a_client_id_of_its_own_needs_a_secret_of_its_own(read):
    assert problems_of(read, '[profiles.p]\nclient_id = "x"') == [
        "client_id needs client_secret_env or client_secret_file beside it"
    ]


def test_the_settings_are_for_the_settings_client_id_only(tmp_path):
    app = tmp_path / "app.json"
    app.write_text('{"auth": {"optionalScopes": ["tickets"]}}')
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[profiles.own]\nclient_id = "own"\nclient_secret_env = "OWN"\n[profiles.default]\n'
    )
    config = Settings.from_environ(
        {
            "HUBSPOT_CLIENT_ID": "settings",
            "HUBSPOT_CLIENT_SECRET": "canary-settings",
            "HUBSPOT_APP_CONFIG": str(app),
            "PUBLIC_URL": "https://a.example",
            "PROFILES_FILE": str(path),
            "OWN": "canary-own",
        }
    )
    own, default = config.profiles
    assert (own.client_secret, own.app) == (SecretStr("canary-own"), None)
    assert default.client_secret == SecretStr("canary-settings")
    assert default.app == AppConfiguration(optional=("tickets",))
    assert own.redirect_uri == "https://a.example/callback/own"
    assert "canary" not in repr(config)


def test_beside_a_real_app_no_profile_is_left_without_one(tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text('[profiles.a]\nclient_id = "a"\nclient_secret_env = "A"\n[profiles.b]\n')
    with pytest.raises(
        SettingsError, match="'b' has no client_id, and HUBSPOT_CLIENT_ID is not set"
    ):
        Settings.from_environ({"PROFILES_FILE": str(path), "A": "secret"})


# -- what is wrong with a file


@pytest.mark.parametrize(
    ("table", "problems"),
    [
        pytest.param('titel = "x"', ["unknown key 'titel'; did you mean 'title'?"], id="unknown"),
        pytest.param(
            'client_secret = "canary"',
            ["unknown key 'client_secret'; did you mean 'client_secret_env'?"],
            id="the-secret-itself",
        ),
        pytest.param("title = 1", ["title must be text"], id="title-is-a-number"),
        pytest.param("pkce = 1", ["pkce must be true or false"], id="pkce-is-a-number"),
        pytest.param('pkce = "no"', ["pkce must be true or false"], id="pkce-is-text"),
        pytest.param('hub_id = "1"', ["hub_id must be a whole number"], id="hub-id-is-text"),
        pytest.param("hub_id = true", ["hub_id must be a whole number"], id="hub-id-is-true"),
        pytest.param("hub_id = 1.0", ["hub_id must be a whole number"], id="hub-id-is-a-fraction"),
        pytest.param("hub_id = 0", ["hub_id must be 1 or more"], id="hub-id-is-zero"),
        pytest.param(
            'optional_scopes = "forms"', ["optional_scopes must be a list of texts"], id="text"
        ),
        pytest.param(
            "return_origins = [1]", ["return_origins must be a list of texts"], id="numbers"
        ),
        pytest.param(
            'missing_optional = "warn"',
            ["missing_optional must be 'note' or 'fail'"],
            id="missing-optional",
        ),
        pytest.param(
            'region = "eu"',
            ["region must be a hublet of HubSpot, such as na1, na2, na3, eu1, ap1"],
            id="region",
        ),
        pytest.param(
            'optional_scopes = ["forms", "tikets", "payments"]',
            [
                (
                    "optional_scopes entry 2 ('tikets') is not in the catalogue; "
                    "did you mean 'tickets'?"
                ),
                "optional_scopes entry 3 ('payments') is not in the catalogue",
            ],
            id="unknown-scopes",
        ),
        pytest.param(
            'catalogue = "own.toml"\nconditional_scopes = ["tickets"]',
            ["conditional_scopes entry 1 ('tickets') is not in the catalogue"],
            id="unknown-to-its-own-catalogue",
        ),
        pytest.param(
            'catalogue = "bad.toml"',
            [
                (
                    "catalogue bad.toml: line 1, scope 1 (a): \"kind\" is 'x', not one of "
                    "'required', 'conditionally required', 'optional'"
                ),
                'catalogue bad.toml: line 4, scope 2 (b): "kind" is missing',
            ],
            id="bad-catalogue",
        ),
        pytest.param(
            'catalogue = "gone.toml"',
            ["catalogue gone.toml: cannot be read: No such file or directory"],
            id="no-catalogue",
        ),
        pytest.param(
            'app_config = "bad.json"',
            ['app_config bad.json: has neither "config.auth" nor "auth"'],
            id="bad-app-config",
        ),
        pytest.param(
            'client_secret_env = "GONE"',
            ["client_secret_env names GONE, which is not set"],
            id="env-unset",
        ),
        pytest.param(
            'client_secret_env = "BLANK"',
            ["client_secret_env names BLANK, which is not set"],
            id="env-blank",
        ),
        pytest.param(
            'client_secret_file = "gone"',
            ["client_secret_file gone cannot be read: No such file or directory"],
            id="secret-file-missing",
        ),
        pytest.param(
            'client_secret_file = "empty"',
            ["client_secret_file empty is empty"],
            id="secret-file-empty",
        ),
        pytest.param(
            'client_secret_file = "binary"',
            ["client_secret_file binary cannot be read: not a valid path, or not UTF-8 text"],
            id="secret-file-binary",
        ),
        pytest.param(
            r'client_secret_file = "a\u0000b"',
            ["client_secret_file a\0b cannot be read: not a valid path, or not UTF-8 text"],
            id="secret-file-zero-byte",
        ),
        pytest.param(
            r'catalogue = "a\u0000b"',
            [r"catalogue 'a\x00b': cannot be read: no legal path"],
            id="catalogue-zero-byte",
        ),
        pytest.param(
            r'app_config = "a\u0000b"',
            [r"app_config 'a\x00b': cannot be read: no legal path"],
            id="app-config-zero-byte",
        ),
        pytest.param(
            'client_secret_file = "secret"\nclient_secret_env = "SHOP_SECRET"',
            ["client_secret_env and client_secret_file: set one of them"],
            id="two-secrets",
        ),
        pytest.param(
            'client_id = ""\nclient_secret_env = "SHOP_SECRET"',
            ["client_id must be ASCII characters without blanks"],
            id="client-id-empty",
        ),
        pytest.param(
            'client_id = "a b"\nclient_secret_env = "SHOP_SECRET"',
            ["client_id must be ASCII characters without blanks"],
            id="client-id-with-blank",
        ),
        *(
            pytest.param(
                f'return_origins = ["{origin}"]',
                ["return_origins entry 1 must be an origin such as https://app.example.com"],
                id=origin,
            )
            for origin in (
                "https://a.example/",
                "https://a.example/path",
                "HTTPS://a.example",
                "https://A.example",
                "https://a.example:443",
                "https://u@a.example",
                "a.example",
                "*",
                "null",
                "",
            )
        ),
    ],
)
def test_what_is_wrong_with_a_profile(read, table, problems):
    found = problems_of(read, f"[profiles.p]\n{table}\n")
    assert found == problems
    assert "canary" not in str(found)


@pytest.mark.parametrize(
    "name", ["P", "a b", "-a", "_a", "a/b", "a.b", "é", "a" * 33, ""], ids=ascii
)
def test_a_name_that_makes_no_address(read, name):
    with pytest.raises(SettingsError, match="the name may have a-z, 0-9"):
        read(f'[profiles."{name}"]')


def test_several_problems_are_named_with_their_profiles(read):
    with pytest.raises(SettingsError) as caught:
        read(
            "extra = 1\n[profiles]\nc = 1\n[profiles.a]\nx = 1\npkce = 2\n"
            "[profiles.b]\nregion = 'q'\n"
        )
    assert [problem.removeprefix(f"{read.path}: ") for problem in caught.value.problems] == [
        "unknown key 'extra'",
        "profile 'c': must be a table",
        "profile 'a': pkce must be true or false",
        "profile 'a': unknown key 'x'",
        "profile 'b': region must be a hublet of HubSpot, such as na1, na2, na3, eu1, ap1",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "has no [profiles.<name>] table", id="empty"),
        pytest.param(b"profiles = 1", "has no [profiles.<name>] table", id="number"),
        pytest.param(b"[profiles]", "has no [profiles.<name>] table", id="none"),
        pytest.param(b"[[profiles]]\na = 1", "has no [profiles.<name>] table", id="array"),
        pytest.param(b"[profiles", "is not TOML: ", id="not-toml"),
        pytest.param(b"a = '\xff'", "is not TOML: ", id="not-utf-8"),
        pytest.param(b"a = " + b"[" * 5000, "is not TOML that can be read", id="deeply-nested"),
        pytest.param(b"a = " + b"9" * 5000, "is not TOML that can be read", id="long-number"),
    ],
)
def test_a_file_without_profiles(tmp_path, content, problem):
    path = tmp_path / "profiles.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(f"{path} {problem}")) as caught:
        load_profiles(path, DEFAULTS, {})
    assert len(caught.value.problems) == 1


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file or directory"):
        load_profiles(tmp_path / "gone.toml", DEFAULTS, {})


# -- anything at all

values = st.sampled_from(
    ['"x"', '""', '"a\\u0000b"', "1", "-1", "true", "1.5", "[]", '["forms"]', '["a b", "oauth"]',
     "{}", "{a = 1}", "2026-01-01", "[[1]]", '["https://a.example"]', '"note"', '"eu1"', '"."']
)  # fmt: skip
keys = st.sampled_from(
    ["title", "client_id", "client_secret_env", "client_secret_file", "catalogue", "app_config",
     "optional_scopes", "conditional_scopes", "missing_optional", "pkce", "region", "hub_id",
     "return_origins", "other"]
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("profiles")


@given(st.dictionaries(keys, values, max_size=6))
@settings(max_examples=300)
def test_any_table_reads_or_is_refused(folder, table):
    path = folder / "profiles.toml"
    lines = "\n".join(f"{key} = {value}" for key, value in table.items())
    path.write_text(f"[profiles.p]\n{lines}\n", "utf-8")
    reads_or_refuses(path)


@given(st.binary() | st.text('[]profiles.a="\n{}').map(str.encode))
@settings(max_examples=200)
def test_any_file_reads_or_is_refused(folder, content):
    path = folder / "profiles.toml"
    path.write_bytes(content)
    reads_or_refuses(path)


def reads_or_refuses(path: Path):
    try:
        profiles = load_profiles(path, DEFAULTS, {"x": "s"})
    except SettingsError as error:
        problems = error.problems
    else:
        problems = ["none"]
        assert profiles
        assert all(profile.client_id and profile.client_secret for profile in profiles)
    assert problems
    assert all(problems)


# -- what a profile asks for


def profile(**changes):
    return Profile(
        name="p",
        title="P",
        client_id="id",
        client_secret=SecretStr("s"),
        redirect_uri="https://a.example/callback/p",
        catalogue=CATALOGUE,
        **changes,
    )


@pytest.mark.parametrize(
    ("changes", "chosen", "optional_scope"),
    [
        pytest.param({}, ("forms",), ("forms",), id="chosen"),
        pytest.param({}, (), (), id="nothing-chosen"),
        pytest.param({"optional_scopes": ("tickets",)}, None, ("tickets",), id="profiles-own"),
        pytest.param({"optional_scopes": ("tickets",)}, ("forms",), ("forms",), id="chosen-first"),
        pytest.param({"optional_scopes": ()}, None, (), id="profile-wants-none"),
        pytest.param({"app": APP}, None, ("tickets",), id="what-the-app-lists"),
    ],
)
def test_what_a_profile_asks_for(changes, chosen, optional_scope):
    assert profile(**changes).requested_scopes(chosen) == RequestedScopes(
        ("oauth", CONTACTS), optional_scope
    )


def test_a_profile_without_a_choice_asks_for_the_catalogues_default():
    assert profile().requested_scopes().optional_scope == CATALOGUE.default_optional


def test_conditional_scopes_are_asked_for_where_the_app_has_them():
    app = AppConfiguration(required=(CONTACTS,), conditional=("tickets", "forms"))
    asking = profile(app=app, conditional_scopes=("tickets",), optional_scopes=())
    assert asking.requested_scopes() == RequestedScopes(("oauth", CONTACTS, "tickets"))


def test_an_unknown_choice_is_refused():
    with pytest.raises(UnknownScopesError, match=r"tikets \(did you mean tickets\?\)"):
        profile().requested_scopes(["tikets"])


def test_required_scopes_are_the_catalogues():
    assert profile().required == set(CATALOGUE.of_kind(Kind.REQUIRED)) == {"oauth", CONTACTS}
