"""Requests that may only go to the Internet: every form of a private address is refused."""

import socket

import pytest
import urllib3

from oauth_helper.common.http import HttpClient, RequestError, is_public_address

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 - refused
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a00:1]",
    "[::7f00:1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::a00:1]",
    "[64:ff9b:1:1::a00:1]",
    "[::ffff:0:7f00:1]",
    "[fec0::1]",
    "[5f00::1]",
    "[2002:7f00:1::]",
    "[fc00::1]",
    "[fe80::1]",
    "[ff02::1]",
    "localhost",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused(host):
    with pytest.raises(RequestError, match=r"private network|resolved"):
        HttpClient(only_public=True).request("POST", f"http://{host}:9/", headers={})


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "fd00::1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch, address, scheme):
    def resolve(_host, port, **_options):
        return [(2, 1, 6, "", (each, port)) for each in ("93.184.215.14", address)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(RequestError, match="private network"):
        HttpClient(only_public=True).request("GET", f"{scheme}://hook.example/", headers={})


def test_the_checked_address_is_the_one_that_is_connected(monkeypatch):
    """DNS that answers anew can't lead elsewhere, and TLS still verifies the name."""
    connected = []

    def connect(address, *_arguments, **_options):
        connected.append(address)
        raise OSError

    def resolve(_host, port, **_options):
        return [(2, 1, 6, "", ("93.184.215.14", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", connect)
    with pytest.raises(RequestError, match="no connection"):
        HttpClient(only_public=True).request("GET", "https://hook.example/", headers={})
    assert connected == [("93.184.215.14", 443)]


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is_allowed(address):
    assert is_public_address(address)
