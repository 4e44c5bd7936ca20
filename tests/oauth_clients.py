"""Clients of the OAuth proxy, and a person who comes from one."""

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask.testing import FlaskClient
from harness import PUBLIC_URL, SAME_SITE, Customer, query_of, quick_hash
from werkzeug.test import TestResponse

SECRET = "canary-oauth-client-secret: 100% + more"
SECRET_HASH = quick_hash(SECRET)
CALLBACK = "https://tool.example.com/callback"
VERIFIER = "v" * 20 + "-canary-code-verifier-._~" + "v" * 20
SCOPE = "crm.objects.contacts.read tickets"


def clients_file(folder: Path, *tables: dict[str, object]) -> str:
    """Writes a clients file; its path. JSON's texts, booleans and lists are TOML's."""
    lines = []
    for table in tables:
        values = {
            "id": "tool",
            "name": "Flow Tool",
            "secret_hash": SECRET_HASH,
            "redirect_uris": [CALLBACK],
            "profile": "workato",
        } | table
        lines.append("[[client]]")
        lines += [f"{k} = {json.dumps(v)}" for k, v in values.items() if v is not None]
    path = folder / "clients.toml"
    path.write_text("\n".join(lines))
    return str(path)


@dataclass
class Tool:
    """A client, as far as its requests go; `browser` is that of the person who uses it."""

    browser: FlaskClient
    customer: Customer
    id: str = "tool"
    secret: str | None = SECRET
    redirect_uri: str | None = CALLBACK
    defaults: dict[str, str] = field(default_factory=dict)

    def ask(self, **changes: str | None) -> TestResponse:
        """Opens the authorization endpoint; None leaves a parameter out."""
        return self.browser.get("/oauth/authorize", query_string=self.query(**changes))

    def query(self, **changes: str | None) -> str:
        parameters = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": "xyz",
            **self.defaults,
            **changes,
        }
        return urlencode({name: value for name, value in parameters.items() if value is not None})

    def consent(self, page: TestResponse, decision: str = "allow") -> TestResponse:
        """Presses a button on the page that asks."""
        assert page.status_code == 200, page.text
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert action, page.text
        assert token, page.text
        form = {"csrf_token": token[1], "decision": decision}
        address = action[1].replace("&amp;", "&")
        return self.browser.post(address, data=form, headers=SAME_SITE)

    def to_hubspot(self, **changes: str | None) -> str:
        """As far as HubSpot; the address that it is opened with."""
        response = self.ask(**changes)
        if response.status_code == 200:
            response = self.consent(response)
        assert response.status_code in (302, 303), response.text
        return response.location

    def back(self, path: str) -> str:
        """From HubSpot to where the client is answered: the address that is opened there."""
        response = self.browser.get(path)
        assert response.status_code == 303, response.text
        response = self.browser.get(response.location)
        assert response.status_code == 303, response.text
        return response.location

    def code(self, *, answer: str = "ok", **changes: str | None) -> str:
        """The whole way of the person; the code that the client gets."""
        address = self.to_hubspot(**changes)
        return query_of(self.back(self.customer.agree(address, token_answer=answer)))["code"]

    def request(self, endpoint: str = "token", **form: str | None) -> TestResponse:
        """A request of the client itself, with its credentials in the body."""
        fields = {"client_id": self.id, "client_secret": self.secret, **form}
        data = {name: value for name, value in fields.items() if value is not None}
        return self.browser.post(f"/oauth/{endpoint}", data=data)

    def redeem(self, code: str, **form: str | None) -> TestResponse:
        """Brings a code to the token endpoint."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            **form,
        }
        return self.request(**fields)

    def refresh(self, refresh_token: str, **form: str | None) -> TestResponse:
        return self.request(grant_type="refresh_token", refresh_token=refresh_token, **form)

    def tokens(self, **changes: str | None) -> dict[str, object]:
        """Connects; the token response."""
        response = self.redeem(self.code(**changes))
        assert response.status_code == 200, response.text
        return response.json


def pkce(verifier: str = VERIFIER) -> dict[str, str]:
    """The parameters of an authorization request with PKCE."""
    challenge = create_s256_code_challenge(verifier)
    return {"code_challenge": challenge, "code_challenge_method": "S256"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    """An Authorization header with id and secret as they are."""
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def answer_in(address: str, redirect_uri: str = CALLBACK) -> dict[str, str]:
    """The answer in an address that leads back to a client, whose issuer is checked."""
    parts = urlsplit(address)
    assert address.startswith(redirect_uri.partition("?")[0]), address
    assert not parts.fragment
    found = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    assert found.pop("iss") == PUBLIC_URL
    return found
