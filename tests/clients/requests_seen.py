"""What clients send to the helper, as it arrives."""

import base64
from dataclasses import dataclass, field

from flask import request


@dataclass(frozen=True)
class TokenRequest:
    """`credentials` says where the client's secret was; `parameters` are the others' names."""

    credentials: str
    parameters: frozenset[str]


@dataclass
class RequestsSeen:
    """Records requests to the two endpoints; `secret` is what all clients have."""

    secret: str
    authorization: list[frozenset[str]] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)
    token: dict[str, TokenRequest] = field(default_factory=dict)

    def record(self) -> None:
        """Looks at the request at hand, before the helper does."""
        if request.path == "/oauth/authorize" and request.method == "GET":
            self.authorization.append(frozenset(request.args))
            self.spaces.append("+" if b"+" in request.query_string else "%20")
        elif request.path == "/oauth/token":
            names = frozenset(request.form) - {"grant_type", "client_id", "client_secret"}
            self.token[request.form["grant_type"]] = TokenRequest(self._credentials(), names)

    def _credentials(self) -> str:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        found = [f"{name} in the body" for name in ("client_secret",) if name in request.form]
        if scheme == "Basic":
            _, _, secret = base64.b64decode(encoded).decode().partition(":")
            found.append("Basic, raw" if secret == self.secret else "Basic, encoded")
        return " and ".join(found)
