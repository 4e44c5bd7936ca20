"""The benchmark's way to fill a store leaves the very same keys as the program's own."""

from datetime import UTC, datetime

from benchmarks import filling, made_up
from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import connect

# Of today: the server drops by its own clock what is older than is kept.
NOW = datetime.now(UTC)


def everything_in(client):
    """All keys with what they hold, but what is by chance or by the clock."""
    found = {}
    for key in client.keys("*"):
        match client.type(key):
            case "hash":
                found[key] = client.hgetall(key)
                found[key].pop("mark", None)
            case "zset":
                found[key] = client.zrange(key, 0, -1, withscores=True)
            case "stream":
                found[key] = [fields for _, fields in client.xrange(key)]
            case "string":
                is_version = key.endswith(":version")
                found[key] = None if is_version else client.pfcount(key)
        found[key, "expires"] = client.expiretime(key)
    return found


def test_a_thousand_failures_filled_together_are_as_if_recorded_one_by_one(store, store_url):
    some = list(made_up.failures(0, 1000, until=NOW, seed="a test"))
    assert some == list(made_up.failures(0, 1000, until=NOW, seed="a test"))
    with connect(store_url) as client:
        log = Failures(client, retention_days=filling.RETENTION_DAYS)
        for failure in some:
            assert log.record(failure)
        one_by_one = everything_in(client)
        assert log.get_all([each.reference for each in some]) == some
        client.flushall()
        filling.record_together(client, some)
        assert everything_in(client) == one_by_one
    assert len(one_by_one) > 2000
    assert store.xlen("oh:feed") == 1000
