"""Send a hundred thousand odd requests to every public route, and check what they leave behind.

`python -m benchmarks.fuzz` generates them with Hypothesis from the application's routes, and sends
them to the application in this process. It exits with 1 if one ends in an internal error, or if the
store grows beyond its limits.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import click
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from benchmarks import servers
from oauth_helper.app import BACKGROUND, create_app
from oauth_helper.config.settings import Settings
from oauth_helper.store.redis import connect

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
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, servers.one(Path(folder)) as store:
        app = create_app(
            Settings.from_environ(
                {
                    "REDIS_URL": store.url,
                    "SECRET_KEY": "k" * 40,
                    "DATA_DIR": f"{folder}/data",
                    "RATE_LIMITS": "off",
                    "OAUTH_CLIENTS_FILE": _clients(Path(folder)),
                    "HUBSPOT_CLIENT_ID": "c",
                    "HUBSPOT_CLIENT_SECRET": "s",
                    "HUBSPOT_API_URL": "http://127.0.0.1:1",
                }
            )
        )
        rules = sorted({str(rule) for rule in app.url_map.iter_rules()})
        ways = sorted(
            (str(rule), method)
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or ()) - {"OPTIONS"}
        )
        # Four of five requests use a method that their route accepts.
        fitting = st.sampled_from(ways).flatmap(lambda way: _requests(*map(st.just, way)))
        odd = _requests(st.sampled_from(rules), _METHODS)
        statuses: Counter[int] = Counter()
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
        @given(st.one_of(*[fitting] * 4, odd))
        def send(request: Request) -> None:
            status = _send(app.test_client(), request)
            statuses[status] += 1
            if status == 500:
                broken.append(f"{request}"[:500])

        send()
        seconds = time.monotonic() - began
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
        waiting = app.extensions[BACKGROUND].writer.queued_events()
        # An attempt leaves a hash, a failure a hash and the indexes of its day.
        bound = begun + 12 * failures + 500
    total = sum(statuses.values())
    click.echo(f"{total} requests to {len(rules)} routes in {seconds:.0f} s: {dict(statuses)}")
    click.echo(
        f"left behind: {keys} keys (at most {bound}), {begun} attempts, {failures} failures, "
        f"{memory / 1e6:.1f} MB, {waiting} events in the outbox"
    )
    for each in broken[:10]:
        click.echo(f"internal error: {each}")
    sys.exit(1 if broken or keys > bound or waiting else 0)


def _requests(rule: SearchStrategy[str], method: SearchStrategy[str]) -> SearchStrategy[Request]:
    return st.builds(Request, rule, method, _FIELDS, _FIELDS, _HEADERS, _TEXT, st.booleans())


def _send(browser: FlaskClient, request: Request) -> int:
    path = request.rule
    while "<" in path:
        before, _, rest = path.partition("<")
        name, _, after = rest.partition(">")
        known = {"name": "workato", "reference": "2M7G-7JW3-4R5J"}.get(name, "1")
        odd = request.text.replace("<", "").replace("?", "")
        path = before + (known if request.fits else odd) + after
    has_body = request.form and request.method not in ("GET", "HEAD")
    response = browser.open(
        path or "/",
        base_url="http://localhost:8000",
        method=request.method,
        query_string=_encodable(request.query),
        data=_encodable(request.form) if has_body else None,
        content_type="application/x-www-form-urlencoded" if has_body else None,
        headers=request.headers,
    )
    response.close()
    return response.status_code


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
