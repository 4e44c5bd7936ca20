"""Redirect URIs that are not the registered one, by the technique that makes them look like it."""

from collections.abc import Callable, Iterable
from urllib.parse import SplitResult, quote, urlsplit

#: One client each; the key is its id.
REGISTERED = {
    "path": "https://tool.example.com/oauth/callback",
    "query": "https://tool.example.com/cb?team=7&x=a%20b",
    "root": "https://tool.example.com/",
    "bare": "https://tool.example.com",
    "loopback": "http://127.0.0.1/oauth/callback",
    "loopback-port": "http://127.0.0.1:8400/cb",
    "loopback-6": "http://[::1]/callback",
    "localhost": "http://localhost:3000/cb?x=1",
    "app": "com.example.app:/oauth/callback",
}
LOOPBACK = ("loopback", "loopback-port", "loopback-6", "localhost")

EVIL = "evil.example"
_BLANKS = "\t\n\r\x00\x0b\x0c \x7f\x85\xa0\u200b\u2028\u2029\u3000\ufeff\u00ad\u202e"


def payloads(name: str, technique: str) -> list[str]:
    """What a technique makes of a registered redirect URI; never that one itself."""
    registered = REGISTERED[name]
    made = dict.fromkeys(TECHNIQUES[technique](urlsplit(registered), registered))
    made.pop(registered, None)
    if name in LOOPBACK:
        # The port is free there (RFC 8252 section 7.3).
        for port in _GOOD_PORTS:
            made.pop(with_port(registered, port), None)
    return list(made)


def with_port(registered: str, port: str) -> str:
    """A loopback redirect URI at another port; empty for none."""
    parts = urlsplit(registered)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=f"{host}:{port}" if port else str(host)).geturl()


def _hosts(parts: SplitResult, _: str) -> Iterable[str]:
    host = parts.netloc or EVIL
    hosts = [
        EVIL,
        f"{host}.{EVIL}",
        f"{host}{EVIL}",
        f"{EVIL}.{host}",
        f"x.{host}",
        f"evil{host}",
        f"evil-{host}",
        f"{host}-evil",
        f"{host}.",
        f"{host}..",
        f".{host}",
        f"{host}%2e{EVIL}",
        f"{host}%00.{EVIL}",
        f"{host}%0a.{EVIL}",
        f"{host}%23.{EVIL}",
        f"{host}%2f.{EVIL}",
        f"{host}\\.{EVIL}",
        f"{host}%5c.{EVIL}",
        f"{host};.{EVIL}",
        f"{host}&.{EVIL}",
        f"{host}_.{EVIL}",
        f"{host}'.{EVIL}",
        f"{host}`.{EVIL}",
        f"{host}{{.{EVIL}",
        f"{EVIL}/{host}",
        f"{EVIL}?{host}",
        f"{EVIL}#{host}",
        f"{EVIL}\\{host}",
        f"{EVIL};{host}",
        "example.com",
        "tool.example.co",
        "tool.example.comm",
        "tool-example.com",
        "toolXexample.com",
        "",
        ".",
        "-",
        "%",
        "[",
        "[::1",
        "]",
    ]
    return [_at(parts, each) for each in hosts]


def _userinfo(parts: SplitResult, _: str) -> Iterable[str]:
    host = parts.netloc or "tool.example.com"
    places = [
        f"{host}@{EVIL}",
        f"{host}:443@{EVIL}",
        f"{host}:x@{EVIL}",
        f"{host}%40{EVIL}",
        f"{EVIL}@{host}",
        f"user:secret@{host}",
        f"@{host}",
        f":@{host}",
        f"@@{host}",
        f"{EVIL}@{host}@{EVIL}",
        f"{EVIL}\\@{host}",
        f"{EVIL}/@{host}",
        f"{EVIL}#@{host}",
        f"{EVIL}?@{host}",
        f"{EVIL}:80#@{host}/",
        f"{EVIL}&@{host}# @{EVIL}",
        f"{EVIL}%00@{host}",
        f"{EVIL};@{host}",
        f"{EVIL}\uff20{host}",
        f"{EVIL} @{host}",
    ]
    return [_at(parts, each) for each in places]


_GOOD_PORTS = ("", "1", "80", "443", "8080", "08080", "00080", "65535")
_ODD_PORTS = (
    *("0", "00000", "65536", "99999", "-1", "+80", "80x", "x80", "0x50", "8e1", "80.0", "80,81"),
    *("80:80", "80 ", " 80", "80%20", "٨٠", "８０", "²", "100000", "000080", "1_0"),
    *(f"80@{EVIL}", f"@{EVIL}", f"80.{EVIL}", f"80\\@{EVIL}", f"80#@{EVIL}", f"80;{EVIL}", "80\t"),
)


def _ports(parts: SplitResult, registered: str) -> Iterable[str]:
    bare = with_port(registered, "") if parts.netloc else registered
    host = urlsplit(bare).netloc or "localhost"
    made = [_at(parts, f"{host}:{port}") for port in (*_GOOD_PORTS[1:], *_ODD_PORTS)]
    return [*made, _at(parts, f"{host}:"), _at(parts, f"{host}::80")]


def _paths(parts: SplitResult, _: str) -> Iterable[str]:
    path = parts.path
    paths = [
        f"{path}/",
        f"{path}//",
        f"{path}.",
        f"{path}/.",
        f"{path}/..",
        f"{path}/../",
        f"{path}/../evil",
        f"{path}/../../{EVIL}",
        f"{path}/..;/evil",
        f"{path}/%2e%2e/evil",
        f"{path}/%2E%2E%2Fevil",
        f"{path}/%252e%252e/evil",
        f"{path}/..%2fevil",
        f"{path}/..%5cevil",
        f"{path}/..%c0%afevil",
        f"{path}\\..\\evil",
        f"{path}\\",
        f"{path}/x",
        f"{path}x",
        f"{path};x=1",
        f"{path};",
        f"{path}%00",
        f"{path}%00.html",
        f"{path}%20",
        f"{path}%0d%0aLocation:%20https://{EVIL}/",
        f"{path}\r\nLocation: https://{EVIL}/",
        f"{path}\r\n\r\n<script>alert(1)</script>",
        f'{path}"><script>alert(1)</script>',
        f"{path}'><img src=x onerror=alert(1)>",
        f"{path}{{{{7*7}}}}",
        f"{path}%3fx=1",
        f"{path}%23",
        f"{path}*",
        f"{path}$",
        f"{path}|{EVIL}",
        f"//{EVIL}{path}",
        f"/{path}",
        f"//{path}",
        f"/.{path}",
        f"/x/..{path}",
        f"/%2e{path}",
        f"/%2f{path}",
        f"\\{path}",
        path.upper(),
        path.title(),
        path.replace("c", "%63"),
        path.replace("/", "%2f"),
        path.replace("/", "\\"),
        path.replace("b", "%62"),
        path[:-1],
        path[:-1] + "%",
        path[:-1] + "?",
        "",
        "/evil",
        f"/https://{EVIL}/",
    ]
    return [_replaced(parts, path=each) for each in paths]


def _queries(parts: SplitResult, registered: str) -> Iterable[str]:
    joined = "&" if parts.query else "?"
    more = ["", "x", "x=1", f"next=https://{EVIL}/", "code=1", "state=evil", "iss=evil", "&"]
    made = [f"{registered}{joined}{each}" for each in more]
    made += [f"{registered}{joined}{each}%26" for each in more]
    made += [f"{registered};x=1", f"{registered}%3fx=1", f"{registered}%26x=1", f"{registered}&x=1"]
    queries = [
        "team=8",
        "team=7",
        "x=a%20b&team=7",
        "team=7&x=a+b",
        "team=7&x=a b",
        "",
        "x=2",
        "X=1",
    ]
    return made + [_replaced(parts, query=each) for each in queries if each != parts.query]


def _fragments(_: SplitResult, registered: str) -> Iterable[str]:
    ends = [
        "#",
        "#x",
        f"#@{EVIL}",
        f"#//{EVIL}",
        "#code=1",
        "#/../..",
        "##",
        "%23",
        "%2523",
        "\uff03",
    ]
    return [registered + end for end in ends]


def _schemes(parts: SplitResult, registered: str) -> Iterable[str]:
    rest = registered.partition(":")[2]
    schemes = [
        *("http", "https", "HTTP", "HTTPS", "Https", "ftp", "ws", "wss", "file", "gopher", "ldap"),
        *("javascript", "JavaScript", "java\tscript", "java\nscript", "\x01javascript", "data"),
        *("vbscript", "blob", "about", "view-source:https", "intent", "mailto", "filesystem"),
        *("httpss", "xhttps", "https+x", "com.example.app", "com.example.apps", "COM.EXAMPLE.APP"),
        *("com.evil.app", "example.app", "com.example", "com.example.app.evil", "android-app", ""),
    ]
    made = [f"{each}:{rest}" for each in schemes if each != parts.scheme]
    made += [
        rest,
        rest.lstrip("/"),
        f"//{EVIL}{parts.path}",
        f"/\\{EVIL}",
        f"\\/{EVIL}",
        f"\\\\{EVIL}",
        f"\\/\\/{EVIL}/",
        f"///{EVIL}",
        f"////{EVIL}//",
        f"/{EVIL}",
        EVIL,
        f"https:{EVIL}",
        f"https:/{EVIL}",
        f"https:///{EVIL}",
        f"https:\\\\{EVIL}",
        f"https:\\/{EVIL}",
        f"https://\\{EVIL}",
        f"https%3a//{EVIL}",
        f"https:%2f%2f{EVIL}",
        f"https://{EVIL}",
        f"http://{EVIL}",
        "javascript:alert(1)",
        "javascript:alert(1)//https://tool.example.com/",
        "javascript://tool.example.com/%0aalert(1)",
        "javascript://tool.example.com/oauth/callback%0aalert(document.domain)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
        "data://tool.example.com/,x",
        "about:blank",
        "urn:ietf:wg:oauth:2.0:oob",
        "postmessage",
        "null",
        "/",
        ".",
        "#",
        "?",
        ":",
        "://",
    ]
    return made


def _blanks(parts: SplitResult, registered: str) -> Iterable[str]:
    made = []
    for blank in _BLANKS:
        made += [blank + registered, registered + blank, registered.replace(":", blank + ":", 1)]
        made += [registered.replace(":", ":" + blank, 1), f"{registered}{blank}.{EVIL}"]
        if parts.netloc:
            made += [_at(parts, parts.netloc + blank), _at(parts, blank + parts.netloc)]
            made.append(_at(parts, parts.netloc + blank + "." + EVIL))
        made.append(_replaced(parts, path="/" + blank + parts.path[1:]))
    return made


_LOOKALIKES = (
    *((".", "\u3002"), (".", "\uff0e"), (".", "\uff61"), (".", "\u2024"), ("/", "\uff0f")),
    *(("/", "\u2044"), ("/", "\u2215"), (":", "\uff1a"), (":", "\ua789"), ("o", "\u043e")),
    *(("o", "\uff4f"), ("e", "\u0435"), ("e", "e\u0301"), ("a", "\u0430"), ("c", "\u0441")),
    *(("l", "\u217c"), ("l", "1"), ("l", "\u13de"), ("m", "\uff4d"), ("t", "\U0001d42d")),
    *(("1", "\u2460"), ("1", "\uff11"), ("0", "\uff10"), ("2", "\u00b2"), ("p", "\u0440")),
    *(("o", "o\u200d"), ("a", "\u2100"), ("x", "\u00d7"), ("h", "\u04bb"), ("c", "\U0001f150")),
    *(("s", "\u017f"), ("k", "\u212a"), ("b", "\u0184"), ("[", "\uff3b"), ("7", "\U0001d7d5")),
)


def _unicode(parts: SplitResult, registered: str) -> Iterable[str]:
    made = [registered.replace(plain, odd) for plain, odd in _LOOKALIKES]
    made += [registered.replace(plain, odd, 1) for plain, odd in _LOOKALIKES]
    hosts = [
        "xn--tol-ova.example.com",
        "t\u00f6ol.example.com",
        "xn--80ak6aa92e.com",
        "fa\u00df.de",
    ]
    hosts += [f"{EVIL}\uff0f{parts.netloc}", f"{EVIL}\uff1f{parts.netloc}", f"{EVIL}\u2100.com"]
    return made + [_at(parts, host) for host in hosts]


def _wildcards(parts: SplitResult, registered: str) -> Iterable[str]:
    hosts = ["*", "*.example.com", "*.com", "tool.*.com", "tool?example.com", "tool.example.*"]
    hosts += [".*", "tool%.example.com", "[a-z]+.example.com", "(tool|evil).example.com"]
    made = [_at(parts, host) for host in hosts]
    made += [
        "*",
        ".*",
        "%",
        "https://*",
        "http*",
        f"^{registered}$",
        f"{registered}*",
        "https://*/*",
    ]
    return made


def _localhosts(parts: SplitResult, _: str) -> Iterable[str]:
    hosts = [
        *("127.1", "127.0.1", "127.0.0.2", "127.0.0.01", "127.000.000.001", "0127.0.0.1", "0"),
        *("0x7f.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "127"),
        *("0.0.0.0", "127.0.0.1.", "localhost.", "LOCALHOST", "Localhost", "localhost.localdomain"),
        *(f"127.0.0.1.{EVIL}", f"localhost.{EVIL}", f"127.0.0.1{EVIL}", "127.0.0.1.nip.io"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[::01]"),
        *("[::1%25eth0]", "[::1%eth0]", f"[::1].{EVIL}", f"[::1]{EVIL}", "[::1]:", "::1", "[::2]"),
        *("[fe80::1]", "ip6-localhost", "10.0.0.1", "192.168.0.1", "169.254.169.254", "[v1.::1]"),
        *("127。0。0。1", "①②⑦.⓪.⓪.①", "127%2e0.0.1", "loca%6chost", "l\u00adocalhost", "local"),
        *("127.0.0.1%00", "127.0.0.1\t", "lvh.me", "localhost%2e", "127.0.0.1,localhost", EVIL),
        *("127.0.0.1", "localhost", "[::1]"),
    ]
    host = parts.hostname or ""
    own = f"[{host}]" if ":" in host else host
    made = [_at(parts, each) for each in hosts if each != own]
    return made + [_at(parts, f"{each}:8400") for each in hosts if each != own]


def _several(_: SplitResult, registered: str) -> Iterable[str]:
    evil = f"https://{EVIL}/"
    between = [" ", ",", ";", "|", "\n", "\t", "&", "%20", "%0a", "\x00", "\\", "#", "@", "%26"]
    made = [f"{registered}{each}{evil}" for each in between]
    made += [f"{evil}{each}{registered}" for each in (*between, "", "?", "/", "#", "?next=")]
    made += [registered * 2, f'["{registered}"]', f"<{registered}>", f'"{registered}"']
    return [*made, "redirect_uri=" + registered, quote(registered, safe="") + evil]


def _encoded(parts: SplitResult, registered: str) -> Iterable[str]:
    once = quote(registered, safe="")
    hexed = "".join(f"%{ord(char):02x}" for char in registered)
    made = [once, quote(once, safe=""), hexed, registered.replace(":", "%3a", 1)]
    made += [registered.replace("/", "%2f"), registered.replace(".", "%2e")]
    made += [registered.upper(), registered.title(), registered.swapcase()]
    if parts.netloc:
        made += [_at(parts, parts.netloc.upper()), _at(parts, parts.netloc.title())]
        made.append(_at(parts, "".join(f"%{ord(char):02x}" for char in parts.netloc)))
    return made


TECHNIQUES: dict[str, Callable[[SplitResult, str], Iterable[str]]] = {
    "other-hosts": _hosts,
    "user-info": _userinfo,
    "ports": _ports,
    "paths": _paths,
    "queries": _queries,
    "fragments": _fragments,
    "schemes": _schemes,
    "blanks-and-controls": _blanks,
    "look-alikes": _unicode,
    "wildcards": _wildcards,
    "local-hosts": _localhosts,
    "several-at-once": _several,
    "encodings-and-case": _encoded,
}


def _at(parts: SplitResult, netloc: str) -> str:
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{netloc}{rest}"


def _replaced(parts: SplitResult, *, path: str | None = None, query: str | None = None) -> str:
    path = parts.path if path is None else path
    query = parts.query if query is None else query
    before = f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
    return before + path + (f"?{query}" if query else "")
