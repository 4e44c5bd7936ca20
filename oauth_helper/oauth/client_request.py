"""What a client of the proxy asked for: its authorization request (RFC 6749 section 4.1.1).

It waits in the sealed cookie of the attempt until HubSpot has answered, and says then where the
client's own answer goes.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """One checked request of a registered client.

    `client` is its name as people know it. `redirect_uri` is where the answer goes, and
    `names_redirect_uri` whether the request itself named it. `scope` is what was asked for, letter
    by letter; `dropped` are the names in it that nobody knows. `code_challenge` is of method S256.
    """

    client_id: str
    client: str
    redirect_uri: str
    names_redirect_uri: bool = True
    scope: str = ""
    dropped: tuple[str, ...] = ()
    state: str | None = None
    code_challenge: str | None = None

    @property
    def query(self) -> str:
        """The query with which the same can be asked for once more."""
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri if self.names_redirect_uri else None,
            "scope": self.scope or None,
            "state": self.state,
            "code_challenge": self.code_challenge,
            "code_challenge_method": "S256" if self.code_challenge else None,
        }
        named = {name: value for name, value in asked.items() if value is not None}
        return urlencode(named, quote_via=quote)

    def to_list(self) -> list[object]:
        """The value as JSON has it."""
        return list(astuple(self))

    @classmethod
    def from_list(cls, values: list[object]) -> ClientRequest:
        """The value that `to_list` wrote. For sealed data only: it trusts its shape."""
        named = dict(zip(cls.__slots__, values, strict=False))
        return cls(**{**named, "dropped": tuple(named["dropped"])})  # type: ignore[arg-type]
