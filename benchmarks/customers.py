"""Simulate customers over real HTTP. Each has their own cookies and follows a story."""

from __future__ import annotations

import http.client
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from select import POLLIN, poll
from urllib.parse import urlencode, urlsplit

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_REFERENCE = re.compile(r"attempt_([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})=")

# Seconds: the timeout of a request, and how long a customer keeps a page open that retries.
_TIMEOUT, _MAX_WAIT = 30, 90


class Story(StrEnum):
    """What a customer does, and how it must end."""

    CONNECTS = "connects"
    DECLINES = "declines"
    IS_REFUSED = "is refused at the token endpoint"
    LEAVES = "leaves"
    REPORTS = "reports what HubSpot said"


#: How often each story happens, in percent.
USUAL = {
    Story.CONNECTS: 70,
    Story.DECLINES: 10,
    Story.IS_REFUSED: 5,
    Story.LEAVES: 10,
    Story.REPORTS: 5,
}


@dataclass
class Outcomes:
    """What customers experienced: the references of each story, and every irregularity."""

    references: dict[Story, list[str]] = field(default_factory=lambda: {each: [] for each in Story})
    refused: list[str] = field(default_factory=list)
    deferred: int = 0
    cut_off: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0
    # Seconds from the button until HubSpot is connected
    connecting: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return the number of customers."""
        return sum(map(len, self.references.values()))


class RefusedError(Exception):
    """A customer's story didn't end as it must."""


@dataclass
class Browser:
    """One customer's browser, with its cookies. It repeats interrupted requests.

    Every other one keeps its connection open for the next request. `address` is where it is.
    """

    ports: tuple[int, ...]
    outcomes: Outcomes
    chance: Random
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"
    kept: http.client.HTTPConnection | None = None

    def __post_init__(self) -> None:
        self.keeps_alive = self.chance.random() < 0.5

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Return the response of one of the program's instances."""
        for _ in range(3):
            try:
                return self._ask(method, path, form)
            except (OSError, http.client.HTTPException):
                # As browsers do, and customers by reloading.
                self.outcomes.cut_off += 1
        return self._ask(method, path, form)

    def _connection(self) -> http.client.HTTPConnection:
        """Return a connection to an instance that accepts one, as a proxy would choose it."""
        kept, self.kept = self.kept, None
        # Readable without a request: the server has closed it.
        if kept is not None and kept.sock is not None:
            poller = poll()
            poller.register(kept.sock, POLLIN)
            if not poller.poll(0):
                return kept
        deadline = time.monotonic() + _MAX_WAIT
        while True:
            for port in self.chance.sample(self.ports, len(self.ports)):
                connection = http.client.HTTPConnection(
                    "127.0.0.1", port, timeout=_TIMEOUT, source_address=(self.address, 0)
                )
                with suppress(ConnectionRefusedError):
                    connection.connect()
                    return connection
            if time.monotonic() > deadline:
                raise RefusedError("no instance accepts connections")
            time.sleep(0.02)

    def _ask(
        self, method: str, path: str, form: dict[str, str] | None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Host": f"localhost:{self.ports[0]}", **_FORM}
        began = time.monotonic()
        connection = self._connection()
        try:
            connection.request(method, path, urlencode(form) if form else None, headers)
            response = connection.getresponse()
            body = response.read().decode()
        except BaseException:
            connection.close()
            raise
        if self.keeps_alive and not response.will_close:
            self.kept = connection
        else:
            connection.close()
        self.outcomes.longest = max(self.outcomes.longest, time.monotonic() - began)
        self.outcomes.statuses[response.status] += 1
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, response.headers, body


@dataclass
class Customer:
    """One customer, from the button to the end of their story."""

    browser: Browser
    hubspot_port: int
    story: Story

    def go(self) -> None:
        """Follow the story to its end. Raises `RefusedError`."""
        outcomes, began = self.browser.outcomes, time.monotonic()
        status, headers, text = self.browser.ask("GET", "/connect/workato")
        if status != 302:
            raise RefusedError(f"the start returned {status}: {text[:200]}")
        found = _REFERENCE.search("; ".join(headers.get_all("Set-Cookie") or ()))
        if found is None:
            raise RefusedError("the start set no attempt cookie")
        outcomes.references[self.story].append(found[1])
        if self.story is Story.LEAVES:
            return
        if self.story is Story.REPORTS:
            self._report(found[1])
            return
        self._return(self._decide(headers["Location"]))
        if self.story is Story.CONNECTS:
            outcomes.connecting.append(time.monotonic() - began)

    def _decide(self, address: str) -> str:
        form = {"account": "1000104", "role": "super_admin", "decision": "allow"}
        form["token_answer"] = "rfc_body:BAD_AUTH_CODE" if self.story is Story.IS_REFUSED else "ok"
        if self.story is Story.DECLINES:
            form["decision"] = "deny"
        parts = urlsplit(address)
        connection = http.client.HTTPConnection("127.0.0.1", self.hubspot_port, timeout=_TIMEOUT)
        try:
            path = f"{parts.path}?{parts.query}"
            connection.request("POST", path, urlencode(form), _FORM)
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        back = urlsplit(response.headers["Location"] or "")
        return f"{back.path}?{back.query}"

    def _return(self, path: str) -> None:
        status, headers, text = self.browser.ask("GET", path)
        if status != 303:
            raise RefusedError(f"the callback returned {status}: {text[:200]}")
        page = urlsplit(headers["Location"])
        address = f"{page.path}?{page.query}" if page.query else page.path
        deadline = time.monotonic() + _MAX_WAIT
        while time.monotonic() < deadline:
            status, headers, text = self.browser.ask("GET", address)
            if status != 503 or not headers["Refresh"]:
                break
            self.browser.outcomes.deferred += 1
            time.sleep(float(headers["Refresh"]))
        if status == 303:
            status, _, text = self.browser.ask("GET", address)
        expected = {
            Story.CONNECTS: "HubSpot is connected",
            Story.DECLINES: "You cancelled",
            Story.IS_REFUSED: "Reference for support",
        }[self.story]
        if status != 200 or expected not in text:
            heading = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.DOTALL)
            raise RefusedError(f"{self.story}: {status} {heading and heading[1].strip()}")

    def _report(self, reference: str) -> None:
        form = {"message": "The scope tickets is not listed by the app (scope mismatch)."}
        status, _, text = self.browser.ask("POST", f"/attempts/{reference}/report", form)
        if status != 303:
            raise RefusedError(f"a report returned {status}: {text[:200]}")
