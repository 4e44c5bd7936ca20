"""The address of the store in each of its forms."""

import pytest
import redis

from oauth_helper.store.redis import connect, describe


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host:1234/5", {"host": "host", "port": 1234, "db": 5}),
        ("redis://user:p%40ss@host", {"username": "user", "password": "p@ss"}),
        ("rediss://host", {"host": "host"}),
        ("unix:///run/x.sock", {"path": "/run/x.sock"}),
    ],
)
def test_a_single_server(url, expected):
    options = connect(url).connection_pool.connection_kwargs
    assert expected.items() <= options.items()
    assert options["socket_timeout"] > 0
    assert options["socket_connect_timeout"] > 0


def test_sentinels():
    client = connect("redis+sentinel://user:pw@one:1,two/main/3?sentinel_password=spw")
    manager = client.connection_pool.sentinel_manager
    assert client.connection_pool.service_name == "main"
    ports = [each.connection_pool.connection_kwargs["port"] for each in manager.sentinels]
    assert ports == [1, 26379]
    assert client.connection_pool.connection_kwargs["db"] == 3
    assert client.connection_pool.connection_kwargs["password"] == "pw"
    sentinel_options = manager.sentinels[0].connection_pool.connection_kwargs
    assert sentinel_options["password"] == "spw"


@pytest.mark.parametrize(
    "url", ["redis+sentinel://one:1", "redis+sentinel://one:1/s/x", "redis+sentinel://a:b/s"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match=r"service|host:port"):
        connect(url)


def test_a_cluster_that_is_away_is_asked_only_when_it_is_needed():
    with connect("redis+cluster://127.0.0.1:1") as client:
        client.register_script("return 1")
        for _ in range(2):
            with pytest.raises(redis.ConnectionError, match="no node of the cluster answers"):
                client.ping()


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:secret@host:1/0",
        "redis+sentinel://:secret@a:1,b:2/main?sentinel_password=secret",
        "rediss+cluster://user:secret@a:1",
        "redis://:sec/ret-secret@h:1/0",
        "redis://user:a@b/secret?c#d@h:1",
    ],
)
def test_the_printed_address_has_no_credentials(url):
    assert "secret" not in describe(url)
    assert "user" not in describe(url)
