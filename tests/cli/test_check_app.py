"""The commands `check` and `diagnose`: what they say, where, and with which exit code."""

import json
import os
import pty
import random
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from paths import ROOT

from oauth_helper.cli.main import cli
from oauth_helper.scopes import shipped_catalogue
from oauth_helper.scopes.app_file import parse_app_file

CATALOGUE = shipped_catalogue()
CONTACTS = "crm.objects.contacts.read"
OURS = "http://localhost:8000/callback/workato"
FITS = {
    "type": "oauth",
    "redirectUrls": [OURS],
    "requiredScopes": ["oauth", CONTACTS],
    "optionalScopes": list(CATALOGUE.default_optional),
}
#: With a redirect URL that isn't quite ours.
AS_WRITTEN = """{
  "config": {
    "auth": {
      "redirectUrls": ["http://localhost:8000/callback/workat"],
      "requiredScopes": ["oauth", "tickets"],
      "optionalScopes": [
        "crm.objects.deals.read"
      ]
    }
  }
}
"""
LINK = (
    "https://app.hubspot.com/oauth/authorize?client_id=x&redirect_uri=https%3A%2F%2Fx.example%2Fcb"
    "&scope=oauth%20tickets"
)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a command as a program would, without a terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("HUBSPOT_APP_CONFIG", "PROFILES_FILE", "SCOPE_CATALOGUE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run_command(*arguments, typed=None, **settings):
        environ = {"PUBLIC_URL": "http://localhost:8000", "DATA_DIR": str(tmp_path), **settings}
        return CliRunner().invoke(cli, arguments, input=typed, env=environ)

    return run_command


@pytest.fixture
def app(tmp_path):
    """Writes the app's file; its path."""

    def write(content, name="app-hsmeta.json"):
        if isinstance(content, dict):
            content = json.dumps({"config": {"auth": content}}, indent=2)
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def without(key, name):
    return {**FITS, key: [each for each in FITS[key] if each != name]}


def with_more(key, *names):
    return {**FITS, key: [*FITS.get(key, []), *names]}


@pytest.mark.parametrize(
    ("auth", "code", "problems"),
    [
        pytest.param(FITS, 0, [], id="fits"),
        pytest.param(
            with_more("requiredScopes", "crm.objects.leads.read"),
            1,
            ["url_missing_required_scope"],
            id="requires-more",
        ),
        pytest.param(
            without("optionalScopes", "tickets"),
            1,
            ["url_requests_unconfigured_scope"],
            id="lists-less",
        ),
        pytest.param(
            {
                **without("requiredScopes", CONTACTS),
                "optionalScopes": [CONTACTS, *FITS["optionalScopes"]],
            },
            1,
            ["scope_in_wrong_parameter"],
            id="optional-instead",
        ),
        pytest.param(
            {
                **without("optionalScopes", "tickets"),
                "conditionallyRequiredScopes": ["tickets"],
            },
            1,
            ["scope_in_wrong_parameter"],
            id="conditionally-instead",
        ),
        pytest.param(
            {**FITS, "redirectUrls": [OURS + "/"]}, 1, ["redirect_uri_mismatch"], id="another-url"
        ),
        pytest.param({**FITS, "type": "static"}, 1, ["redirect_uri_mismatch"], id="static"),
        pytest.param(
            with_more("optionalScopes", "crm.object.deals.read"),
            0,
            ["invalid_scope_name"],
            id="misspelt",
        ),
    ],
)
def test_what_a_file_comes_to(run, app, auth, code, problems):
    path = app(auth)
    said = run("check", path)
    assert said.exit_code == code, said.output
    assert said.stdout.startswith("✓ HubSpot will accept this link") is (code == 0)
    document = json.loads(run("check", path, "--format", "json").stdout)
    assert document["ok"] is (code == 0)
    assert (document["file"], document["profile"]) == (path, "workato")
    assert set(problems) <= {problem["code"] for problem in document["problems"]}
    for problem in document["problems"]:
        assert problem["code"] in said.stdout
        assert problem["message"] in said.stdout
        if problem["url_fix"]:
            assert f"  in the link: {problem['url_fix']}\n" in said.stdout
        if problem["app_fix"]:
            assert f"  in the app:  {problem['app_fix']}\n" in said.stdout


def test_json_has_the_link_and_both_ways_to_fix_it(run, app):
    document = json.loads(run("check", app(AS_WRITTEN), "--format", "json").stdout)
    assert list(document)[:3] == ["ok", "file", "profile"]
    assert document["requested"]["scope"] == ["oauth", CONTACTS]
    assert len(document["requested"]["optional_scope"]) == 47
    assert document["mended"] == {
        "scope": ["oauth", "tickets"],
        "optional_scope": ["crm.objects.deals.read"],
    }
    corrected = document["corrected_app_config"]["config"]["auth"]
    assert corrected["redirectUrls"] == ["http://localhost:8000/callback/workat", OURS]
    assert corrected["requiredScopes"] == ["oauth", CONTACTS]
    assert {problem["severity"] for problem in document["problems"]} == {"error"}


def test_the_text_begins_with_the_verdict_and_ends_with_what_helps(run, app):
    path = app(AS_WRITTEN)
    lines = run("check", path).stdout.splitlines()
    assert lines[0] == "✗ HubSpot will reject this link: 3 errors."
    assert lines[1] == (
        f"{path}, compared with profile workato: redirect URL {OURS}, "
        "2 in `scope` and 47 in `optional_scope`."
    )
    missing = "Required scope missing from the link (url_missing_required_scope)"
    assert f"{path}:5  error  {missing}" in lines
    assert any(line.startswith(f"{path}:4  error  Redirect URL not registered") for line in lines)
    assert lines[-1] == "Run with --fix to print a corrected file."


def test_the_file_that_the_set_up_page_hands_out_passes_without_a_word(run):
    handed_out = run("catalogue", "--format", "hsmeta")
    done = run("check", "-", typed=handed_out.stdout)
    assert done.exit_code == 0
    verdict, compared = done.stdout.splitlines()
    assert verdict == "✓ HubSpot will accept this link."
    assert compared.startswith("standard input, compared with")
    document = json.loads(handed_out.stdout)
    assert document["config"]["distribution"] == "private"
    assert "isUserFacing" not in document["config"]
    listed = run("catalogue", "--format", "hsmeta", "--distribution", "marketplace")
    assert json.loads(listed.stdout)["config"]["distribution"] == "marketplace"


class TestFormats:
    def test_github_gets_an_annotation_for_each_problem(self, run, app):
        path = app(AS_WRITTEN)
        done = run("check", path, "--format", "github")
        assert done.exit_code == 1
        lines = done.stdout.splitlines()
        assert len(lines) == 3
        title = "Required scope missing from the link"
        assert lines[1].startswith(f"::error file={path},line=4,title=Redirect") or any(
            line.startswith(f"::error file={path},line=5,title={title}::The app requires")
            for line in lines
        )
        assert run("check", app(FITS), "--format", "github").stdout == "\n"

    def test_github_gets_what_is_wrong_with_the_file(self, run, app):
        path = app('{\n  "auth": {}, // ours\n}')
        done = run("check", path, "--format", "github")
        assert done.exit_code == 2
        assert done.stdout.startswith(f"::error file={path},line=2,title=App file can't be used::")

    def test_nothing_breaks_out_of_an_annotation(self, run, app):
        path = app({"redirectUrls": ["http://x.example/%0A::error::x"], "requiredScopes": []})
        done = run("check", path, "--format", "github")
        assert all(line.startswith("::") for line in done.stdout.splitlines())
        assert "%250A" in done.stdout

    def test_sarif_has_a_rule_and_a_place_for_each_result(self, run, app):
        path = app(AS_WRITTEN)
        done = run("check", path, "--format", "sarif")
        assert done.exit_code == 1
        document = json.loads(done.stdout)
        assert document["version"] == "2.1.0"
        (found,) = document["runs"]
        rules = {rule["id"] for rule in found["tool"]["driver"]["rules"]}
        assert {result["ruleId"] for result in found["results"]} == rules
        for result in found["results"]:
            assert result["level"] == "error"
            (location,) = result["locations"]
            place = location["physicalLocation"]
            assert place["artifactLocation"]["uri"] == path
            assert place["region"]["startLine"] in range(1, 13)
        (broken,) = json.loads(run("check", app("{"), "--format", "sarif").stdout)["runs"]
        assert [result["ruleId"] for result in broken["results"]] == ["app_file_unusable"]


class TestProject:
    @pytest.fixture
    def project(self, tmp_path):
        folder = tmp_path / "project" / "src" / "app"
        folder.mkdir(parents=True)
        auth = {**FITS, "redirectUrls": ["${ORIGIN}/callback/workato"]}
        content = {"uid": "a", "type": "app", "config": {"auth": auth}}
        (folder / "app-hsmeta.json").write_text(json.dumps(content, indent=2))
        (folder / "cards").mkdir()
        (folder / "cards" / "card-hsmeta.json").write_text('{"type": "card", "config": {}}')
        (tmp_path / "project" / "hsproject.json").write_text('{"name": "p", "srcDir": "src"}')
        return tmp_path / "project"

    @pytest.mark.parametrize("inside", [".", "src", "src/app", "src/app/app-hsmeta.json"])
    def test_is_found_from_any_of_its_folders(self, run, project, inside):
        done = run("check", str(project / inside))
        assert done.exit_code == 0, done.output
        assert "app-hsmeta.json, compared with" in done.stdout

    def test_without_an_app_is_said(self, run, tmp_path):
        (tmp_path / "empty").mkdir()
        done = run("check", str(tmp_path / "empty"))
        assert done.exit_code == 2
        assert "holds no app file; it is src/app/*-hsmeta.json" in done.stderr

    def test_with_two_apps_is_said(self, run, project):
        (project / "src" / "app" / "public-app.json").write_text("{}")
        done = run("check", str(project))
        assert done.exit_code == 2
        assert "holds 2 app files" in done.stderr

    @pytest.mark.parametrize(
        ("variables", "code", "words"),
        [
            ({"ORIGIN": "http://localhost:8000"}, 0, "✓"),
            ({"ORIGIN": "https://other.example"}, 1, "doesn't list the redirect URL"),
            ({}, 2, "the profile dev has no value for a variable in ${ORIGIN}"),
            ([], 2, "has no object `variables`"),
        ],
    )
    def test_a_profile_fills_in_the_variables(self, run, project, variables, code, words):
        profile = {"accountId": 1, "variables": variables}
        (project / "src" / "hsprofile.dev.json").write_text(json.dumps(profile))
        done = run("check", str(project), "--hs-profile", "dev")
        assert done.exit_code == code, done.output
        assert words in done.output

    def test_an_unknown_profile_is_said(self, run, project):
        done = run("check", str(project), "--hs-profile", "gone")
        assert done.exit_code == 2
        assert "there is no hsprofile.gone.json" in done.stderr


class TestFix:
    def test_prints_the_file_alone_and_keeps_how_it_is_written(self, run, app):
        path = app(AS_WRITTEN)
        done = run("check", path, "--fix")
        assert done.exit_code == 0
        assert done.stdout.startswith('{\n  "config": {\n    "auth": {\n      "redirectUrls": [')
        assert "url_missing_required_scope" in done.stderr
        assert done.stderr.endswith(f"The corrected {path} fits this link.\n")
        assert Path(path).read_text() == AS_WRITTEN
        again = run("check", app(done.stdout, "new.json"))
        assert again.exit_code == 0, again.output

    def test_of_a_file_that_fits_changes_nothing(self, run, app):
        auth = json.dumps({"optionalScopes": FITS["optionalScopes"]})
        text = auth.replace("{", f'{{"auth":{{"requiredScopes":["{CONTACTS}"] ,') + "}\r\n"
        done = run("check", app(text), "--fix")
        assert done.exit_code == 0
        assert done.stdout_bytes == text.encode()

    def test_keeps_line_ends(self, run, app):
        text = AS_WRITTEN.replace("\n", "\r\n")
        fixed = run("check", app(text), "--fix").stdout_bytes
        assert fixed.count(b"\r\n") == fixed.count(b"\n") > text.count("\n")

    def test_cannot_fix_the_link(self, run, app):
        done = run("check", app(FITS), "--scope", f"oauth,{CONTACTS}", "--fix")
        assert done.exit_code == 1
        assert "Left (only the link can fix it): Scopes joined in a way" in done.stderr
        assert json.loads(done.stdout)
        odd = run("check", app({"requiredScopes": []}), "--scope", "oauth %").stdout
        assert "HubSpot will reject" in odd

    def test_says_what_it_leaves_and_what_it_takes_out(self, run, app):
        auth = {**FITS, "optionalScopes": [*FITS["optionalScopes"], "crm.objects.dealz.read"]}
        done = run("check", app({**auth, "requiredScopes": [CONTACTS, "contacts"]}), "--fix")
        assert done.exit_code == 0
        assert "Left (fix it by hand): Scope name that HubSpot doesn't know." in done.stderr
        assert "crm.objects.dealz.read. Did you mean crm.objects.deals.read?" in done.stderr
        assert "since HubSpot no longer has it: contacts." in done.stderr
        assert '"contacts"' not in done.stdout

    def test_with_json_has_the_findings_on_stderr(self, run, app):
        done = run("check", app(AS_WRITTEN), "--fix", "--format", "json")
        assert json.loads(done.stderr)["problems"]
        assert done.stdout.startswith('{\n  "config"')

    @pytest.mark.parametrize("seed", range(60))
    def test_of_any_file_fits_and_loses_no_scope(self, run, app, seed):
        chance = random.Random(seed)
        text = random_file(chance)
        done = run("check", app(text), "--fix")
        assert done.exit_code == 0, done.output
        before = parse_app_file(text, origin="before").configuration
        after = parse_app_file(done.stdout, origin="after").configuration
        assert before.listed <= after.listed
        assert set(before.redirect_urls) <= set(after.redirect_urls)
        assert run("check", "-", typed=done.stdout).exit_code == 0
        assert run("check", "-", "--fix", typed=done.stdout).stdout == done.stdout


def random_file(chance):
    """An app's file with lists, layout and other members by chance."""
    names = [scope.name for scope in CATALOGUE.scopes] + ["crm.objects.leads.read", "x.unheard-of"]
    lists = {
        key: chance.sample(names, chance.randrange(len(names)))
        for key in ("requiredScopes", "optionalScopes", "conditionallyRequiredScopes")
        if chance.random() < 0.8
    }
    lists["redirectUrls"] = chance.sample([OURS, OURS + "/", "https://x.example/ü"], 2)
    auth = {"type": "oauth", **lists, "more": {"a": [1, 2.5, None, "}]"]}}
    inside = {"auth": auth} if chance.random() < 0.5 else {"config": {"name": "ü", "auth": auth}}
    return json.dumps(inside, indent=chance.choice([None, 2, 4, "\t"]), ensure_ascii=False)


@pytest.mark.parametrize(
    ("options", "heading", "found"),
    [
        pytest.param(
            ("--authorize-url", LINK),
            "the link given: redirect URL https://x.example/cb, 2 in `scope` and 0",
            "redirect_uri_mismatch",
            id="authorize-url",
        ),
        pytest.param(
            ("--scope", "oauth tickets"),
            "the link given: no redirect URL, 2 in `scope` and 0",
            "scope_in_wrong_parameter",
            id="scope",
        ),
        pytest.param(
            ("--scope", f"oauth,{CONTACTS}"),
            "1 in `scope` and 0",
            "scopes_badly_encoded",
            id="commas",
        ),
        pytest.param(
            ("--optional-scope", "tickets"),
            "0 in `scope` and 1 in `optional_scope`",
            "missing_oauth_scope",
            id="optional-scope",
        ),
    ],
)
def test_another_link_can_be_checked(run, app, options, heading, found):
    done = run("check", app(FITS), *options)
    assert done.exit_code == 1
    assert heading in done.stdout
    assert found in done.stdout


def test_another_profile_can_be_checked(run, app, tmp_path):
    (tmp_path / "profiles.toml").write_text("[profiles.first]\n[profiles.second]\n")
    settings = {"PROFILES_FILE": str(tmp_path / "profiles.toml")}
    path = app({**FITS, "redirectUrls": ["http://localhost:8000/callback/second"]})
    assert run("check", path, **settings).exit_code == 1
    done = run("check", path, "--profile", "second", "--format", "json", **settings)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["profile"] == "second"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b'{"auth": [\n', "is not JSON: line 2, column 1", id="json"),
        pytest.param(b'{"auth": {\n "optionalScopes": "a"}}', "line 2: ", id="type"),
        pytest.param(b'{"auth": {\n "requiredScopes": ["a b"]}}', "line 2: ", id="name"),
        pytest.param(b"[]", "has to be a JSON object", id="list"),
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"\xff\xfe{\x00}\x00", "UTF-16", id="utf-16"),
        pytest.param(b'{"auth": "\xfc"}', "is not UTF-8 text", id="latin-1"),
        pytest.param(b"[" * 5000, "nested too deep", id="deep"),
        pytest.param(random.Random(7).randbytes(1_000_000), "is not", id="noise"),
        pytest.param(b"[" + b" " * 1_000_000, "is larger than 1,000,000 bytes", id="large"),
        pytest.param(
            json.dumps({"auth": {"optionalScopes": [f"a{n}" for n in range(90_000)]}}).encode(),
            "lists 90,001 scopes",
            id="many-scopes",
        ),
        pytest.param(
            b'{"auth": {"optionalScope\\u001b[31m": []}}', "did you mean", id="steers-a-terminal"
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_place(run, app, content, words):
    path = app(content)
    done = run("check", path, "--format", "json")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}: ")
    assert words in done.stderr
    assert "\x1b" not in done.output
    error = json.loads(done.stdout)
    assert error["ok"] is False
    assert words in error["error"]
    piped = run("check", "-", "--fix", typed=content)
    assert piped.exit_code == 2
    assert piped.stderr.startswith("standard input: ")
    assert piped.stdout == ""


def test_a_byte_order_mark_does_not_matter(run, app):
    path = app(b"\xef\xbb\xbf" + json.dumps({"auth": FITS}).encode())
    assert run("check", path).exit_code == 0


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (("nowhere.json",), {}, "No such file"),
        ((".",), {}, "holds no app file"),
        (("-", "--profile", "nobody"), {}, "must be one of workato"),
        (("-", "--authorize-url", "https://example.com/?scope=a"), {}, "--authorize-url"),
        (("-", "--authorize-url", LINK, "--scope", "oauth"), {}, "--authorize-url"),
        (("-", "--scope", " ".join(f"a{n}" for n in range(3000))), {}, "2,000 scopes"),
        (("-",), {"PORT": "x", "RATE_LIMITS": "perhaps"}, "RATE_LIMITS"),
        ((), {}, "PATH"),
    ],
)
def test_what_cannot_be_used_ends_in_2(run, options, settings, words):
    done = run("check", *options, "--format", "json", typed=json.dumps({"auth": FITS}), **settings)
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    if options:
        assert json.loads(done.stdout)["ok"] is False


def test_nothing_in_a_file_or_a_link_steers_the_terminal(run, app):
    evil = "https://x.example/\\u001b]0;evil\\u0007\\u202e\\ud800\\u009b31m"
    path = app(f'{{"auth": {{"redirectUrls": ["{evil}"], "requiredScopes": []}}}}')
    for options in ((), ("--format", "json"), ("--scope", "oauth \x1b[31m\x9b")):
        done = run("check", path, *options)
        assert done.exit_code == 1
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800]", done.output)
    fixed = run("check", path, "--fix")
    assert evil in fixed.stdout


def in_terminal(*arguments, columns=72, **settings):
    """What the command writes to a terminal of so many columns."""
    source = str(ROOT)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": source, "COLUMNS": str(columns)}
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "oauth_helper", *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**environ, **settings},
    )
    os.close(terminal)
    written = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and select.select([reader], [], [], 30)[0]:
        try:
            written += os.read(reader, 65536)
        except OSError:  # the other side is closed
            break
    os.close(reader)
    return process.wait(60), written.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_lines_that_fit(app):
    path = app(AS_WRITTEN)
    code, text = in_terminal("check", path)
    assert code == 1
    assert "\x1b[31m" in text
    plain = re.sub(r"\x1b\[\d+m", "", text)
    long = [line for line in plain.splitlines() if len(line) > 72]
    assert not [line for line in long if path not in line]
    # Names stay whole.
    assert "crm.objects.marketing_events.write" in plain
    assert "\x1b" not in in_terminal("check", path, NO_COLOR="1")[1]


def modules_of(program, *arguments):
    """The modules that a program has imported at its end, and its output."""
    program += "\nfinally: print('imported', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\ntry: {program}", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    output, _, imported = done.stdout.rpartition("imported ")
    return set(imported.split()), output


def test_it_is_quick_for_it_imports_no_server(app):
    check, output = modules_of("from oauth_helper.cli.main import cli; cli()", "check", app(FITS))
    assert "accept" in output, output
    assert not check & {"flask", "redis", "urllib3", "cryptography", "granian"}
    server, _ = modules_of("import oauth_helper.app")
    assert {"flask", "redis", "urllib3"} <= server
    # Imports are nearly all that it takes its time for.
    assert len(check) < len(server) / 2


LACKS = "Authorization failed because your account lacks access to the required scopes [content]"


class TestDiagnose:
    @pytest.mark.parametrize(
        ("options", "cause"),
        [
            (("--message", LACKS), "account_lacks_feature"),
            (("--message", LACKS, "--role", "user"), "user_lacks_permission"),
            (("--message", LACKS, "--role", "super_admin"), "account_lacks_feature"),
            (("--message", "BAD_AUTH_CODE", "--stage", "token"), "code_expired_or_reused"),
            (("--message", "what is this"), "unknown"),
        ],
    )
    def test_names_the_likeliest_cause(self, run, options, cause):
        done = run("diagnose", *options, "--format", "json")
        assert done.exit_code == 0
        document = json.loads(done.stdout)
        assert set(document) == {"cause", "candidates", "scopes", "fix", "ask"}
        assert document["cause"] == document["candidates"][0]["cause"] == cause
        text = run("diagnose", *options)
        assert text.exit_code == 0
        assert f"({cause})" in text.stdout
        for candidate in document["candidates"]:
            assert candidate["cause"] in text.stdout
            assert candidate["why"] in text.stdout
        for fix in document["fix"]:
            for step in fix["steps"]:
                assert step in text.stdout
        assert document["ask"] in text.stdout

    def test_reads_the_message_from_stdin(self, run):
        assert "account_lacks_feature" in run("diagnose", typed=LACKS).stdout
        assert "account_lacks_feature" in run("diagnose", typed=LACKS.encode() + b"\xff").stdout

    def test_compares_link_and_file(self, run, app):
        done = run(
            "diagnose", "--authorize-url", LINK, "--app-config", app(FITS), "--format", "json"
        )
        document = json.loads(done.stdout)
        assert document["cause"] == "url_missing_required_scope"
        assert CONTACTS in document["scopes"]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ((), "There is no message"),
            (("--message", "  "), "There is no message"),
            (("--message", "x", "--app-config", "nowhere.json"), "nowhere.json: cannot be read"),
            (("--message", "x", "--authorize-url", "x"), "--authorize-url"),
            (("--message", "x", "--tier", "gold"), "professional"),
            (("--message", "x", "--role", "king"), "super_admin"),
            (("--message", "x", "--stage", "play"), "callback"),
        ],
    )
    def test_what_cannot_be_used_ends_in_2(self, run, options, words):
        done = run("diagnose", *options, typed="")
        assert done.exit_code == 2
        assert words in done.stderr

    def test_on_a_terminal_without_a_message_it_says_so_at_once(self):
        code, text = in_terminal("diagnose")
        assert code == 2
        assert "There is no message" in text

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_neither_secrets_nor_control_characters_come_out(self, run, app, form):
        link = LINK.replace("x.example", "x.example%1b%5b31m").replace("tickets", "%1b[2Jtickets")
        message = f"{LACKS} \x1b[31m code=canary-code-123 someone@example.com"
        options = ("--authorize-url", link, "--app-config", app(FITS), "--format", form)
        done = run("diagnose", *options, typed=message)
        assert done.exit_code == 0
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.output)
        assert "canary" not in done.output
        assert "someone@" not in done.output
