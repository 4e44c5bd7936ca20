"""What the first program wrote, read and brought up to date by this one.

`formats/first.json` is what the first version that stored anything left in an empty store. That
very program wrote it: somebody connected, somebody refused, an account lacked a required scope, a
code was used up, and somebody is still on the way.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from failure_examples import a_failure

from oauth_helper.common.encryption import Encryptor
from oauth_helper.common.secrets import Secret
from oauth_helper.failures.query import FailureQuery
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.attempts import Attempts
from oauth_helper.store.connections import Connections
from oauth_helper.store.counters import Counters
from oauth_helper.store.failures import Failures
from oauth_helper.store.migrations import Migrations
from oauth_helper.store.redis import connect

FIRST = json.loads((Path(__file__).parent / "formats" / "first.json").read_text("utf-8"))
SECRET_KEY = Secret("first-format-secret-key-0123456789-0123456789")
DENIED, MISSING, USED_UP = "2KYR-CGWX-K89M", "2KYH-DPX8-M5CV", "2KY3-3G8V-5VT7"
CONNECTED, ON_THE_WAY = "2KYM-F8PF-4CTV", "2KYK-C5PY-9RGC"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def log(client):
    """A log that keeps the records of that day, whenever this runs."""
    return Failures(client, retention_days=3650)


@pytest.fixture(autouse=True)
def first(client):
    """The store as the first program left it."""
    write = {
        "hash": lambda key, value: client.hset(key, mapping=value),
        "set": lambda key, value: client.sadd(key, *value),
        "zset": client.zadd,
    }
    for key, entry in FIRST.items():
        write[entry["type"]](key, entry["value"])


def found(log, **wanted):
    return {each.reference for each in log.page(FailureQuery(**wanted), limit=9).failures}


def test_every_record_says_its_version():
    records = [
        entry["value"]
        for key, entry in FIRST.items()
        if any(kind in key for kind in (":attempt:", ":failure:", ":connection:"))
    ]
    assert [record["v"] for record in records] == ["1"] * 9


def test_each_failure_says_what_it_said(client, log):
    before = {name: log.get(name) for name in (DENIED, MISSING, USED_UP)}
    assert Migrations(client, log).migrate() == 3
    for name, failure in before.items():
        fields = FIRST[f"oh:{{2026-11-18}}:failure:{name}"]["value"]
        now = log.get(name)
        assert (now.cause, now.message, now.at) == (
            fields["cause"],
            fields["message"],
            float(fields["at"]),
        )
        assert " ".join(now.requested.optional_scope) == fields["optional_scope"]
        assert (now.requested, now.candidates, now.granted, now.missing, now.hub_id) == (
            failure.requested,
            failure.candidates,
            failure.granted,
            failure.missing,
            failure.hub_id,
        )


def test_they_are_found_and_counted_as_those_of_today(client, log):
    assert found(log, stage="token") == set()
    Migrations(client, log).migrate()
    assert found(log) == {DENIED, MISSING, USED_UP}
    assert found(log, stage="callback") == {DENIED}
    assert found(log, stage="token") == {USED_UP}
    assert found(log, scope="crm.objects.contacts.read") == {MISSING}
    assert found(log, account="1000104") == {MISSING}
    counters = Counters(client)
    assert counters.counts(FailureQuery()).total == 3
    assert {each.cause for each in counters.groups(FailureQuery(), limit=9)} == {
        "user_denied",
        "granted_missing_required",
        "code_expired_or_reused",
    }


def test_another_failure_of_that_day_is_written_and_found(client, log):
    Migrations(client, log).migrate()
    failure = a_failure(NOON)
    assert log.record(failure)
    assert failure.reference in found(log, stage="token")
    assert Counters(client).counts(FailureQuery()).total == 4


def test_attempts_and_connections_go_on(client, log):
    Migrations(client, log).migrate()
    attempts = Attempts(client)
    assert attempts.outcome(CONNECTED) == "connected"
    assert attempts.outcome(ON_THE_WAY) == "open"
    (expired,) = attempts.expired(NOON.timestamp() + 86_400, limit=9)
    assert expired.reference == ON_THE_WAY
    encryptor = Encryptor([SECRET_KEY], purpose="tokens")
    connections = Connections(client, encrypt=encryptor.encrypt, decrypt=encryptor.decrypt)
    (connection,) = connections.of_account(1000104, profiles=["workato"])
    assert connection.reference == CONNECTED
    assert connections.tokens(connection.id).refresh_token.reveal()


def test_many_at_once_and_again_count_each_once(client, log, store_url):
    def upgrade(_):
        with connect(store_url) as own:
            return Migrations(own, Failures(own, retention_days=3650)).migrate()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(upgrade, range(4))) == 3
    client.delete("oh:format")
    assert Migrations(client, log).migrate() == 0
    assert Counters(client).counts(FailureQuery()).total == 3


def test_who_comes_second_changes_nothing(client, log):
    class Slow(Failures):
        """Somebody else is faster between its look and its write."""

        def _replace(self, old, new, *, was_counted):
            assert log.migrate(old.reference)
            return super()._replace(old, new, was_counted=was_counted)

    client.delete("oh:{2026-11-18}:groups")
    assert not Slow(client, retention_days=3650).migrate(DENIED)
    assert Counters(client).counts(FailureQuery()).total == 1


def test_one_that_breaks_off_is_gone_on_with(client, log):
    client.delete("oh:{2026-11-18}:groups")
    assert log.migrate(DENIED)
    assert not log.migrate(DENIED)
    assert client.get("oh:format") is None
    Migrations(client, log).migrate()
    assert Counters(client).counts(FailureQuery()).total == 3
    assert client.get("oh:format") == "2"


def test_a_store_that_is_away_is_told():
    with connect("redis://127.0.0.1:1") as nowhere, pytest.raises(StoreUnavailableError):
        Migrations(nowhere, Failures(nowhere, retention_days=90)).migrate()
