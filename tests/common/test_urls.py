import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_helper.common.urls import is_ip_address, is_loopback, origin_of, parse_web_url


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/path?q#f", "https://a.example"),
        ("https://a.example:443/", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example:80", "https://a.example:80"),
        ("http://localhost:8000/x", "http://localhost:8000"),
        ("HTTPS://A.Example", "https://a.example"),
        ("http://[::1]:8000/x", "http://[::1]:8000"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("https://a.example:", "https://a.example"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
    ],
)
def test_the_origin_of_a_web_address(text, origin):
    assert origin_of(text) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/relative",
        "//a.example/x",
        "a.example",
        "https:",
        "https://",
        "https:///path",
        "https:a.example",
        "ftp://a.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://user@a.example",
        "https://user:pw@a.example",
        "https://a.example@evil.example",
        "https://@a.example",
        "https://a.example\\@evil.example",
        "https://a.example\\.evil.example",
        "\\\\a.example",
        " https://a.example",
        "https://a.example ",
        "https://a.exa mple",
        "java\nscript:alert(1)",
        "https://a.example\n",
        "https://a.example\t/x",
        "https://a.example\x00",
        "https://a.example\x7f",
        "https://bücher.example",
        "https://a.example/é",
        "https://a.example:port",
        "https://a.example:99999",
        "https://a.example:-1",
        "https://a.example:0",
        "https://[::1",
        "https://:443",
    ],
    ids=ascii,
)
def test_what_is_no_web_address(text):
    assert parse_web_url(text) is None
    assert origin_of(text) is None


def test_the_parts_of_an_address():
    parts = parse_web_url("https://a.example:8443/p?q=1")
    assert parts is not None
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("a.example", 8443, "/p", "q=1")


@given(st.text() | st.text("https:/\\@.a[]?#0 ").map("https://".__add__))
@settings(max_examples=300)
def test_any_text_has_an_origin_or_none(text):
    origin = origin_of(text)
    if origin is None:
        assert parse_web_url(text) is None
    else:
        assert origin.isascii()
        assert origin.startswith(("http://", "https://"))
        assert not set(origin.partition("://")[2]) & set("/\\@?# \t\n")
        assert origin_of(origin) == origin


@pytest.mark.parametrize(
    ("host", "ip", "loopback"),
    [
        ("localhost", False, True),
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("::1", True, True),
        ("10.0.0.1", True, False),
        ("0.0.0.0", True, False),  # noqa: S104 - compared
        ("2001:db8::1", True, False),
        ("a.example", False, False),
        ("localhost.example", False, False),
        ("127.0.0.1.example", False, False),
        ("", False, False),
    ],
)
def test_hosts(host, ip, loopback):
    assert is_ip_address(host) is ip
    assert is_loopback(host) is loopback
