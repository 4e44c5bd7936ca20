"""Check the documents: commands run, links work, and the files and tests that they name exist."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import urllib3
from paths import ROOT

from benchmarks import servers
from oauth_helper.config.settings import SETTINGS
from oauth_helper.diagnosis import Cause, wording

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
    ROOT / "tests" / "cases" / "README.md",
    ROOT / "tests" / "clients" / "README.md",
]
OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")

# Commands that are not run here: where they are run instead, or why they are not.
ELSEWHERE = {
    r"python3 -m venv \.venv && .*": ".ci/run takes both lines of the README and runs them",
    r"python3 -m venv \.venv": ".ci/run, as a part of those",
    r"\.venv/bin/pip install -r requirements\.txt": ".ci/run, as a part of those",
    r"\.venv/bin/pip install (opentelemetry|'apprise|'mcp).*": "in requirements-dev.txt too",
    r"\.venv/bin/python -m pytest .*": "this is one",
    r"\.venv/bin/ruff check \. && .*": ".ci/run",
    r"\.venv/bin/python -m babel\.messages\.frontend .*": "web/test_translations.py holds them",
    r"docker compose .*": "test_compose.py reads the file; there is no engine on every machine",
    r"(useradd|install|systemctl|.*caddy run) .*": "test_deploy.py reads unit and Caddyfile",
    r"cp deploy/kubernetes/.*|kubectl .*": "test_deploy.py builds and reads the manifests",
    r"git pull": "needs a remote",
}


def blocks(page: Path) -> list[str]:
    """Return the shell commands of a page, without comments and settings; join continued lines."""
    text = re.sub(r"\\\n\s*", "", page.read_text("utf-8"))
    found = re.findall(r"^( *)```(?:sh|bash|console)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for _, block in found for line in block.splitlines()]
    is_setting = re.compile(r"(export )?[A-Z_]+=")
    return [
        re.sub(r"\s+# .*", "", line)
        for line in lines
        if line and not line.startswith("#") and not is_setting.match(line)
    ]


COMMANDS = [(page.name, line) for page in PAGES for line in blocks(page)]


def why_elsewhere(line: str) -> str:
    return next((why for form, why in ELSEWHERE.items() if re.fullmatch(form, line)), "")


HERE = [pair for pair in COMMANDS if not why_elsewhere(pair[1])]


def test_there_are_commands_and_each_exception_is_needed():
    assert len(HERE) >= 15
    for form in ELSEWHERE:
        assert any(re.fullmatch(form, line) for _, line in COMMANDS), form


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Yield a folder where the program runs as the guides say, with one attempt of each outcome."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "pip"):
        # A link would make Python use the packages of another installation.
        script = folder / ".venv" / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        script.chmod(0o755)
    (folder / "app-hsmeta.json").write_text(
        '{"config": {"auth": {"redirectUrls": [], "requiredScopes": ["oauth"]}}}'
    )
    port = servers.free_port()
    environ = {
        "PATH": f"{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PORT": str(port),
        "SUPPORT_API_TOKEN": "a-token-of-a-test-1",
        "CONNECTIONS_API_TOKEN": "a-token-of-a-test-2",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "oauth_helper"], cwd=folder, env=environ, stdout=log, stderr=log
        )
        servers.until_answers(port)
        try:
            reference = _connected_and_failed(f"http://localhost:{port}")
            _make_tickets_required(f"http://localhost:{port}")
            yield folder, environ, reference
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _connected_and_failed(url: str) -> str:
    """Connect one customer and decline as another; return the reference of the one who declined."""
    http = urllib3.PoolManager(retries=False)
    for decision in ("allow", "deny"):
        start = http.request("GET", f"{url}/connect/workato", redirect=False)
        cookie = start.headers["Set-Cookie"].split(";")[0]
        form = {"account": "1000104", "role": "super_admin", "decision": decision}
        answer = http.request(
            "POST", start.headers["Location"], fields=form, encode_multipart=False, redirect=False
        )
        headers = {"Cookie": cookie}
        http.request("GET", answer.headers["Location"], headers=headers, redirect=False)
    http.clear()
    return re.search(r"attempt_([0-9A-Z-]{14})", cookie)[1]


def _make_tickets_required(url: str) -> None:
    """Break the sandbox's app, as a step of the README does before it checks the app."""
    page = f"{url}/sandbox/app/sandbox"
    answer = urllib3.request(
        "POST", page, fields={"action": "mismatch:tickets-required"}, redirect=False
    )
    assert answer.status == 303


@pytest.mark.parametrize(("page", "line"), HERE, ids=lambda value: value[:60])
def test_a_command_does_what_it_is_there_for(place, page, line, tmp_path):
    folder, environ, reference = place
    line = line.replace("2M7G-7JW3-4R5J", reference)
    line = re.sub(
        r"https://connect\.example\.com|http://localhost:8000", "http://localhost:$PORT", line
    )
    line = line.replace("curl ", "curl --fail-with-body --silent --show-error ")
    if "tar -" in line:
        # The program is stopped for it. Here it runs all the time, and changes its files.
        shutil.copytree(folder / "data", tmp_path / "data", ignore=shutil.ignore_patterns("store"))
        folder = tmp_path
    if line.startswith("mkdir -m 700 data"):
        line = f"tar -czf oauth_helper-backup.tgz -C data . && rm -r data && {line}"
    # The app has faults, so `check` exits with 1. A mistyped option would be 2.
    has_faults = ".venv/bin/python -m oauth_helper check" in line and "--fix" not in line
    if line.endswith("hash-password"):
        line = f"echo a password | {line}" if line.startswith(".venv") else line
    if " restore " in line:
        backup = line.replace(" restore oauth_helper", " backup again")
        line = line.replace(" oauth_helper.b", " again.b")
        line = f"{backup} && mkdir again && cp data/secret_key again && DATA_DIR=again {line}"
    if line == ".venv/bin/python -m oauth_helper":
        return  # the program that runs here all the time
    if re.match(r"(\S*python3?) -m benchmarks", line):
        line = f"cd {ROOT} && {sys.executable} {line.partition(' ')[2]} --help"
    done = subprocess.run(
        ["/bin/sh", "-euc", line],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == has_faults, f"{page}: {line}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def test_a_backup_that_is_restored_has_everything(tmp_path):
    """Stop, pack, unpack into an empty folder and start, as the guide says."""
    port = servers.free_port()

    def run(folder, *arguments):
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": str(port)}
        command = [sys.executable, "-m", "oauth_helper", *arguments]
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)

    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    program = run(first)
    servers.until_answers(port)
    reference = _connected_and_failed(f"http://localhost:{port}")
    program.terminate()
    program.communicate(timeout=60)
    commands = blocks(ROOT / "docs" / "operating.md")
    (pack,) = (line for line in commands if line.startswith("tar -czf"))
    (unpack,) = (line for line in commands if "tar -xzf" in line)
    subprocess.run(["/bin/sh", "-euc", pack], cwd=first, check=True)
    shutil.move(first / "oauth_helper-backup.tgz", second)
    subprocess.run(["/bin/sh", "-euc", unpack], cwd=second, check=True)
    listed = run(second, "failures", "show", reference).communicate(timeout=60)[0]
    assert '"user_denied"' in listed
    kept = run(second, "connections", "list").communicate(timeout=60)[0]
    assert "workato.1000104" in kept
    before, after = (folder / "data" / "secret_key" for folder in (first, second))
    assert before.read_bytes() == after.read_bytes()


def heading_ids(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_what_is_there(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in heading_ids(file), target


def names_in(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if hasattr(each, "name")}
    return found


def test_every_threat_names_tests_that_there_are():
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    threats = [row for row in rows if "::" in row[2]]
    assert len(threats) >= 30
    section = text.partition("## Threats")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| (?!Threat|---)(.+) \|$", section, re.MULTILINE):
        assert "::" in row, f"without a test: {row[:60]}"
    for _, _, cell in threats:
        named = re.findall(r"`([\w/]+\.py)::([\w:]+)`", cell)
        assert len(named) == cell.count("`") // 2, cell
        for path, name in named:
            known = names_in(ROOT / "tests" / path)
            bare = {each.rpartition("::")[2] for each in known}
            assert name in (known if "::" in name else bare), f"{path}::{name}"


def printed(command: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "oauth_helper", command]
    return subprocess.run(
        line, capture_output=True, text=True, env=environ, check=True, timeout=60
    ).stdout


def test_the_guide_to_causes_is_as_printed():
    """When this fails: python -m oauth_helper causes > docs/causes.md."""
    text = (ROOT / "docs" / "causes.md").read_text("utf-8")
    assert text == printed("causes")
    for cause in Cause:
        assert f"## {wording(cause).title}\n\n`{cause}`. " in text


def test_every_room_of_the_package_stands_in_the_architecture():
    tree = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("```")[1]
    named = re.findall(r"^  (\w+(?:/|\.py))  +\S", tree, re.MULTILINE)
    there = [
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "oauth_helper").iterdir()
        if not path.name.startswith("__pycache__") and path.name != "py.typed"
    ]
    assert sorted(named) == sorted(there)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_a_guide_names_is_there(name):
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text("utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"`((?:\w+/)[\w/.-]*?(?:\.\w+|/))`", text))
    assert named
    for path in named:
        assert any((root / path).exists() for root in (ROOT, ROOT / "oauth_helper")), path


def test_the_settings_are_printed_as_the_guide_has_them():
    table = printed("settings").strip()
    assert table in OPERATING
    assert len(table.splitlines()) == len(SETTINGS) + 2


def test_every_package_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    listed = [
        *project["project"]["dependencies"],
        *chain.from_iterable(project["project"]["optional-dependencies"].values()),
        *project["dependency-groups"]["dev"],
    ]
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("| Package | Why |")[2]
    cells = re.findall(r"^\| (`.+`) \| \S", table, re.MULTILINE)
    explained = re.findall("`(.+?)`", " ".join(cells))
    assert sorted(explained) == sorted({re.match(r"[\w-]+", line)[0] for line in listed})


def test_the_packages_of_the_program_are_a_part_of_those_of_the_tests():
    used, tested = (
        set(re.findall(r"^[a-z0-9].*==\S+", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert used <= tested


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_with_hashes(name):
    text = re.sub(r"\\\n", " ", (ROOT / name).read_text("utf-8"))
    lines = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert len(lines) > 20
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,]+\])?==\S+", line), line
        assert "--hash=sha256:" in line, line
