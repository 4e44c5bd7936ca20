"""The command line as an operator uses it: as a process of its own."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import urllib3
from certificates import certificate
from click.testing import CliRunner
from failure_examples import a_failure
from flask import Flask
from harness import KEPT_DAYS, run_server
from oauth_clients import clients_file
from paths import ROOT
from pydantic import SecretStr
from stopwatch import Stopwatch
from werkzeug.security import check_password_hash

from benchmarks import servers
from oauth_helper import __version__
from oauth_helper.cli.main import cli
from oauth_helper.common.encryption import Encryptor, key_id
from oauth_helper.store.failures import Failures
from oauth_helper.store.outbox.queue import Outbox
from oauth_helper.store.outbox.writer import AttemptFailed


@pytest.fixture
def run(tmp_path):
    """Runs a command in an empty directory and waits for it."""

    def run_command(*arguments, typed=None, **settings):
        return subprocess.run(
            [sys.executable, "-m", "oauth_helper", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path, settings),
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_command


@pytest.fixture
def run_here(tmp_path, monkeypatch):
    """Runs a command in this process, for what needs none of its own."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments, **settings):
        environ = {**dict.fromkeys(os.environ), "DATA_DIR": str(tmp_path / "data"), **settings}
        return CliRunner().invoke(cli, arguments, env=environ)

    return run_command


def environment(folder, settings):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    source = str(ROOT)
    return {**kept, "PYTHONPATH": source, "DATA_DIR": str(folder / "data"), **settings}


def test_help_names_every_command_in_a_whole_line_without_importing_it(run):
    done = run("--help")
    assert done.returncode == 0
    for command in (
        "serve",
        "catalogue",
        "check",
        "diagnose",
        "url",
        "hash-password",
        "failures",
        "doctor",
    ):
        assert f"\n  {command} " in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_has_help(name):
    done = CliRunner().invoke(cli, [name, "--help"])
    assert done.exit_code == 0
    assert f"Usage: cli {name} " in done.output


def test_the_version_is_that_of_the_package(run):
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"oauth_helper, version {__version__}\n")


@pytest.mark.parametrize(
    "command",
    [(), ("url",), ("catalogue",), ("check", "-"), ("diagnose",), ("doctor",), ("serve",)],
)
def test_wrong_settings_are_named_all_at_once(run_here, command):
    done = run_here(*command, PORT="x", RATE_LIMITS="perhaps", SECRET_KEY="canary-short")
    assert done.exit_code == 2
    for name in ("PORT", "RATE_LIMITS", "SECRET_KEY"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stderr


def test_settings_come_from_a_file_too_and_the_environment_wins(run, tmp_path):
    (tmp_path / ".env").write_text("PUBLIC_URL=https://from.example\nHUBSPOT_API_VERSION=v3\n")
    assert "from.example" in run("url").stdout
    assert "other.example" in run("url", PUBLIC_URL="https://other.example").stdout


def test_url_is_the_one_for_hubspot(run_here):
    settings = {
        "HUBSPOT_CLIENT_ID": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "HUBSPOT_CLIENT_SECRET": "canary",
        "PUBLIC_URL": "https://connect.example.com",
    }
    done = run_here("url", "--hub-id", "77", "--region", "eu1", **settings)
    parts = urlsplit(done.stdout.strip())
    query = parse_qs(parts.query)
    assert parts.netloc == "app-eu1.hubspot.com"
    assert parts.path == "/oauth/77/authorize"
    assert query["scope"] == ["oauth crm.objects.contacts.read"]
    assert len(query["optional_scope"][0].split()) == 47
    assert "state" not in query
    narrowed = run_here("url", "--optional-scope", "tickets", **settings).stdout
    assert parse_qs(urlsplit(narrowed.strip()).query)["optional_scope"] == ["tickets"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("url", "--optional-scope", "crm.objects.deal.read"), "crm.objects.deals.read"),
        (("url", "--region", "mars"), "na1"),
        (("url", "--profile", "nobody"), "workato"),
        (("url", "--hub-id", "0"), "--hub-id"),
        (("failures", "show", "nonsense"), "mistyped"),
        (("failures", "list", "--cause", "nonsense"), "never_returned"),
        (("failures", "list", "--profile", "nobody"), "workato"),
    ],
)
def test_wrong_arguments_are_named(run_here, arguments, named):
    done = run_here(*arguments)
    assert done.exit_code != 0
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_catalogue_as_a_table(run_here):
    done = run_here("catalogue")
    assert "https://www.workato.com/oauth/callback" in done.stdout
    assert "Mark as required" in done.stdout
    assert re.search(
        r"crm\.schemas\.custom\.write .*ask HubSpot first.*not on the list", done.stdout
    )


def test_catalogue_as_json(run_here):
    document = json.loads(run_here("catalogue", "--format", "json").stdout)
    assert len(document["scopes"]) == 50
    assert sum(row["listed"] for row in document["scopes"]) == 49


def test_catalogue_as_the_app_file(run_here):
    document = json.loads(run_here("catalogue", "--format", "hsmeta").stdout)
    auth = document["config"]["auth"]
    assert auth["requiredScopes"] == ["oauth", "crm.objects.contacts.read"]
    assert len(auth["optionalScopes"]) == 47
    fewer = run_here("catalogue", "--format", "hsmeta", "--optional-scope", "").stdout
    assert json.loads(fewer)["config"]["auth"]["optionalScopes"] == []


def test_hash_password_reads_one_line(run):
    done = run("hash-password", typed="canary-password\nmore\n")
    assert check_password_hash(done.stdout.strip(), "canary-password")
    assert "canary" not in done.stdout + done.stderr
    assert run("hash-password", typed="\n").returncode != 0


def test_failures_are_listed_with_the_client_that_asked(run_here, store, store_url):
    log = Failures(store, retention_days=KEPT_DAYS)
    through, own = a_failure(client="Flow Tool"), a_failure()
    assert log.record(through)
    assert log.record(own)
    done = run_here("failures", "list", "--client", "flow tool", REDIS_URL=store_url)
    header, line = done.stdout.splitlines()
    assert header.split() == ["TIME", "REFERENCE", "PROFILE", "ACCOUNT", "CAUSE", "CLIENT"]
    assert through.reference in line
    assert line.endswith("unknown  Flow Tool")
    _, line = run_here("failures", "list", "--client", "-", REDIS_URL=store_url).stdout.splitlines()
    assert own.reference in line
    assert line.split()[-2:] == ["unknown", "-"]
    shown = json.loads(run_here("failures", "show", through.reference, REDIS_URL=store_url).stdout)
    assert shown["client"] == "Flow Tool"


def test_without_a_running_program_the_records_are_read_all_the_same(run):
    assert "No failures." in run("failures", "list").stderr
    assert "No connections." in run("connections", "list").stderr
    assert run("connections", "revoke", "nobody").returncode == 1


def test_doctor_sees_what_will_stop_every_attempt(run_here, tmp_path):
    path = tmp_path / "app-hsmeta.json"
    path.write_text('{"auth": {"requiredScopes": ["crm.objects.leads.read"]}}')
    done = run_here("doctor", HUBSPOT_APP_CONFIG=str(path), HUBSPOT_CLIENTID="x")
    assert done.exit_code == 1
    assert "requires crm.objects.leads.read" in done.stdout
    assert "unknown setting; did you mean HUBSPOT_CLIENT_ID?" in done.stdout


def test_a_key_that_others_can_read_is_one_line(run, tmp_path):
    run("connections", "list")
    key = tmp_path / "data" / "secret_key"
    key.chmod(0o644)
    for command in (("connections", "list"), ("doctor",)):
        done = run(*command)
        assert done.returncode == 1
        assert "chmod 600" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("doctor",), ("failures", "list")])
def test_a_store_address_that_cannot_be_read_shows_no_password(run_here, command):
    done = run_here(*command, REDIS_URL="redis://:hunter/canary@localhost:6379")
    assert done.exit_code == 2
    assert "REDIS_URL cannot be read" in done.stderr
    assert "hunter" not in done.stdout + done.stderr


def test_doctor_tells_what_is_and_what_is_wrong(run_here):
    done = run_here("doctor")
    assert done.exit_code == 0
    summary = rf"\nNo problems found by oauth_helper {__version__}: \d+ checks, \d+ to note.\n\Z"
    assert re.search(summary, done.stdout)
    assert "sandbox" in done.stdout
    assert "http://localhost:8000/callback/workato" in done.stdout
    away = run_here("doctor", REDIS_URL="redis://user:canary@127.0.0.1:1/0")
    assert away.exit_code == 1
    assert "FAIL  store: can't reach redis://" in away.stdout
    assert "(check REDIS_URL and the network)" in away.stdout
    assert "\n1 problem found by " in away.stdout
    assert "canary" not in away.stdout + away.stderr
    unreachable = run_here(
        "doctor",
        HUBSPOT_CLIENT_ID="x",
        HUBSPOT_CLIENT_SECRET="canary-secret",
        PUBLIC_URL="https://connect.example.com",
        HUBSPOT_API_URL="http://127.0.0.1:1",
        HUBSPOT_API_VERSION="v1",
        HUBSPOT_AUTHORIZATION_ENDPOINT="http://127.0.0.1:1/oauth/authorize",
    )
    assert unreachable.exit_code == 1
    assert "NOTE  HUBSPOT_API_VERSION: v1 (HubSpot removes it on 2027-02-16" in unreachable.stdout
    assert "can't be reached" in unreachable.stdout
    assert "canary" not in unreachable.stdout


class TestDoctorAtPublicUrl:
    """What the command says of the instances that browsers reach."""

    ANSWER: ClassVar = {
        "status": "ok",
        "version": __version__,
        "keys": [key_id(SecretStr("k" * 32))],
    }

    @pytest.fixture
    def report(self, run_here, store_url, tmp_path):
        """Serves one answer after the other at PUBLIC_URL; what is said, by what it is about."""

        def examine(*answers, scheme="http", **settings):
            turns = itertools.cycle(json.dumps(each) for each in answers)
            page = Flask("instances")
            page.get("/healthz")(lambda: next(turns))
            context = certificate(tmp_path, days=settings.pop("days", 30))
            with run_server(page, ssl_context=context if scheme == "https" else None) as port:
                environ = {"PUBLIC_URL": f"{scheme}://localhost:{port}", "SECRET_KEY": "k" * 32}
                environ |= {"REDIS_URL": store_url, **settings}
                done = run_here("doctor", "--json", **environ)
            found = json.loads(done.stdout)
            assert found["ok"] is (done.exit_code == 0)
            assert found["version"] == __version__
            return {each["about"]: (each["level"], each["text"]) for each in found["findings"]}

        return examine

    def test_all_is_well(self, report):
        found = report(self.ANSWER)
        assert found["instances"] == ("OK", f"version {__version__}")
        assert found["SECRET_KEY"][0] == "OK"
        assert found["maxmemory-policy"] == ("OK", "noeviction")
        assert found["retention"][1] == "failures are kept 90 days"
        assert found["store memory"][0] == "OK"
        assert "certificate" not in found

    def test_instances_that_do_not_share_the_key(self, report):
        other = {**self.ANSWER, "keys": ["other"]}
        assert report(self.ANSWER, other)["SECRET_KEY"][1] == "the instances don't share it"
        assert report(other)["SECRET_KEY"][1] == "the instance at PUBLIC_URL has another"
        ours = self.ANSWER["keys"][0]
        both, turned = ({**self.ANSWER, "keys": keys} for keys in ([ours, "new"], ["new", ours]))
        assert report(both, turned)["SECRET_KEY"][0] == "OK"
        assert report(self.ANSWER, turned)["SECRET_KEY"][0] == "FAIL"

    def test_another_version_or_program(self, report):
        level, text = report({**self.ANSWER, "version": "0.9"}, self.ANSWER)["instances"]
        assert (level, text) == ("NOTE", f"version 0.9, {__version__}")
        for answer in ({}, [], "x", {"version": "1", "keys": 3}):
            assert report(answer)["instances"][0] == "FAIL"

    def test_the_certificate(self, report, tmp_path):
        found = report(self.ANSWER, scheme="https", SSL_CERT_FILE=str(tmp_path / "cert.pem"))
        assert found["certificate"] == ("OK", "29 days left")
        assert found["TRUSTED_PROXIES"] == ("FAIL", "no reverse proxy in front of the program")
        untrusted = report(self.ANSWER, scheme="https")
        assert untrusted["PUBLIC_URL"][0] == "NOTE"
        assert "certificate not accepted: self" in untrusted["PUBLIC_URL"][1]

    def test_a_store_that_evicts(self, report, tmp_path):
        with servers.one(tmp_path / "s", **{"maxmemory-policy": "allkeys-lru"}) as evicting:
            found = report(self.ANSWER, REDIS_URL=evicting.url)
        assert found["maxmemory-policy"] == ("FAIL", "allkeys-lru")

    def test_a_store_that_is_nearly_full(self, report, tmp_path):
        with servers.one(tmp_path / "s", maxmemory="1mb") as full:
            found = report(self.ANSWER, REDIS_URL=full.url)
        assert found["store memory"][0] == "FAIL"


def test_doctor_tells_what_waits_for_the_store_and_whether_anything_could(run_here, tmp_path):
    assert "outbox: empty" in run_here("doctor").stdout
    folder = tmp_path / "data" / "outbox"
    outbox = Outbox(folder, encryptor=Encryptor([SecretStr("any key")], purpose="outbox"))
    outbox.put(AttemptFailed(a_failure()))
    assert "outbox: 1 write queued for Redis" in run_here("doctor").stdout
    (tmp_path / "file").write_text("")
    done = run_here("doctor", DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.exit_code == 1
    assert "outbox cannot be written (make DATA_DIR writable)" in done.stdout


def test_doctor_names_the_clients_of_the_proxy(run_here, tmp_path):
    path = clients_file(tmp_path, {}, {"id": "desk", "name": "Desk", "secret_hash": None})
    shown = " ".join(run_here("doctor", OAUTH_CLIENTS_FILE=path).stdout.split())
    assert (
        "client tool: Flow Tool, confidential, for profile workato; customers give consent first"
        in shown
    )
    assert "client desk: Desk, public" in shown


class TestFirstStart:
    """The program as a newcomer starts it: no settings at all, but for the port."""

    @pytest.fixture
    def settings(self):
        return {}

    @pytest.fixture
    def program(self, tmp_path, settings):
        port = servers.free_port()
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "oauth_helper"],
            cwd=tmp_path,
            env=environment(tmp_path, {"PORT": str(port), **settings}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process.url = f"http://localhost:{port}"
        yield process
        if process.poll() is None:
            process.terminate()  # a kill would leave its store behind
            process.wait(60)
        process.stdout.close()

    @staticmethod
    def welcome(process):
        lines = []
        while "password" not in "".join(lines):
            line = process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line)
        return "".join(lines)

    def test_connects_fails_and_tells(self, program, run, tmp_path):
        watch = Stopwatch()
        text = self.welcome(program)
        assert f"open {program.url}" in text
        assert watch.seconds() < 30
        http = urllib3.PoolManager(retries=False)
        assert http.request("GET", program.url).status == 200
        key = tmp_path / "data" / "secret_key"
        assert key.stat().st_mode & 0o777 == 0o600

        for decision, outcome in (("deny", "Nothing was connected"), ("allow", "is connected")):
            start = http.request("GET", f"{program.url}/connect/workato", redirect=False)
            cookie = start.headers["Set-Cookie"].split(";")[0]
            answer = http.request(
                "POST",
                start.headers["Location"],
                fields={"account": "1000104", "role": "super_admin", "decision": decision},
                encode_multipart=False,
                redirect=False,
            )
            back = http.request(
                "GET", answer.headers["Location"], headers={"Cookie": cookie}, redirect=False
            )
            kept = back.headers["Set-Cookie"].split(";")[0]
            page = http.request(
                "GET", program.url + back.headers["Location"], headers={"Cookie": kept}
            )
            assert outcome in page.data.decode()

        listed = run("failures", "list").stdout
        assert "user_denied" in listed
        reference = listed.splitlines()[1].split()[1]
        shown = json.loads(run("failures", "show", reference.lower()).stdout)
        assert shown["cause"] == "user_denied"
        assert "workato.1000104" in run("connections", "list").stdout
        revoked = run(
            "connections", "revoke", "workato.1000104", PORT=program.url.rpartition(":")[2]
        )
        assert "Revoked at HubSpot" in revoked.stdout, revoked.stderr
        http.clear()

        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
        assert "Traceback" not in program.stdout.read()

    @pytest.mark.parametrize("settings", [{"ATTEMPT_TIMEOUT": "1"}], ids=["one-second"])
    def test_misses_somebody_who_does_not_come_back(self, program, run):
        self.welcome(program)
        http = urllib3.PoolManager(retries=False)
        http.request("GET", f"{program.url}/connect/workato", redirect=False)
        deadline = time.monotonic() + 60
        while "never_returned" not in (listed := run("failures", "list").stdout):
            assert time.monotonic() < deadline, "waited in vain"
        assert listed.count("never_returned") == 1

    @pytest.mark.parametrize(
        "settings",
        [{"METRICS_TOKEN": "a-token-of-a-test", "LOG_FORMAT": "json", "WORKERS": "2"}],
        ids=["two-workers"],
    )
    def test_counts_over_its_workers_and_tells_of_each_request_in_json(self, program):
        self.welcome(program)

        def get(path, **headers):
            # A connection of its own each time, so that any worker may answer.
            with urllib3.PoolManager(retries=False) as http:
                return http.request(
                    "GET",
                    program.url + path,
                    headers={"Connection": "close", **headers},
                    redirect=False,
                )

        for number in range(30):
            response = get("/connect/workato", **{"X-Request-ID": f"test-request-{number}"})
            assert response.headers["X-Request-ID"] == f"test-request-{number}"
        reference = re.search(r"attempt_([0-9A-Z-]{14})=", response.headers["Set-Cookie"])[1]
        assert re.fullmatch(
            r"[0-9a-f]{16}", get("/", **{"X-Request-ID": "x"}).headers["X-Request-ID"]
        )
        told = get("/metrics", Authorization="Bearer a-token-of-a-test").data.decode()
        assert 'oauth_helper_attempts_total{profile="workato"} 30.0' in told
        program.terminate()
        lines = [json.loads(line) for line in program.stdout if line.startswith("{")]
        starts = [line for line in lines if line.get("route") == "connect.connect"]
        assert [line["request_id"] for line in starts] == [f"test-request-{n}" for n in range(30)]
        assert starts[-1]["reference"] == reference
        assert {"method", "path", "status", "milliseconds", "timestamp", "level"} <= starts[
            0
        ].keys()
        assert not [line for line in lines if "scope" in json.dumps(line)]
