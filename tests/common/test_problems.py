"""Errors of connections, in words."""

import ssl

import pytest
import redis
import urllib3

from oauth_helper.common.problems import in_words


def _of_urllib3(port):
    with pytest.raises(urllib3.exceptions.HTTPError) as raised:
        urllib3.PoolManager(retries=False).request("GET", f"http://localhost:{port}/")
    return raised.value


def test_a_library_s_error_is_told_by_what_it_is_due_to():
    assert in_words(_of_urllib3(1)) == "connection refused"
    with pytest.raises(redis.RedisError) as raised:
        redis.Redis(port=1, retry=None).ping()
    assert in_words(raised.value) == "connection refused"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(-2, "Name or service not known"), "name or service not known"),
        (ssl.SSLError(1, "canary"), "TLS failed"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection broken"),
        (OSError(113, "No route to host"), "no route to host"),
        (redis.AuthenticationError("canary"), "authentication error"),
        (redis.sentinel.MasterNotFoundError("canary"), "master not found"),
    ],
)
def test_each_kind_has_its_words(error, words):
    assert in_words(error) == words
