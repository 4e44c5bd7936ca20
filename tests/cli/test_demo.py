"""The demonstration: a store full of made-up failures, written as real ones are."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from harness import API_TOKEN, PASSWORD, SAME_SITE, browser_of, csrf_token, services_of
from stopwatch import Stopwatch

from oauth_helper import create_app
from oauth_helper.cli.demo.command import demo
from oauth_helper.cli.demo.story import STAFF, Demonstration
from oauth_helper.config.settings import Settings
from oauth_helper.diagnosis import Cause
from oauth_helper.failures.model import CUSTOMER, PROGRAM, EventType, Status
from oauth_helper.failures.query import FailureQuery
from oauth_helper.store.embedded.server import EmbeddedStore

NOW = 1_795_000_000.0


@pytest.fixture
def settings(environ):
    """Those of the tests, with the built-in sandbox in place of HubSpot."""
    return {name: value for name, value in environ.items() if not name.startswith("HUBSPOT_")}


@pytest.fixture
def sandbox_app(make_app, environ, settings):
    app = make_app()  # empties nothing, and shows that the store is empty
    del app
    for name in set(environ) - set(settings):
        del environ[name]
    return make_app()


@pytest.fixture
def run(settings):
    """Runs the command in this process: its store is the one of the tests."""

    def command(*arguments, **more):
        environ = {**settings, **more}
        return CliRunner().invoke(demo, arguments, env={**dict.fromkeys(environ), **environ})

    return command


def write(app, *, seed=1, failures=150, days=30, now=NOW, profiles=None):
    services = services_of(app)
    return Demonstration(
        attempts=services.attempts,
        failures=services.failures,
        connections=services.connections,
        profiles=profiles or services.config.profiles,
        now=now,
        days=days,
        chance=random.Random(seed),
    ).write(failures)


def all_of(app):
    return list(services_of(app).failures.each(FailureQuery()))


@pytest.fixture
def written(sandbox_app):
    done = write(sandbox_app)
    found = all_of(sandbox_app)
    assert done["failures"] == len(found) == 150
    return found


@pytest.fixture(scope="module")
def read_only(tmp_path_factory):
    """The same, written once, for tests that only read it."""
    folder = tmp_path_factory.mktemp("demonstration")
    with EmbeddedStore(folder) as own:
        config = {"REDIS_URL": own.url, "DATA_DIR": str(folder), "SECRET_KEY": "k" * 32}
        app = create_app(Settings.from_environ(config))
        write(app)
        return tuple(all_of(app))


def test_there_are_many_causes_and_none_is_nearly_all(read_only):
    causes = Counter(failure.cause for failure in read_only)
    assert len(causes) >= 15
    assert {Cause.NEVER_RETURNED, Cause.USER_DENIED, Cause.ACCOUNT_LACKS_FEATURE} <= causes.keys()
    assert max(causes.values()) < len(read_only) / 3
    assert causes[Cause.UNKNOWN] < len(read_only) / 10
    assert len({failure.language for failure in read_only}) >= 5
    assert len({failure.hub_id for failure in read_only} - {None}) >= 10
    assert any(failure.browser_id != failure.reference for failure in read_only)


def test_some_people_came_by_clients_of_the_proxy(read_only):
    clients = Counter(failure.client for failure in read_only)
    assert set(clients) == {"", "Flow Tool", "Sheet Sync"}
    assert 5 < len(read_only) - clients[""] < len(read_only) / 3
    by_person = {failure.browser_id: failure.client for failure in read_only}
    assert all(by_person[failure.browser_id] == failure.client for failure in read_only)


def test_much_has_happened_to_them(read_only):
    happened = Counter((event.what, event.by) for each in read_only for event in each.history)
    assert {what for what, _ in happened} == set(EventType) - {EventType.RETURNED, EventType.UNDONE}
    assert {by for _, by in happened} == {CUSTOMER, PROGRAM, *STAFF}
    states = Counter(failure.status for failure in read_only)
    assert min(states[Status.OPEN], states[Status.RESOLVED]) > 15


def test_time_goes_on(read_only):
    for failure in read_only:
        times = [event.at for event in failure.history]
        assert times == sorted(times)
        assert failure.started_at <= failure.at <= NOW
        assert failure.started_at > NOW - 31 * 86_400
        assert all(failure.at <= event.at <= NOW for event in failure.history)


def test_the_incident_stands_out(read_only):
    def day(failure):
        return datetime.fromtimestamp(failure.at, UTC).date()

    ((worst, count),) = Counter(
        day(each) for each in read_only if each.cause is Cause.CLIENT_SECRET_INVALID
    ).most_common(1)
    assert count >= 10
    assert 1 <= (datetime.fromtimestamp(NOW, UTC).date() - worst).days <= 3


def test_attempts_and_connections_are_there_too(written, sandbox_app):
    services = services_of(sandbox_app)
    today = datetime.fromtimestamp(NOW, UTC).date()
    counters = services.counters.attempts(today.replace(month=9), today)
    assert sum(each.connected for each in counters) > len(written) / 2
    assert sum(each.begun - each.connected for each in counters) >= len(written)
    assert services.connections.count() >= 10
    assert services.counters.recoveries(today.replace(month=9), today)
    assert services.attempts.expired(NOW + 10**6, limit=10) == []


def test_the_same_seed_tells_the_same(written, sandbox_app, store):
    store.flushall()
    write(sandbox_app)
    assert all_of(sandbox_app) == written
    store.flushall()
    write(sandbox_app, seed=2)
    assert all_of(sandbox_app) != written


def test_every_one_can_be_read(written, sandbox_app, staff_of, clock):
    clock.now = NOW
    browser, api = staff_of(sandbox_app)
    listed, cursor = 0, ""
    while cursor is not None:
        page = api(f"/failures?limit=200&cursor={cursor}").json
        listed, cursor = listed + len(page["failures"]), page["next_cursor"]
    assert listed == len(written)
    assert browser.get("/support/failures").status_code == 200
    assert browser.get("/support/connections").status_code == 200
    for failure in written[::5]:
        page = browser.get(f"/support/failures/{failure.reference}")
        assert page.status_code == 200
        assert failure.reference in page.text


@pytest.fixture
def staff_of():
    def sign_in(app):
        browser = browser_of(app)
        form = {"name": "agent", "password": PASSWORD, "csrf_token": csrf_token(browser)}
        assert browser.post("/support/login", data=form, headers=SAME_SITE).status_code == 303
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        return browser, lambda path: browser.get(f"/api/v1{path}", headers=headers)

    return sign_in


def test_several_profiles_each_get_some(sandbox_app):
    profile = services_of(sandbox_app).config.profiles[0]
    profiles = tuple(replace(profile, name=name) for name in ("one", "two"))
    assert write(sandbox_app, failures=100, days=20, seed=3, profiles=profiles)["failures"] == 100
    assert {failure.profile for failure in all_of(sandbox_app)} == {"one", "two"}


class TestCommand:
    def test_says_what_it_wrote_and_where_to_look(self, run, store):
        watch = Stopwatch()
        done = run("--failures", "20", "--days", "5", "--seed", "4")
        assert done.exit_code == 0, done.output
        assert "20 failures and" in done.output
        assert "last 5 days" in done.output
        assert "/support/failures" in done.output
        assert "agent, viewer" in done.output
        assert watch.seconds() < 20
        assert store.exists("oh:days")

    def test_does_not_add_unless_told_to(self, run, store):
        assert run("--failures", "5", "--seed", "1").exit_code == 0
        before = store.dbsize()
        again = run("--failures", "5", "--seed", "2")
        assert again.exit_code == 1
        assert "already contains failures. Use --yes" in again.output
        assert store.dbsize() == before
        assert run("--failures", "5", "--seed", "2", "--yes").exit_code == 0
        assert store.dbsize() > before

    def test_is_not_for_real_apps(self, run, store):
        done = run(HUBSPOT_CLIENT_ID="real", HUBSPOT_CLIENT_SECRET="canary")
        assert done.exit_code == 1
        assert done.output.count("\n") == 1
        assert "for the sandbox only" in done.output
        assert "canary" not in done.output
        assert store.dbsize() == 0
