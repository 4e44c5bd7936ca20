import pytest
from oauth_clients import CALLBACK, SECRET_HASH, clients_file
from pydantic import SecretStr

from oauth_helper.config.oauth_clients import load_clients
from oauth_helper.config.settings import Settings, SettingsError


def loaded(path, profiles=("workato", "second")):
    return load_clients(path, profiles)


def problems_of(folder, *tables):
    with pytest.raises(SettingsError) as raised:
        loaded(write(folder, *tables))
    return [each.partition("clients.toml")[2].lstrip(": ") for each in raised.value.problems]


def write(folder, *tables):
    clients_file(folder, *tables)
    return folder / "clients.toml"


def test_a_client_as_the_file_has_it(tmp_path):
    table = {
        "unknown_scopes": "drop",
        "scope_response": "echo",
        "pkce": "required",
        "consent": False,
        "profile": "second",
    }
    (client,) = loaded(write(tmp_path, table))
    assert dict(client) == {
        "id": "tool",
        "name": "Flow Tool",
        "redirect_uris": (CALLBACK,),
        "profile": "second",
        "secret_hash": SecretStr(SECRET_HASH),
        "unknown_scopes": "drop",
        "scope_response": "echo",
        "pkce": "required",
        "consent": False,
    }


def test_a_client_with_nothing_but_what_it_needs(tmp_path):
    (client,) = loaded(write(tmp_path, {}))
    assert (client.unknown_scopes, client.scope_response, client.pkce) == (
        "refuse",
        "rfc",
        "optional",
    )
    assert client.consent
    assert not client.is_public
    assert not client.needs_pkce


def test_a_client_without_a_secret_is_public_and_needs_pkce(tmp_path):
    (client,) = loaded(write(tmp_path, {"secret_hash": None}))
    assert client.is_public
    assert client.needs_pkce


ONE = "client 1: "


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"id": "a b"}, "id must be 1 to 100 of A-Z a-z 0-9 . _ -"),
        ({"id": ""}, "id must be 1 to 100 of A-Z a-z 0-9 . _ -"),
        ({"id": None}, "id is missing"),
        ({"name": " x"}, "name must be 1 to 60 characters, without blanks or hyphens around them"),
        ({"name": "-"}, "name must be 1 to 60 characters, without blanks or hyphens around them"),
        (
            {"name": "a\nb"},
            "name must be 1 to 60 characters, without blanks or hyphens around them",
        ),
        ({"profile": "third"}, "profile must be one of workato, second"),
        ({"redirect_uris": []}, "redirect_uris must be a list of 1 to 50"),
        ({"redirect_uris": "x"}, "redirect_uris must be a list of texts"),
        ({"pkce": "never"}, "pkce must be 'optional' or 'required'"),
        ({"unknown_scopes": "keep"}, "unknown_scopes must be 'refuse' or 'drop'"),
        ({"scope_response": ""}, "scope_response must be 'rfc', 'hubspot' or 'echo'"),
        ({"consent": "no"}, "consent must be true or false"),
        (
            {"redirect_uri": CALLBACK},
            "unknown key 'redirect_uri'; did you mean 'redirect_uris'?",
        ),
        (
            {"redirect_uris": ["http://tool.example.com/"]},
            "redirect_uris entry 1 must start with https://, except on this computer",
        ),
        (
            {"redirect_uris": ["https://*.example.com/"]},
            "redirect_uris entry 1 has a *; redirect URIs are compared exactly",
        ),
        (
            {"redirect_uris": ["https://a.example/#x"]},
            "redirect_uris entry 1 has a fragment",
        ),
        (
            {"redirect_uris": ["javascript:alert(1)"]},
            (
                "redirect_uris entry 1 must be a web address, or have a private scheme "
                "such as com.example.app:/callback"
            ),
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, table, problem):
    assert problems_of(tmp_path, table) == [ONE + problem]


def test_a_secret_in_the_place_of_its_hash_is_not_repeated(tmp_path):
    (problem,) = problems_of(tmp_path, {"secret_hash": "my-secret"})
    assert problem.startswith(ONE + "secret_hash is not a hash; `python -m oauth_helper")
    assert "my-secret" not in problem


def test_every_problem_of_every_client_is_told_at_once(tmp_path):
    assert problems_of(tmp_path, {"id": "a b", "pkce": "x"}, {"profile": "y"}) == [
        "client 1: id must be 1 to 100 of A-Z a-z 0-9 . _ -",
        "client 1: pkce must be 'optional' or 'required'",
        "client 2: profile must be one of workato, second",
    ]


def test_ids_and_names_are_each_ones_own(tmp_path):
    assert problems_of(tmp_path, {}, {"id": "TOOL", "name": "flow tool"}) == [
        "two clients have the id 'TOOL'",
        "two clients have the id 'tool'",
        "two clients have the name 'Flow Tool'",
        "two clients have the name 'flow tool'",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no [[client]] table"),
        ("client = 1", "has no [[client]] table"),
        ("client = [1]", "client 1: must be a table"),
        ("[[client]", "is not TOML"),
        ("\xff", "is not TOML"),
    ],
)
def test_a_file_that_is_none(tmp_path, text, problem):
    path = tmp_path / "clients.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as raised:
        loaded(path)
    assert problem in str(raised.value)


def test_problems_come_up_with_those_of_other_settings(tmp_path):
    path = clients_file(tmp_path, {"profile": "gone"})
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({"OAUTH_CLIENTS_FILE": path, "PORT": "x"})
    assert [each.split()[0] for each in raised.value.problems] == ["PORT", "OAUTH_CLIENTS_FILE"]
