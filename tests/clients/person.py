"""A person with a browser of their own, on the way between a client, the helper and HubSpot."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from harness import ENTERPRISE

_REFERENCE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")

# A way that is longer goes round in circles.
_MOST_STEPS = 20


@dataclass
class Form:
    """A form as a browser would send it; `fields` are its hidden inputs."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a person sees of a page: its text, forms, and the link back to the client."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self.address = response.url
        self.forms: list[Form] = []
        self.back_to_client = ""
        self.back_to_client_says = ""
        self.text = ""
        self._in_link = False
        self.feed(response.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(urljoin(self.address, given.get("action", ""))))
        elif tag == "input" and given.get("type") == "hidden":
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "a" and given.get("id") == "back-to-client":
            self.back_to_client, self._in_link = given["href"], True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._in_link = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_link:
            self.back_to_client_says += data


@dataclass
class Person(AbstractContextManager["Person"]):
    """Decides at the helper's consent page and at HubSpot's, and reads what the pages say.

    `seen` are the addresses that were opened, `reference` is the last one that a page told.
    """

    account: int = ENTERPRISE
    at_helper: str = "allow"
    at_hubspot: str = "allow"
    seen: list[str] = field(default_factory=list)
    reference: str = ""
    back_link: str = ""

    def __post_init__(self) -> None:
        self._browser = requests.Session()
        self._browser.trust_env = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._browser.close()

    def connect(self, client: str) -> dict[str, object]:
        """The whole way from the client's button; what the client tells in the end."""
        return self.arrive(client, self.set_out(client))

    def set_out(self, client: str) -> str:
        """From the client's button to the address of the client that the way leads back to."""
        address = self._travel(f"{client}/login", until=_is_answer)
        assert isinstance(address, str), address.text
        assert address.startswith(client), address
        return address

    def arrive(self, client: str, address: str) -> dict[str, object]:
        """Opens the way back, and what it leads to at the client."""
        page = self._travel(address)
        assert isinstance(page, requests.Response)
        assert page.url.startswith(client), page.url
        return page.json()

    def ask(self, client: str, path: str) -> dict[str, object]:
        """Has the client do something in the session of this browser."""
        return self._open("GET", client + path).json()

    def stranded(self, client: str) -> str:
        """Sets out and ends on HubSpot's own error page; what it says."""
        page = self._travel(f"{client}/login")
        assert isinstance(page, requests.Response)
        assert "data-error" in page.text, page.text
        return " ".join(Page(page).text.split())

    def report(self, helper: str, message: str) -> str:
        """Tells the helper what HubSpot's page said; the way back to the client.

        The first page of the helper leads there; the state in HubSpot's address names the attempt.
        """
        (state,) = parse_qs(urlsplit(self.seen[-1]).query)["state"]
        page = Page(self._open("GET", f"{helper}/attempts/{state.partition('.')[0]}"))
        (form,) = (form for form in page.forms if form.action.endswith("#report"))
        answer = self._open("POST", form.action, {**form.fields, "message": message})
        while answer.is_redirect:
            answer = self._open("GET", urljoin(answer.url, answer.headers["Location"]))
        return self._back(Page(answer))

    def _travel(
        self, address: str, until: Callable[[str], bool] = lambda _: False
    ) -> requests.Response | str:
        """Follows redirects and fills forms in; the page at the end, or the address to stop at."""
        method, data = "GET", None
        for _ in range(_MOST_STEPS):
            response = self._open(method, address, data)
            method, data = "GET", None
            if response.is_redirect:
                address = urljoin(address, response.headers["Location"])
            elif (decided := self._decide(response)) is None:
                return response
            else:
                method, address, data = decided
            if method == "GET" and until(address):
                return address
        raise AssertionError(f"goes round in circles: {self.seen}")

    def _decide(self, response: requests.Response) -> tuple[str, str, dict[str, str] | None] | None:
        """What a person does on a page: how, where, and what is sent. None where it ends."""
        path = urlsplit(response.url).path
        if path == "/sandbox/oauth/authorize" and response.request.method == "GET":
            if "data-error" in response.text:
                return None
            choice = {"account": str(self.account), "role": "super_admin", "token_answer": "ok"}
            return "POST", response.url, {**choice, "decision": self.at_hubspot}
        if path == "/oauth/authorize" and response.ok:
            (form,) = Page(response).forms
            return "POST", form.action, {**form.fields, "decision": self.at_helper}
        if path.startswith("/attempts/"):
            return "GET", self._back(Page(response)), None
        return None

    def _back(self, page: Page) -> str:
        found = _REFERENCE.search(page.text)
        assert found, page.text
        self.reference = found[0]
        assert page.back_to_client, page.text
        self.back_link = " ".join(page.back_to_client_says.split())
        return urljoin(page.address, page.back_to_client)

    def _open(
        self, method: str, address: str, data: dict[str, str] | None = None
    ) -> requests.Response:
        self.seen.append(f"{method} {address}")
        headers = {"Referer": self.seen[-2].split(" ", 1)[1]} if method == "POST" else {}
        return self._browser.request(
            method, address, data=data, headers=headers, allow_redirects=False, timeout=60
        )


def _is_answer(address: str) -> bool:
    """Whether an address is a client's, with an authorization response."""
    parts = urlsplit(address)
    return parts.hostname == "127.0.0.1" and not {"code", "error"}.isdisjoint(parse_qs(parts.query))
