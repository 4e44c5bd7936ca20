"""What GitHub and pre-commit run: `action.yml` and `.pre-commit-hooks.yaml`."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from paths import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
LINK = (
    "https://app.hubspot.com/oauth/authorize?client_id=1&redirect_uri=https%3A%2F%2Fa.example%2Fcb"
)
REQUIRED = "crm.objects.contacts.read"


def project(folder, *required):
    """Write a HubSpot project whose app requires `required`; its app's file."""
    file = folder / "src" / "app" / "shop-hsmeta.json"
    file.parent.mkdir(parents=True)
    auth = {
        "type": "oauth",
        "redirectUrls": ["https://a.example/cb"],
        "requiredScopes": ["oauth", *required],
    }
    app = {"name": "Shop", "distribution": "private", "auth": auth}
    file.write_text(json.dumps({"uid": "shop", "type": "app", "config": app}, indent=2))
    return file


def run(command, folder, **environ):
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environ}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("scope", "code"), [(f"oauth%20{REQUIRED}", 0), ("oauth", 1)])
def test_the_action_annotates_what_hubspot_would_reject(tmp_path, scope, code):
    project(tmp_path, REQUIRED)
    for name in ("oauth_helper", "click", "json"):  # of the repository that is checked
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    step = ACTION["runs"]["steps"][-1]
    given = {"path": ".", "authorize-url": f"{LINK}&scope={scope}"}
    declared = ACTION["inputs"]
    inputs = {name: given.get(name, declared[name]["default"]) for name in declared}
    environ = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], value)
        for name, value in step["env"].items()
    }
    # As GitHub runs `shell: bash`.
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = run(bash, tmp_path, PYTHONPATH=str(ROOT), **environ)
    assert done.returncode == code, done.stderr
    annotation = "::error file=src/app/shop-hsmeta.json,line=14,"
    assert done.stdout.startswith(annotation) is bool(code), done.stdout
    assert not list(tmp_path.glob("data*"))


def test_the_action_installs_what_lies_beside_it():
    install = ACTION["runs"]["steps"][1]["run"]
    assert install.startswith("python -P ")
    assert '"$GITHUB_ACTION_PATH"' in install
    assert (ROOT / "pyproject.toml").is_file()


def test_the_hook_runs_the_command_on_every_app_file(tmp_path):
    command, *arguments = shlex.split(HOOK["entry"])
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert command in scripts
    files = [project(tmp_path / "a"), project(tmp_path / "b", REQUIRED)]
    names = [str(file.relative_to(tmp_path)) for file in files]
    assert all(re.search(HOOK["files"], name) for name in names)
    module = [sys.executable, "-m", "oauth_helper", *arguments]
    done = run([*module, "--scope", "oauth", *names], tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 1, done.stderr
    assert "a/src/app/shop-hsmeta.json, compared with the link given" in done.stdout
    assert f"The app requires {REQUIRED}" in done.stdout
    assert (
        run([*module, "--scope", "oauth", names[0]], tmp_path, PYTHONPATH=str(ROOT)).returncode == 0
    )


@pytest.mark.parametrize(
    ("name", "is_checked"),
    [
        ("src/app/app-hsmeta.json", True),
        ("app-hsmeta.json", True),
        ("shop/src/app/public-app.json", True),
        ("src/app/cards/shop-hsmeta.json", False),
        ("src/app/webhooks/webhooks-hsmeta.json", False),
        ("hsproject.json", False),
        ("package.json", False),
    ],
)
def test_the_hook_checks_app_files_only(name, is_checked):
    assert bool(re.search(HOOK["files"], name)) is is_checked
