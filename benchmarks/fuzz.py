"""Send a hundred thousand odd requests to every public route, and check what they leave behind.

`python -m benchmarks.fuzz` generates them with Hypothesis from the application's routes, and sends
them to a worker of the program. It exits with 1 if one ends in an internal error or without an
answer, if the worker dies or grows, or if the store grows beyond its limits.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote, urlencode

import click
import urllib3
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from benchmarks import servers, serving
from oauth_helper.app import create_app
from oauth_helper.config.settings import Settings
from oauth_helper.store.redis import connect

_METRICS_TOKEN = "t" * 40

# The worker may grow by so many megabytes after so many tenths of the requests.
_MAY_GROW, _WARM = 4.0, 2

_TEXT = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(codec="latin-1"), max_size=200),
    st.sampled_from(
        ["", "0", "-1", "null", "../..", "%00", "\r\nX: y", "x" * 5000, "'\"><script>"]
    ),
    st.sampled_from(["workato", "2M7G-7JW3-4R5J", "2M7G-7JW3-4R5J." + "a" * 43, "tool", "code"]),
)
_NAMES = st.sampled_from(
    [
        *(
            "code",
            "state",
            "error",
            "error_description",
            "iss",
            "scope",
            "optional_scope",
            "hub_id",
        ),
        *("region", "return_to", "display", "lang", "refused", "profile", "message", "picked"),
        *("client_id", "client_secret", "redirect_uri", "response_type", "code_challenge"),
        *("code_challenge_method", "code_verifier", "grant_type", "refresh_token", "token"),
        *("token_type_hint", "reference", "limit", "cursor", "q", "cause", "since", "opener"),
    ]
)
_FIELDS = st.lists(st.tuples(st.one_of(_NAMES, _TEXT), _TEXT), max_size=6)
_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Cookie", "Authorization", "Accept-Language", "X-Request-ID", "X-Forwarded-For"),
            *("Referer", "Origin", "Sec-Fetch-Site", "Sec-Purpose", "Accept", "Range", "Host"),
        ]
    ),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=120),
    max_size=3,
)
_METHODS = st.sampled_from([*["GET"] * 4, *["POST"] * 3, "HEAD", "PUT", "DELETE", "OPTIONS"])


@dataclass(frozen=True, slots=True)
class Request:
    """One odd request. With `fits` its path names existing things, otherwise it contains `text`."""

    rule: str
    method: str
    query: list[tuple[str, str]]
    form: list[tuple[str, str]]
    headers: dict[str, str]
    text: str
    fits: bool


@click.command()
@click.option("--count", default=100_000, help="Requests.")
@click.option("--number", default=0, help="The random seed.")
def main(count: int, number: int) -> None:
    """Send the requests, and print the results."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name, ExitStack() as running:
        folder = Path(name)
        store = running.enter_context(servers.one(folder))
        environ = {
            "OAUTH_CLIENTS_FILE": _clients(folder),
            "HUBSPOT_CLIENT_ID": "c",
            "HUBSPOT_CLIENT_SECRET": "s",
            "HUBSPOT_API_URL": "http://127.0.0.1:1",
            "SECRET_KEY": "k" * 40,
            "METRICS_TOKEN": _METRICS_TOKEN,
            "WORKERS": "1",
        }
        program = running.enter_context(serving.program(store.url, folder / "data", **environ))
        (worker,) = program.worker_pids()
        routes = _routes({**environ, "REDIS_URL": store.url, "DATA_DIR": f"{folder}/routes"})
        sender = _Sender(program.port)
        sizes: list[float] = []
        broken: list[str] = []
        began = time.monotonic()

        @seed(number)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(_any_of(routes))
        def send(request: Request) -> None:
            if sender.send(request) in (0, 500):
                broken.append(f"{request}"[:500])
            total = sum(sender.statuses.values())
            if total % max(1, count // 10) == 0:
                sizes.append(serving.memory(worker)[1])

        send()
        seconds = time.monotonic() - began
        is_same = program.worker_pids() == [worker]
        waiting = _queued_events(program.url)
        with connect(store.url) as client:
            keys = client.dbsize()
            begun = sum(
                int(value)
                for key in client.scan_iter("oh:*:attempts")
                for field, value in client.hgetall(key).items()
                if field.startswith("begun")
            )
            failures = sum(client.zcard(key) for key in client.scan_iter("oh:*}:failures"))
            memory = int(client.info("memory")["used_memory"])
        # An attempt leaves a hash, a failure a hash and the indexes of its day.
        bound = begun + 12 * failures + 500
    statuses = dict(sender.statuses.most_common())
    click.echo(f"{sum(statuses.values())} requests in {seconds:.0f} s: {statuses}")
    click.echo(
        f"left behind: {keys} keys (at most {bound}), {begun} attempts, {failures} failures, "
        f"{memory / 1e6:.1f} MB, {waiting} events in the outbox"
    )
    click.echo(
        f"the worker's RSS after each tenth, in MB: {', '.join(f'{each:.0f}' for each in sizes)}"
    )
    for each in broken[:10]:
        click.echo(f"internal error, or no answer: {each}")
    # What every kind of request needs is there after some of them.
    has_grown = len(sizes) > _WARM and sizes[-1] > sizes[_WARM] + _MAY_GROW
    sys.exit(1 if broken or keys > bound or waiting or has_grown or not is_same else 0)


def _routes(environ: dict[str, str]) -> list[tuple[str, str]]:
    """Return each route with a method that it accepts."""
    app = create_app(Settings.from_environ(environ))
    return sorted(
        (str(rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or ()) - {"OPTIONS"}
    )


def _any_of(routes: list[tuple[str, str]]) -> SearchStrategy[Request]:
    """Return requests of which four in five use a method that their route accepts."""
    fitting = st.sampled_from(routes).flatmap(lambda way: _requests(*map(st.just, way)))
    odd = _requests(st.sampled_from(sorted({rule for rule, _ in routes})), _METHODS)
    return st.one_of(*[fitting] * 4, odd)


def _queued_events(url: str) -> int:
    headers = {"Authorization": f"Bearer {_METRICS_TOKEN}"}
    text = urllib3.request("GET", f"{url}/metrics", headers=headers).data.decode()
    (queued,) = re.findall(r"(?m)^oauth_helper_outbox_notes (\S+)", text)
    return int(float(queued))


class _Sender:
    """Send requests over one connection, and count their statuses; 0 is no answer."""

    def __init__(self, port: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, request: Request) -> int:
        """Send a request and return its status."""
        try:
            status = self._send(request)
        except (HTTPException, ConnectionError):
            self._connection.close()
            try:
                status = self._send(request)  # the connection may have ended after the one before
            except (HTTPException, ConnectionError):
                self._connection.close()
                status = 0
        self.statuses[status] += 1
        return status

    def _send(self, request: Request) -> int:
        connection = self._connection
        path = quote(_path(request).encode("utf-8", "replace"), safe="/%")
        connection.putrequest(
            request.method,
            f"{path or '/'}?{_encodable(request.query)}",
            skip_host=True,
            skip_accept_encoding=True,
        )
        for name, value in {"Host": f"localhost:{connection.port}", **request.headers}.items():
            connection.putheader(name, value.encode("latin-1"))
        has_body = request.form and request.method not in ("GET", "HEAD")
        body = _encodable(request.form).encode() if has_body else b""
        if has_body:
            connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        return response.status


def _requests(rule: SearchStrategy[str], method: SearchStrategy[str]) -> SearchStrategy[Request]:
    return st.builds(Request, rule, method, _FIELDS, _FIELDS, _HEADERS, _TEXT, st.booleans())


def _path(request: Request) -> str:
    path = request.rule
    while "<" in path:
        before, _, rest = path.partition("<")
        name, _, after = rest.partition(">")
        known = {"name": "workato", "reference": "2M7G-7JW3-4R5J"}.get(name, "1")
        odd = request.text.replace("<", "").replace("?", "")
        path = before + (known if request.fits else odd) + after
    return path


def _encodable(fields: list[tuple[str, str]]) -> str:
    return urlencode([tuple(part.encode("utf-8", "replace") for part in field) for field in fields])


def _clients(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "clients.toml"
    path.write_text(
        '[[client]]\nid = "tool"\nname = "Tool"\nprofile = "workato"\n'
        'redirect_uris = ["https://tool.example/callback"]\n'
    )
    return str(path)


if __name__ == "__main__":
    main()
