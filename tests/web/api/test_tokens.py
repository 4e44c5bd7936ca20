"""Named tokens of the API: each opens what its scopes say, and nothing else."""

import json
import re
import tomllib

import pytest
from click.testing import CliRunner
from harness import API_TOKEN, CONNECTIONS_API_TOKEN, browser_of, quick_hash

from oauth_helper.cli.main import cli
from oauth_helper.config.settings import Settings, SettingsError

SECRET = "crm.canary-named-token-0123456789"


def a_file(path, *tables):
    lines = []
    for name, secret, scopes in tables:
        lines += ["[[token]]", f'name = "{name}"', f'hash = "{quick_hash(secret)}"']
        lines.append(f"scopes = {json.dumps(scopes)}")
    path.write_text("\n".join(lines))
    return str(path)


@pytest.fixture
def app(make_app, tmp_path):
    tables = [
        ("crm", SECRET, ["failures:read"]),
        ("plain", "a-secret-without-a-name", ["checks", "links:write"]),
        ("backend", "backend.x", ["connections:token"]),
    ]
    return make_app(API_TOKENS_FILE=a_file(tmp_path / "tokens.toml", *tables))


@pytest.fixture
def ask(app):
    browser = browser_of(app)

    def send(path, token, method="GET", **options):
        headers = {"Authorization": f"Bearer {token}"}
        return browser.open(f"/api/v1{path}", method=method, headers=headers, **options)

    return send


def test_a_token_opens_what_its_scopes_say(ask):
    assert ask("/failures", SECRET).status_code == 200
    assert ask("/connections", "backend.x").status_code == 200
    done = ask("/diagnose", "a-secret-without-a-name", "POST", json={"message": "x"})
    assert done.status_code == 200
    for older, path in ((API_TOKEN, "/failures"), (CONNECTIONS_API_TOKEN, "/connections")):
        assert ask(path, older).status_code == 200


def test_a_token_without_the_scope_is_refused_by_name_of_the_scope(ask):
    response = ask("/connect-links", SECRET, "POST", json={"profile": "workato"})
    assert response.status_code == 403
    assert response.mimetype == "application/problem+json"
    assert response.json["scope"] == "links:write"
    assert response.json["detail"] == "The token crm lacks the scope links:write."
    assert 'error="insufficient_scope", scope="links:write"' in response.headers["WWW-Authenticate"]
    assert ask("/connections/workato.1/token", SECRET).status_code == 403
    assert ask("/failures", "backend.x").status_code == 403


@pytest.mark.parametrize("sent", ["crm.wrong", SECRET[4:], SECRET + "x", "other.x", ""])
def test_a_wrong_token_is_refused(ask, sent):
    response = ask("/failures", sent)
    assert response.status_code == 401
    assert "SUPPORT_API_TOKEN or API_TOKENS_FILE" in response.json["detail"]


def test_a_network_has_few_slow_checks(make_app, tmp_path):
    path = a_file(tmp_path / "tokens.toml", ("crm", SECRET, ["failures:read"]))
    app = make_app(API_TOKENS_FILE=path, RATE_LIMITS="on")
    browser = browser_of(app)

    def status(token):
        headers = {"Authorization": f"Bearer {token}"}
        return browser.get("/api/v1/failures", headers=headers).status_code

    assert status(SECRET) == 200
    statuses = [status(f"crm.wrong{number}") for number in range(40)]
    assert statuses.count(429) >= 10
    # A token that was right is remembered, so wrong ones of others don't lock it out.
    assert [status(SECRET) for _ in range(5)] == [200] * 5
    assert status(API_TOKEN) == 200


def test_the_desk_shows_the_last_use(ask, staff, clock):
    page = staff("viewer").get("/support/tokens").text
    assert page.count(">never<") == 3
    ask("/failures", SECRET)
    clock.now += 3700
    page = staff("viewer").get("/support/tokens").text
    assert re.search(r"crm</td>.*?failures:read.*?1 h ago", page, re.DOTALL)
    assert page.count(">never<") == 2
    assert "scrypt" not in page


def test_the_description_names_the_scope_of_each_operation(client):
    paths = client.get("/api/v1/openapi.json").json["paths"]
    assert paths["/api/v1/connect-links"]["post"]["security"] == [{"bearer": ["links:write"]}]
    for operations in paths.values():
        for each in operations.values():
            ((scopes,),) = (one.values() for one in each["security"])
            assert f"`{scopes[0]}`" in each["description"]
            assert "403" in each["responses"]


def test_the_command_makes_a_table_that_is_read(tmp_path, make_app):
    made = CliRunner().invoke(
        cli, ["api-token", "crm", "--scope", "failures:read", "--scope", "checks"]
    )
    assert made.exit_code == 0
    (table,) = tomllib.loads(made.stdout)["token"]
    assert table["scopes"] == ["failures:read", "checks"]
    assert made.stderr.startswith("crm.")
    path = tmp_path / "tokens.toml"
    path.write_text(made.stdout)
    headers = {"Authorization": f"Bearer {made.stderr.strip()}"}
    browser = browser_of(make_app(API_TOKENS_FILE=str(path)))
    assert browser.get("/api/v1/failures", headers=headers).status_code == 200
    assert CliRunner().invoke(cli, ["api-token", "A B", "--scope", "checks"]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[token]]\nname = "a"\nhash = "secret"\nscopes = ["checks"]', "hash is not a hash"),
        ('[[token]]\nname = "a"\nhash = "{hash}"\nscopes = ["all"]', "scopes entry 1 must be one"),
        ('[[token]]\nname = "a"\nhash = "{hash}"\nscopes = []', "scopes must have one"),
        ('[[token]]\nname = "A.b"\nhash = "{hash}"\nscopes = ["checks"]', "name must be"),
        ('[[token]]\nname = "a"\nhash = "{hash}"\nscopes = 7', "scopes must be a list"),
        ('[[token]]\nnam = "a"', "did you mean 'name'?"),
        ("", "has no [[token]] table"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, problem):
    path = tmp_path / "tokens.toml"
    path.write_text(text.replace("{hash}", quick_hash("x")))
    with pytest.raises(SettingsError) as error:
        Settings.from_environ({"API_TOKENS_FILE": str(path)})
    assert problem in str(error.value)
    assert "secret" not in str(error.value).replace("a secret on stdin", "")


def test_two_tokens_differ_in_name(tmp_path):
    path = a_file(tmp_path / "tokens.toml", ("a", "x", ["checks"]), ("a", "y", ["checks"]))
    with pytest.raises(SettingsError, match="two tokens have the name 'a'"):
        Settings.from_environ({"API_TOKENS_FILE": path})
