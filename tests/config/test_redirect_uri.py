from urllib.parse import urlsplit

import pytest
from redirect_payloads import LOOPBACK, REGISTERED, TECHNIQUES, payloads, with_port

from oauth_helper.common.urls import origin_of
from oauth_helper.config.redirect_uri import destination_of, is_registered, problem_with


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("name", REGISTERED)
def test_nothing_that_only_looks_like_it_is_the_registered_one(name, technique):
    registered = REGISTERED[name]
    made = payloads(name, technique)
    assert len(made) >= 8
    assert [each for each in made if is_registered(each, registered)] == []


def test_the_payloads_are_hundreds_for_each_kind_of_redirect_uri():
    for name in REGISTERED:
        assert len({each for technique in TECHNIQUES for each in payloads(name, technique)}) > 300


@pytest.mark.parametrize("name", REGISTERED)
def test_the_registered_one_is_itself_and_no_other(name):
    found = [each for each in REGISTERED.values() if is_registered(REGISTERED[name], each)]
    assert found == [REGISTERED[name]]


@pytest.mark.parametrize("port", ["", "1", "80", "8080", "65535"])
@pytest.mark.parametrize("name", LOOPBACK)
def test_only_the_port_is_free_on_loopback(name, port):
    given = with_port(REGISTERED[name], port)
    assert is_registered(given, REGISTERED[name])
    there, here = urlsplit(given), urlsplit(REGISTERED[name])
    assert (there.hostname, there.path, there.query) == (here.hostname, here.path, here.query)


@pytest.mark.parametrize("registered", ["https://127.0.0.1/cb", "https://localhost:3000/cb"])
def test_the_port_is_compared_with_tls_even_on_loopback(registered):
    assert not is_registered(with_port(registered, "8080"), registered)


@pytest.mark.parametrize("name", REGISTERED)
def test_usual_redirect_uris_can_be_registered(name):
    assert problem_with(REGISTERED[name]) == ""


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "",
        "/callback",
        "//tool.example.com/cb",
        "tool.example.com/cb",
        "http://tool.example.com/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "http://2130706433/cb",
        "http://0x7f.1/cb",
        "https://*.example.com/cb",
        "https://tool.example.com/*",
        "https://tool.example.com/cb#",
        "https://tool.example.com/cb#x",
        "https://tool.example.com/a/../cb",
        "https://tool.example.com/a/./cb",
        "https://tool.example.com/a/..",
        "https://tool.example.com/a/%2e%2e/cb",
        "https://tool.example.com/a/.%2E/cb",
        "https://tool.example.com/%2e/cb",
        "https://user@tool.example.com/cb",
        "https://user:secret@tool.example.com/cb",
        "https://@tool.example.com/cb",
        "https://tool.example.com:0/cb",
        "https://tool.example.com:65536/cb",
        "https://tool.example.com:x/cb",
        "https://tool.example.com\\@evil.example/cb",
        "https:\\\\tool.example.com/cb",
        "https:tool.example.com/cb",
        "https:///cb",
        "https://tool.example.com/a b",
        "https://tool.example.com/\ta",
        "https://tool.example.com/a\n",
        "https://tool.example.com/\x00",
        "https://t\u00f6ol.example.com/cb",
        "https://tool\uff0eexample.com/cb",
        "javascript:alert(1)",
        "javascript://tool.example.com/%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://tool.example.com/",
        "app:/callback",
        "com.example.app:callback",
        "Com.Example.App:/callback",
        "com.example.app:/a b",
        "com.example.app:/\u00e4",
        "com.example.app:/cb#x",
        ".app:/callback",
        "com..app:/callback",
        "https://tool.example.com/" + "a" * 1000,
    ],
)
def test_what_browsers_or_parsers_read_differently_cannot_be_registered(redirect_uri):
    assert problem_with(redirect_uri)


@pytest.mark.parametrize(
    ("redirect_uri", "shown"),
    [
        ("https://tool.example.com/cb?x=1", "tool.example.com"),
        ("https://tool.example.com:8443/cb", "tool.example.com:8443"),
        ("http://[::1]:4711/cb", "[::1]:4711"),
        ("com.example.app:/cb", "com.example.app"),
        ("com.example.app://evil.example/cb", "com.example.app"),
    ],
)
def test_people_are_told_the_host_that_an_answer_goes_to(redirect_uri, shown):
    assert destination_of(redirect_uri).name == shown


@pytest.mark.parametrize("name", [each for each in REGISTERED if each != "app"])
def test_the_origin_of_a_registered_one_is_read_as_it_stands_there(name):
    parts = urlsplit(REGISTERED[name])
    assert origin_of(REGISTERED[name]) == f"{parts.scheme}://{parts.netloc}"
