"""What the tests of the store share: the program's own client at an empty store, and a log."""

from collections.abc import Iterator

import pytest
import redis
from harness import KEPT_DAYS

from oauth_helper.store.failures import Failures
from oauth_helper.store.redis import Client, connect


@pytest.fixture
def client(store: redis.Redis, store_url: str) -> Iterator[Client]:  # noqa: ARG001 - emptied
    with connect(store_url) as connected:
        yield connected


@pytest.fixture
def log(client: Client) -> Failures:
    return Failures(client, retention_days=KEPT_DAYS)
