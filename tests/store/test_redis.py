"""The address of the store in each of its forms, and how its clients fail."""

import time

import pytest
from relays import Relay
from stopwatch import Stopwatch

from benchmarks.servers import free_port
from oauth_helper.models import StoreUnavailableError
from oauth_helper.store.redis import RedisServer, connect, describe
from oauth_helper.store.redis_clients import LuaScript, StoreClock


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


def test_every_thread_gets_a_connection(store_url):
    with connect(store_url) as client:
        pool = client.connection_pool
        held = [pool.get_connection() for _ in range(512)]  # the most that THREADS may be
        assert client.ping()
        for connection in held:
            pool.release(connection)


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
            with pytest.raises(StoreUnavailableError, match="connection refused"):
                client.ping()
            with pytest.raises(StoreUnavailableError, match=r"^Redis unreachable"):
                client.pipeline()


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


def commands(client):
    """Each way to send something."""

    def in_a_pipeline():
        with client.pipeline(transaction=False) as pipeline:
            pipeline.get("a")
            pipeline.execute()

    script = LuaScript(client, "return redis.call('GET', KEYS[1])")
    return [
        lambda: client.get("a"),
        in_a_pipeline,
        lambda: script(keys=["a"], args=[]),
        lambda: script.run_all([(["a"], [])]),
    ]


@pytest.mark.parametrize("number", range(4))
def test_an_outage_is_told_in_words(store_url, number):
    with Relay(store_url) as relay, connect(relay.url) as client:
        send = commands(client)[number]
        send()
        relay.cut()
        with pytest.raises(StoreUnavailableError, match=r"^Redis unreachable \(connection \w+\)$"):
            send()


@pytest.mark.parametrize("number", range(4))
def test_a_rejected_command_is_told_without_its_data(client, store, number):
    store.hset("a", "canary", "1")
    for _ in range(9):  # no outage, however often
        with pytest.raises(StoreUnavailableError, match="rejected") as raised:
            commands(client)[number]()
        assert str(raised.value) == "Redis rejected a command (response error)"
    assert client.ping()


def test_a_silent_server_is_skipped_until_it_answers(store_url):
    with Relay(store_url) as relay, connect(relay.url, timeout=0.2) as client:
        client.ping()
        relay.hold()
        for _ in range(3):
            with pytest.raises(StoreUnavailableError, match="no answer in time"):
                client.ping()
        watch = Stopwatch()
        with pytest.raises(StoreUnavailableError, match="not tried"):
            client.ping()
        assert watch.seconds() < 0.1
        relay.let_go()
        deadline = time.monotonic() + 60
        while True:
            try:
                assert client.ping()
                break
            except StoreUnavailableError:
                assert time.monotonic() < deadline


def test_a_server_that_forgot_the_scripts_gets_their_text(client, store):
    store.set("a", "1")
    _, _, call, call_many = commands(client)
    for send, answer in ((call, "1"), (call_many, ["1"])):
        for _ in range(2):
            store.script_flush()
            assert send() == answer
        assert send() == answer


def test_the_identity_is_empty_for_an_account_that_may_not_ask(store, store_url):
    store.acl_setuser("narrow", enabled=True, passwords=["+pw"], commands=["+ping"], reset=True)
    try:
        with connect(store_url.replace("unix://", "unix://narrow:pw@")) as client:
            server = RedisServer(client)
            server.ping()
            assert server.identity() == ""
            with pytest.raises(StoreUnavailableError, match=r"\(not permitted\)"):
                client.get("a")
    finally:
        store.acl_deluser("narrow")


def test_the_identity_is_that_of_the_running_server(client, store):
    assert RedisServer(client).identity() == store.info("server")["run_id"]


def test_the_stores_clock_is_that_of_the_program_whatever_this_machines_says(
    store, store_url, monkeypatch
):
    with connect(store_url) as client:
        monkeypatch.setattr(time, "time", lambda: 0.0)
        clock = StoreClock(client)
        assert clock() < 60
        clock.set()
        seconds, _ = store.time()
        assert abs(clock() - seconds) < 60


def test_without_a_store_this_machines_clock_counts():
    with connect(f"redis://127.0.0.1:{free_port()}/0") as client:
        assert abs(StoreClock(client).started()() - time.time()) < 60
