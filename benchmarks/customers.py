"""People who connect, over real HTTP: each with cookies of their own, as far as a story goes."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from urllib.parse import urlencode, urlsplit

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_REFERENCE = re.compile(r"attempt_([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})=")

# Seconds: for one answer, and for which somebody leaves the page open that goes on by itself.
_PATIENCE, _WAITS = 30, 90


class Story(StrEnum):
    """What somebody does, and how it has to end."""

    CONNECTS = "connects"
    DECLINES = "declines"
    IS_REFUSED = "is refused at the token endpoint"
    LEAVES = "leaves"
    REPORTS = "reports what HubSpot said"


#: How often each happens, in a hundred.
USUAL = {
    Story.CONNECTS: 70,
    Story.DECLINES: 10,
    Story.IS_REFUSED: 5,
    Story.LEAVES: 10,
    Story.REPORTS: 5,
}


@dataclass
class Told:
    """What customers were told: the references of each story, and what must not be."""

    references: dict[Story, list[str]] = field(default_factory=lambda: {each: [] for each in Story})
    refused: list[str] = field(default_factory=list)
    deferred: int = 0
    cut_off: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0

    @property
    def count(self) -> int:
        """How many customers there were."""
        return sum(map(len, self.references.values()))


class RefusedError(Exception):
    """A customer was told something else than their story has."""


@dataclass
class Browser:
    """One person's, with their cookies. What breaks off is asked again."""

    ports: tuple[int, ...]
    told: Told
    chance: Random
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """The answer of one of the program's instances."""
        for _ in range(3):
            try:
                return self._ask(method, path, form)
            except (OSError, http.client.HTTPException):
                # As browsers do, and as people do by pressing reload.
                self.told.cut_off += 1
        return self._ask(method, path, form)

    def _reached(self) -> int:
        """An instance that takes connections, as a proxy finds it."""
        ports = self.chance.sample(self.ports, len(self.ports))
        for port in ports:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE).close()
            except ConnectionRefusedError:
                continue
            return port
        return ports[0]

    def _ask(
        self, method: str, path: str, form: dict[str, str] | None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        port = self._reached()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Host": f"localhost:{self.ports[0]}", **_FORM}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        began = time.monotonic()
        try:
            connection.request(method, path, urlencode(form) if form else None, headers)
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        self.told.longest = max(self.told.longest, time.monotonic() - began)
        self.told.statuses[response.status] += 1
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, response.headers, body


@dataclass
class Customer:
    """One person, from the button to the end of their story."""

    browser: Browser
    hubspot_port: int
    story: Story

    def go(self) -> None:
        """Goes the whole way. Raises `RefusedError`."""
        told = self.browser.told
        status, headers, text = self.browser.ask("GET", "/connect/workato")
        if status != 302:
            raise RefusedError(f"start answers {status}: {text[:200]}")
        found = _REFERENCE.search("; ".join(headers.get_all("Set-Cookie") or ()))
        if found is None:
            raise RefusedError("start leaves no attempt behind")
        told.references[self.story].append(found[1])
        if self.story is Story.LEAVES:
            return
        if self.story is Story.REPORTS:
            self._report(found[1])
            return
        self._return(self._decide(headers["Location"]))

    def _decide(self, address: str) -> str:
        form = {"account": "1000104", "role": "super_admin", "decision": "allow"}
        form["token_answer"] = "rfc_body:BAD_AUTH_CODE" if self.story is Story.IS_REFUSED else "ok"
        if self.story is Story.DECLINES:
            form["decision"] = "deny"
        parts = urlsplit(address)
        connection = http.client.HTTPConnection("127.0.0.1", self.hubspot_port, timeout=_PATIENCE)
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
            raise RefusedError(f"the way back answers {status}: {text[:200]}")
        page = urlsplit(headers["Location"])
        address = f"{page.path}?{page.query}" if page.query else page.path
        deadline = time.monotonic() + _WAITS
        while time.monotonic() < deadline:
            status, headers, text = self.browser.ask("GET", address)
            if status != 503 or not headers["Refresh"]:
                break
            self.browser.told.deferred += 1
            time.sleep(float(headers["Refresh"]))
        if status == 303:
            status, _, text = self.browser.ask("GET", address)
        expected = {
            Story.CONNECTS: "HubSpot is connected",
            Story.DECLINES: "cancelled at HubSpot",
            Story.IS_REFUSED: "Your reference",
        }[self.story]
        if status != 200 or expected not in text:
            heading = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.DOTALL)
            raise RefusedError(f"{self.story}: {status} {heading and heading[1].strip()}")

    def _report(self, reference: str) -> None:
        form = {"message": "The scope tickets is not listed by the app (scope mismatch)."}
        status, _, text = self.browser.ask("POST", f"/attempts/{reference}/report", form)
        if status != 303:
            raise RefusedError(f"a report answers {status}: {text[:200]}")
