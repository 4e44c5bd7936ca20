"""A client's request as Authlib's server framework takes it, and the answer as it gives it back."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

_LONGEST_DESCRIPTION = 500


class _Parameters(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    """Parameters of a request. One without a value counts as absent (RFC 6749 section 3.1)."""

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        filled = {name: [each for each in values if each] for name, values in parameters.items()}
        self._values = defaultdict(
            list, {name: values for name, values in filled.items() if values}
        )

    @property
    def data(self) -> dict[str, str]:
        """The first value of each."""
        return {name: values[0] for name, values in self._values.items() if values}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Every value of each."""
        return self._values


class ServerRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """A request of a client: the query of the authorization endpoint, or the form of another one.

    `parameters` has the list of values of each name. `uri` is how clients name the endpoint.
    """

    def __init__(
        self,
        method: str,
        uri: str,
        parameters: Mapping[str, Sequence[str]],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = _Parameters(parameters)

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a token request, which come in its body only."""
        return self.payload.data

    @property
    def args(self) -> dict[str, str]:
        """The parameters of an authorization request."""
        return self.payload.data

    @property
    def repeated(self) -> list[str]:
        """The names that stand there more than once, which none may (RFC 6749 section 3.1)."""
        return sorted(name for name, values in self.payload.datalist.items() if len(values) > 1)


@dataclass(slots=True)
class ServerResponse:
    """An answer to a client. `location` is where a browser is led, None for any other answer."""

    status: int
    body: dict[str, object] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    location: str | None = None

    @property
    def error(self) -> str:
        """The error that it tells of; empty when none."""
        return str(self.body.get("error", ""))


class TokenError(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """An error of the token endpoint that is not the client's: RFC 6749 has no code for these.

    `retry_after` is in seconds.
    """

    def __init__(
        self, error: str, description: str, *, status: int, retry_after: int | None = None
    ) -> None:
        super().__init__(
            error=error, description=error_description(description), status_code=status
        )
        self.retry_after = retry_after

    def get_headers(self) -> list[tuple[str, str]]:
        """Those of every error, and when to try again."""
        headers: list[tuple[str, str]] = super().get_headers()
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        return headers


def error_description(text: str, reference: str = "") -> str:
    """A text as `error_description` may have it (RFC 6749 section 5.2): ASCII, without quotes.

    The reference under which support finds the failure stands at its end.
    """
    plain = re.sub(r"[\"\\]", "'", text.replace("\u2019", "'"))
    plain = re.sub(r"[^\x20-\x7e]+", "?", plain)[:_LONGEST_DESCRIPTION]
    return f"{plain} Reference: {reference}" if reference else plain
