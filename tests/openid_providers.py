"""OpenID providers that tests sign in at, each a separate server over real HTTP.

One is made of pyop, which knows nothing of the libraries that the program uses. The other is
hostile: it answers as a test wants it to.
"""

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3
from Cryptodome.PublicKey import RSA
from harness import query_of, run_server
from joserfc import jwt
from joserfc.jwk import RSAKey
from jwkest.jwk import RSAKey as PyopKey
from pyop.authz_state import AuthorizationState
from pyop.exceptions import OAuthError
from pyop.provider import Provider
from pyop.subject_identifier import HashBasedSubjectIdentifierFactory
from pyop.userinfo import Userinfo
from werkzeug.wrappers import Request, Response

OPENID_CLIENT, OPENID_SECRET = "canary-client:one", "canary/secret+with=odd&characters"
METADATA, KEYS = "/.well-known/openid-configuration", "/jwks"

PEOPLE = {
    "ana": {"email": "Ana@Example.com", "email_verified": True, "groups": ["support", "all"]},
    "vic": {"email": "vic@view.example", "email_verified": True},
    "bob": {"email": "bob@elsewhere.example", "email_verified": True},
    "eve": {"email": "ana@example.com", "email_verified": False},
    "max": {"email": "ana@example.com"},
    "gil": {"groups": ["support"], "preferred_username": "ana@example.com"},
    "tim": {"groups": "unsupported", "email_verified": True},
}


@cache
def _key(name):
    """Made once, where it is needed: it takes long."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


@contextmanager
def serving(answer):
    """A server that answers each request by `answer(request)`; its address."""
    with run_server(Request.application(answer)) as port:
        yield f"http://127.0.0.1:{port}"


def as_json(document, status=200):
    return Response(json.dumps(document), status, mimetype="application/json")


@dataclass
class PyopProvider:
    """The provider of pyop, and the browser's part at its authorization endpoint."""

    redirect_uri: str
    requests: list[str] = field(default_factory=list)
    authorizations: list[dict] = field(default_factory=list)
    token_forms: list[dict] = field(default_factory=list)
    url: str = ""

    def start(self, url):
        self.url = url
        state = AuthorizationState(HashBasedSubjectIdentifierFactory("salt"))
        client = {
            "client_secret": OPENID_SECRET,
            "redirect_uris": [self.redirect_uri],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
        }
        self._provider = Provider(
            _pyop_key("one"),
            {
                "issuer": "https://loopback.example",
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "userinfo_endpoint": f"{url}/userinfo",
                "jwks_uri": f"{url}{KEYS}",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "scopes_supported": ["openid", "email", "profile"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            },
            state,
            {OPENID_CLIENT: client},
            Userinfo({name: dict(claims) for name, claims in PEOPLE.items()}),
        )
        # pyop insists on https, which a server on loopback has no certificate for.
        self._provider.configuration_information["issuer"] = url

    def rotate(self):
        """Signs with another key from now on, as providers do."""
        self._provider.signing_key = _pyop_key("two")

    def agree(self, address, person):
        """Signs in there; path and query that it leads the browser back to."""
        headers = {"X-Person": person}
        response = urllib3.request("GET", address, redirect=False, headers=headers)
        assert response.status == 302, response.data
        back = response.headers["Location"]
        assert back.startswith(self.redirect_uri)
        return f"{urlsplit(back).path}?{urlsplit(back).query}"

    def answer(self, request):
        self.requests.append(request.path)
        headers = {"Authorization": request.headers.get("Authorization")}
        if request.path == METADATA:
            return as_json(self._provider.provider_configuration.to_dict())
        if request.path == KEYS:
            return as_json(self._provider.jwks)
        if request.path == "/authorize":
            return self._authorize(request)
        if request.path == "/token":
            form = request.get_data(as_text=True)
            self.token_forms.append({name: values[0] for name, values in parse_qs(form).items()})
            try:
                tokens = self._provider.handle_token_request(form, headers, _groups)
            except OAuthError as error:
                return as_json({"error": error.oauth_error}, 400)
            return as_json(tokens.to_dict())
        return as_json(self._provider.handle_userinfo_request("", headers).to_dict())

    def _authorize(self, request):
        query = request.query_string.decode()
        self.authorizations.append(query_of(request.url))
        asked = self._provider.parse_authentication_request(query)
        response = self._provider.authorize(asked, request.headers["X-Person"])
        return Response(status=302, headers={"Location": response.request(asked["redirect_uri"])})


def _groups(person, _client):
    return {name: value for name, value in PEOPLE[person].items() if name == "groups"}


@cache
def _pyop_key(name):
    key = RSA.import_key(_key(name).as_pem(private=True))
    return PyopKey(key=key, alg="RS256", use="sig", kid=name)


@dataclass
class HostileProvider:
    """Answers with whatever a test puts into `answers`, by path; else as a provider would.

    `claims` change those of the ID token; None takes one away.
    """

    redirect_uri: str
    url: str = ""
    claims: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    key: object = None
    answers: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    userinfo: dict = field(default_factory=dict)
    nonce: str = ""

    def start(self, url):
        self.url = url

    def agree(self, address, _person="", **more):
        """Where it leads the browser back to, with `more` in the query."""
        asked = query_of(address)
        self.nonce = asked["nonce"]
        query = urlencode({"code": "c", "state": asked["state"], **more})
        return f"{urlsplit(self.redirect_uri).path}?{query}"

    def answer(self, request):
        self.requests.append(request.path)
        if request.path in self.answers:
            return self.answers[request.path](request)
        return as_json(getattr(self, f"_{request.path.rpartition('/')[2].replace('-', '_')}")())

    def _openid_configuration(self):
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}{KEYS}",
            **self.metadata,
        }

    def _jwks(self):
        return {"keys": [_key("one").as_dict(private=False)]}

    def _userinfo(self):
        return {"sub": "one", **self.userinfo}

    def _token(self):
        return {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token()}

    def id_token(self):
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "one",
            "aud": OPENID_CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "ana@example.com",
            "email_verified": True,
            **self.claims,
        }
        header = {"alg": "RS256", "kid": "one", **self.header}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, claims, self.key or _key("one"), algorithms=[header["alg"]])


def foreign_key():
    """A key that claims to be the provider's and is not."""
    return RSAKey.import_key(_key("two").as_dict(private=True) | {"kid": "one"})


def public_key_as_text():
    """The provider's public key as the bytes that a careless check takes for a shared secret."""
    return _key("one").as_pem(private=False)
