"""Connect links by command: made, listed and withdrawn in the store that the program uses."""

import json

import pytest
from click.testing import CliRunner

from oauth_helper.cli.main import cli


@pytest.fixture
def run(environ, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["link", *arguments], env=environ)


WHO = ("--customer", "c-17", "--customer-name", "Ana at Flow")


def test_a_link_starts_a_connection_until_it_is_withdrawn(run, client):
    made = run("create", *WHO, "--days", "30")
    assert made.exit_code == 0, made.output
    path = made.stdout.strip().removeprefix("https://connect.example.com")
    assert client.get(path).status_code == 302
    header, line = run("list").stdout.splitlines()
    assert header.split() == ["MADE", "EXPIRES", "ID", "STATUS", "PROFILE", "CUSTOMER", "NAME"]
    _, _, link_id, *rest = line.split(maxsplit=6)
    assert rest == ["open", "workato", "c-17", "Ana at Flow"]
    assert link_id in made.stderr
    assert run("withdraw", link_id).exit_code == 0
    (shown,) = json.loads(run("list", "--format", "json").stdout)
    assert (shown["id"], shown["status"]) == (link_id, "withdrawn")
    assert client.get(path).status_code == 410


def test_the_newest_comes_first_and_choices_are_in_it(run, client):
    for name in ("Ana", "Bo"):
        made = run("create", "--customer-name", name, "--format", "json", "--optional-scope", "")
        assert json.loads(made.stdout)["customer_name"] == name
    assert len(run("list", "--limit", "1").stdout.splitlines()) == 2
    path = json.loads(made.stdout)["url"].removeprefix("https://connect.example.com")
    assert "optional_scope=" not in client.get(path).location


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("create", "--profile", "nobody"), "must be one of"),
        (("create", "--optional-scope", "bogus"), "bogus"),
        (("create", "--return-to", "https://evil.example/"), "return_to has to be"),
        (("create", "--customer", "x" * 81), "customer"),
        (("create", "--customer-name", "a\nb"), "customer_name"),
        (("create", "--account", "0"), "hub_id"),
        (("create", "--days", "31"), "--days"),
        (("withdraw", "nobody"), "There is no such link"),
    ],
    ids=str,
)
def test_what_could_not_work_is_refused_in_a_line(run, store, arguments, reason):
    done = run(*arguments)
    assert done.exit_code in (1, 2)
    assert reason in done.stderr
    assert not store.keys("oh:link*")


def test_without_links(run):
    assert "No links." in run("list").stderr
